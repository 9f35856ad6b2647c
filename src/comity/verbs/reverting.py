"""Reverting: a commit, or what an agent did since a point, by compensating events (S36).

Per field, only the last change is undone, and only if it is one of those chosen: what
someone else changed later is left alone and listed. The result is proposed like anything
else, so guards, references and ownership hold; an operator may revert in any domain. The
newest work is undone first: what refers to a record goes before the record does. Effects
that were wanted by what is undone, and weren't sent yet, are cancelled before all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from comity import limits
from comity.deciding.compile import Compiled
from comity.errors import InvalidRequest, NotFound
from comity.model import refs
from comity.model.built_in import EFFECT
from comity.model.decisions import Decision
from comity.model.events import Event
from comity.model.proposals import Caller, Proposal, Read, Undo
from comity.model.records import LIFE, RecordState
from comity.model.texts import listed
from comity.model.values import same
from comity.operations import Difference, Left, Revert, RevertAnswer
from comity.store.contract import EventFilter, Snapshot
from comity.verbs import names
from comity.verbs.effects import cancel_states
from comity.verbs.engine import Engine, revision_of
from comity.verbs.history import sides_of, since_of
from comity.verbs.portions import find_events, within_response

_BATCH = 100
_LESS = "undo it in steps, the newest first: name a later moment with since"
Ref = tuple[str, str]


class Deed(msgspec.Struct, frozen=True, gc=False):
    """Be what is to know of an event that is to be undone: whose, where in the log, which fields it changed.

    ``fields`` is None where its contents were erased.
    """

    ref: Ref
    place: tuple[int, int]
    fields: tuple[str, ...] | None

    @classmethod
    def of(cls, event: Event) -> Deed:
        """Return what is to know of an event."""
        payload = event.payload
        fields = None if payload is None else tuple(payload.was)
        return cls((event.kind, event.id), (event.revision, event.ordinal), fields)


class Plan(msgspec.Struct):
    """Be what a revert would do to one record: fields to put back, each as of a revision; what it leaves.

    ``place`` is that of the event, in the log, by whose age it takes its turn.
    """

    ref: Ref
    place: tuple[int, int]
    fields: dict[str, int]
    differences: list[Difference]
    left: list[Left]


def revert(engine: Engine, caller: Caller, request: Revert) -> RevertAnswer:
    """Undo what was chosen, in batches; return the decisions, what was put back, and what was left.

    Raises NotFound for a commit that isn't there and an agent who has done nothing,
    InvalidRequest for a commit that changed no record of a user's kind, and unless exactly
    one of ``commit`` and ``agent`` is named.
    """
    if (request.commit is None) == (request.agent is None):
        raise InvalidRequest("name either a commit (its revision) or an agent whose work is to be undone")
    with engine.store.snapshot() as snapshot:
        compiled = engine.coordinator.definition(snapshot)
        events = _of_commit(snapshot, request.commit) if request.commit is not None else _of_agent(snapshot, request)
        wanted = _wanted(snapshot, request)
        if not events and not wanted and request.agent is not None:
            names.check_agent(snapshot, compiled, request.agent)
            since = f" since {request.since}" if request.since is not None else ""
            raise NotFound(f"{request.agent!r} has changed no record{since}, so there is nothing to undo")
        revision = snapshot.head.revision
        planned = (_plan(snapshot, compiled, ref, chosen) for ref, chosen in _by_record(events).items())
        plans = list(planned if request.agent is None else within_response(planned, _sides_of, _LESS))
    left = [one for plan in plans for one in plan.left]
    left += [_sent(state) for state in wanted if not state.is_live and state.values["state"] == "delivered"]
    cancelled = _cancel(engine, caller, request, [state for state in wanted if state.is_live], left)
    todo = sorted((plan for plan in plans if plan.fields), key=lambda plan: plan.place, reverse=True)
    decisions: list[Decision] = []
    reverted: list[Difference] = []
    for start in range(0, len(todo), _BATCH):
        _carry_out(engine, caller, request, todo[start : start + _BATCH], revision, (decisions, reverted, left))
    return RevertAnswer(
        decisions=tuple(decisions), reverted=tuple(reverted), left=tuple(left), cancelled=tuple(cancelled)
    )


# -- effects


def _wanted(snapshot: Snapshot, request: Revert) -> list[RecordState]:
    """Return how the effects stand now that were wanted by what is to be undone; a key that was wanted anew is left."""
    if request.commit is not None:
        events: Iterable[Event] = snapshot.events_of(revision_of(snapshot, request.commit))
    else:
        since = since_of(snapshot, request.since)
        chosen = EventFilter(kind=EFFECT, agent=request.agent, type="wanted", after=since, limit=limits.INTEGER_MAX)
        events = find_events(snapshot, chosen)
    named = {(event.kind, event.id): event.revision for event in events if _is_wish(event)}
    states = snapshot.records(list(named)) if named else {}
    return [state for ref, state in states.items() if state.values["wanted_in"] == named[ref]]


def _is_wish(event: Event) -> bool:
    return event.kind == EFFECT and event.type == "wanted" and event.payload is not None


def _cancel(
    engine: Engine, caller: Caller, request: Revert, pending: Sequence[RecordState], left: list[Left]
) -> tuple[str, ...]:
    """Cancel effects that aren't sent yet, or only tell which; what can't be cancelled any more is left."""
    if request.dry:
        return tuple(state.ref for state in pending)
    answer = cancel_states(engine, caller, pending, request.reason or f"revert of {_what(request)}")
    left += [Left(record=one.effect, field="state", why=one.why) for one in answer.left]
    return answer.cancelled


def _sent(state: RecordState) -> Left:
    why = f"it was delivered at {state.values.get('closed_at')}, and can't be taken back"
    return Left(record=state.ref, field="state", why=why)


def _of_commit(snapshot: Snapshot, commit: int) -> list[Deed]:
    """Return what a commit did to records; raises NotFound or InvalidRequest where that is nothing."""
    events = snapshot.events_of(revision_of(snapshot, commit))
    if not events:
        raise NotFound(f"there is no commit {commit}: the first one is 1")
    found = [event for event in events if not refs.is_built_in(event.kind)]
    if not found and not any(map(_is_wish, events)):
        what = listed([f"{event.type} of {event.ref}" for event in events], 3)
        raise InvalidRequest(
            f"commit {commit} is an operator's ({what}), which a revert doesn't undo:"
            " apply the former definition, issue a key or revoke one instead"
        )
    return [Deed.of(event) for event in found]


def _of_agent(snapshot: Snapshot, request: Revert) -> list[Deed]:
    chosen = EventFilter(agent=request.agent, after=since_of(snapshot, request.since), limit=limits.INTEGER_MAX)
    return [Deed.of(event) for event in find_events(snapshot, chosen) if not refs.is_built_in(event.kind)]


def _by_record(deeds: Iterable[Deed]) -> dict[Ref, list[Deed]]:
    grouped: dict[Ref, list[Deed]] = {}
    for deed in deeds:
        grouped.setdefault(deed.ref, []).append(deed)
    return grouped


def _sides_of(plan: Plan) -> list[tuple[Any, Any]]:
    """Return what counts of a plan in an answer."""
    return [sides_of(one) for one in plan.differences]


def _plan(snapshot: Snapshot, compiled: Compiled, ref: Ref, chosen: Sequence[Deed]) -> Plan:
    state = snapshot.records([ref]).get(ref) or RecordState(*ref)
    plan = Plan(ref, _place(chosen), {}, [], [])
    revisions = {deed.place[0] for deed in chosen}
    touched = dict.fromkeys(name for deed in chosen for name in deed.fields or ())
    if any(deed.fields is None for deed in chosen):
        plan.left.append(Left(record=state.ref, field="*", why="its contents were erased"))
    for name in sorted(touched, key=lambda name: name != LIFE):
        last = state.blame.get(name, 0)
        if last not in revisions:
            plan.left.append(Left(record=state.ref, field=name, why=f"changed again {_author(snapshot, last)}"))
        elif name == LIFE and (later := _later_changes(state, revisions)):
            why = f"others changed the record since: {later[0]} {_author(snapshot, state.blame[later[0]])}"
            plan.left.append(Left(record=state.ref, field=name, why=why))
        else:
            _plan_field(snapshot, state, name, revisions, plan)
    _leave_required(state, compiled, plan)
    return plan


def _place(chosen: Sequence[Deed]) -> tuple[int, int]:
    """Return the place of the last event that made or removed a record, because others refer to it only while it lives.

    A record that was merely changed has that of its last change.
    """
    lives = [deed for deed in chosen if LIFE in (deed.fields or ())]
    return (lives or chosen)[-1].place


def _author(snapshot: Snapshot, revision: int) -> str:
    commit = snapshot.commit(revision)
    return f"by {commit.agent if commit else 'someone'} at revision {revision}"


def _later_changes(state: RecordState, revisions: set[int]) -> list[str]:
    """Return the fields of a live record that would go down with it, though others wrote them after it came to life."""
    born = state.blame[LIFE]
    return [name for name, last in state.blame.items() if state.is_live and last > born and last not in revisions]


def _plan_field(snapshot: Snapshot, state: RecordState, name: str, revisions: set[int], plan: Plan) -> None:
    """Go back over the chosen changes of a field to the state before the first of the last run of them."""
    ref, past, revision = plan.ref, state, state.blame[name]
    while past.blame.get(name, 0) in revisions:
        revision = past.blame[name] - 1
        past = snapshot.records_at([ref], revision).get(ref) or RecordState(*ref)
    was, now = (state.life, past.life) if name == LIFE else (state.values.get(name), past.values.get(name))
    if not same(was, now):
        plan.fields[name] = revision
        plan.differences.append(Difference(record=state.ref, field=name, was=was, now=now))


def _leave_required(state: RecordState, compiled: Compiled, plan: Plan) -> None:
    """Leave the fields that undoing would empty though the record needs them, because it stays."""
    kind = compiled.kind(state.kind)
    life = next((one.now for one in plan.differences if one.field == LIFE), state.life)
    if kind is None or life != "live":
        return
    for one in plan.differences:
        if one.now is None and one.field in kind.required:
            why = "it is required, and had no value before"
            plan.left.append(Left(record=one.record, field=one.field, why=why))
            del plan.fields[one.field]
    plan.differences = [one for one in plan.differences if one.field in plan.fields]


def _carry_out(
    engine: Engine,
    caller: Caller,
    request: Revert,
    plans: Sequence[Plan],
    revision: int,
    result: tuple[list[Decision], list[Difference], list[Left]],
) -> None:
    """Propose a batch; where it is refused, propose its records one by one, so that one can't hold up the others."""
    decisions, reverted, left = result
    decision = engine.propose(_proposal(engine, request, plans, revision), caller, is_new=True, dry=request.dry)
    if decision.is_allowed:
        decisions.append(decision)
        reverted.extend(one for plan in plans for one in plan.differences)
    elif len(plans) > 1:
        for plan in plans:
            _carry_out(engine, caller, request, [plan], revision, result)
    else:
        decisions.append(decision)
        why = "; ".join(finding.message for finding in decision.refusals)
        left.extend(Left(record=one.record, field=one.field, why=why) for one in plans[0].differences)


def _proposal(engine: Engine, request: Revert, plans: Sequence[Plan], revision: int) -> Proposal:
    return Proposal(
        id=engine.make_id(),
        changes=tuple(Undo("/".join(plan.ref), plan.fields) for plan in plans),
        reads=tuple(Read("/".join(plan.ref), revision, tuple(plan.fields)) for plan in plans),
        reason=request.reason or f"revert of {_what(request)}",
        action=request.action,
    )


def _what(request: Revert) -> str:
    return f"commit {request.commit}" if request.commit is not None else f"the work of {request.agent}"
