"""Effects: what is to be done outside, how it stands, and stopping, repeating or delivering it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from comity import limits
from comity.clock import format_time
from comity.coordination.undelivered import find_overdue
from comity.deciding.effects import due_us, is_stopped, is_suspect, retrying
from comity.deciding.view import View
from comity.errors import InvalidRequest, LimitExceeded
from comity.lane import Answer
from comity.model import refs
from comity.model.built_in import EFFECT
from comity.model.decisions import Decision
from comity.model.filters import Condition, LifeFilter, Order, Query
from comity.model.proposals import Caller, Emit, Proposal
from comity.model.records import RecordState
from comity.operations import (
    CancelAnswer,
    CancelEffects,
    EffectAnswer,
    EffectsAnswer,
    LeftEffect,
    ListEffects,
    RetryEffect,
    RunAnswer,
    RunEffects,
    ShowEffect,
)
from comity.store.contract import Ref, Snapshot
from comity.verbs import names
from comity.verbs.engine import Engine
from comity.verbs.history import since_of

_BEGINNING: Final = 6
"""How many characters of an id are enough for it, where they are those of one alone."""
_OVER: Final = frozenset({"delivered", "cancelled"})
_PENDING: Final = frozenset({"pending", "suspect"})


def list_effects(engine: Engine, caller: Caller, request: ListEffects) -> EffectsAnswer:
    """Return effects: what is pending in the order in which it is to be sent, what is over the latest first.

    Raises NotFound, with the nearest name, for an effect, an agent or a record that never was.
    """
    if not 0 < request.limit <= limits.QUERY_RECORDS:
        raise LimitExceeded(f"limit: between 1 and {limits.QUERY_RECORDS}")
    with engine.store.snapshot() as snapshot:
        found = snapshot.find(_query(request, snapshot.head.incarnation)) if EFFECT in snapshot.kinds() else []
        if not found:
            _check_names(engine, snapshot, request)
        effects = tuple(_answers(found[: request.limit], engine, snapshot))
    return EffectsAnswer(effects=effects, is_cut=len(found) > request.limit)


def _check_names(engine: Engine, snapshot: Snapshot, request: ListEffects) -> None:
    """Raise NotFound where nothing is found as there is no such effect, agent or record."""
    compiled = engine.coordinator.definition(snapshot)
    if request.name is not None:
        names.check_effect(snapshot, compiled, request.name)
    if request.agent is not None:
        names.check_agent(snapshot, compiled, request.agent)
    if request.target is not None:
        names.check_record(snapshot, compiled, refs.split(request.target))


def _query(request: ListEffects, incarnation: str) -> Query:
    chosen = (("agent", request.agent), ("target", request.target), ("effect", request.name))
    where = [Condition(field, "=", value) for field, value in chosen if value is not None]
    if request.state == "suspect":
        where.append(Condition("incarnation", "!=", incarnation))
    elif request.state not in ("all", "pending"):
        where.append(Condition("state", "=", request.state))
    is_past = request.state in _OVER or request.state == "all"
    life: LifeFilter = "kept" if is_past else "live"
    order = Order("wanted_at", descending=True) if is_past else Order("release_at")
    return Query(EFFECT, tuple(where), (order,), request.limit + 1, life=life)


def show_effect(engine: Engine, caller: Caller, request: ShowEffect) -> EffectAnswer:
    """Return one effect; raises NotFound for one that never was."""
    with engine.store.snapshot() as snapshot:
        (answer,) = _answers([_state(engine, snapshot, request.effect)], engine, snapshot)
    return answer


def _state(engine: Engine, snapshot: Snapshot, name: str) -> RecordState:
    """Return the effect that a text means; raises NotFound, and InvalidRequest for what is no effect."""
    ref = _meant(snapshot, name)
    if ref[0] != EFFECT:
        raise InvalidRequest(f"{name[:80]!r} is no effect: 'comity effects list' shows them")
    names.check_record(snapshot, engine.coordinator.definition(snapshot), ref)
    return snapshot.records([ref])[ref]


def _meant(snapshot: Snapshot, name: str) -> Ref:
    """Return the effect that a text means: by its address or id, or by how the id of just one begins."""
    id = name.removeprefix(f"{EFFECT}/")
    if "/" in id or not id:
        return refs.split(name)
    if len(id) >= _BEGINNING and EFFECT in snapshot.kinds():
        found = snapshot.find(Query(EFFECT, (Condition("$id", "^=", id),), limit=2, life="kept"))
        if len(found) == 1:
            return EFFECT, found[0].id
    return refs.split(f"{EFFECT}/{id}")


def _answers(states: Sequence[RecordState], engine: Engine, snapshot: Snapshot) -> Iterator[EffectAnswer]:
    view = engine.coordinator.view(snapshot)
    overdue = find_overdue(states, snapshot, view.now_us)
    for state in states:
        view.asked = 0
        yield _answer(state, view, is_overdue=state.ref in overdue)


def _expiry(state: RecordState, view: View) -> str | None:
    """Return when an effect is given up if it is still held up; None where no end is in sight."""
    if not state.is_live or state.values["state"] != "held" or is_stopped(state, view):
        return None
    return format_time(due_us(state, view))


def _answer(state: RecordState, view: View, *, is_overdue: bool) -> EffectAnswer:
    values = state.values
    return EffectAnswer(
        effect=state.ref,
        name=values["effect"],
        state=values["state"],
        agent=values["agent"],
        proposal=values["proposal"],
        revision=values["wanted_in"],
        once=values["once"],
        wanted_at=values["wanted_at"],
        release_at=values["release_at"],
        target=values.get("target"),
        data=values.get("data") or {},
        action=values.get("action"),
        reason=values.get("reason"),
        still=tuple(values.get("still", ())),
        held_up=values.get("held_up"),
        expires_at=_expiry(state, view),
        attempts=values.get("attempts") or 0,
        attempts_most=values["attempts_most"],
        error=values.get("error"),
        answer=values.get("answer"),
        closed_at=values.get("closed_at"),
        closed_by=values.get("closed_by"),
        is_uncertain=values.get("is_uncertain") or False,
        is_suspect=is_suspect(state, view),
        is_overdue=is_overdue,
    )


# -- stopping


def cancel(engine: Engine, caller: Caller, request: CancelEffects) -> CancelAnswer:
    """Cancel one effect, or all pending ones of an agent; return what was, and what couldn't be and why.

    Raises InvalidRequest unless exactly one of ``effect`` and ``agent`` is named, and for no reason.
    """
    if (request.effect is None) == (request.agent is None):
        raise InvalidRequest("name either an effect or the agent whose effects are to be cancelled")
    if not (request.reason or "").strip():
        raise InvalidRequest("reason: say why; who wanted it sees it")
    if request.since is not None and request.agent is None:
        raise InvalidRequest("since: it goes with an agent")
    with engine.store.snapshot() as snapshot:
        if request.effect is not None:
            chosen = [_state(engine, snapshot, request.effect)]
        else:
            chosen = _of_agent(engine, snapshot, request)
    return cancel_states(engine, caller, chosen, request.reason or "")


def _of_agent(engine: Engine, snapshot: Snapshot, request: CancelEffects) -> list[RecordState]:
    names.check_agent(snapshot, engine.coordinator.definition(snapshot), request.agent or "")
    if EFFECT not in snapshot.kinds():
        return []
    since = since_of(snapshot, request.since)
    where = (Condition("agent", "=", request.agent), Condition("wanted_in", ">", since))
    return snapshot.find(Query(EFFECT, where, (Order("release_at"),), limits.INTEGER_MAX))


def cancel_states(engine: Engine, caller: Caller, chosen: Sequence[RecordState], reason: str) -> CancelAnswer:
    """Cancel effects, each by a proposal of its own so that one can't hold up the others."""
    changes = [Emit(state.ref, "cancelled", {"answer": reason[: limits.EFFECT_ANSWER_CHARS]}) for state in chosen]
    proposals = [Proposal(id=engine.make_id(), changes=(change,), reason=reason) for change in changes]
    answers = engine.propose_many(proposals, caller, is_new=True) if proposals else []
    cancelled: list[str] = []
    left: list[LeftEffect] = []
    for state, answer in zip(chosen, answers, strict=True):
        if isinstance(answer, Decision) and answer.is_committed:
            cancelled.append(state.ref)
        else:
            left.append(LeftEffect(effect=state.ref, why=_why(answer), is_denied=_is_denied(answer)))
    decisions = tuple(answer for answer in answers if isinstance(answer, Decision))
    return CancelAnswer(cancelled=tuple(cancelled), left=tuple(left), decisions=decisions if len(chosen) == 1 else ())


def _is_denied(answer: Answer) -> bool:
    return isinstance(answer, Decision) and any(found.code.startswith("identity.") for found in answer.refusals)


def _why(answer: Answer) -> str:
    if isinstance(answer, Decision):
        return " ".join(finding.message for finding in answer.refusals)
    return str(answer)


# -- repeating, delivering


def retry(engine: Engine, caller: Caller, request: RetryEffect) -> Decision:
    """Return the decision on having an effect tried again that was put aside, or is suspect."""
    with engine.store.snapshot() as snapshot:
        state = _state(engine, snapshot, request.effect)
        now_us = engine.coordinator.time_at(snapshot.head).now_us
        change = retrying(state, snapshot.head.incarnation, now_us)
    proposal = Proposal(id=engine.make_id(), changes=(change,), reason=request.reason)
    return engine.propose(proposal, caller, is_new=True)


def run(engine: Engine, caller: Caller, request: RunEffects) -> RunAnswer:
    """Release and deliver until nothing is due any more; return what came of it."""
    before = engine.outbox.tally
    while engine.outbox.run(limits.DUTIES_AT_ONCE) or engine.outbox.is_delivering():
        engine.outbox.settle_in_time()
    done, next_us = engine.outbox.tally - before, engine.outbox.next_us
    return RunAnswer(
        delivered=done.delivered,
        failed=done.failed,
        stopped=done.stopped,
        next_at=format_time(next_us) if next_us is not None else None,
        left=tuple(engine.outbox.left().values()),
    )
