"""One bite of the feed: what passes behind a revision."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

import msgspec

from comity import limits
from comity.clock import format_time
from comity.errors import CursorLost
from comity.feed.selection import Selection
from comity.model.cursors import Cursor, parse_cursor
from comity.model.events import Commit, Event
from comity.model.records import LIFE
from comity.operations.feeding import FeedItem, ItemEvent
from comity.store.contract import Head, Snapshot

_REVISION: Final = re.compile(r"[0-9]{1,18}\Z")


class Bite(msgspec.Struct, frozen=True, gc=False):
    """Be what was read: the items, and the revision up to which nothing else passes."""

    items: tuple[FeedItem, ...]
    revision: int


def position_of(head: Head, after: int | str) -> int:
    """Return the revision behind which to read: of a cursor, a revision, ``"start"`` or ``"now"``.

    Raises CursorLost where the log doesn't go on from there, InvalidRequest for anything else.
    """
    if after == "start":
        return 0
    if after == "now":
        return head.revision
    if isinstance(after, int) or _REVISION.match(after):
        return _known(int(after), head)
    cursor = parse_cursor(after)
    if cursor.incarnation == head.incarnation and cursor.revision <= head.revision:
        return cursor.revision
    raise CursorLost(
        f"nothing goes on from {cursor}: the base was restored, and is at {Cursor(head.incarnation, head.revision)} of"
        " another life; start again from 'start', or from a revision that you know to be the same in both",
        revision=head.revision,
    )


def _known(revision: int, head: Head) -> int:
    if 0 <= revision <= head.revision:
        return revision
    named = f"{revision}" if abs(revision) <= limits.INTEGER_MAX else "of so many digits"
    raise CursorLost(
        f"there is no revision {named}: the last one is {head.revision}, unless it is one from before the base was"
        " restored",
        revision=head.revision,
    )


def read_bite(snapshot: Snapshot, selection: Selection, after: int, limit: int) -> Bite:
    """Return what passes behind a revision: at most so many items, about ``limits.FEED_BYTES`` and no more.

    It looks at ``limits.FEED_LOOK`` commits at most, and ends with the one that makes it so many
    events, so where little passes it may end before anything did.
    """
    upto = min(snapshot.head.revision, after + limits.FEED_LOOK)
    found: dict[int, list[Event]] = {}
    size = looked = 0
    for revision, searched in _searched(snapshot, selection, after, upto):
        looked += len(searched)
        if events := [event for event in searched if selection.concerns(event)]:
            found[revision] = events
            size += sum(len(event.payload_bytes or b"") for event in events)
        if len(found) >= limit or size >= limits.FEED_BYTES or looked >= limits.FEED_LOOK:
            upto = revision
            break
    commits = snapshot.commits_of(list(found)) if found else {}
    incarnation = snapshot.head.incarnation
    return Bite(tuple([item_of(commits[one], events, incarnation) for one, events in found.items()]), upto)


def _searched(snapshot: Snapshot, selection: Selection, after: int, upto: int) -> Iterator[tuple[int, list[Event]]]:
    """Yield the commits of which something may pass, each with the events that may."""
    if upto <= after:
        return
    searched = snapshot.search_log(selection.chosen, after, upto)
    for revision, events in groupby(searched, key=lambda event: event.revision):
        yield revision, list(events)


def item_of(commit: Commit, events: list[Event], incarnation: str) -> FeedItem:
    """Return a commit as the feed tells it."""
    return FeedItem(
        cursor=f"{incarnation}:{commit.revision}",
        revision=commit.revision,
        at=format_time(commit.at),
        agent=commit.agent,
        role=commit.role,
        known=commit.known,
        proposal=commit.proposal,
        action=commit.action,
        reason=commit.reason,
        cause=commit.cause,
        events=tuple([_event_of(event) for event in events]),
    )


def _event_of(event: Event) -> ItemEvent:
    payload = event.payload
    was: dict[str, Any] = {} if payload is None else payload.was
    values: dict[str, Any] = {} if payload is None else payload.values
    return ItemEvent(
        event=event.event_id,
        record=event.ref,
        type=event.type,
        version=event.version,
        was=was,
        now={name: event.life if name == LIFE else values.get(name) for name in was},
        data={} if payload is None else payload.data,
        derived=event.derived or None,
        is_erased=payload is None,
    )
