"""Reading in portions, and answers of a bounded size: what one call asks for may be more than anyone can hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

import msgspec

from comity import limits
from comity.errors import LimitExceeded
from comity.model import filters
from comity.model.codec import encode
from comity.model.events import Event
from comity.model.filters import Query
from comity.model.records import RecordState
from comity.store.contract import EventFilter, Ref, Snapshot

T = TypeVar("T")

AT_ONCE: Final = 256
"""Of records and events that are read from the store at once."""


def within_response(items: Iterable[T], part: Callable[[T], Any], less: str) -> Iterator[T]:
    """Yield what an answer is made of, as long as an answer can hold it.

    ``part`` gives what counts of an item, ``less`` tells how to ask for less: LimitExceeded
    is raised with it at the first item that is too much, and the rest is never read.
    """
    size = 0
    for item in items:
        size += len(encode(part(item)))
        if size > limits.RESPONSE_BYTES:
            raise LimitExceeded(f"the answer would have more than {limits.RESPONSE_BYTES:,} bytes: {less}")
        yield item


def values_of(state: RecordState) -> dict[str, Any]:
    """Return what counts of a record in an answer."""
    return state.values


def find_states(snapshot: Snapshot, query: Query, revision: int | None) -> Iterator[RecordState]:
    """Yield the records that meet a query, now or as of a revision, in its order, at most ``query.limit``."""
    left = query.limit
    while left > 0:
        portion = msgspec.structs.replace(query, limit=min(left, AT_ONCE))
        page = snapshot.find(portion, revision=revision)
        yield from page
        left -= len(page)
        if len(page) < portion.limit:
            return
        query = msgspec.structs.replace(query, after=filters.page_after(query, page[-1]))


def states_of(snapshot: Snapshot, wanted: Sequence[Ref], revision: int | None) -> Iterator[RecordState]:
    """Yield the records named, now or as of a revision, in the order given; one that wasn't there as absent."""
    for start in range(0, len(wanted), AT_ONCE):
        portion = wanted[start : start + AT_ONCE]
        found = snapshot.records(portion) if revision is None else snapshot.records_at(portion, revision)
        for ref in portion:
            yield found.get(ref) or RecordState(*ref)


def find_events(snapshot: Snapshot, chosen: EventFilter) -> Iterator[Event]:
    """Yield the events chosen, in their order, at most ``chosen.limit``.

    A portion may end within a commit: the next one begins with that commit, and passes over
    what is known of it.
    """
    left, known = chosen.limit, 0
    while left > 0:
        asked = min(left, AT_ONCE) + known
        page = snapshot.events(msgspec.structs.replace(chosen, limit=asked))
        yield from page[known:]
        left -= len(page) - known
        if len(page) < asked:
            return
        last = page[-1].revision
        known = sum(event.revision == last for event in page)
        edge = {"upto": last} if chosen.newest_first else {"after": last - 1}
        chosen = msgspec.structs.replace(chosen, **edge)
