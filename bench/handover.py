"""Handing a lease over: from its release to the moment at which the next in line has it.

By hand it is a row that says who holds the lock, taken by an UPDATE with a full sync, for
which the other looks every few milliseconds: in one process, and between two.
"""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, Protocol

import apsw

import comity
from bench.measuring import Pair, Row, Sample, Sizes, alternate, latency_rows

POLL_S: Final = 0.005
HELD_S: Final = (0.01, 0.06)
"""How long a lock is held while the other waits: long enough that the two don't keep step."""
SEED: Final = 5
LOCK: Final = "name:printer"
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS locks (name TEXT PRIMARY KEY, holder TEXT) WITHOUT ROWID;
INSERT OR IGNORE INTO locks VALUES ('printer', NULL);
"""
SPAWN: Final = multiprocessing.get_context("spawn")


class Lock(Protocol):
    """Be something that one at a time holds, as one of those who want it sees it."""

    def stand_in_line(self) -> None:
        """Take a place in line, where there is a line."""

    def take(self) -> None:
        """Wait until it is held."""

    def release(self) -> None:
        """Give it back."""

    def close(self) -> None:
        """Release the base."""


class Leased:
    """Be a lease of Comity's."""

    def __init__(self, place: Path | comity.Workspace, agent: str) -> None:
        self.workspace = place if isinstance(place, comity.Workspace) else comity.open(place)
        self._agent = self.workspace.agent(agent)
        self._lease = self._agent.lease(LOCK, ttl="5m", wait="5m")

    def stand_in_line(self) -> None:
        self._lease = self._agent.lease(LOCK, ttl="5m", wait="5m")
        self._lease.join()

    def take(self) -> None:
        self._lease.take()

    def release(self) -> None:
        self._lease.release()

    def close(self) -> None:
        self.workspace.close()


class RowLock:
    """Be a row of a table of locks."""

    def __init__(self, path: Path, agent: str) -> None:
        self._agent = agent
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(10_000)
        self._connection.execute(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; {SCHEMA}").fetchall()

    def stand_in_line(self) -> None:
        """There is no line."""

    def take(self) -> None:
        while not self._is_taken():
            time.sleep(POLL_S)

    def _is_taken(self) -> bool:
        self._connection.execute(
            "UPDATE locks SET holder = ? WHERE name = 'printer' AND holder IS NULL", (self._agent,)
        )
        return self._connection.changes() == 1

    def release(self) -> None:
        self._connection.execute("UPDATE locks SET holder = NULL WHERE name = 'printer' AND holder = ?", (self._agent,))

    def close(self) -> None:
        self._connection.close()


class Runner(Protocol):
    """Be a thread or a process."""

    def start(self) -> None:
        """Begin."""

    def join(self) -> None:
        """Wait until it has ended."""


class Place(Protocol):
    """Return what runs a function in another thread or process."""

    def __call__(self, *, target: Callable[[Connection], None], args: tuple[object]) -> Runner: ...


def take_when_told(lock: Lock, pipe: Connection) -> None:
    """Stand in line when told to; once it is had, tell since when, and give it back."""
    while pipe.recv():
        lock.stand_in_line()
        pipe.send(None)
        lock.take()
        taken = time.perf_counter()
        lock.release()
        pipe.send(taken)
    lock.close()


def take_elsewhere(make: Callable[[Path, str], Lock], path: Path, pipe: Connection) -> None:
    """Do so in a process of its own."""
    take_when_told(make(path, "other"), pipe)


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows within a process and between two."""
    for cell, is_shared in (("in one process", True), ("between processes", False)):
        yield from latency_rows("lease hand-over", cell, _compare(folder / cell, sizes, is_shared=is_shared))


def _compare(folder: Path, sizes: Sizes, *, is_shared: bool) -> list[Pair]:
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        ours = _leases(folder / "comity.db", stack, is_shared=is_shared)
        hand = _row_locks(folder / "by_hand.db", stack, is_shared=is_shared)
        return alternate(sizes.rounds, lambda: ours.hand_over(sizes.handovers), lambda: hand.hand_over(sizes.handovers))


def _leases(path: Path, stack: ExitStack, *, is_shared: bool) -> _Two:
    """Have two who want one lease; those of one process share a workspace."""
    first = Leased(path, "first")
    if is_shared:
        return _Two(first, partial(take_when_told, Leased(first.workspace, "other")), stack, threading.Thread)
    return _Two(first, partial(take_elsewhere, Leased, path), stack, SPAWN.Process)


def _row_locks(path: Path, stack: ExitStack, *, is_shared: bool) -> _Two:
    """Have two who want one row, each with a connection of its own."""
    place: Place = threading.Thread if is_shared else SPAWN.Process
    return _Two(RowLock(path, "first"), partial(take_elsewhere, RowLock, path), stack, place)


class _Two:
    """Be two who want one lock: the first is here, the other in another thread or process."""

    def __init__(self, lock: Lock, other: Callable[[Connection], None], stack: ExitStack, place: Place) -> None:
        self._lock = lock
        self._chosen = random.Random(SEED)
        self._pipe, there = SPAWN.Pipe()
        runner = place(target=other, args=(there,))
        runner.start()
        stack.callback(lock.close)
        stack.callback(runner.join)
        stack.callback(self._pipe.send, False)

    def hand_over(self, times: int) -> Sample:
        """Return how long it took each time from the release to the other having it."""
        begun, cpu = time.perf_counter(), time.process_time()
        taken = tuple(self._once() for _ in range(times))
        return Sample((taken,), (times,), time.perf_counter() - begun, time.process_time() - cpu)

    def _once(self) -> float:
        self._lock.stand_in_line()
        self._lock.take()
        self._pipe.send(True)
        self._pipe.recv()
        time.sleep(self._chosen.uniform(*HELD_S))
        released = time.perf_counter()
        self._lock.release()
        return self._pipe.recv() - released
