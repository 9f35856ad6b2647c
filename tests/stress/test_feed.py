"""Processes and threads commit at full speed while feeds are followed, dropped, and taken up again at any cursor.

``STRESS_SEED`` in the environment gives the same dice again.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import comity
from comity.operations import FeedItem

ROOT = Path(__file__).parents[2]
SEED = os.environ.get("STRESS_SEED") or str(random.SystemRandom().randrange(10**6))
PROCESSES = 4
THREADS = 4
COMMITS = 60
"""Of each thread."""
WAIT_S = 60.0

WRITER = """
import sys, threading
import comity

path, process, threads, commits = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

def work(ws, thread):
    agent = ws.agent(f"agent-{process}-{thread}")
    for number in range(commits):
        with agent.intent() as intent:
            intent.create(f"note/{process}-{thread}-{number}", text="x")
            intent.create(f"{'even' if number % 2 == 0 else 'odd'}/{process}-{thread}-{number}", n=number)

with comity.open(path) as ws:
    workers = [threading.Thread(target=work, args=(ws, thread)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
"""

pytestmark = pytest.mark.slow


def start(path: Path, process: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, str(path), str(process), str(THREADS), str(COMMITS)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})


class Follower:
    """Follow a feed in a thread, leaving it again and again and going on from where it was."""

    def __init__(self, workspace: comity.Workspace, name: str, until: int, **filters: str) -> None:
        self._workspace = workspace
        self._dice = random.Random(f"{SEED} {name}")
        self._until = until
        self._filters = filters
        self.items: list[FeedItem] = []
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        after: int | str = "start"
        while len(self.items) < self._until:
            with self._workspace.feed(after, timeout_s=WAIT_S, **self._filters) as feed:  # type: ignore[arg-type]
                for item in feed:
                    self.items.append(item)
                    after = item.cursor
                    if self._dice.random() < 0.05 or len(self.items) == self._until:
                        break
                else:
                    return

    @property
    def revisions(self) -> list[int]:
        return [item.revision for item in self.items]


def test_feeds_are_complete_and_in_order_among_processes_and_threads(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    path, total = tmp_path / "base.db", PROCESSES * THREADS * COMMITS
    with comity.open(path) as ws, comity.open(path) as other:
        heard: list[FeedItem] = []
        all_heard = threading.Event()

        def take(item: FeedItem) -> None:
            heard.append(item)
            if len(heard) == total:
                all_heard.set()

        subscription = other.subscribe(take, "start")
        followers = [Follower(handle, f"all {n}", total) for n, handle in enumerate((ws, other, ws))]
        evens = Follower(other, "even", total // 2, kind="even")
        processes = [start(path, process) for process in range(PROCESSES)]
        for follower in (*followers, evens):
            follower.thread.start()
        assert [process.wait() for process in processes] == [0] * PROCESSES
        for follower in (*followers, evens):
            follower.thread.join(2 * WAIT_S)
        assert all_heard.wait(WAIT_S)
        subscription.close()
        check(ws, total, [follower.items for follower in followers], heard, evens)


def check(ws: comity.Workspace, total: int, told: list[list[FeedItem]], heard: list[FeedItem], evens: Follower) -> None:
    whole = list(ws.feed("start", follow=False))
    assert [item.revision for item in whole] == list(range(1, total + 1))
    for items in (*told, heard):
        assert items == whole
    assert evens.revisions == [
        item.revision for item in whole if any(event.record.startswith("even/") for event in item.events)
    ]
    assert all([event.record.partition("/")[0] for event in item.events] == ["even"] for item in evens.items)
    for cursor in random.Random(SEED).sample(range(total), 10):
        assert [item.revision for item in ws.feed(cursor, follow=False)] == list(range(cursor + 1, total + 1))
    assert ws.verify().is_clean
