"""``python -m bench [names] [--quick]``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter
from rich.console import Console

from bench import alerts, contention, report, tokens, workbench
from bench.chart import draw, draw_crowds
from bench.measuring import FULL, QUICK, Row, Sizes
from bench.running import MEASURES, run

RESULTS = Path(__file__).parent / "results"
REPORTS: Final[dict[str, Callable[[Path, Console, Sizes], object]]] = {
    "workbench": lambda results, console, _: workbench.report(results, console),
    "contention": lambda results, console, sizes: contention.report(results, console, sizes, draw_crowds),
    "tokens": lambda results, console, _: tokens.report(results, console),
    "alerts": alerts.report,
}
"""What has tables of its own."""
NAMES: Final = (*MEASURES, *REPORTS)

app = App(name="bench", help="Measure Comity beside the same job by hand.")


@app.default
def main(
    *names: Annotated[str, Parameter(help=f"which of {', '.join(NAMES)}; all, unless given")],
    quick: Annotated[bool, Parameter(help="small, for a first look")] = False,
    results: Annotated[Path, Parameter(help="where the results go")] = RESULTS,
) -> None:
    """Run benchmarks, print what they find, and save it as JSON and SVG."""
    chosen = names or NAMES
    unknown = set(chosen) - set(NAMES)
    if unknown:
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    console = Console(width=140 if not sys.stdout.isatty() else None)
    progress = Console(stderr=True)
    measured = [name for name in chosen if name in MEASURES]
    sizes = QUICK if quick else FULL
    if measured:
        found = run(measured, sizes, results, lambda row: _tell(progress, row))
        report.save(found, results / "latest.json")
        draw(found.rows, results / "latest.svg")
        report.show(found, console)
        console.print(f"Saved as {results / 'latest.json'} and {results / 'latest.svg'}.")
    for name, make in REPORTS.items():
        if name in chosen:
            make(results, console, sizes)


def _tell(progress: Console, row: Row) -> None:
    ratio = "" if row.ratio is None else f", {row.ratio:.3g} times as good as by hand"
    progress.print(f"{row.what}, {row.cell}: {row.ours:,.4g} {row.unit}{ratio}", highlight=False)


if __name__ == "__main__":
    app()
