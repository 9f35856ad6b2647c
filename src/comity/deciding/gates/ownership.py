"""Are all fields written by their owner?

Reading is free. What counts is what would change, so an equal value needs no ownership
(S16). A named event is its owner's to emit, and carries its consequences with it; what a
removal derives happens by the consent of who declared the reference, and an operator may
put back former values in any domain (S36). Ownership may be lent for a time, by whoever
has it, and is taken back by them, by any owner, by who holds it, or by an operator.

Codes: ``ownership.other_domain``, ``ownership.granted`` (a warning),
``ownership.nothing_to_lend``, ``ownership.too_many_grants``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import Final

from comity import limits
from comity.deciding.case import Case
from comity.deciding.compile import CompiledKind
from comity.deciding.drafts import DraftEvent
from comity.deciding.grants import LIVE, covering, owners_of, subject_of
from comity.deciding.operators import is_operator
from comity.model import refs
from comity.model.built_in import GRANT
from comity.model.decisions import Finding, Severity
from comity.model.records import ERASED, LIFE
from comity.model.texts import listed, quote
from comity.model.values import same

_GIVING: Final = frozenset({"granted", "ordered"})


def judge(case: Case) -> Iterable[Finding]:
    """Return each field, event or life that isn't this agent's to change, and each that is lent to it."""
    kinds = case.compiled.kinds
    found: list[Finding] = []
    for event in case.draft.events:
        kind = kinds.get(event.ref[0])
        if event.type == ERASED:
            continue  # Whose it is to erase, identity judges.
        if kind is None or event.derived or kind.is_built_in:
            if event.ref[0] == GRANT:
                found += _lending(event, case)
            continue
        if event.named:
            found += _named(event, kind, case)
        elif not _owns_fields(case, kind, event) and not (event.type.endswith(".reverted") and is_operator(case)):
            found += _fields(event, kind, case)
    if case.emits:
        found += _too_many(case)
    return found


def _named(event: DraftEvent, kind: CompiledKind, case: Case) -> Iterator[Finding]:
    declared = kind.events.get(event.type)
    if declared is not None and not _owns(case, declared.owners):
        thing = f"The event {event.type} of {'/'.join(event.ref)}"
        yield _foreign(case, event, None, "emit it", declared.owners, thing)


def _fields(event: DraftEvent, kind: CompiledKind, case: Case) -> Iterator[Finding]:
    for name in event.payload.was:
        field = kind.fields.get(name)
        if name == LIFE:
            owners = life_owners(kind)
            is_free = event.life == "live" and event.type.endswith(".created") and not kind.owners
            if not is_free and not _owns(case, owners):
                yield _foreign(case, event, None, _life_verb(event), owners)
        elif field is not None and not _owns(case, field.owners) and _is_given(event, name, kind):
            yield _foreign(case, event, name, "write it", field.owners)


def _foreign(
    case: Case, event: DraftEvent, field: str | None, verb: str, owners: Set[str], thing: str | None = None
) -> Finding:
    """Return under which grant something of others may be changed, or that it may not."""
    subject = "/".join(event.ref) if field is None else f"{'/'.join(event.ref)}.{field}"
    grant = covering(case, *event.ref, field, owners)
    if grant is None:
        return _other_domain(case, subject, verb, owners, thing, case.proposal.if_foreign)
    values = grant.values
    return Finding(
        "ownership.granted",
        f"{subject} is lent to {values['to']} by {values['by']} until {values['expires_at']} ({grant.ref}):"
        f" {quote(values['reason'])}",
        subject=subject,
        severity="warn",
        data={"grant": grant.ref, "by": values["by"]},
    )


def _is_given(event: DraftEvent, name: str, kind: CompiledKind) -> bool:
    """Tell whether a value is the agent's own: a new record gets the defaults, and loses what a former life had."""
    if not event.type.endswith(".created"):
        return True
    value = event.payload.values.get(name)
    return value is not None and not same(value, kind.defaults.get(name))


def life_owners(kind: CompiledKind) -> Set[str]:
    """Return who may archive, restore and delete: the kind's owner, or whoever owns a field of it."""
    if kind.owners:
        return kind.owners
    fields = [field.owners for field in kind.fields.values()]
    return frozenset() if not all(fields) else frozenset().union(*fields)


def _life_verb(event: DraftEvent) -> str:
    return {"created": "create it", "archived": "archive it", "deleted": "delete it", "reverted": "undo that"}.get(
        event.type.rpartition(".")[2], "restore it"
    )


def _owns_fields(case: Case, kind: CompiledKind, event: DraftEvent) -> bool:
    """Tell at a glance that whatever an event changes are declared fields of the agent's own."""
    name, role, fields = case.agent.name, case.agent.role, kind.fields
    for changed in event.payload.was:
        if changed not in fields:
            return False
        owners = fields[changed].owners
        if owners and name not in owners and role not in owners:
            return False
    return True


def _owns(case: Case, owners: Set[str]) -> bool:
    return not owners or case.agent.name in owners or case.agent.role in owners


def _other_domain(
    case: Case, subject: str, verb: str, owners: Set[str], thing: str | None = None, severity: Severity = "refuse"
) -> Finding:
    names = listed(sorted(owners))
    agent = case.agent.name if case.agent.role == case.agent.name else f"{case.agent.name} ({case.agent.role})"
    return Finding(
        "ownership.other_domain",
        f"{thing or subject} belongs to {names}; you are {agent} and may not {verb}.",
        subject=subject,
        severity=severity,
        remedy=f"Offer it to {names}: offer('{case.proposal.id}') sends it as it is. Or propose only your own fields.",
        data={"owners": sorted(owners)},
    )


# -- lending


def _lending(event: DraftEvent, case: Case) -> Iterator[Finding]:
    """Yield why ownership isn't this agent's to lend or to take back; who is an operator, identity has judged."""
    values = event.payload.values
    kind, field, subject = case.compiled.kinds.get(values["kind"]), values.get("field"), subject_of(values)
    owners = frozenset[str]() if kind is None else owners_of(kind, field)
    if event.type == "revoked":
        may_end = case.agent.name in (values["by"], values["to"]) or (owners and _owns(case, owners))
        if not may_end and not is_operator(case):
            yield _not_lendable(case, subject, "take it back", owners)
    elif event.type != "expired":
        if not owners or refs.is_built_in(values["kind"]):
            yield Finding(
                "ownership.nothing_to_lend",
                f"Nobody owns {subject}, so there is nothing to lend.",
                subject=subject,
                remedy="Name a declared kind or field that has an owner.",
            )
        elif event.type == "granted" and not _owns(case, owners):
            yield _not_lendable(case, subject, "lend it", owners)


def _too_many(case: Case) -> Iterator[Finding]:
    """Yield that more would be lent at the same time than is looked at."""
    given = [event for event in case.draft.events if event.ref[0] == GRANT and event.type in _GIVING]
    if given and case.view.count(LIVE) + len(given) > limits.GRANTS_LIVE:
        yield Finding(
            "ownership.too_many_grants",
            f"There are {limits.GRANTS_LIVE} grants already; no more may be given at the same time."
            if len(given) == 1
            else f"With these there would be more than {limits.GRANTS_LIVE} grants at the same time.",
            subject="/".join(given[0].ref),
            remedy="Take back what is no longer needed: 'grants list' shows them.",
        )


def _not_lendable(case: Case, subject: str, verb: str, owners: Set[str]) -> Finding:
    names = listed(sorted(owners)) or "everyone"
    return Finding(
        "ownership.other_domain",
        f"{subject} belongs to {names}; you are {case.agent.name} and may not {verb}.",
        subject=subject,
        remedy=f"Ask {names}, or an operator.",
        data={"owners": sorted(owners)},
    )
