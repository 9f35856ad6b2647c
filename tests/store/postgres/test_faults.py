"""S1, S3: whatever breaks between a process and its database, a commit is there as a whole and once, or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import comity
from comity import limits
from comity.errors import StoreUnavailable
from tests.cutting import CuttingProxy, Side
from tests.server import Server

ROOT = Path(__file__).parents[3]


@pytest.fixture
def proxy(server: Server) -> Iterator[CuttingProxy]:
    opened = CuttingProxy(server.port)
    yield opened
    opened.close()


@pytest.fixture
def ws(workspace_url: str, proxy: CuttingProxy) -> Iterator[comity.Workspace]:
    """Give a workspace that is reached through the proxy."""
    name = workspace_url.partition("workspace=")[2]
    url = f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres?workspace={name}"
    with comity.open(url) as workspace:
        yield workspace


PATHS = {"a batch that holds the head": b"COMMIT\0", "a batch that is one statement": b"held AS (UPDATE"}


@pytest.mark.parametrize("message", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("side", ["before", "during"])
def test_s3_a_connection_cut_at_the_commit_is_answered_as_it_was(
    ws: comity.Workspace, proxy: CuttingProxy, side: Side, message: bytes
) -> None:
    agent = ws.agent("sales")
    agent.put("customer/acme", n=0)
    for _ in range(2):
        agent.add("customer/acme", n=1)
    if message == b"COMMIT\0":
        agent.put("customer/new", n=0)  # What isn't in memory has to be read.
    before = ws.revision
    proxy.plan(message, side)
    decision = agent.put("customer/other", n=1) if message == b"COMMIT\0" else agent.add("customer/acme", n=1)
    assert proxy.cuts == 1
    assert decision.is_committed
    assert decision.revision == ws.revision == before + 1
    assert agent.add("customer/acme", n=1).revision == before + 2
    assert ws.get("customer/acme").n == (3 if message == b"COMMIT\0" else 4)
    assert ws.verify().is_clean


@pytest.mark.parametrize("message", [b"FOR UPDATE", b"INSERT INTO"])
def test_s3_a_connection_cut_before_the_commit_is_made_anew(
    ws: comity.Workspace, proxy: CuttingProxy, message: bytes
) -> None:
    agent = ws.agent("sales")
    agent.put("customer/acme", n=0)
    proxy.plan(message, "before")
    assert agent.create("customer/other", n=1).is_committed
    assert proxy.cuts == 1
    assert (ws.revision, ws.verify().is_clean) == (2, True)


def lose_last_commit(server: Server, name: str) -> None:
    """Take away the last commit, as a fail-over to a standby does that never had it."""
    last = "revision > (SELECT revision - 1 FROM comity.heads WHERE workspace = %(name)s)"
    with psycopg.connect(server.url) as raw:
        raw.execute("SET session_replication_role = replica")
        for table in ("records", "events", "commits"):
            raw.execute(f"DELETE FROM comity.{table} WHERE workspace = %(name)s AND {last}", {"name": name})
        raw.execute(
            "UPDATE comity.heads SET (revision, chain) = (SELECT revision, chain FROM comity.commits"
            " WHERE workspace = %(name)s ORDER BY revision DESC LIMIT 1) WHERE workspace = %(name)s",
            {"name": name},
        )


@pytest.mark.parametrize("others", [0, 1, 2])
def test_s1_a_lost_tail_begins_a_new_life(
    workspace_url: str, server: Server, caplog: pytest.LogCaptureFixture, others: int
) -> None:
    """Whether it is noticed by a head that is behind, or by commits that others have made in its place."""
    name = workspace_url.partition("workspace=")[2]
    with comity.open(workspace_url) as ws:
        agent = ws.agent("sales")
        for number in range(3):
            agent.put(f"customer/c{number}", n=number)
        before = ws.stats().incarnation
        lose_last_commit(server, name)
        if others:
            with comity.open(workspace_url) as other:
                for number in range(others):
                    other.agent("support").put(f"ticket/t{number}", n=number)
                assert other.stats().incarnation == before
        assert agent.put("customer/c3", n=3).revision == 3 + others
        after = ws.stats().incarnation
        assert after != before
        assert "are lost: a new life begins" in caplog.text
        assert not ws.get("customer/c2").exists
        assert ws.verify().is_clean
        agent.put("customer/c4", n=4)
        assert ws.stats().incarnation == after


def test_all_connections_ended_by_an_operator_are_made_anew(ws: comity.Workspace, server: Server) -> None:
    agent = ws.agent("sales")
    agent.put("customer/acme", n=0)
    with psycopg.connect(server.url, autocommit=True) as raw:
        raw.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'comity' AND pid <> pg_backend_pid()"
        )
    assert ws.get("customer/acme").n == 0
    assert agent.add("customer/acme", n=1).is_committed
    assert ws.get("customer/acme").n == 1


def test_a_server_that_is_killed_and_started_again_has_what_was_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "STORE_RECONNECT_S", 0.2)
    monkeypatch.setattr(limits, "STORE_BUSY_S", 0.2)
    server = Server(fsync="on", full_page_writes="on")
    try:
        with comity.open(server.url) as ws:
            agent = ws.agent("sales")
            for number in range(5):
                agent.put(f"customer/c{number}", n=number)
            server.stop("immediate")
            with pytest.raises((StoreUnavailable, comity.OutcomeUnknown)):
                agent.put("customer/c5", n=5, id="sixth")
            with pytest.raises(StoreUnavailable):
                ws.get("customer/c9")
            server.start()
            assert agent.put("customer/c5", n=5, id="sixth").is_committed
            assert [record.n for record in ws.get_many([f"customer/c{number}" for number in range(6)])] == list(
                range(6)
            )
            assert (ws.revision, ws.verify().is_clean) == (6, True)
    finally:
        server.remove()


STALLED = """
import os, signal, sys
from comity import limits
limits.STORE_STALL_S = 0.5
from comity.store.postgres import PostgresStore
from comity.testing.samples import entry, folded, moved, state
store = PostgresStore.open(sys.argv[1])
try:
    with store.batch() as batch:
        given = entry(batch.head.revision + 1, state("customer/theirs"))
        batch.append(moved(batch.head, [given]), [given], folded([given]), [])
        os.write(1, b"holds")
        os.kill(os.getpid(), int(sys.argv[2]))
except BaseException as error:
    print(type(error).__name__)
"""


def start_and_stop(url: str, by: signal.Signals) -> subprocess.Popen[str]:
    """Return a process that was stopped while it holds the head, with a commit appended."""
    command = [sys.executable, "-c", STALLED, url, str(int(by))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.read(5) == "holds"
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
    return process


def test_s4_a_process_that_stalls_holding_the_head_is_thrown_out(workspace_url: str) -> None:
    with comity.open(workspace_url) as ws:
        agent = ws.agent("sales")
        agent.put("customer/ours", n=0)
        process = start_and_stop(workspace_url, signal.SIGSTOP)
        began = time.monotonic()
        assert agent.put("customer/ours", n=1, was={"n": 0}).revision == 2
        assert time.monotonic() - began < limits.STORE_BUSY_S / 2
        process.send_signal(signal.SIGCONT)
        output, _ = process.communicate()
        assert output.strip() == "BatchLost"
        assert (ws.revision, ws.get("customer/theirs").exists) == (2, False)
        assert ws.verify().is_clean


def test_s3_a_process_killed_holding_the_head_leaves_nothing(workspace_url: str) -> None:
    with comity.open(workspace_url) as ws:
        agent = ws.agent("sales")
        agent.put("customer/ours", n=0)
        process = start_and_stop(workspace_url, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert process.stdout is not None
        process.stdout.close()
        assert agent.put("customer/ours", n=1, was={"n": 0}).revision == 2
        assert not ws.get("customer/theirs").exists
        assert ws.verify().is_clean
