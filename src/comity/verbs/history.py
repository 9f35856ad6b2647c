"""Looking back: history, a state as of a moment, differences, why, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, Final

from msgspec.structs import replace

from comity import limits
from comity.clock import format_time
from comity.coordination.hiding import hide
from comity.deciding.case import withheld_from
from comity.deciding.readers import Withheld
from comity.errors import InvalidRequest, LimitExceeded, NotFound
from comity.model import filters, refs
from comity.model.events import Commit, Event
from comity.model.proposals import Caller, QueryRead, Was
from comity.model.records import ERASED, LIFE, RecordState
from comity.model.texts import show
from comity.model.values import same
from comity.operations import (
    At,
    Diff,
    DiffAnswer,
    Difference,
    EventAnswer,
    History,
    HistoryAnswer,
    RecordsAnswer,
    Refusal,
    Refusals,
    RefusalsAnswer,
    Why,
    WhyAnswer,
)
from comity.store.contract import AnsweredFilter, EventFilter, Snapshot
from comity.verbs import names
from comity.verbs.engine import Engine, revision_of, time_of
from comity.verbs.portions import AT_ONCE, find_events, find_states, states_of, values_of, within_response
from comity.verbs.reading import answer_of, check_query, known_fields

_CAUSES: Final = 32
_CONSENTS: Final = ("ticket.accepted", "ticket.approved")
"""Findings that are told of an event as who let it be made."""


def history(engine: Engine, caller: Caller, request: History) -> HistoryAnswer:
    """Return events, newest first unless asked otherwise.

    Raises NotFound, with the nearest name, where there are none because a name means nothing.
    """
    if not 0 < request.limit <= limits.HISTORY_PAGE:
        raise LimitExceeded(f"limit: between 1 and {limits.HISTORY_PAGE}")
    with engine.store.snapshot() as snapshot:
        described = _described(snapshot, find_events(snapshot, _chosen(snapshot, request)))
        events = tuple(within_response(described, _told, "ask for a smaller limit, or name a record, a type or a time"))
        if not events:
            _check_names(engine, snapshot, request)
        return HistoryAnswer(events=events, revision=snapshot.head.revision)


def _check_names(engine: Engine, snapshot: Snapshot, request: History) -> None:
    compiled = engine.coordinator.definition(snapshot)
    if request.record is not None:
        names.check_target(snapshot, compiled, request.record)
    if request.agent is not None:
        names.check_agent(snapshot, compiled, request.agent)
    if request.type is not None:
        names.check_event_type(snapshot, compiled, request.type)


def _chosen(snapshot: Snapshot, request: History) -> EventFilter:
    kind, slash, name = (request.record or "").partition("/")
    if slash:
        kind, name = refs.split(request.record or "")
    return EventFilter(
        kind=kind or None,
        id=name or None,
        agent=request.agent,
        type=request.type,
        after=since_of(snapshot, request.since),
        upto=None if request.until is None else revision_of(snapshot, request.until),
        newest_first=not request.oldest_first,
        limit=request.limit,
    )


def since_of(snapshot: Snapshot, moment: int | str | None) -> int:
    """Return the revision after which a span begins: a revision itself, or the last one before a time."""
    if moment is None:
        return 0
    if isinstance(moment, str) and not moment.isdecimal():
        return snapshot.revision_at((time_of("since", moment) or 0) - 1)
    return revision_of(snapshot, moment)


def _described(snapshot: Snapshot, events: Iterator[Event]) -> Iterator[EventAnswer]:
    while portion := list(islice(events, AT_ONCE)):
        commits = snapshot.commits_of([event.revision for event in portion])
        for event in portion:
            commit = commits.get(event.revision)
            if commit is not None:
                yield told_of(snapshot, event, commit)


def told_of(snapshot: Snapshot, event: Event, commit: Commit) -> EventAnswer:
    """Return an event with what its commit knows of it, and by whom and when it was erased, if it was."""
    told = describe(event, commit)
    if not told.is_erased:
        return told
    chosen = EventFilter(kind=event.kind, id=event.id, type=ERASED, after=event.revision, limit=1)
    erasures = snapshot.events(chosen)
    erasure = snapshot.commit(erasures[0].revision) if erasures else None
    return told if erasure is None else replace(told, erased_by=erasure.agent, erased_at=format_time(erasure.at))


def _told(event: EventAnswer) -> tuple[dict[str, Any], ...]:
    """Return what counts of an event in an answer."""
    return event.was, event.now, event.data


def describe(event: Event, commit: Commit) -> EventAnswer:
    """Return an event with what its commit knows of it."""
    payload = event.payload
    was = dict(payload.was) if payload else {}
    values = {name: payload.values.get(name) for name in was if name != LIFE} if payload else {}
    if LIFE in was:
        values[LIFE] = event.life
    return EventAnswer(
        event=event.event_id,
        type=event.type,
        record=event.ref,
        version=event.version,
        at=format_time(commit.at),
        by=commit.agent,
        known=commit.known,
        reason=commit.reason,
        action=commit.action,
        cause=commit.cause,
        derived=event.derived or None,
        was=was,
        now=values,
        data=payload.data if payload else {},
        proposal=commit.proposal,
        definition=commit.definition,
        is_erased=payload is None,
        accepted_by=commit.consents("ticket.accepted"),
        approved_by=commit.consents("ticket.approved"),
    )


# -- as of a moment


def at(engine: Engine, caller: Caller, request: At) -> RecordsAnswer:
    """Return a record, the records of a kind that meet the conditions, or all, as of a moment."""
    if not 0 < request.limit <= limits.QUERY_RECORDS:
        raise LimitExceeded(f"limit: between 1 and {limits.QUERY_RECORDS}; find(…, at=…) gives page after page")
    with engine.store.snapshot() as snapshot:
        revision = revision_of(snapshot, request.moment)
        found = _states_at(engine, caller, snapshot, request, revision)
        states = list(within_response(found, values_of, "ask for a smaller limit, or for a kind with find(…, at=…)"))
        incarnation = snapshot.head.incarnation
        compiled = engine.coordinator.definition(snapshot)
        answers = tuple([answer_of(one, revision, incarnation, known_fields(compiled, one.kind)) for one in states])
        return RecordsAnswer(records=answers, revision=revision, incarnation=incarnation)


def _states_at(engine: Engine, caller: Caller, snapshot: Snapshot, request: At, revision: int) -> Iterator[RecordState]:
    target = request.target
    if target and "/" in target:
        ref = refs.split(target)
        yield snapshot.records_at([ref], revision).get(ref) or RecordState(*ref)
        return
    kinds = [target] if target else [kind for kind in sorted(snapshot.kinds()) if not refs.is_built_in(kind)]
    left = request.limit
    for kind in kinds:
        if left <= 0:
            return
        query = filters.query(kind, *request.where, limit=min(left, limits.QUERY_RECORDS))
        query = check_query(query, caller, engine.coordinator.definition(snapshot), snapshot)
        for state in find_states(snapshot, query, revision):
            left -= 1
            yield state


# -- differences


def diff(engine: Engine, caller: Caller, request: Diff) -> DiffAnswer:
    """Return the fields that differ between two moments, by record; raises NotFound for a target that isn't there."""
    with engine.store.snapshot() as snapshot:
        since, until = revision_of(snapshot, request.since), revision_of(snapshot, request.until)
        if since > until:
            raise InvalidRequest(f"revision {since} is later than {until}: name the earlier moment first")
        if request.target:
            names.check_target(snapshot, engine.coordinator.definition(snapshot), request.target)
        touched = _touched(snapshot, request.target, since, until)
        pairs = zip(states_of(snapshot, touched, since), states_of(snapshot, touched, until), strict=True)
        found = chain.from_iterable(differences(before, after) for before, after in pairs)
        told = tuple(within_response(found, sides_of, "name a record or a kind, or moments that are closer together"))
        return DiffAnswer(since=since, until=until, differences=told)


def _touched(snapshot: Snapshot, target: str | None, since: int, until: int) -> list[tuple[str, str]]:
    """Return the records that events between two revisions are about."""
    kind, slash, _ = (target or "").partition("/")
    if slash:
        return [refs.split(target or "")]
    chosen = EventFilter(kind=kind or None, after=since, upto=until, limit=limits.INTEGER_MAX)
    touched = {(event.kind, event.id) for event in find_events(snapshot, chosen)}
    return sorted(ref for ref in touched if kind or not refs.is_built_in(ref[0]))


def differences(before: RecordState, after: RecordState) -> list[Difference]:
    """Return the fields in which two states of a record differ, its life first."""
    found: list[Difference] = []
    if before.life != after.life:
        found.append(Difference(record=after.ref, field=LIFE, was=before.life, now=after.life))
    for name in dict.fromkeys([*before.values, *after.values]):
        was, now = _visible(before, name), _visible(after, name)
        if not same(was, now):
            found.append(Difference(record=after.ref, field=name, was=was, now=now))
    return found


def sides_of(difference: Difference) -> tuple[Any, Any]:
    """Return what counts of a difference in an answer."""
    return difference.was, difference.now


def _visible(state: RecordState, name: str) -> Any:
    return state.values.get(name) if state.exists else None


# -- why


def why(engine: Engine, caller: Caller, request: Why) -> WhyAnswer:
    """Return why a field has its value, or why the record is as it is.

    Raises NotFound, with the nearest name, for a record or a field that never was.
    """
    ref = refs.split(request.record)
    with engine.store.snapshot() as snapshot:
        revision = revision_of(snapshot, request.at)
        compiled = engine.coordinator.definition(snapshot)
        names.check_record(snapshot, compiled, ref)
        state = snapshot.records_at([ref], revision).get(ref)
        if state is None:
            raise NotFound(f"there was no record {request.record} yet at revision {revision}")
        if request.field is not None and request.field not in state.blame and not state.is_erased:
            names.check_field(snapshot.records([ref])[ref], compiled, request.field)
        value = _subject_value(state, request.field)
        whole = request.field is None or not state.blame  # Of what was erased nobody knows when each field changed.
        changed = state.revision if whole else state.blame.get(request.field or "")
        if changed is None:
            return WhyAnswer(record=state.ref, field=request.field, value=value)
        withheld = withheld_from(caller, compiled)
        return _explain(snapshot, state, request.field, value, changed, withheld)


def _subject_value(state: RecordState, field: str | None) -> Any:
    if field is None or field == LIFE:
        return state.life
    return state.values.get(field)


def _explain(
    snapshot: Snapshot, state: RecordState, field: str | None, value: Any, changed: int, withheld: Withheld | None
) -> WhyAnswer:
    commit = snapshot.commit(changed)
    event = _event_that_set(snapshot, state, field, changed)
    if commit is None or event is None:
        return WhyAnswer(record=state.ref, field=field, value=value)
    payload = commit.payload
    return WhyAnswer(
        record=state.ref,
        field=field,
        value=value,
        event=told_of(snapshot, event, commit),
        findings=tuple(one for one in payload.findings if one.code not in _CONSENTS) if payload else (),
        rested_on=tuple(_rested_on(commit, withheld)),
        causes=tuple(_causes(snapshot, commit)),
    )


def _event_that_set(snapshot: Snapshot, state: RecordState, field: str | None, revision: int) -> Event | None:
    events = [event for event in snapshot.events_of(revision) if (event.kind, event.id) == (state.kind, state.id)]
    if field is not None:
        events = [event for event in events if event.payload is None or field in event.payload.was] or events
    return events[-1] if events else None


def _rested_on(commit: Commit, withheld: Withheld | None) -> Iterator[str]:
    """Yield what the proposal had read, in words."""
    payload = commit.payload
    for one in payload.proposal.reads if payload else ():
        read = one if withheld is None else hide(withheld, one)
        if isinstance(read, QueryRead):
            yield f"a search for {read.query.kind} at revision {read.revision}"
        elif isinstance(read, Was):
            yield ", ".join(f"{read.record}.{name} was {show(value)}" for name, value in read.values.items())
        else:
            fields = "the whole record" if read.fields is None else ", ".join(read.fields) or "its existence"
            yield f"{read.record} at revision {read.revision}: {fields}"


def _causes(snapshot: Snapshot, commit: Commit) -> Iterator[EventAnswer]:
    cause = commit.cause
    for _ in range(_CAUSES):
        if cause is None:
            return
        revision, ordinal = refs.parse_event_id(cause)
        event, made = snapshot.event(revision, ordinal), snapshot.commit(revision)
        if event is None or made is None:
            return
        yield told_of(snapshot, event, made)
        cause = made.cause


# -- refusals


def refusals(engine: Engine, caller: Caller, request: Refusals) -> RefusalsAnswer:
    """Return what was refused, newest first; raises NotFound for an agent that nobody is."""
    if not 0 < request.limit <= limits.HISTORY_PAGE:
        raise LimitExceeded(f"limit: between 1 and {limits.HISTORY_PAGE}")
    with engine.store.snapshot() as snapshot:
        since = time_of("since", request.since) or 0
        chosen = AnsweredFilter(agent=request.agent, outcome="refused", since_us=since, limit=request.limit)
        found: list[Refusal] = []
        answers = snapshot.answered(chosen)
        if not answers and request.agent is not None:
            names.check_agent(snapshot, engine.coordinator.definition(snapshot), request.agent)
        for answered in answers:
            payload = answered.payload
            proposal = payload.proposal if payload else None
            found.append(
                Refusal(
                    proposal=answered.proposal,
                    at=format_time(answered.at),
                    agent=answered.agent,
                    revision=answered.revision,
                    action=proposal.action if proposal else None,
                    reason=proposal.reason if proposal else None,
                    records=tuple(dict.fromkeys(change.record for change in proposal.changes)) if proposal else (),
                    findings=payload.findings if payload else (),
                )
            )
        return RefusalsAnswer(refusals=tuple(found))
