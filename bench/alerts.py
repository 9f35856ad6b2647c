"""Alerts: what detectors find of patterns planted in generated logs, what they raise wrongly, and what they cost.

The thresholds that hold by default were chosen while looking at the logs of even seeds
alone; those of odd seeds tell how good they are. A log is an hour of some two thousand
judged proposals. Planted patterns and harmless likenesses are by the same hand as the
detectors: the figures say that these do what they promise, not how agents out there behave.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

import comity
from bench.measuring import Sizes
from comity.coordination.detectors import made
from comity.coordination.judged import Judged, judged_between
from comity.coordination.watching import scan
from comity.model.alerting import DETECTORS, AlertsDefinition
from comity.model.built_in import EFFECT
from comity.testing.manual_clock import ManualClock
from comity.testing.planted import DEFINITION, Score, play, score
from comity.workspace import Workspace

SEEDS: Final = 12
ROUNDS: Final = 5
_FOREVER_US: Final = 2**62


class Cost(msgspec.Struct, frozen=True):
    """Be the microseconds of CPU that one judged proposal takes: to be read from the log, and by each detector."""

    reading: float
    detectors: dict[str, float]

    @property
    def looking(self) -> float:
        """Return what all detectors take together."""
        return sum(self.detectors.values())


class Found(msgspec.Struct, frozen=True):
    """Be what came of all logs: of the half that thresholds were chosen on, and of the other one."""

    judged: int
    tuned: tuple[Score, ...]
    untouched: tuple[Score, ...]
    cost: Cost


def report(results: Path, console: Console, sizes: Sizes) -> Found:
    """Play the logs, print what is found, and save it."""
    found = measure(range(SEEDS if sizes.rounds > 3 else 4))
    console.print(_table(found))
    console.print(_costs(found.cost))
    results.mkdir(parents=True, exist_ok=True)
    (results / "alerts.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))
    return found


def measure(seeds: Iterable[int]) -> Found:
    """Return what detectors make of the logs of these seeds."""
    scores: dict[bool, list[Score]] = {True: [], False: []}
    judged: list[Judged] = []
    reading: list[float] = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            scored, of_log, seconds = _one(Path(folder), seed)
        scores[seed % 2 == 0] += scored
        judged += of_log
        reading.append(seconds / len(of_log) * 1e6)
    cost = Cost(round(statistics.median(reading), 1), dict(_cost_of_detectors(judged)))
    return Found(len(judged), added(scores[True]), added(scores[False]), cost)


def _one(folder: Path, seed: int) -> tuple[list[Score], list[Judged], float]:
    """Return how well detectors did on one log, the log as they see it, and how long reading it took."""
    (folder / "comity.toml").write_text(DEFINITION, encoding="utf-8")
    clock = ManualClock()
    with comity.open(folder / "comity.db", definition=folder / "comity.toml", clock=clock) as workspace:
        return judge(workspace, clock, seed)


def judge(workspace: Workspace, clock: ManualClock, seed: int) -> tuple[list[Score], list[Judged], float]:
    """Return the same of a workspace that has just been opened, having played a history in it."""
    engine = workspace._engine  # pyright: ignore[reportPrivateUsage]
    planted = play(workspace, clock, seed, engine.duties.run)
    with engine.store.snapshot() as snapshot:
        alerts = scan(snapshot, AlertsDefinition(), 0, clock.wall_us()).alerts
        aliases = {state.ref: f"email {state.values['target']}" for state in snapshot.all_records(EFFECT)}
        begun = time.process_time()
        judged = list(judged_between(snapshot, 0, _FOREVER_US))
        seconds = time.process_time() - begun
    return score(planted, alerts, aliases), judged, seconds


def _cost_of_detectors(judged: Sequence[Judged]) -> Iterator[tuple[str, float]]:
    """Yield what each detector takes to look at one judged proposal, in microseconds of CPU."""
    for definition in DETECTORS:
        times: list[float] = []
        for _ in range(ROUNDS):
            for detector in made([definition]):
                begun = time.process_time()
                for one in judged:
                    list(detector.take(one))
                times.append(time.process_time() - begun)
        if times:
            yield definition.name, round(min(times) / len(judged) * 1e6, 3)


def added(scores: Iterable[Score]) -> tuple[Score, ...]:
    """Return scores summed up by detector."""
    sums: dict[str, Counter[str]] = {}
    for one in scores:
        counts = {"planted": one.planted, "found": one.found, "raised": one.raised, "right": one.right}
        sums.setdefault(one.detector, Counter()).update(counts)
    return tuple(
        Score(name, counts["planted"], counts["found"], counts["raised"], counts["right"])
        for name, counts in sorted(sums.items())
    )


def _table(found: Found) -> Table:
    table = Table(title=f"Alerts on {found.judged:,} judged proposals: thresholds were chosen on one half")
    for column in ("detector", "planted", "precision", "recall", "planted, other half", "precision", "recall"):
        table.add_column(column, justify="left" if column == "detector" else "right")
    others = {one.detector: one for one in found.untouched}
    for one in found.tuned:
        other = others.get(one.detector, Score(one.detector, 0, 0, 0, 0))
        table.add_row(one.detector, *_cells(one), *_cells(other))
    return table


def _cells(one: Score) -> tuple[str, str, str]:
    return str(one.planted), f"{one.precision:.2f}", f"{one.recall:.2f}"


def _costs(cost: Cost) -> Table:
    table = Table(title="CPU for one judged proposal, in µs")
    table.add_column("what")
    table.add_column("µs", justify="right")
    table.add_row("reading it from the log", f"{cost.reading:.1f}")
    for name, spent in cost.detectors.items():
        table.add_row(name, f"{spent:.2f}")
    table.add_row("all detectors", f"{cost.looking:.1f}", style="bold")
    return table
