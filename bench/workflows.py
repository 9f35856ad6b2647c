"""Workflows: how many steps a second, each of them durable, one run alone and many at the same time.

Beside it is DBOS on SQLite, where ``COMITY_BENCH_DBOS`` names the Python of an environment
that has it (``python -m venv dbos && dbos/bin/pip install dbos``): its steps do nothing but
are durable, ours change a record under all checks as well. Without it the baseline is by
hand: a table of runs and one of jobs, and a transaction for each step.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

import comity
from bench.measuring import Pair, Row, Sample, Sizes, rate_row

STEPS: Final = 10
RUNS: Final = {"one run": 1, "64 runs": 64}
ROUNDS: Final = 3
AIM: Final = 5.0
"""Against DBOS."""
DBOS: Final = os.environ.get("COMITY_BENCH_DBOS")
DEFINITION: Final = """
[agents]
worker = {}

[kinds.job.fields]
done = { type = "integer", default = 0 }

[workflows.work]
params = { job = { ref = "job", required = true } }
"""
STEP: Final = """
[[workflows.work.steps]]
name = "step {place}"
as   = "worker"
add  = {{ "job/{{job}}" = {{ done = 1 }} }}
"""


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows for one run alone, and for many."""
    folder.mkdir(parents=True)
    name = "beside DBOS" if DBOS else "beside a transaction each, by hand"
    for cell, runs in RUNS.items():
        places = [folder / f"{runs} {number}" for number in range(min(sizes.rounds, ROUNDS))]
        pairs = [Pair(_ours(place, runs), _baseline(place, runs)) for place in places]
        row = rate_row("steps of workflows", f"{cell}, {name}", pairs, AIM if DBOS and runs > 1 else None)
        yield msgspec.structs.replace(row, p99_ratio=None)


def _sample(runs: int, seconds: float, cpu: float) -> Sample:
    return Sample((tuple([seconds / (runs * STEPS)] * (runs * STEPS)),), (runs * STEPS,), seconds, cpu)


def _ours(folder: Path, runs: int) -> Sample:
    """Return how long it takes from the start of the first run to the end of the last."""
    folder.mkdir()
    text = DEFINITION + "".join(STEP.format(place=place) for place in range(STEPS))
    (folder / "comity.toml").write_text(text, encoding="utf-8")
    with comity.open(folder / "comity.db", definition=folder / "comity.toml") as workspace:
        worker = workspace.agent("worker")
        for number in range(runs):
            worker.put(f"job/{number}", done=0)
        worker.put("job/first", done=0)
        worker.start("work", job="first").wait("60s")
        begun, cpu = time.perf_counter(), time.process_time()
        started = [worker.start("work", job=str(number)) for number in range(runs)]
        for run in started:
            assert run.wait("60s").state == "done"
        return _sample(runs, time.perf_counter() - begun, time.process_time() - cpu)


def _baseline(folder: Path, runs: int) -> Sample:
    return _sample(runs, _by_dbos(folder, runs), 0.0) if DBOS else _by_hand(folder, runs)


def _by_dbos(folder: Path, runs: int) -> float:
    script = Path(__file__).with_name("dbos_steps.py")
    command = [DBOS or sys.executable, str(script), str(folder), str(runs), str(STEPS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def _by_hand(folder: Path, runs: int) -> Sample:
    base = sqlite3.connect(folder / "by_hand.db", isolation_level=None)
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("PRAGMA synchronous = FULL")
    base.execute("CREATE TABLE job (id INTEGER PRIMARY KEY, done INTEGER)")
    base.execute("CREATE TABLE run (id INTEGER PRIMARY KEY, step INTEGER)")
    for number in range(runs):
        base.execute("INSERT INTO job VALUES (?, 0)", (number,))
    begun, cpu = time.perf_counter(), time.process_time()
    for number in range(runs):
        base.execute("INSERT INTO run VALUES (?, 0)", (number,))
    for _ in range(STEPS):
        for number in range(runs):
            _step_by_hand(base, number)
    seconds, spent = time.perf_counter() - begun, time.process_time() - cpu
    base.close()
    return _sample(runs, seconds, spent)


def _step_by_hand(base: sqlite3.Connection, number: int) -> None:
    base.execute("BEGIN IMMEDIATE")
    [(step,)] = base.execute("SELECT step FROM run WHERE id = ?", (number,)).fetchall()
    base.execute("UPDATE job SET done = done + 1 WHERE id = ?", (number,))
    base.execute("UPDATE run SET step = ? WHERE id = ?", (step + 1, number))
    base.execute("COMMIT")
