"""Snapshots of threads: whichever thread enters gets one, and nested blocks share the outer one's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import contextmanager
from threading import get_ident
from time import monotonic_ns
from types import TracebackType
from typing import Generic, TypeVar

from comity.store.contract import Snapshot
from comity.store.recency import RecentHead

C = TypeVar("C")
S = TypeVar("S", bound=Snapshot)


class _Reading(Generic[C, S]):
    """Be what one thread has open: what it reads by, its snapshot, and how many blocks it is in."""

    __slots__ = ("by", "depth", "snapshot")

    def __init__(self, by: C, snapshot: S) -> None:
        self.by = by
        self.snapshot = snapshot
        self.depth = 1


class Nesting(ABC, Generic[C, S]):
    """Be the ``with`` block around the snapshot of whichever thread enters it; ``C`` is what one is read by."""

    def __init__(self, recent: RecentHead) -> None:
        self._recent = recent
        self._reading: dict[int, _Reading[C, S]] = {}

    @abstractmethod
    def begin(self) -> tuple[C, S]:
        """Return what a new snapshot is read by, and that snapshot."""

    @abstractmethod
    def end(self, by: C, snapshot: S) -> None:
        """End a snapshot, and keep what it was read by for the next."""

    @abstractmethod
    def give_up(self, by: C, snapshot: S) -> None:
        """End a snapshot of which nobody knows how far it had come."""

    def __enter__(self) -> S:
        reading = self._reading.get(get_ident())
        if reading is not None:
            reading.depth += 1
            return reading.snapshot
        asked_ns = monotonic_ns()
        by, snapshot = self.begin()
        self._reading[get_ident()] = _Reading(by, snapshot)
        self._recent.take(snapshot.head, asked_ns)
        return snapshot

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        reading = self._reading[get_ident()]
        reading.depth -= 1
        if not reading.depth:
            del self._reading[get_ident()]
            self.end(reading.by, reading.snapshot)

    @contextmanager
    def reading(self) -> Generator[S]:
        """Give the snapshot of the calling thread, and end it whatever happens: an interrupt may strike its ending."""
        reading = self._reading.get(get_ident())
        depth = 0 if reading is None else reading.depth
        try:
            with self as snapshot:
                yield snapshot
        finally:
            self._break_off(depth)

    def _break_off(self, depth: int) -> None:
        """Go back to so many blocks of the calling thread; without any, its snapshot is given up."""
        reading = self._reading.get(get_ident())
        if reading is not None and reading.depth > depth:
            reading.depth = depth
            if not depth:
                del self._reading[get_ident()]
                self.give_up(reading.by, reading.snapshot)
