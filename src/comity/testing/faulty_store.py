"""A store that fails at a chosen moment: for tests of what is left behind, and of who notices.

It wraps a real store. A :class:`Fault` names a call, which one of them, and on which side
of it to fail; on each side something else is true of the base. ``turn`` and ``snapshot``
are calls from the entering of their blocks to the leaving. Of a batch there are three:

- ``batch``: before the head is taken, or while it is held and nothing is written yet
- ``append``: before or after the rows are written; undone with the batch either way
- ``commit``: before it, and nothing is there; after it, and everything is, but the caller
  can't know: the case of ``OutcomeUnknown``
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal, cast

import msgspec

from comity.errors import StoreUnavailable
from comity.model.events import Answered
from comity.model.records import RecordState
from comity.store.contract import Batch, Emptying, Entry, Head, KeyRow, Scrubbed, Snapshot, Store

Call = Literal[
    "turn", "batch", "append", "commit", "head", "snapshot", "keep", "note", "exchange", "put_key", "empty", "scrub",
    "drop_answers", "index",
]  # fmt: skip
Side = Literal["before", "after"]


def fail() -> None:
    """Raise the error of a store that is out of reach."""
    raise StoreUnavailable("this failure was planned by a test")


def die() -> None:
    """End this process at once, as ``kill -9`` does."""
    os.kill(os.getpid(), signal.SIGKILL)


class Fault(msgspec.Struct, frozen=True):
    """Plan one failure: at the ``nth`` time of a call (1 is the first), before or after it does its work."""

    call: Call
    side: Side = "before"
    nth: int = 1
    strike: Callable[[], None] = fail


class FaultyStore:
    """Be a store that works, but for the faults planned."""

    def __init__(self, store: Store, *faults: Fault) -> None:
        self._store = store
        self._faults = list(faults)
        self._calls: Counter[str] = Counter()

    def plan(self, *faults: Fault) -> None:
        """Plan further faults; their counts begin now."""
        self._calls.clear()
        self._faults = list(faults)

    @contextmanager
    def at(self, call: Call) -> Generator[None]:
        """Strike as planned around one call."""
        self._calls[call] += 1
        self._strike(call, "before")
        yield
        self._strike(call, "after")

    def _strike(self, call: Call, side: Side) -> None:
        for fault in self._faults:
            if (fault.call, fault.side, fault.nth) == (call, side, self._calls[call]):
                fault.strike()

    @contextmanager
    def turn(self) -> Generator[None]:
        """Wait for this process's turn at the head."""
        with self.at("turn"), self._store.turn():
            yield

    @contextmanager
    def _batch(self) -> Generator[Batch]:
        self._calls["batch"] += 1
        self._strike("batch", "before")
        with self._store.batch() as batch:
            self._strike("batch", "after")
            yield cast("Batch", _FaultyBatch(batch, self))
            self._calls["commit"] += 1
            self._strike("commit", "before")
        self._strike("commit", "after")

    def batch(self) -> AbstractContextManager[Batch]:
        """Take the head."""
        return self._batch()

    def head(self) -> Head:
        """Return the head as it is now."""
        with self.at("head"):
            return self._store.head()

    def recent_head(self) -> Head:
        """Return the head as it is now, or was a moment ago."""
        with self.at("head"):
            return self._store.recent_head()

    @contextmanager
    def snapshot(self) -> Generator[Snapshot]:
        """Open a consistent read."""
        with self.at("snapshot"), self._store.snapshot() as snapshot:
            yield snapshot

    def keep(self, head: Head, answers: Sequence[Answered]) -> None:
        """Keep answers that made no commit."""
        with self.at("keep"):
            self._store.keep(head, answers)

    def note(self, topic: str, entries: Mapping[str, str | None]) -> None:
        """Keep bookkeeping."""
        with self.at("note"):
            self._store.note(topic, entries)

    def exchange(self, topic: str, name: str, was: str | None, now: str | None) -> bool:
        """Keep bookkeeping in place of what is expected there."""
        with self.at("exchange"):
            return self._store.exchange(topic, name, was, now)

    def wait(self, revision: int, timeout_s: float) -> bool:
        """Wait until the head is past a revision."""
        return self._store.wait(revision, timeout_s)

    def put_key(self, row: KeyRow) -> None:
        """Keep the hash of a key."""
        with self.at("put_key"):
            self._store.put_key(row)

    def empty(self, emptying: Emptying) -> None:
        """Empty payloads and salts."""
        with self.at("empty"):
            self._store.empty(emptying)

    def drop_answers(self, settled_before_us: int, pending_before_us: int, most: int) -> int:
        """Drop answers of before a store time."""
        with self.at("drop_answers"):
            return self._store.drop_answers(settled_before_us, pending_before_us, most)

    def scrub(self, wait_s: float, *, rewrite: bool = True) -> Scrubbed:
        """Have the bytes of what was emptied be gone."""
        with self.at("scrub"):
            return self._store.scrub(wait_s, rewrite=rewrite)

    def index(self, wanted: Mapping[str, Sequence[Sequence[str]]]) -> None:
        """Have exactly these indexes."""
        with self.at("index"):
            self._store.index(wanted)

    def files(self) -> tuple[Path, ...]:
        """Return the files that are the store's own."""
        return self._store.files()

    def close(self) -> None:
        """Release everything."""
        self._store.close()


class _FaultyBatch:
    """Be a batch whose ``append`` may fail; all reading goes to the real one."""

    def __init__(self, batch: Batch, store: FaultyStore) -> None:
        self._batch = batch
        self._store = store

    def __getattr__(self, name: str) -> object:
        return getattr(self._batch, name)

    def append(
        self, head: Head, entries: Sequence[Entry], records: Sequence[RecordState], answers: Sequence[Answered]
    ) -> None:
        """Append commits and answers, unless a fault is planned here."""
        with self._store.at("append"):
            self._batch.append(head, entries, records, answers)
