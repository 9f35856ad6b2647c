"""Grants: ownership lent for a time, to whom, of what, and by whose right.

A grant lends what its giver owns, and no more: whether the giver owns it is judged when it
is given and again whenever it is used, so that it ends with the giver's own ownership. An
operator may lend anything. Grants are looked at only where ownership would refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Final

from comity import limits
from comity.clock import parse_time
from comity.deciding.case import Case
from comity.deciding.compile import Compiled, CompiledKind
from comity.model.built_in import GRANT
from comity.model.filters import Query
from comity.model.records import RecordState

LIVE: Final = Query(GRANT, limit=limits.GRANTS_LIVE)
"""All grants that are given and not taken back: more than it finds at most are not given."""


class Grants:
    """Hold the grants that nobody took back. Whoever made it brings it up to date by :meth:`take`."""

    def __init__(self, grants: Iterable[RecordState] = ()) -> None:
        self._all: dict[str, RecordState] = {}
        self._by_holder: dict[str, dict[str, RecordState]] = {}
        for grant in grants:
            self.take(grant)

    def to(self, holders: Iterable[str]) -> list[RecordState]:
        """Return what is lent to anybody named so."""
        return [grant for holder in holders for grant in self._by_holder.get(holder, {}).values()]

    def take(self, grant: RecordState) -> None:
        """Take what became of a grant."""
        former = self._all.pop(grant.id, None)
        if former is not None:
            holder = former.values["to"]
            del self._by_holder[holder][grant.id]
            if not self._by_holder[holder]:
                del self._by_holder[holder]
        if grant.is_live:
            self._all[grant.id] = grant
            self._by_holder.setdefault(grant.values["to"], {})[grant.id] = grant


def lent_to(case: Case) -> list[RecordState]:
    """Return the grants to the agent of a case, by its name or its role, that hold now."""
    view, holders = case.view, {case.agent.name, case.agent.role}
    if GRANT not in view.kind_revisions:
        return []
    held: Grants = view.held(GRANT)
    changed = view.changed(GRANT)
    kept = [grant for grant in held.to(holders) if grant.id not in changed]
    made = [grant for grant in changed.values() if grant.values["to"] in holders]
    return sorted((grant for grant in (*kept, *made) if is_given(grant, view.now_us)), key=lambda grant: grant.id)


def covering(case: Case, kind: str, id: str, field: str | None, owners: Set[str]) -> RecordState | None:
    """Return a grant of a field of a record (None: of its life and its events) by one of its owners, or None."""
    for grant in lent_to(case):
        if _covers(grant.values, kind, id, field) and _is_by_right(grant, owners, case.compiled):
            return grant
    return None


def is_given(grant: RecordState, now_us: int) -> bool:
    """Tell whether a grant holds at a time: neither taken back nor expired."""
    return grant.is_live and parse_time(grant.values["expires_at"]) > now_us


def _covers(lent: Mapping[str, str], kind: str, id: str, field: str | None) -> bool:
    return lent["kind"] == kind and lent.get("record") in (None, id) and lent.get("field") in (None, field)


def _is_by_right(grant: RecordState, owners: Set[str], compiled: Compiled) -> bool:
    return bool(grant.values["is_order"]) or not owners.isdisjoint(names_of(grant.values["by"], compiled))


def names_of(agent: str, compiled: Compiled) -> tuple[str, str]:
    """Return the names under which an agent may own something: its own and its role."""
    declared = compiled.agents.get(agent)
    return agent, agent if declared is None else declared.role


def owners_of(kind: CompiledKind, field: str | None) -> frozenset[str]:
    """Return who owns a field, or anything at all of a kind's records; empty where nobody does."""
    if field is not None:
        return frozenset(kind.fields[field].owners) if field in kind.fields else frozenset()
    owned: Iterable[Set[str]] = (
        kind.owners,
        *(one.owners for one in kind.fields.values()),
        *(event.owners for event in kind.events.values()),
    )
    return frozenset().union(*owned)


def subject_of(lent: Mapping[str, str]) -> str:
    """Return what is lent, as people write it.

    >>> subject_of({"kind": "customer", "record": "acme", "field": "status"})
    'customer/acme.status'
    >>> subject_of({"kind": "customer", "field": "status"})
    'customer.status'
    """
    record = f"/{lent['record']}" if lent.get("record") else ""
    field = f".{lent['field']}" if lent.get("field") else ""
    return f"{lent['kind']}{record}{field}"
