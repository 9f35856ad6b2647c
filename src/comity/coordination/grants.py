"""Grants: the transitions that lend ownership and take it back, and what is lent now."""

from __future__ import annotations

from typing import Final

from comity.clock import format_time
from comity.deciding.compile import Compiled
from comity.deciding.grants import LIVE, is_given, names_of, owners_of
from comity.errors import InvalidRequest, NotFound
from comity.model import refs
from comity.model.built_in import GRANT
from comity.model.proposals import Emit
from comity.model.records import RecordState
from comity.model.texts import suggestion
from comity.store.contract import Snapshot

_EXAMPLES: Final = "write customer, customer.status, customer/acme or customer/acme.status"


def lending(id: str, to: str, subject: dict[str, str], reason: str, expires: int, *, is_order: bool) -> Emit:
    """Return the transition that lends something until a time, in microseconds; by order of an operator, or not."""
    data = {**subject, "to": to, "reason": reason, "expires_at": format_time(expires)}
    return Emit(f"{GRANT}/{id}", "ordered" if is_order else "granted", data)


def revoking(ref: str, answer: str | None) -> Emit:
    """Return the transition that takes something back."""
    return Emit(ref, "revoked", {} if answer is None else {"answer": answer})


def read_subject(text: str, compiled: Compiled) -> dict[str, str]:
    """Return what a text such as ``customer/acme.status`` names; raises InvalidRequest and NotFound.

    As a record's id may hold dots, the part behind the last one is a field where the kind has one of that name.
    """
    place, dot, field = text.rpartition(".")
    kind, slash, record = text.partition("/")
    if not slash:
        kind = place if dot else text
    declared = compiled.kind(kind)
    if declared is None or refs.is_built_in(kind):
        hint = suggestion(compiled.suggest_kind(kind)) or f": {_EXAMPLES}"
        raise NotFound(f"there is no declared kind {kind[:64]!r}{hint}")
    is_field = bool(dot) and field in declared.fields
    if dot and not slash and not is_field:
        raise NotFound(f"{kind} has no field {field[:64]!r}{suggestion(refs.nearest(field, declared.fields)) or '.'}")
    if slash and is_field:
        record = record.rpartition(".")[0]
    if slash and refs.problem_of(f"{kind}/{record}"):
        raise InvalidRequest(f"{text[:80]!r} can't be lent: {_EXAMPLES}")
    found = {"kind": kind, "record": record if slash else "", "field": field if is_field else ""}
    return {name: value for name, value in found.items() if value}


def is_owner(agent: str, subject: dict[str, str], compiled: Compiled) -> bool:
    """Tell whether an agent owns something of what a grant would lend."""
    kind = compiled.kind(subject["kind"])
    owners = frozenset[str]() if kind is None else owners_of(kind, subject.get("field"))
    return not owners.isdisjoint(names_of(agent, compiled))


def given(snapshot: Snapshot, now_us: int) -> list[RecordState]:
    """Return the grants that hold at a time, the latest first. At most ``limits.GRANTS_LIVE`` can be there."""
    if GRANT not in snapshot.kinds():
        return []
    held = [grant for grant in snapshot.find(LIVE) if is_given(grant, now_us)]
    return sorted(held, key=lambda grant: grant.revision, reverse=True)
