"""Names that find nothing: is there no such thing, or has nothing happened to it?

The first is told, with the nearest name that means something, instead of an empty answer
(S30). It is asked only where an answer would be empty, so it may look around.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from comity import limits
from comity.deciding.compile import Compiled
from comity.errors import NotFound
from comity.model import refs
from comity.model.alerting import DETECTORS
from comity.model.built_in import ALERT, EFFECT, WORKFLOW
from comity.model.filters import Condition, Query
from comity.model.records import LIFE, RecordState
from comity.model.texts import listed, suggestion
from comity.store.contract import Ref, Snapshot
from comity.verbs.engine import Engine

_SHOWN: Final = 8
_LIFE_EVENTS: Final = ("created", "updated", "archived", "restored", "deleted", "reverted")
"""What the events are called that no definition names, each behind its kind."""


def check_target(snapshot: Snapshot, compiled: Compiled, target: str) -> None:
    """Raise NotFound for a record that was never written, or a kind that is neither declared nor used."""
    if "/" in target:
        check_record(snapshot, compiled, refs.split(target))
    else:
        check_kind(snapshot, compiled, target)


def check_kind(snapshot: Snapshot, compiled: Compiled, kind: str) -> None:
    """Raise NotFound for a kind that is neither declared nor used."""
    known = snapshot.kinds()
    if kind not in known and kind not in compiled.kinds:
        near = compiled.suggest_kind(kind)
        raise _not_found("kind", kind, {*compiled.kinds, *known}, "Kinds", near)


def check_record(snapshot: Snapshot, compiled: Compiled, ref: Ref) -> None:
    """Raise NotFound for a record that was never written."""
    if (told := never_written(snapshot, compiled, ref)) is not None:
        raise NotFound(told)


def never_written(snapshot: Snapshot, compiled: Compiled, ref: Ref) -> str | None:
    """Return what there is to say of a record that was never written; raises NotFound where there is no such kind.

    For what may well be named before it is there: who plans to create it does so.
    """
    state, (kind, name) = snapshot.records([ref]).get(ref), ref
    if state is not None:
        is_gone = refs.is_built_in(kind) and state.is_erased
        return f"{state.ref} was erased, with the record of which it spoke" if is_gone else None
    check_kind(snapshot, compiled, kind)
    near = refs.nearest(name, dict.fromkeys(_ids(snapshot, kind, name)))
    hint = suggestion(f"{kind}/{near}") if near else ": nothing was ever written to it"
    return f"there is no record {kind}/{name}{hint}"


def _ids(snapshot: Snapshot, kind: str, name: str) -> Iterator[str]:
    """Yield ids of a kind among which the nearest one may be: the first ones, and those that begin alike."""
    for where in ((), (Condition("$id", "^=", name[:1]),)):
        found = snapshot.find(Query(kind, where, limit=limits.QUERY_RECORDS, life="any"))
        yield from (state.id for state in found)


def check_field(state: RecordState, compiled: Compiled, field: str) -> None:
    """Raise NotFound for a field that is neither declared nor was ever written."""
    declared = compiled.kind(state.kind)
    names = [name for name in (declared.fields if declared is not None else state.blame) if name != LIFE]
    if field not in names and field not in state.blame:
        hint = suggestion(refs.nearest(field, names)) or "."
        raise NotFound(f"{state.ref} has no field {field!r}{hint} Its fields: {_shown(names)}.")


def check_agent(snapshot: Snapshot, compiled: Compiled, agent: str) -> None:
    """Raise NotFound for an agent that is neither declared nor ever proposed anything."""
    known = {*compiled.agents, *snapshot.agents()}
    if agent not in known:
        raise _not_found("agent", agent, known, "Agents")


def check_party(snapshot: Snapshot, compiled: Compiled, name: str) -> None:
    """Raise NotFound for a name that is no role's, and no agent's that is declared or ever proposed anything."""
    known = {*compiled.agents, *(agent.role for agent in compiled.agents.values()), *snapshot.agents()}
    if name not in known:
        raise _not_found("agent or role", name, known, "Agents and roles")


def check_empty(
    engine: Engine,
    snapshot: Snapshot,
    *,
    record: str | None = None,
    agents: Iterable[str | None] = (),
    parties: Iterable[str | None] = (),
) -> str | None:
    """Raise NotFound where a list is empty because what it was asked about is of no kind, no agent or no role.

    Returns what there is to say of a record that was never written: it may be named before it is there.
    """
    compiled = engine.coordinator.definition(snapshot)
    for agent in filter(None, agents):
        check_agent(snapshot, compiled, agent)
    for party in filter(None, parties) if compiled.agents else ():
        check_party(snapshot, compiled, party)
    return None if record is None else never_written(snapshot, compiled, refs.split(record))


def check_detector(name: str) -> None:
    """Raise NotFound for a detector that there isn't."""
    known = {detector.name for detector in DETECTORS}
    if name not in known:
        raise _not_found("detector", name, known, "Detectors")


def check_suspected(snapshot: Snapshot, compiled: Compiled, subject: str) -> None:
    """Raise NotFound for what no alert can be about: a record that never was, or else what none was ever about."""
    if _is_used(snapshot, ALERT, "subject", subject):
        return
    if "/" in subject:
        check_record(snapshot, compiled, refs.split(refs.record_of(subject)))
        return
    found = snapshot.find(Query(ALERT, limit=limits.QUERY_RECORDS, life="kept")) if ALERT in snapshot.kinds() else []
    known = {*compiled.agents, *snapshot.agents(), *(state.values["subject"] for state in found)}
    if subject not in known:
        hint = suggestion(refs.nearest(subject, sorted(known))) or ": name a record, an agent, or what alerts name"
        raise NotFound(f"no alert was ever about {subject[: limits.NAME_CHARS]!r}{hint}")


def check_workflow(snapshot: Snapshot, compiled: Compiled, name: str) -> None:
    """Raise NotFound for a workflow that is neither declared nor was ever started."""
    if name not in compiled.workflows and not _is_used(snapshot, WORKFLOW, "workflow", name):
        raise _not_found("workflow", name, compiled.workflows, "Workflows")


def check_effect(snapshot: Snapshot, compiled: Compiled, name: str) -> None:
    """Raise NotFound for an effect that is neither declared nor was ever wanted."""
    if name not in compiled.effects and not _is_used(snapshot, EFFECT, "effect", name):
        found = snapshot.find(Query(EFFECT, limit=limits.QUERY_RECORDS, life="kept"))
        raise _not_found("effect", name, {*compiled.effects, *(state.values["effect"] for state in found)}, "Effects")


def _is_used(snapshot: Snapshot, kind: str, field: str, name: str) -> bool:
    query = Query(kind, (Condition(field, "=", name),), limit=1, life="any")
    return kind in snapshot.kinds() and bool(snapshot.find(query))


def check_event_type(snapshot: Snapshot, compiled: Compiled, type: str) -> None:
    """Raise NotFound for a type of event that neither happened nor can happen."""
    kinds = compiled.kinds.values()
    named = {name for kind in kinds for name in (*kind.events, *kind.named_events.values())}
    known = {*snapshot.event_types(), *named}
    possible = {f"{kind}.{word}" for kind in (*snapshot.kinds(), *compiled.kinds) for word in _LIFE_EVENTS}
    if type not in known and type not in possible:
        ours = {name for kind in kinds if refs.is_built_in(kind.name) for name in kind.events}
        near = refs.nearest(type, sorted(known | possible))
        raise _not_found("event type", type, known - ours, "Event types", near)


def _not_found(what: str, name: str, known: Iterable[str], heading: str, near: str | None = None) -> NotFound:
    names = sorted(known)
    hint = suggestion(near or refs.nearest(name, names)) or "."
    visible = [one for one in names if not refs.is_built_in(one)]
    return NotFound(f"there is no {what} {name[: limits.NAME_CHARS]!r}{hint} {heading} here: {_shown(visible)}.")


def _shown(names: list[str]) -> str:
    return listed(sorted(names), _SHOWN) or "none yet"
