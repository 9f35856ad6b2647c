"""``python -m bench [names] [--quick]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from bench import report, workbench
from bench.chart import draw
from bench.measuring import FULL, QUICK, Row
from bench.running import MEASURES, run

RESULTS = Path(__file__).parent / "results"
WORKBENCH = "workbench"

app = App(name="bench", help="Measure Comity beside the same job by hand.")


@app.default
def main(
    *names: Annotated[str, Parameter(help=f"which of {', '.join([*MEASURES, WORKBENCH])}; all, unless given")],
    quick: Annotated[bool, Parameter(help="small, for a first look")] = False,
    results: Annotated[Path, Parameter(help="where the results go")] = RESULTS,
) -> None:
    """Run benchmarks, print what they find, and save it as JSON and SVG."""
    chosen = names or (*MEASURES, WORKBENCH)
    unknown = set(chosen) - {*MEASURES, WORKBENCH}
    if unknown:
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join([*MEASURES, WORKBENCH])}")
    console = Console(width=140 if not sys.stdout.isatty() else None)
    progress = Console(stderr=True)
    measured = [name for name in chosen if name in MEASURES]
    if measured:
        found = run(measured, QUICK if quick else FULL, results, lambda row: _tell(progress, row))
        report.save(found, results / "latest.json")
        draw(found.rows, results / "latest.svg")
        report.show(found, console)
        console.print(f"Saved as {results / 'latest.json'} and {results / 'latest.svg'}.")
    if WORKBENCH in chosen:
        workbench.report(results, console)


def _tell(progress: Console, row: Row) -> None:
    ratio = "" if row.ratio is None else f", {row.ratio:.3g} times as good as by hand"
    progress.print(f"{row.what}, {row.cell}: {row.ours:,.4g} {row.unit}{ratio}", highlight=False)


if __name__ == "__main__":
    app()
