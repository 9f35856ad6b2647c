"""Contention: agents that think between what they see and what they write, all on the same records.

For each number of agents, on one record and on overlapping sets of records, the strategies
of :mod:`bench.contention_agents` beside optimistic retry by hand. What counts are runs of
the model, which cost money, and time: what thinking itself takes is the same for all.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

import comity
from bench.acting import Actor, Diary, act_in_threads, act_stepwise
from bench.by_hand import ByHand
from bench.contention_agents import (
    ABOUT,
    BY_HAND,
    OURS,
    SPREADS,
    Agent,
    Habits,
    Spread,
    Strategy,
    definition_of,
    fields_of,
    refs_of,
    retry_by_hand,
)
from bench.environment import describe
from bench.measuring import Draw, Panel, Row, Sizes
from bench.report import Report, save
from bench.running import work_folder
from comity.testing.manual_clock import ManualClock

RUNS_AIM: Final[dict[Strategy, float]] = {
    "disjoint fields": 1.05,
    "commutative changes": 1.0,
    "accept": 1.0,
    "accept in line": 1.0,
    "lease": 1.05,
    "exclusive intent": 1.05,
}
"""The runs of a model that an accepted change may take."""
EXTRA_CALLS_AIM: Final = 1.0
"""The calls that a change may take beyond those of one that meets no conflict, where it meets one and is repaired."""
REPAIRING: Final[tuple[Strategy, ...]] = ("accept", "accept in line")
"""What repairs: it writes what holds whatever others wrote, so nobody counts."""
PER_CHANGE: Final = "per change"
COLUMNS: Final = (
    "agents", "strategy", "runs", "calls", "conflicts", "extra calls", "waiting", "p99", "least served", "accepted",
)  # fmt: skip
LEAST_THOUGHTS: Final = 48
"""How many thoughts one after another even a small crowd is given."""
LEAST_S: Final = 1e-4
"""What is waited less counts as this much."""
STRATEGIES: Final[tuple[Strategy, ...]] = (BY_HAND, *OURS)
Acting = Callable[[Sequence[Actor]], None]


class Outcome(msgspec.Struct, frozen=True):
    """Be what became of a crowd of agents with one strategy.

    ``runs``, ``calls`` and ``conflicts`` are counted per accepted change, ``extra_calls`` per change that
    met a conflict at all: how often it was proposed again, 0 where none did. ``wait_s`` and
    ``wait_p99_s`` are what a change took beyond the one thought that it needs;
    ``least_share`` is what the least served agent got in time, of a fair share; ``fewest``
    and ``most`` are the changes of the least and the most served one, in all.
    """

    strategy: Strategy
    spread: Spread
    crowd: int
    accepted: int
    runs: float
    calls: float
    conflicts: float
    extra_calls: float
    wait_s: float
    wait_p99_s: float
    least_share: float
    fewest: int
    most: int


def contend(
    folder: Path,
    strategy: Strategy,
    spread: Spread,
    crowd: int,
    thoughts: float,
    span_s: tuple[float, float],
    clock: ManualClock | None = None,
) -> Outcome:
    """Return what becomes of a crowd on a fresh base while so many thoughts could be thought one after another.

    With a clock it happens in its time, without one in real time. Raises RuntimeError if an
    update was lost.
    """
    folder.mkdir(parents=True)
    seconds = thoughts * mean_thought(span_s)
    act: Acting = partial(act_in_threads, seconds=seconds)
    if clock is not None:
        act = partial(act_stepwise, seconds=seconds, clock=clock)
    contest = _Contest(folder, refs_of(spread), crowd, span_s, act)
    agents = contest.by_hand() if strategy == BY_HAND else contest.ours(strategy, clock)
    return _sum_up(strategy, spread, [own.diary for own in agents])


def mean_thought(span_s: tuple[float, float]) -> float:
    """Return how many seconds a thought takes on average, all orders of magnitude being alike."""
    least, most = span_s
    return (most - least) / math.log(most / least)


class _Contest(msgspec.Struct, frozen=True):
    """Be one crowd on one base."""

    folder: Path
    records: tuple[str, ...]
    crowd: int
    think_s: tuple[float, float]
    act: Acting

    def ours(self, strategy: Strategy, clock: ManualClock | None) -> Sequence[Habits]:
        """Return agents that have worked with Comity."""
        definition = self.folder / "comity.toml"
        definition.write_text(definition_of(self.crowd), encoding="utf-8")
        with comity.open(self.folder / "comity.db", definition=definition, clock=clock) as workspace:
            for record in self.records:
                workspace.agent("setup").create(record, fields_of(self.crowd))
            numbers = range(self.crowd)
            agents = [Agent(workspace.agent(f"agent_{n}"), n, self.records, self.think_s) for n in numbers]
            self.act([(own.diary, partial(OURS[strategy], own)) for own in agents])
            self._check(agents, [dict(workspace.get(record)) for record in self.records], strategy)
        return agents

    def by_hand(self) -> Sequence[Habits]:
        """Return agents that have done it by hand, each with a connection of its own."""
        with ExitStack() as stack:
            hands = [ByHand(self.folder / "by_hand.db") for _ in range(self.crowd)]
            for hand in hands:
                stack.callback(hand.close)
            hands[0].prepare({record: fields_of(self.crowd) for record in self.records}, ())
            agents = [Habits(number, self.records, self.think_s) for number in range(self.crowd)]
            pairs = zip(agents, hands, strict=True)
            self.act([(own.diary, partial(retry_by_hand, own, hand)) for own, hand in pairs])
            self._check(agents, [hands[0].get(record)[1] for record in self.records], BY_HAND)
        return agents

    def _check(self, agents: Sequence[Habits], records: Sequence[dict[str, Any]], strategy: Strategy) -> None:
        """See that every change counted, where somebody counts."""
        counted = sum(value for values in records for name, value in values.items() if name != "last")
        changed = sum(len(own.diary.waits) for own in agents) * min(ABOUT, len(self.records))
        if strategy not in REPAIRING and counted != changed:
            raise RuntimeError(f"{strategy}: {changed - counted} of {changed} updates were lost")


def _sum_up(strategy: Strategy, spread: Spread, diaries: Sequence[Diary]) -> Outcome:
    waits = sorted(wait for diary in diaries for wait in diary.waits)
    served = [diary.served for diary in diaries]
    return Outcome(
        strategy,
        spread,
        len(diaries),
        accepted=len(waits),
        runs=sum(diary.runs for diary in diaries) / len(waits),
        calls=sum(diary.calls for diary in diaries) / len(waits),
        conflicts=sum(diary.conflicts for diary in diaries) / len(waits),
        extra_calls=sum(diary.conflicts for diary in diaries) / max(sum(diary.repaired for diary in diaries), 1),
        wait_s=statistics.fmean(waits),
        wait_p99_s=waits[len(waits) * 99 // 100],
        least_share=min(served) * len(served) / max(sum(served), 1),
        fewest=min(len(diary.waits) for diary in diaries),
        most=max(len(diary.waits) for diary in diaries),
    )


# -- rows and tables


def measure(folder: Path, sizes: Sizes, notice: Callable[[Outcome], None]) -> list[Outcome]:
    """Return the outcomes of every strategy in every crowd, having told each as it came."""
    outcomes: list[Outcome] = []
    for number, (spread, crowd, strategy) in enumerate(product(SPREADS, sizes.crowds, STRATEGIES)):
        thoughts = max(sizes.turns * crowd, LEAST_THOUGHTS)
        outcomes.append(contend(folder / str(number), strategy, spread, crowd, thoughts, sizes.think_span_s))
        notice(outcomes[-1])
    return outcomes


def rows_of(outcomes: Sequence[Outcome]) -> Iterator[Row]:
    """Yield each outcome beside the one by hand. An aim in runs is shown as the ratio that it would be."""
    hands = {(one.spread, one.crowd): one for one in outcomes if one.strategy == BY_HAND}
    for one in outcomes:
        if one.strategy != BY_HAND:
            yield from _compare(one, hands[one.spread, one.crowd])


def _compare(ours: Outcome, hand: Outcome) -> Iterator[Row]:
    what, cell = f"contention, {ours.strategy}", f"{ours.crowd} agents, {ours.spread}"
    aim = RUNS_AIM.get(ours.strategy)
    runs = hand.runs / ours.runs
    yield Row(f"{what}: runs", cell, ours.runs, hand.runs, PER_CHANGE, runs, aim=aim and hand.runs / aim)
    yield Row(f"{what}: calls", cell, ours.calls, hand.calls, PER_CHANGE, hand.calls / ours.calls)
    if ours.strategy in REPAIRING and ours.conflicts:
        extra = ours.extra_calls
        yield Row(f"{what}: extra calls", cell, extra, None, "per repaired change", 1 / extra, aim=1 / EXTRA_CALLS_AIM)
    waited, p99 = max(ours.wait_s, LEAST_S), max(ours.wait_p99_s, LEAST_S)
    yield Row(
        f"{what}: waiting", cell, ours.wait_s * 1000, hand.wait_s * 1000, "ms",
        hand.wait_s / waited, hand.wait_p99_s / p99,
    )  # fmt: skip
    yield Row(f"{what}: the least served", cell, ours.least_share, hand.least_share, "of a fair share", None)


def show(outcomes: Sequence[Outcome], console: Console) -> None:
    """Print the outcomes, a table for each spread."""
    for spread in SPREADS:
        table = Table(title=f"Thinking agents that contend for {spread}; per accepted change")
        for name in (
            "agents",
            "strategy",
            "runs",
            "calls",
            "conflicts",
            "extra calls",
            "waiting",
            "p99",
            "least served",
            "accepted",
        ):
            table.add_column(name, justify="left" if name == "strategy" else "right")
        for one in outcomes:
            if one.spread == spread:
                table.add_row(*_cells(one), end_section=one.strategy == STRATEGIES[-1])
        console.print(table)


def _cells(one: Outcome) -> Iterator[str]:
    aim = RUNS_AIM.get(one.strategy)
    colour = "green" if aim and one.runs <= aim else "red"
    yield str(one.crowd)
    yield one.strategy
    yield f"{one.runs:.2f}" if aim is None else f"[{colour}]{one.runs:.3f}[/]"
    yield f"{one.calls:.2f}"
    yield f"{one.conflicts:.2f}"
    yield f"{one.extra_calls:.2f}" if one.strategy in REPAIRING else ""
    yield f"{one.wait_s * 1000:,.0f} ms"
    yield f"{one.wait_p99_s * 1000:,.0f} ms"
    yield f"{one.least_share:.2f}"
    yield str(one.accepted)


def report(results: Path, console: Console, sizes: Sizes, draw: Draw) -> list[Outcome]:
    """Run every strategy, print what became of the agents, save it as ``contention.json`` and ``contention.svg``.

    ``draw`` makes the picture: what it needs is a part of the benchmarks' own requirements.
    """
    with work_folder(results) as folder:
        environment = describe(folder)
        outcomes = measure(folder, sizes, lambda one: console.print(_notice(one), highlight=False))
    show(outcomes, console)
    save(Report(environment, sizes, tuple(rows_of(outcomes))), results / "contention.json")
    draw(_panels(outcomes), results / "contention.svg")
    console.print(f"Saved as {results / 'contention.json'} and {results / 'contention.svg'}.")
    return outcomes


def _notice(one: Outcome) -> str:
    return f"{one.crowd} agents, {one.spread}, {one.strategy}: {one.runs:.2f} runs per accepted change"


def _panels(outcomes: Sequence[Outcome]) -> list[Panel]:
    """Return what the chart shows: runs, and the waiting of the unluckiest hundredth, by the number of agents."""
    shown: list[tuple[str, Callable[[Outcome], float]]] = [
        ("runs of the model per accepted change", lambda one: one.runs),
        ("seconds that 99 of 100 changes wait at most", lambda one: max(one.wait_p99_s, LEAST_S)),
    ]
    return [
        Panel(f"{what}\n{spread}", {strategy: _line(outcomes, spread, strategy, read) for strategy in STRATEGIES})
        for what, read in shown
        for spread in SPREADS
    ]


def _line(
    outcomes: Sequence[Outcome], spread: Spread, strategy: Strategy, read: Callable[[Outcome], float]
) -> list[tuple[int, float]]:
    return [(one.crowd, read(one)) for one in outcomes if (one.spread, one.strategy) == (spread, strategy)]
