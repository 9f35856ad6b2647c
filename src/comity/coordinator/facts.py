"""Fetching what a view asks for, from the batch that holds the head or from a snapshot of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from comity.deciding.view import (
    Ask,
    Author,
    AuthorNeed,
    ChangedNeed,
    CountNeed,
    EventNeed,
    FindNeed,
    Need,
    PastNeed,
    RecordNeed,
    Ref,
)
from comity.model.records import RecordState
from comity.store.contract import EventFilter, Snapshot

Keep = Callable[[Ref, RecordState], None]
"""Take a record that was fetched, where the view finds it."""


def asking(snapshot: Snapshot, keep: Keep) -> Ask:
    """Return the function that answers a view's needs; ``keep`` takes the records fetched."""

    def ask(need: Need) -> object:
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
        case RecordNeed(ref):
            return record_of(snapshot, ref)


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
