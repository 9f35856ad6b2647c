"""Threads and processes on one file, at full speed and under ``kill -9``; a checker decides from what was recorded.

The environment may say ``STRESS_SEED``, which gives the clients the same dice again, and
``STRESS_PROPOSALS``, how many proposals they make altogether.
"""

from __future__ import annotations

import os
import random
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import comity
from comity.clock import SystemClock
from comity.store.sqlite import SqliteStore
from comity.testing.histories import Verdict, check_history, read_journals, read_log
from tests.stress.clients import DEFINITION, fill

ROOT = Path(__file__).parents[2]
SEED = os.environ.get("STRESS_SEED") or str(random.SystemRandom().randrange(10**6))
PROPOSALS = int(os.environ.get("STRESS_PROPOSALS") or 20_000)
PROCESSES = 4
THREADS = 8
KILLS = 12

pytestmark = pytest.mark.slow


def start(folder: Path, process: int, proposals: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.stress.clients", str(folder), "--process", str(process)]
    command += ["--threads", str(THREADS), "--proposals", str(proposals // (PROCESSES * THREADS)), "--seed", SEED]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def prepare(folder: Path) -> int:
    """Make the base; return the revision from which on the clients are alone with it."""
    (folder / "stress.toml").write_text(DEFINITION)
    with comity.open(folder / "stress.db", definition=folder / "stress.toml") as workspace:
        fill(workspace)
        return workspace.revision


def run_to_the_end(processes: dict[int, subprocess.Popen[bytes]]) -> int:
    """Wait until all processes are done; return how many answers they were given."""
    answers = 0
    for process in processes.values():
        output, _ = process.communicate()
        answers += len(output)
        assert process.returncode == 0
    return answers


def kill_in_a_loop(folder: Path, processes: dict[int, subprocess.Popen[bytes]], proposals: int) -> int:
    """Kill a process after some more answers, start it again, until that was done often enough; return how often."""
    dice, kills = random.Random(SEED), 0
    with selectors.DefaultSelector() as ready:
        for number, process in processes.items():
            ready.register(process.stdout or 0, selectors.EVENT_READ, number)
        while kills < KILLS and any(process.poll() is None for process in processes.values()):
            wait_for_answers(ready, dice.randrange(proposals // (2 * KILLS)))
            victim = dice.choice([number for number, process in processes.items() if process.poll() is None] or [0])
            kills += end(processes[victim], ready)
            processes[victim] = start(folder, victim, proposals)
            ready.register(processes[victim].stdout or 0, selectors.EVENT_READ, victim)
    return kills


def wait_for_answers(ready: selectors.BaseSelector, answers: int) -> None:
    while answers > 0:
        for key, _ in ready.select():
            output = os.read(key.fd, min(answers, 4096) or 1)
            if not output:
                return
            answers -= len(output)


def end(process: subprocess.Popen[bytes], ready: selectors.BaseSelector) -> bool:
    """Kill a process; tell whether it was still at work."""
    ready.unregister(process.stdout or 0)
    process.send_signal(signal.SIGKILL)
    if process.stdout is not None:
        process.stdout.close()
    return process.wait() == -signal.SIGKILL


def decide(folder: Path, since: int) -> Verdict:
    """Return the verdict, having opened the base anew as anyone would, and verified it."""
    with comity.open(folder / "stress.db") as workspace:
        assert workspace.verify().is_clean
    store = SqliteStore.open(str(folder / "stress.db"), clock=SystemClock())
    try:
        log = read_log(store)
    finally:
        store.close()
    return check_history(read_journals(folder.glob("*.ndjson")), log, since=since)


def check(verdict: Verdict, proposals: int) -> None:
    assert verdict.is_clean, "\n".join(map(str, verdict.faults[:20]))
    assert verdict.proposals == proposals // (PROCESSES * THREADS) * (PROCESSES * THREADS)
    assert not verdict.unjudged
    assert {"freshness.changed", "freshness.blind_write", "freshness.query_changed"} <= verdict.refusals.keys()


def tell(what: str, verdict: Verdict, started: float) -> None:
    seconds = time.perf_counter() - started
    rate = verdict.proposals / seconds
    print(f"{what}: seed {SEED}, {seconds:.1f} s, {rate:.0f} proposals/s, {verdict.outcomes}, {verdict.refusals}")


def test_no_update_is_lost_among_threads_and_processes(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    since, started = prepare(tmp_path), time.perf_counter()
    answers = run_to_the_end({number: start(tmp_path, number, PROPOSALS) for number in range(PROCESSES)})
    verdict = decide(tmp_path, since)
    tell("all at once", verdict, started)
    check(verdict, PROPOSALS)
    assert answers >= verdict.proposals
    assert "unknown" not in verdict.outcomes


def test_no_acknowledged_commit_is_lost_to_kills(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    since, started = prepare(tmp_path), time.perf_counter()
    processes = {number: start(tmp_path, number, PROPOSALS) for number in range(PROCESSES)}
    kills = kill_in_a_loop(tmp_path, processes, PROPOSALS)
    run_to_the_end(processes)
    verdict = decide(tmp_path, since)
    tell(f"{kills} kills", verdict, started)
    check(verdict, PROPOSALS)
    assert kills >= KILLS // 2
