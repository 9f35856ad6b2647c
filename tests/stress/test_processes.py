"""Threads and processes on one workspace, at full speed and under ``kill -9``; a checker decides from the records.

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
from comity.store.places import is_database, open_place
from comity.testing.histories import Verdict, check_history, read_journals, read_log
from tests.stress.clients import DEFINITION, fill

ROOT = Path(__file__).parents[2]
SEED = os.environ.get("STRESS_SEED") or str(random.SystemRandom().randrange(10**6))
PROPOSALS = int(os.environ.get("STRESS_PROPOSALS") or 20_000)
PROCESSES = 4
THREADS = 8
KILLS = 12
PART = 5
"""In a database there are this many times fewer, and as much less of everything."""

pytestmark = pytest.mark.slow


def start(folder: Path, place: str, process: int, proposals: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.stress.clients", str(folder), "--place", place, "--process", str(process)]
    command += ["--threads", str(THREADS), "--proposals", str(proposals // (PROCESSES * THREADS)), "--seed", SEED]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


@pytest.fixture(params=["a file", "a database"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the url of a workspace that is not there yet."""
    if request.param == "a file":
        return str(tmp_path / "stress.db")
    return request.getfixturevalue("workspace_url")


def share_of(number: int, place: str) -> int:
    """Return how many of something there are at a place."""
    return number // PART if is_database(place) else number


def prepare(folder: Path, place: str) -> int:
    """Make the base; return the revision from which on the clients are alone with it."""
    (folder / "stress.toml").write_text(DEFINITION)
    with comity.open(place, definition=folder / "stress.toml") as workspace:
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


def kill_in_a_loop(folder: Path, place: str, processes: dict[int, subprocess.Popen[bytes]], proposals: int) -> int:
    """Kill a process after some more answers, start it again, until that was done often enough; return how often."""
    dice, kills, wanted = random.Random(SEED), 0, share_of(KILLS, place)
    with selectors.DefaultSelector() as ready:
        for number, process in processes.items():
            ready.register(process.stdout or 0, selectors.EVENT_READ, number)
        while kills < wanted and any(process.poll() is None for process in processes.values()):
            wait_for_answers(ready, dice.randrange(proposals // (2 * wanted)))
            victim = dice.choice([number for number, process in processes.items() if process.poll() is None] or [0])
            kills += end(processes[victim], ready)
            processes[victim] = start(folder, place, victim, proposals)
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


def decide(folder: Path, place: str, since: int) -> Verdict:
    """Return the verdict, having opened the base anew as anyone would, and verified it."""
    with comity.open(place) as workspace:
        assert workspace.verify().is_clean
    store = open_place(place, clock=None, entropy=os.urandom).store
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


def test_no_update_is_lost_among_threads_and_processes(tmp_path: Path, place: str) -> None:
    print(f"seed {SEED}")
    proposals = share_of(PROPOSALS, place)
    since, started = prepare(tmp_path, place), time.perf_counter()
    answers = run_to_the_end({number: start(tmp_path, place, number, proposals) for number in range(PROCESSES)})
    verdict = decide(tmp_path, place, since)
    tell("all at once", verdict, started)
    check(verdict, proposals)
    assert answers >= verdict.proposals
    assert "unknown" not in verdict.outcomes


def test_no_acknowledged_commit_is_lost_to_kills(tmp_path: Path, place: str) -> None:
    print(f"seed {SEED}")
    proposals = share_of(PROPOSALS, place)
    since, started = prepare(tmp_path, place), time.perf_counter()
    processes = {number: start(tmp_path, place, number, proposals) for number in range(PROCESSES)}
    kills = kill_in_a_loop(tmp_path, place, processes, proposals)
    run_to_the_end(processes)
    verdict = decide(tmp_path, place, since)
    tell(f"{kills} kills", verdict, started)
    check(verdict, proposals)
    assert kills >= share_of(KILLS, place) // 2
