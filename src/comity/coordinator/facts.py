"""Fetching what a view asks for, from the batch that holds the head or from a snapshot of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from comity.coordinator.holding import HELD, Held, Index, load
from comity.deciding.view import (
    Ask,
    Author,
    AuthorNeed,
    Cause,
    CauseNeed,
    ChangedNeed,
    CountNeed,
    EventNeed,
    FindNeed,
    Happened,
    HeldNeed,
    Need,
    NotedNeed,
    PastNeed,
    RecentNeed,
    RecordNeed,
    Ref,
    TouchedNeed,
    Wish,
    WishNeed,
)
from comity.model.events import Answered, Commit, Event
from comity.model.records import RecordState
from comity.store.contract import AnsweredFilter, EventFilter, Snapshot

Keep = Callable[[Ref, RecordState], None]
"""Take a record that was fetched, where the view finds it."""

Hold = Callable[[Snapshot, Held[Any]], Index]
"""Return what is open of a kind as a snapshot has it."""


def asking(snapshot: Snapshot, keep: Keep, hold: Hold = load) -> Ask:
    """Return what answers a view's needs; ``keep`` takes the records fetched, ``hold`` has what is held."""
    bounds: dict[int, int] = {}

    def ask(need: Need) -> object:
        if isinstance(need, RecentNeed):
            if need.since_us not in bounds:
                bounds[need.since_us] = snapshot.revision_at(need.since_us)
            return recent_on(snapshot, need, bounds[need.since_us])
        if isinstance(need, HeldNeed):
            return hold(snapshot, HELD[need.kind])
        fact = _fetch(snapshot, need)
        if isinstance(need, RecordNeed):
            keep(need.ref, cast("RecordState", fact))
        return fact

    return ask


def record_of(snapshot: Snapshot, ref: Ref) -> RecordState:
    """Return a record, absent where it never was."""
    return snapshot.records([ref]).get(ref) or RecordState(*ref)


def _fetch(snapshot: Snapshot, need: Need) -> object:
    match need:
        case PastNeed(ref, revision):
            return snapshot.records_at([ref], revision).get(ref) or RecordState(*ref)
        case FindNeed(query):
            return snapshot.find(query)
        case CountNeed(query):
            return snapshot.count(query)
        case AuthorNeed():
            return author_of(snapshot, need.ref, need.field, need.revision)
        case ChangedNeed(revision, limit):
            return snapshot.changed_since(revision, limit)
        case EventNeed(revision, ordinal):
            return snapshot.event(revision, ordinal) is not None
        case CauseNeed(revision):
            return cause_of(snapshot, revision)
        case TouchedNeed(ref, revision):
            return has_touched(snapshot, ref, revision)
        case RecentNeed():
            return recent_on(snapshot, need, snapshot.revision_at(need.since_us))
        case WishNeed():
            return wishes_of(snapshot, need)
        case HeldNeed(kind):
            return load(snapshot, HELD[kind])
        case NotedNeed(topic, name):
            return snapshot.noted(topic, [name]).get(name)
        case RecordNeed(ref):
            return record_of(snapshot, ref)


def recent_on(snapshot: Snapshot, need: RecentNeed, after: int, upto: int | None = None) -> list[Happened]:
    """Return what happened to a record after a revision, and up to another one where it is given, newest first."""
    kind, name = need.ref
    chosen = EventFilter(
        kind=kind, id=name, but_agent=need.but, after=after, upto=upto, newest_first=True, limit=need.limit
    )
    events = snapshot.events(chosen)
    commits = snapshot.commits_of(list({event.revision for event in events})) if events else {}
    return [_happened(event, commits[event.revision]) for event in events if event.revision in commits]


def _happened(event: Event, commit: Commit) -> Happened:
    fields = tuple(event.payload.was) if event.payload is not None else ()
    return Happened(commit.agent, commit.role, commit.agent_kind, event.type, event.ref, commit.at, fields)


def cause_of(snapshot: Snapshot, revision: int) -> Cause | None:
    """Return a commit as a link of a chain of causes, or None where there is none."""
    commit = snapshot.commit(revision)
    return None if commit is None else Cause(revision, commit.agent, commit.action, commit.cause, commit.proposal)


def has_touched(snapshot: Snapshot, ref: Ref, revision: int) -> bool:
    """Tell whether a commit changed a record."""
    chosen = EventFilter(kind=ref[0], id=ref[1], after=revision - 1, upto=revision, limit=1)
    return bool(snapshot.events(chosen))


def author_of(snapshot: Snapshot, ref: Ref, field: str, revision: int) -> Author:
    """Return who changed a field at a revision: the event of that commit that has it among its changes."""
    commit = snapshot.commit(revision)
    if commit is None:
        return Author("nobody", 0, f"{revision}.0", None)
    chosen = EventFilter(kind=ref[0], id=ref[1], after=revision - 1, upto=revision)
    events = snapshot.events(chosen)
    changed = [event for event in events if event.payload is not None and field in event.payload.was]
    event = (changed or events or [None])[-1]
    address = event.event_id if event is not None else f"{revision}.0"
    return Author(commit.agent, commit.at, address, commit.reason)


def wishes_of(snapshot: Snapshot, need: WishNeed, until_us: int | None = None, before: int | None = None) -> list[Wish]:
    """Return what an agent proposed that was only deferred, up to a time and a place among all that were judged."""
    chosen = AnsweredFilter(need.agent, "refused", need.since_us, until_us, limit=need.limit)
    found = snapshot.answered(chosen)
    return [wish for one in found if before is None or one.ordinal < before for wish in _wishes(one)]


def _wishes(answered: Answered) -> Iterator[Wish]:
    payload = answered.payload
    if payload is None or any(finding.severity not in ("defer", "warn") for finding in payload.findings):
        return
    proposal = payload.proposal
    about = dict.fromkeys((*proposal.about, *(change.record for change in proposal.changes)))
    yield Wish(proposal.id, proposal.action, tuple(about), answered.at)
