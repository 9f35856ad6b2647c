"""News: what it adds to a read and to a commit, with nothing to tell and with something.

By hand whoever wants to know asks for the audit rows of the record since the last look. The
CPU that a commit takes is compared, as its time is mostly the disk's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import comity
from bench.by_hand import ByHand
from bench.measuring import Row, Sample, Sizes, alternate, median
from bench.scene import OTHER, Scene, scene

REF: Final = "customer/0"
PLACES: Final = (("nothing happened", None), ("something elsewhere", "customer/1"), ("something to tell", REF))
"""Where others do something before each job."""


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows for a read, and for a commit: nothing new, news elsewhere, news here."""
    with scene(folder / "news", 2) as place:
        hand = place.by_hand()
        try:
            for cell, where in PLACES:
                yield _get_row(cell, _Reading(place, hand, where), sizes)
            for cell, where in PLACES:
                yield _commit_row(cell, _Committing(place, hand, where), sizes)
        finally:
            hand.close()


def _get_row(cell: str, reading: _Reading, sizes: Sizes) -> Row:
    times = max(sizes.reads // 10, 20)
    pairs = alternate(sizes.rounds, lambda: reading.ours(times), lambda: reading.by_hand(times))
    us = [(pair.ours.quantile(0.5) * 1e6, pair.baseline.quantile(0.5) * 1e6) for pair in pairs]
    ratio = median([hand / ours for ours, hand in us])
    ours, theirs = median([ours for ours, _ in us]), median([hand for _, hand in us])
    p99 = median([pair.p99_ratio for pair in pairs])
    return Row("get, with news", cell, ours, theirs, "µs", ratio, p99)


def _commit_row(cell: str, committing: _Committing, sizes: Sizes) -> Row:
    times = max(sizes.reads // 20, 20)
    pairs = alternate(sizes.rounds, lambda: committing.ours(times), lambda: committing.by_hand(times))
    ours, hand = median([pair.ours.cpu_us for pair in pairs]), median([pair.baseline.cpu_us for pair in pairs])
    ratio = median([pair.baseline.cpu_us / pair.ours.cpu_us for pair in pairs])
    return Row("commit, with news", cell, ours, hand, "µs CPU", ratio)


class _Side:
    """Be a job to measure, before each of which others may do something."""

    def __init__(self, place: Scene, hand: ByHand, where: str | None) -> None:
        self._agent = place.workspace.agent("support")
        self._other = place.workspace.agent("sales")
        self._hand = hand
        self._where = where

    def _disturb(self) -> None:
        if self._where is not None:
            self._other.add(self._where, value=1)

    def _disturb_by_hand(self) -> None:
        if self._where is not None:
            self._hand.add(self._where, "value", 1)

    def _seq(self) -> int:
        return self._hand.history(REF, 1)[0][0]


class _Reading(_Side):
    """Be a second look at a record, and at what happened to it since the first."""

    def ours(self, times: int) -> Sample:
        intent = self._agent.intent("review", about=REF)
        intent.get(REF, "status")
        intent.get(REF, "status")
        return _timed(times, self._disturb, lambda: intent.get(REF, "status").news)

    def by_hand(self, times: int) -> Sample:
        since = [self._seq()]

        def look() -> object:
            record, changes = self._hand.get(REF), self._hand.changes_since(REF, since[0])
            since[0] = changes[-1][0] if changes else since[0]
            return record, changes

        return _timed(times, self._disturb_by_hand, look)


class _Committing(_Side):
    """Be a read and a commit; in between others may have done something that isn't in its way."""

    def ours(self, times: int) -> Sample:
        opened: list[tuple[comity.Intent, str]] = []

        def open_intent() -> None:
            intent = self._agent.intent("review", about=REF)
            opened.append((intent, intent.get(REF, "status")["status"]))
            self._disturb()

        def commit() -> object:
            intent, status = opened.pop()
            intent.set(REF, {"status": OTHER[status]})
            return intent.propose().news

        return _timed(times, open_intent, commit)

    def by_hand(self, times: int) -> Sample:
        seen: list[tuple[int, str]] = []

        def look() -> None:
            self._disturb_by_hand()
            seen.append((self._seq(), self._hand.get(REF)[1]["status"]))

        def commit() -> object:
            seq, status = seen.pop()
            version = self._hand.get(REF)[0]
            self._hand.commit(
                "support", {REF: version}, REF, "status", OTHER[status], _always, "StatusChanged", "bench"
            )
            return self._hand.changes_since(REF, seq)

        return _timed(times, look, commit)


def _always(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return True


def _timed(times: int, prepare: Callable[[], None], work: Callable[[], object]) -> Sample:
    """Return how long a job took, each time after a preparation that isn't counted."""
    latencies: list[float] = []
    cpu, begun = 0.0, time.perf_counter()
    for _ in range(times):
        prepare()
        before, cpu_before = time.perf_counter(), time.process_time()
        work()
        cpu += time.process_time() - cpu_before
        latencies.append(time.perf_counter() - before)
    return Sample((tuple(latencies),), (times,), time.perf_counter() - begun, cpu)
