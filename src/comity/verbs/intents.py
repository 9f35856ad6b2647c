"""Announced intents: announcing, withdrawing, listing."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.coordination import intents
from comity.coordination.news import Look, news_of
from comity.deciding.case import identify
from comity.deciding.unknown import NO_SUBJECT, UNKNOWN_SUBJECT
from comity.errors import InvalidRequest, LimitExceeded, Pending, Refused
from comity.model import refs
from comity.model.built_in import INTENT
from comity.model.decisions import Decision
from comity.model.durations import parse_duration
from comity.model.filters import Condition
from comity.model.news import News
from comity.model.proposals import Caller, Emit, Proposal
from comity.model.records import RecordState
from comity.model.texts import counted
from comity.operations import (
    Announce,
    Announcement,
    IntentAnswer,
    IntentsAnswer,
    LeaseAnswer,
    ListIntents,
    ReleaseLease,
    RenewLease,
    TakeLease,
    WithdrawIntent,
)
from comity.verbs import leases, names
from comity.verbs.engine import Engine


def announce(engine: Engine, caller: Caller, request: Announce) -> Announcement:
    """Announce an intent, then judge its action as if it were proposed now.

    It is judged after it was announced, so that of two that announce at the same time at
    least the second learns of the first. An exclusive one takes its place in line before.
    Raises Refused or Pending where it may not be announced, or can't have a place in line.
    """
    seconds = _check(request)
    id = request.intent or engine.make_id()
    lease = _take_place(engine, caller, request, id) if request.exclusive else None
    expires = engine.coordinator.time_at(engine.store.head()).now_us + seconds * SECOND_US
    decision = _emit(engine, caller, _announcement(engine, caller, request, id, expires), request.plan)
    if not decision.is_committed:
        if lease is not None:
            leases.release(engine, caller, ReleaseLease(subjects=lease.subjects, hold=lease.hold))
        raise Pending(decision) if decision.is_pending else Refused(decision)
    verdict = _judge(engine, caller, request)
    news = _look_around(engine, caller, request)
    return Announcement(
        intent=id,
        decision=decision,
        verdict=verdict,
        revision=news.revision,
        at=news.at,
        expires_at=format_time(expires),
        present=news.present,
        recent=news.items,
        lease=lease,
    )


def _judge(engine: Engine, caller: Caller, request: Announce) -> Decision:
    """Return what the checks say of the action now; that a subject isn't there yet is a warning, as it may be made."""
    planned = Proposal(id=engine.make_id(), about=request.about, action=request.action)
    verdict = engine.propose(planned, caller, is_new=True, dry=True)
    absent = {
        found.subject: replace(found, severity="warn") for found in verdict.refusals if found.code == UNKNOWN_SUBJECT
    }
    if not absent:
        return verdict
    about = tuple(record for record in request.about if record not in absent)
    verdict = engine.propose(replace(planned, about=about), caller, is_new=True, dry=True)
    kinds = {refs.split(record)[0] for record in absent if record is not None}
    # The subject that its action needs is one of those that aren't there yet.
    found = tuple(one for one in verdict.findings if one.code != NO_SUBJECT or one.data["kind"] not in kinds)
    is_clear = verdict.outcome == "refused" and all(one.severity == "warn" for one in found)
    outcome = "allowed" if is_clear else verdict.outcome
    return replace(verdict, outcome=outcome, findings=(*found, *absent.values()))


def _take_place(engine: Engine, caller: Caller, request: Announce, intent: str) -> LeaseAnswer:
    """Take the records that an intent is about, or a place in their lines; prolong what it has already."""
    ttl = request.ttl
    asked = TakeLease(subjects=request.about, ttl=ttl, wait=ttl, place=True, hold=intent, reason=request.plan)
    lease = leases.take(engine, caller, asked)
    if lease.state == "waiting":
        return lease
    return leases.renew(engine, caller, RenewLease(subjects=request.about, ttl=ttl, hold=intent))


def _announcement(engine: Engine, caller: Caller, request: Announce, intent: str, expires: int) -> Emit:
    return intents.announcement(
        intent,
        identify(caller, engine.definition()),
        request.about,
        expires,
        action=request.action,
        plan=request.plan,
        exclusive=request.exclusive,
    )


def _check(request: Announce) -> int:
    """Return for how many seconds an intent is announced; raises InvalidRequest and LimitExceeded."""
    if len(request.about) > limits.ANNOUNCED_RECORDS:
        raise LimitExceeded(f"about: at most {counted(limits.ANNOUNCED_RECORDS, 'record')}")
    if request.plan is not None and len(request.plan) > limits.PLAN_CHARS:
        raise LimitExceeded(f"plan: at most {limits.PLAN_CHARS} characters")
    for record in request.about:
        refs.split(record)
    if request.intent is not None:
        _check_id(request.intent)
    if request.exclusive and not request.about:
        raise InvalidRequest("exclusive: name the records that it is about")
    seconds = _ttl_of(request.ttl)
    if not request.about and request.action is None and request.plan is None:
        raise InvalidRequest("say what is going to be done: name the records that it is about, its action or its plan")
    return seconds


def _check_id(intent: str) -> None:
    if refs.parse(f"{INTENT}/{intent}") is None:
        raise InvalidRequest(f"{intent[:64]!r} is no intent's id")


def _ttl_of(text: str) -> int:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise InvalidRequest(f"ttl: {error}") from None
    if not 0 < seconds <= limits.INTENT_MOST_S:
        raise LimitExceeded(f"ttl: between 1 and {limits.INTENT_MOST_S} seconds")
    return seconds


def _emit(engine: Engine, caller: Caller, change: Emit, reason: str | None) -> Decision:
    proposal = Proposal(id=engine.make_id(), changes=(change,), reason=reason)
    return engine.propose(proposal, caller, is_new=True)


def _look_around(engine: Engine, caller: Caller, request: Announce) -> News:
    """Return who is active on the records of an announcement, and what others did there lately."""
    with engine.store.snapshot() as snapshot:
        now_us = engine.coordinator.time_at(snapshot.head).now_us
        since = snapshot.revision_at(now_us - limits.RECENT_S * SECOND_US)
        records = tuple(dict.fromkeys(request.about))
        look = Look(caller.agent, records, since, snapshot.head.revision, arrived=records)
        return news_of(snapshot, engine.coordinator, engine.presences, look)


def withdraw(engine: Engine, caller: Caller, request: WithdrawIntent) -> Decision:
    """Take an announced intent back."""
    _check_id(request.intent)
    return _emit(engine, caller, intents.withdrawal(request.intent), request.reason)


def list_intents(engine: Engine, caller: Caller, request: ListIntents) -> IntentsAnswer:
    """Return the announced intents that are open, the latest first.

    Where there are none, a name that means nothing raises NotFound, with the nearest one, and
    a record that was never written is named: an intent may be about one that is yet to be made.
    """
    if not 0 < request.limit <= limits.INTENTS_PAGE:
        raise LimitExceeded(f"limit: between 1 and {limits.INTENTS_PAGE}")
    with engine.store.snapshot() as snapshot:
        now_us = engine.coordinator.time_at(snapshot.head).now_us
        found = intents.find_open(snapshot, INTENT, now_us, *_conditions(request))
        unknown = None if found else names.check_empty(engine, snapshot, record=request.record, agents=[request.agent])
        latest = sorted(found, key=lambda state: -state.revision)[: request.limit]
        return IntentsAnswer(intents=tuple(map(_described, latest)), revision=snapshot.head.revision, unknown=unknown)


def _conditions(request: ListIntents) -> Iterable[Condition]:
    if request.record is not None:
        refs.split(request.record)
        yield Condition("about", "has", request.record)
    if request.agent is not None:
        yield Condition("agent", "=", request.agent)


def _described(state: RecordState) -> IntentAnswer:
    values = state.values
    return IntentAnswer(
        intent=state.id,
        agent=values["agent"],
        role=values["role"],
        about=tuple(values.get("about") or ()),
        announced_at=values["announced_at"],
        expires_at=values["expires_at"],
        action=values.get("action"),
        plan=values.get("plan"),
        is_exclusive=bool(values.get("exclusive")),
    )
