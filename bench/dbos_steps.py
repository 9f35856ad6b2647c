"""Runs of ten steps through DBOS on SQLite, for :mod:`bench.workflows`: run by the Python of an environment of its own.

Its arguments are the folder of the base, how many runs, and how many steps each has; it
prints the seconds that they took together.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from dbos import DBOS

folder, runs, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
config: Any = {
    "name": "bench",
    "system_database_url": f"sqlite:///{folder}/dbos.db",
    "run_admin_server": False,
    "log_level": "ERROR",
}
engine: Any = DBOS
engine(config=config)


def do(number: int) -> int:
    """Do nothing: what counts is that it was done."""
    return number


def flow(count: int) -> int:
    """Do so many steps."""
    for number in range(count):
        step(number)
    return count


step: Any = engine.step()(do)
work: Any = engine.workflow()(flow)
engine.launch()
work(1)
begun = time.perf_counter()
handles = [engine.start_workflow(work, steps) for _ in range(runs)]
for handle in handles:
    handle.get_result()
print(time.perf_counter() - begun)
engine.destroy()
