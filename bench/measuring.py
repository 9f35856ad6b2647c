"""Measuring: callers that work for a while, alternating rounds, ratios inside a round."""

from __future__ import annotations

import asyncio
import math
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

Work = Callable[[], object]
AsyncWork = Callable[[], Awaitable[object]]
Unit = Literal[
    "per s", "µs", "ms", "µs CPU", "of a fair share", "per success", "per change", "per repaired change", "tokens"
]


class Sizes(msgspec.Struct, frozen=True):
    """Be how much is measured: alternating rounds, seconds in each, and how much is there."""

    rounds: int = 5
    seconds: float = 2.0
    callers: tuple[int, ...] = (1, 8, 64)
    tasks: int = 64
    records: int = 1_000
    depths: tuple[int, ...] = (10, 10_000)
    reads: int = 2_000
    replayed: int = 20_000
    think_s: float = 0.002
    rules: tuple[int, ...] = (5, 50, 500)
    judged: int = 2_000
    handovers: int = 60
    queued: int = 1_000
    crowds: tuple[int, ...] = (8, 32, 64)
    think_span_s: tuple[float, float] = (0.001, 2.0)
    turns: float = 2.0
    """How many times each agent of a crowd could think, one after another."""


FULL = Sizes()
QUICK = Sizes(
    rounds=3,
    seconds=0.4,
    depths=(10, 1_000),
    reads=500,
    replayed=4_000,
    judged=500,
    handovers=20,
    think_span_s=(0.0002, 0.4),
)


class Panel(msgspec.Struct, frozen=True):
    """Be one part of a chart: lines over the number of agents, by their names."""

    title: str
    lines: Mapping[str, Sequence[tuple[int, float]]]


Draw = Callable[[Sequence[Panel], Path], None]
"""Write a picture of panels."""


class Row(msgspec.Struct, frozen=True):
    """Be one comparison. ``aim`` is the ratio that is aimed at, where one is."""

    what: str
    cell: str
    ours: float
    baseline: float | None
    unit: Unit
    ratio: float | None
    p99_ratio: float | None = None
    aim: float | None = None


class Sample(msgspec.Struct, frozen=True):
    """Be what one side did in one round: per caller the seconds that each of its jobs took.

    ``done`` counts each caller's jobs that were done within ``seconds``: what was still
    going on then was finished, and has a latency, but doesn't count for the rate. Where
    nobody was done by then, ``seconds`` are those until the first one was.
    """

    latencies: tuple[tuple[float, ...], ...]
    done: tuple[int, ...]
    seconds: float
    cpu_seconds: float
    wasted: int = 0

    @property
    def rate(self) -> float:
        """Return jobs per second."""
        return sum(self.done) / self.seconds

    @property
    def cpu_us(self) -> float:
        """Return the microseconds of CPU that one job took, of all threads together."""
        return self.cpu_seconds / sum(map(len, self.latencies)) * 1e6

    @property
    def wasted_share(self) -> float:
        """Return how many runs were in vain, for each that succeeded."""
        return self.wasted / sum(map(len, self.latencies))

    @property
    def least_share(self) -> float:
        """Return what the least served caller got, of a fair share; of nothing everybody got one."""
        return min(self.done) * len(self.done) / sum(self.done) if any(self.done) else 1.0

    @property
    def most_share(self) -> float:
        """Return what the most served caller got, of a fair share; of nothing everybody got one."""
        return max(self.done) * len(self.done) / sum(self.done) if any(self.done) else 1.0

    def quantile(self, q: float) -> float:
        """Return the seconds within which that part of all jobs was done."""
        times = sorted(time for caller in self.latencies for time in caller)
        return times[min(int(len(times) * q), len(times) - 1)] if times else float("nan")


class Pair(msgspec.Struct, frozen=True):
    """Be both sides of one round."""

    ours: Sample
    baseline: Sample

    @property
    def ratio(self) -> float:
        """Return how many times the rate of the baseline is ours."""
        return self.ours.rate / max(self.baseline.rate, 1 / self.baseline.seconds)

    @property
    def p99_ratio(self) -> float:
        """Return how many times longer the baseline's slowest hundredth takes than ours."""
        return self.baseline.quantile(0.99) / self.ours.quantile(0.99)


def alternate(rounds: int, ours: Callable[[], Sample], baseline: Callable[[], Sample]) -> list[Pair]:
    """Return pairs of samples, one a round; who goes first changes from round to round."""
    pairs: list[Pair] = []
    for number in range(rounds):
        if number % 2:
            second, first = baseline(), ours()
        else:
            first, second = ours(), baseline()
        pairs.append(Pair(first, second))
    return pairs


def median(values: Sequence[float]) -> float:
    """Return the median, to four significant digits."""
    return float(f"{statistics.median(values):.4g}")


def rate_row(what: str, cell: str, pairs: Sequence[Pair], aim: float | None = None) -> Row:
    """Return the comparison of two rates."""
    return Row(
        what,
        cell,
        median([pair.ours.rate for pair in pairs]),
        median([pair.baseline.rate for pair in pairs]),
        "per s",
        median([pair.ratio for pair in pairs]),
        median([pair.p99_ratio for pair in pairs]),
        aim,
    )


def latency_rows(what: str, cell: str, pairs: Sequence[Pair], p99_aim: float | None = None) -> list[Row]:
    """Return the comparison of latencies, half and 99 of a hundred; a ratio above 1 is ours being faster."""
    return [
        _latency_row(f"{what}, p50", cell, pairs, 0.5, None),
        _latency_row(f"{what}, p99", cell, pairs, 0.99, p99_aim),
    ]


def _latency_row(what: str, cell: str, pairs: Sequence[Pair], q: float, aim: float | None) -> Row:
    return Row(
        what,
        cell,
        median([pair.ours.quantile(q) * 1000 for pair in pairs]),
        median([pair.baseline.quantile(q) * 1000 for pair in pairs]),
        "ms",
        median([pair.baseline.quantile(q) / pair.ours.quantile(q) for pair in pairs]),
        aim=aim,
    )


# -- callers


class _Caller:
    """Do a job again and again until a deadline, and keep when each began and ended."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float]] = []

    @property
    def last(self) -> float:
        """Return when the last job ended; before the first one that is long ago."""
        return self.spans[-1][1] if self.spans else -math.inf

    def run(self, work: Callable[[], object]) -> None:
        """Do the job once."""
        before = time.perf_counter()
        work()
        self.spans.append((before, time.perf_counter()))

    async def run_async(self, work: AsyncWork) -> None:
        """Do the job once, in an event loop."""
        before = time.perf_counter()
        await work()
        self.spans.append((before, time.perf_counter()))


def run_threads(works: Sequence[Work], seconds: float, wasted: Callable[[], int] = lambda: 0) -> Sample:
    """Return what threads do in a while, one for each of ``works``, which is done at least once."""
    callers = [_Caller() for _ in works]
    gathered, started = threading.Barrier(len(works) + 1), threading.Event()
    deadline = [0.0]

    def call(work: Work, caller: _Caller) -> None:
        gathered.wait()
        started.wait()
        while caller.last < deadline[0]:
            caller.run(work)

    threads = [threading.Thread(target=call, args=pair) for pair in zip(works, callers, strict=True)]
    for thread in threads:
        thread.start()
    gathered.wait()
    cpu, begun = time.process_time(), time.perf_counter()
    deadline[0] = begun + seconds
    started.set()
    for thread in threads:
        thread.join()
    return _sample(callers, begun, deadline[0], time.process_time() - cpu, wasted())


def run_tasks(works: Sequence[AsyncWork], seconds: float) -> Sample:
    """Return what tasks of one event loop do in a while."""
    return asyncio.run(_run_tasks(works, seconds))


async def _run_tasks(works: Sequence[AsyncWork], seconds: float) -> Sample:
    callers = [_Caller() for _ in works]
    cpu, begun = time.process_time(), time.perf_counter()
    deadline = begun + seconds

    async def call(work: AsyncWork, caller: _Caller) -> None:
        while caller.last < deadline:
            await caller.run_async(work)

    await asyncio.gather(*[call(work, caller) for work, caller in zip(works, callers, strict=True)])
    return _sample(callers, begun, deadline, time.process_time() - cpu)


def run_times(work: Callable[[int], object], times: int) -> Sample:
    """Return what one caller does when it is asked a number of times."""
    caller = _Caller()
    cpu, begun = time.process_time(), time.perf_counter()
    for number in range(times):
        caller.run(partial(work, number))
    return _sample([caller], begun, caller.last, time.process_time() - cpu)


def _sample(callers: Sequence[_Caller], begun: float, deadline: float, cpu: float, wasted: int = 0) -> Sample:
    """Return what callers did until the deadline, or until the first was done, whichever was later."""
    end = max(deadline, min(caller.spans[0][1] for caller in callers))
    return Sample(
        tuple(tuple(after - before for before, after in caller.spans) for caller in callers),
        tuple(sum(after <= end for _, after in caller.spans) for caller in callers),
        end - begun,
        cpu,
        wasted,
    )
