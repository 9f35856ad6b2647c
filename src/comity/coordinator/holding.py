"""What is open of some of Comity's own kinds, held in memory over batches.

Every proposal has to know who waits for its subjects, what humans hold, and some of them
what is lent or announced. So what is open is read once, and brought up to date from the
log's own events of its kind; where there never was any, nobody asks. Like all that is held
it is only as good as the head: who holds it clears it when the log doesn't go on from where
it was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Generic, Protocol, TypeVar, cast

import msgspec

from comity import limits
from comity.deciding.announced import Announced
from comity.deciding.grants import Grants
from comity.deciding.overrides import Overrides
from comity.deciding.queues import Queue
from comity.model.built_in import GRANT, INTENT, OVERRIDE, QUEUE
from comity.model.filters import Order, Query
from comity.model.records import RecordState
from comity.store.contract import EventFilter, Snapshot


class Index(Protocol):
    """Be open records of a kind, so arranged that gates find what they look for."""

    def take(self, state: RecordState, /) -> None:
        """Take what became of a record."""
        ...


I = TypeVar("I", bound=Index)  # noqa: E741


class Held(msgspec.Struct, Generic[I], frozen=True):
    """Be a kind that is held: how its open records are arranged, and how many of them at most, in which order."""

    kind: str
    made: Callable[[Iterable[RecordState]], I]
    most: int
    order: tuple[Order, ...] = ()


QUEUED: Final = Held(QUEUE, Queue, limits.QUEUE_WAITING)
HELD: Final[Mapping[str, Held[Any]]] = {
    GRANT: Held(GRANT, Grants, limits.GRANTS_LIVE),
    INTENT: Held(INTENT, Announced, limits.INTENTS_HELD),
    OVERRIDE: Held(OVERRIDE, Overrides, limits.OVERRIDES_LIVE),
    QUEUE: QUEUED,
}


def load(snapshot: Snapshot, held: Held[I], revision: int | None = None) -> I:
    """Return what is open of a kind as a snapshot has it, or as it was at a revision."""
    return held.made(snapshot.find(Query(held.kind, order=held.order, limit=held.most), revision=revision))


class Holding:
    """Hold what is open of each kind as of the place in the log at which it was looked at last."""

    def __init__(self) -> None:
        self._indexes: dict[str, tuple[str, int, Index]] = {}

    def at(self, snapshot: Snapshot, held: Held[I]) -> I:
        """Return what is open of a kind as a snapshot has it; the next call changes what this one returned."""
        head, known = snapshot.head, self._indexes.pop(held.kind, None)  # An interrupt may leave it half up to date.
        index = None
        if known is not None and known[0] == head.incarnation:
            index = cast("I", known[2])
            if not _follow(index, held.kind, known[1], snapshot):
                index = None
        if index is None:
            index = load(snapshot, held)
        self._indexes[held.kind] = (head.incarnation, head.revision, index)
        return index

    def clear(self) -> None:
        """Forget everything."""
        self._indexes.clear()


def _follow(index: Index, kind: str, revision: int, snapshot: Snapshot) -> bool:
    """Take what happened to a kind since a revision; return False where that is too much, or lies in the past."""
    if snapshot.head.revision <= revision:
        return snapshot.head.revision == revision
    events = snapshot.events(EventFilter(kind=kind, after=revision, limit=limits.CATCH_UP_EVENTS))
    for event in events:
        index.take(event.after())
    return len(events) < limits.CATCH_UP_EVENTS
