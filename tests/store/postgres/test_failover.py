"""S1, S3: the database is killed, or lost to its synchronous standby, and nothing that was acknowledged is missing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

import comity
from comity.errors import OutcomeUnknown, StoreUnavailable
from tests.server import Server

pytestmark = pytest.mark.slow
AGENTS = 4
BEFORE = 40
AFTER = 40
KILLS = 2


@pytest.fixture
def pair() -> Iterator[tuple[Server, Server]]:
    """Give a primary and a standby, for which each commit waits."""
    primary = Server()
    standby = Server(standby_of=primary)
    with psycopg.connect(primary.url, autocommit=True) as raw:
        raw.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        raw.execute("SELECT pg_reload_conf()")
        while raw.execute("SELECT sync_state FROM pg_stat_replication").fetchone() != ("sync",):
            time.sleep(0.02)
    yield primary, standby
    standby.remove()
    primary.remove()


class Work:
    """Be agents that add and add, each of its additions under an id of its own, asked for until it is answered."""

    def __init__(self, workspace: comity.Workspace) -> None:
        self._workspace = workspace
        self.answered: dict[str, int] = {}
        self.times: list[float] = []
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(AGENTS)]
        for thread in self._threads:
            thread.start()

    def _run(self, number: int) -> None:
        agent, count = self._workspace.agent(f"agent-{number}"), 0
        while not self._stopped.is_set():
            count += 1
            name = f"{number}-{count}"
            revision = self._add(agent, name)
            self.answered[name] = revision
            self.times.append(time.monotonic())

    def _add(self, agent: comity.Agent, name: str) -> int:
        while True:
            try:
                return agent.add("tally/1", n=1, id=name).revision
            except (OutcomeUnknown, StoreUnavailable):
                continue

    def reach(self, answers: int) -> None:
        """Return once so many were answered."""
        while len(self.answered) < answers:
            time.sleep(0.005)

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def test_s1_no_acknowledged_commit_is_lost_to_a_fail_over(pair: tuple[Server, Server]) -> None:
    primary, standby = pair
    url = f"postgresql://postgres@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/postgres"
    with comity.open(url) as ws:
        ws.agent("maker").create("tally/1", {"n": 0})
        life = ws.stats().incarnation
        work = Work(ws)
        work.reach(BEFORE)
        primary.stop("immediate")
        lost = time.monotonic()
        standby.promote()
        promoted, answered = time.monotonic(), len(work.answered)
        work.reach(answered + AFTER)
        work.stop()
        first = next(moment for moment in work.times if moment > promoted)
        print(f"promoted after {promoted - lost:.2f} s; work went on {first - promoted:.2f} s later")
        assert ws.get("tally/1").n == len(work.answered) == len(set(work.answered.values()))
        again = ws.agent("agent-0").add("tally/1", n=1, id="0-1")
        assert again.revision == work.answered["0-1"]
        assert (ws.revision, ws.stats().incarnation) == (len(work.answered) + 1, life)
        assert ws.verify().is_clean


def test_s1_no_acknowledged_commit_is_lost_to_kills_of_the_database() -> None:
    """All its processes at once, in a loop, with every commit synced."""
    server = Server(fsync="on", full_page_writes="on")
    try:
        with comity.open(server.url) as ws:
            ws.agent("maker").create("tally/1", {"n": 0})
            work = Work(ws)
            for _ in range(KILLS):
                work.reach(len(work.answered) + BEFORE)
                server.kill()
                server.start()
            work.reach(len(work.answered) + AFTER)
            work.stop()
            assert ws.get("tally/1").n == len(work.answered) == len(set(work.answered.values()))
            assert ws.revision == len(work.answered) + 1
            assert ws.verify().is_clean
    finally:
        server.remove()
