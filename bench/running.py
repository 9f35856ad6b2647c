"""Running benchmarks by name, each in a folder of its own that is gone afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench import (
    awareness,
    commits,
    database,
    effects,
    feed,
    handover,
    hot_record,
    queueing,
    reads,
    replay,
    rules,
    served,
    workflows,
)
from bench.environment import describe
from bench.measuring import Row, Sizes
from bench.report import Report

Measure = Callable[[Path, Sizes], Iterator[Row]]

MEASURES: Final[dict[str, Measure]] = {
    "commits": commits.measure,
    "database": database.measure,
    "reads": reads.measure,
    "replay": replay.measure,
    "hot_record": hot_record.measure,
    "rules": rules.measure,
    "handover": handover.measure,
    "queueing": queueing.measure,
    "awareness": awareness.measure,
    "feed": feed.measure,
    "effects": effects.measure,
    "workflows": workflows.measure,
    "served": served.measure,
}
"""In the order in which they run."""


def run(names: Sequence[str], sizes: Sizes, results: Path, notice: Callable[[Row], None] = lambda row: None) -> Report:
    """Return the report on the benchmarks named, having told ``notice`` each row as it came.

    The bases lie beside the results, not in the temporary folder, which may be in memory.
    """
    with work_folder(results) as folder:
        environment = describe(folder)
        rows: list[Row] = []
        for name in names:
            for row in MEASURES[name](folder / name, sizes):
                notice(row)
                rows.append(row)
        return Report(environment, sizes, tuple(rows))


@contextmanager
def work_folder(results: Path) -> Generator[Path]:
    """Have a folder beside the results, that is gone afterwards."""
    results.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="work-", dir=results))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
