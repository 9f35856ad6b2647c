"""A process killed at any moment leaves a commit whole or not at all, and what was acknowledged is there."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import comity
from comity.coordinator import Coordinator, Submission, submit
from comity.model.decisions import Decision
from comity.model.proposals import Caller, Proposal, Put
from comity.model.records import RecordState
from comity.operations import EventAnswer
from comity.store.sqlite import SqliteStore
from comity.testing.faulty_store import Fault, FaultyStore, die
from comity.testing.manual_clock import ManualClock

WORKER = Path(__file__).with_name("worker.py")
ROUNDS = 5
"""On each base, of two children each."""
SEED = 20_260


class Child:
    """Run the worker in a process of its own, and keep what it acknowledges."""

    def __init__(self, place: str, name: str) -> None:
        self.name = name
        self.pipe, writing = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-S", str(WORKER), place, name, str(writing)],
            pass_fds=(writing,), env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        os.close(writing)
        self.heard = b""

    def hear(self, least: int, wait_s: float = 60.0) -> None:
        """Listen until so many commits were acknowledged."""
        while self.heard.count(b"\n") < least:
            ready, _, _ = select.select([self.pipe], [], [], wait_s)
            assert ready, "the child says nothing"
            said = os.read(self.pipe, 65_536)
            assert said, "the child has died"
            self.heard += said

    def kill(self) -> list[tuple[int, int]]:
        """Kill it, and return the (number, revision) of every commit that it acknowledged."""
        self.process.kill()
        self.process.wait()
        while said := os.read(self.pipe, 65_536):
            self.heard += said
        os.close(self.pipe)
        whole = self.heard[: self.heard.rfind(b"\n") + 1].decode()
        return [(int(number), int(revision)) for number, revision in map(str.split, whole.splitlines())]


@pytest.mark.slow
@pytest.mark.parametrize("base", range(3))
def test_s3_kill_9_in_a_loop_loses_no_acknowledged_commit(tmp_path: Path, base: int) -> None:
    kill_in_a_loop(str(tmp_path / "base.db"), SEED + base)


@pytest.mark.slow
def test_s3_kill_9_in_a_loop_loses_no_commit_of_a_database(workspace_url: str) -> None:
    kill_in_a_loop(workspace_url, SEED)


def kill_in_a_loop(place: str, seed: int) -> None:
    """Have two processes commit, and kill both, again and again; then compare the base with what they were told."""
    chance = random.Random(seed)
    acknowledged: dict[str, int] = {}
    with comity.open(place) as workspace:
        workspace.agent("parent").create("count/all", n=0)
    for turn in range(ROUNDS):
        children = [Child(place, f"c{turn}{side}") for side in "lr"]
        for child in children:
            child.hear(chance.randint(1, 40))
        for child in children:
            acknowledged.update((f"{child.name}-{number}", revision) for number, revision in child.kill())
    with comity.open(place) as workspace:
        check_whole(workspace, acknowledged)


def check_whole(workspace: comity.Workspace, acknowledged: dict[str, int]) -> None:
    """Compare the base with what was acknowledged, and with itself."""
    answer = workspace.verify()
    assert answer.is_clean, answer.problems
    history = {event.record: event for event in events(workspace)}
    for name, revision in acknowledged.items():
        for side in ("left", "right"):
            event = history[f"{side}/{name}"]
            assert event.event.partition(".")[0] == str(revision)
    commits = {event.event.partition(".")[0] for event in history.values() if event.record.startswith("left/")}
    assert commits == {e.event.partition(".")[0] for e in history.values() if e.record.startswith("right/")}
    assert workspace.get("count/all").n == len(commits) == answer.commits - 1
    assert len(acknowledged) <= len(commits)


def events(workspace: comity.Workspace) -> list[EventAnswer]:
    found: list[EventAnswer] = []
    since = 0
    while page := workspace.history(since=since, oldest_first=True, limit=999).events:
        found += page
        since = int(page[-1].event.partition(".")[0])
    return found


CALLS = [
    (call, side)
    for call in ("turn", "batch", "append", "commit")
    for side in ("before", "after")
]  # fmt: skip


def commit_and_die(path: Path, fault: Fault) -> int:
    """Have a child process commit through a store that kills it; return its exit status."""
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from tests.crash.test_kill import commit_through\n"
        f"commit_through(Path({str(path)!r}), {fault.call!r}, {fault.side!r})\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    return subprocess.run([sys.executable, "-c", script], env=environment, check=False).returncode


def commit_through(path: Path, call: str, side: str) -> None:
    """Commit one proposal of two records; die on the way."""
    clock = ManualClock()
    store = FaultyStore(SqliteStore.open(str(path), clock=clock), Fault(call, side, 1, die))  # type: ignore[arg-type]
    coordinator = Coordinator(store, clock, os.urandom)
    coordinator.decide([submission()])


def submission() -> Submission:
    changes = (Put("left/a", {"n": 1}), Put("right/a", {"n": 1}))
    return submit(Proposal(id="p1", changes=changes), Caller("sales"))


@pytest.mark.parametrize(("call", "side"), CALLS, ids=[f"{call}-{side}" for call, side in CALLS])
def test_a_process_that_dies_at_any_call_of_the_store_leaves_nothing_half_done(
    tmp_path: Path, call: str, side: str
) -> None:
    path = tmp_path / "base.db"
    comity.open(path).close()
    assert commit_and_die(path, Fault(call, side)) == -signal.SIGKILL  # type: ignore[arg-type]
    with comity.open(path) as workspace:
        is_there = (call, side) in (("commit", "after"), ("turn", "after"))
        assert workspace.revision == int(is_there)
        assert [record.exists for record in workspace.get_many(["left/a", "right/a"])] == [is_there] * 2
        assert workspace.verify().is_clean
    clock = ManualClock()
    store = SqliteStore.open(str(path), clock=clock)
    (answer,) = Coordinator(store, clock, os.urandom).decide([submission()])
    with store.snapshot() as snapshot:
        assert snapshot.head.revision == 1
        assert snapshot.records([("left", "a")])["left", "a"] == RecordState(
            "left", "a", 1, "live", 1, 1, {"n": 1}, {"$life": 1, "n": 1}
        )
    store.close()
    assert isinstance(answer, Decision)
    assert (answer.outcome, answer.revision) == ("committed", 1)
