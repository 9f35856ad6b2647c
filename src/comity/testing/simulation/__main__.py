"""``python -m comity.testing.simulation --seeds 1000``: play seeds, and name those that fail."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from comity.testing.simulation.running import Outcome, Summary, run_seeds


def main(words: Sequence[str] | None = None) -> int:
    """Play seeds and print what came of them; return 0 if every promise was kept, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="comity.testing.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first one: with --seeds 1 it replays just this one")
    parser.add_argument("--jobs", type=int, default=None, help="in how many processes; else one for each core")
    chosen = parser.parse_args(words)
    console, started = Console(highlight=False, markup=False), time.perf_counter()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("seeds", total=chosen.seeds)
        summary = run_seeds(
            chosen.first,
            chosen.seeds,
            jobs=chosen.jobs,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    console.print(_table(summary))
    for outcome in summary.failed:
        _tell(outcome, console)
    took_s = time.perf_counter() - started
    console.print(f"{summary.seeds} seeds, {summary.commits} commits, {took_s:.0f} s: {len(summary.failed)} failed.")
    return 1 if summary.failed else 0


def _table(summary: Summary) -> Table:
    table = Table(title="What happened", show_header=False)
    for what, count in sorted(summary.happened.items()):
        table.add_row(what, f"{count:,}")
    return table


def _tell(outcome: Outcome, console: Console) -> None:
    console.print(f"\nseed {outcome.seed} (replay: --first {outcome.seed} --seeds 1)", style="bold red")
    for checker, fault in outcome.faults:
        console.print(f"  {checker}: {fault}")
    if outcome.error is not None:
        console.print(outcome.error)


if __name__ == "__main__":
    sys.exit(main())
