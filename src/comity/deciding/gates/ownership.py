"""Are all fields written by their owner?

Reading is free. What counts is what would change, so an equal value needs no ownership
(S16). A named event is its owner's to emit, and carries its consequences with it; what a
removal derives happens by the consent of who declared the reference, and an operator may
put back former values in any domain (S36).

Codes: ``ownership.other_domain``.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from comity.deciding.case import Case
from comity.deciding.compile import CompiledKind
from comity.deciding.fold import DraftEvent
from comity.deciding.operators import is_operator
from comity.model.decisions import Finding
from comity.model.records import LIFE
from comity.model.texts import listed
from comity.model.values import same


def judge(case: Case) -> Iterator[Finding]:
    """Yield each field, event or life that isn't this agent's to change."""
    kinds = case.compiled.kinds
    for event in case.draft.events:
        kind = kinds.get(event.ref[0])
        if kind is None or event.derived or event.ref[0].startswith("$"):
            continue
        if event.named:
            yield from _named(event, kind, case)
        elif not (event.type.endswith(".reverted") and is_operator(case)):
            yield from _fields(event, kind, case)


def _named(event: DraftEvent, kind: CompiledKind, case: Case) -> Iterator[Finding]:
    declared = kind.events.get(event.type)
    if declared is not None and not _owns(case, declared.owners):
        record = "/".join(event.ref)
        yield _other_domain(case, record, "emit it", declared.owners, f"The event {event.type} of {record}")


def _fields(event: DraftEvent, kind: CompiledKind, case: Case) -> Iterator[Finding]:
    for name in event.payload.was:
        field = kind.fields.get(name)
        if name == LIFE:
            owners = life_owners(kind)
            is_free = event.life == "live" and event.type.endswith(".created") and not kind.owners
            if not is_free and not _owns(case, owners):
                yield _other_domain(case, "/".join(event.ref), _life_verb(event), owners)
        elif field is not None and not _owns(case, field.owners) and _is_given(event, name, kind):
            yield _other_domain(case, f"{'/'.join(event.ref)}.{name}", "write it", field.owners)


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


def _owns(case: Case, owners: Set[str]) -> bool:
    return not owners or case.agent.name in owners or case.agent.role in owners


def _other_domain(case: Case, subject: str, verb: str, owners: Set[str], thing: str | None = None) -> Finding:
    names = listed(sorted(owners))
    agent = case.agent.name if case.agent.role == case.agent.name else f"{case.agent.name} ({case.agent.role})"
    return Finding(
        "ownership.other_domain",
        f"{thing or subject} belongs to {names}; you are {agent} and may not {verb}.",
        subject=subject,
        remedy=f"Leave it to {names}: tell them what you need and why, or propose only your own fields.",
        data={"owners": sorted(owners)},
    )
