"""Histories of many clients, in threads and processes, on both stores, checked for strict serializability.

The checker is shown to find what a weakened Comity lets through: one whose freshness check
only tells, and one whose coordinator isn't told what other processes have committed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

import comity
from comity.model.records import RecordState
from comity.store.places import is_database
from comity.store.postgres.snapshot import PostgresSnapshot
from comity.store.sqlite.snapshot import SqliteSnapshot
from comity.testing.cycles import Transaction, check
from tests.stress.transactions import DEFINITION, WEAKENED, fill, look, run_together

ROOT = Path(__file__).parents[2]
SEED = os.environ.get("STRESS_SEED") or str(random.SystemRandom().randrange(10**6))
PROCESSES = 3
THREADS = 4
TRANSACTIONS = 120

pytestmark = pytest.mark.slow


@pytest.fixture(params=["a file", "a database"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the url of a workspace that isn't there yet."""
    return str(tmp_path / "crm.db") if request.param == "a file" else request.getfixturevalue("workspace_url")


def prepare(place: str, folder: Path, definition: str = DEFINITION) -> comity.Workspace:
    (folder / "comity.toml").write_text(definition)
    workspace = comity.open(place, definition=folder / "comity.toml")
    fill(workspace)
    return workspace


def committed(history: Sequence[Transaction]) -> int:
    return sum(one.outcome == "committed" for one in history)


def judge(history: Sequence[Transaction]) -> None:
    problems = check(history)
    assert not problems, f"seed {SEED}: " + "\n".join(map(str, problems[:10]))
    assert committed(history) > len(history) // 4, "hardly anything was committed, so nothing was shown"
    assert committed(history) < len(history), "nothing ever collided, so nothing was shown"


def test_s1_threads_are_strictly_serializable(place: str, tmp_path: Path) -> None:
    with prepare(place, tmp_path) as workspace:
        judge([*run_together([workspace], 8, TRANSACTIONS, SEED), look(workspace)])


def test_s1_two_coordinators_are_strictly_serializable(place: str, tmp_path: Path) -> None:
    with prepare(place, tmp_path) as workspace, comity.open(place) as other:
        judge([*run_together([workspace, other], 8, TRANSACTIONS, SEED), look(workspace)])


def test_s1_processes_are_strictly_serializable(place: str, tmp_path: Path) -> None:
    with prepare(place, tmp_path) as workspace:
        command = [sys.executable, "-m", "tests.stress.transactions", place]
        sizes = ["--threads", str(THREADS), "--transactions", str(TRANSACTIONS)]
        files = [tmp_path / f"seen-{number}" for number in range(PROCESSES)]
        running = [
            subprocess.Popen([*command, str(file), *sizes, "--seed", f"{SEED} {number}"], cwd=ROOT)
            for number, file in enumerate(files)
        ]
        assert [process.wait() for process in running] == [0] * PROCESSES
        seen = [one for file in files for one in msgspec.json.decode(file.read_bytes(), type=list[Transaction])]
        judge([*seen, look(workspace)])


def test_what_lets_stale_reads_pass_is_caught(place: str, tmp_path: Path) -> None:
    with prepare(place, tmp_path, WEAKENED) as workspace:
        found = {one.name for one in check([*run_together([workspace], 8, TRANSACTIONS, SEED), look(workspace)])}
    assert found >= {"lost update", "G-single", "G2"}


def test_a_coordinator_that_misses_other_processes_is_caught(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget(self: object, revision: int, limit: int) -> list[RecordState]:
        return []

    monkeypatch.setattr(PostgresSnapshot if is_database(place) else SqliteSnapshot, "changed_since", forget)
    with prepare(place, tmp_path) as workspace, comity.open(place) as other:
        assert check([*run_together([workspace, other], 8, TRANSACTIONS, SEED), look(workspace)]) != []
