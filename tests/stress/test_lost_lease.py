"""The lost lease: a process that is really stopped, another that takes over, and the first that goes on."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

import comity

ACME = "customer/acme"
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "crm.db"


@pytest.fixture
def ws(path: Path) -> Iterator[comity.Workspace]:
    with comity.open(path) as workspace:
        yield workspace


def hold_and_write(path: Path, pipe: Connection) -> None:
    """Take a lease, say so; write under it when told to, and say what the answer was."""
    with comity.open(path) as workspace:
        lease = workspace.agent("ann").lease(ACME, ttl="1s")
        intent = lease.intent("renewal")
        lease.take()
        intent.get(ACME).set(status="ann was here")
        pipe.send(lease.token)
        pipe.recv()
        pipe.send([finding.code for finding in intent.propose().refusals])


@pytest.fixture
def stopped(ws: comity.Workspace, path: Path) -> Iterator[tuple[int, Any]]:
    """Have a process that was stopped while it held a lease, and was writing nothing."""
    ws.agent("bob").put(ACME, status="active")
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=hold_and_write, args=(path, there), daemon=True)
    process.start()
    assert here.recv()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    yield process.pid, here
    os.kill(process.pid, signal.SIGKILL)
    process.join()


@pytest.mark.parametrize(("keeps", "expected"), [(True, ["lease.lapsed", "lease.held"]), (False, ["lease.lapsed"])])
def test_s33_who_was_stopped_while_another_took_over_is_refused(
    ws: comity.Workspace, stopped: tuple[int, Any], keeps: bool, expected: list[str]
) -> None:
    pid, pipe = stopped
    lease = ws.agent("bob").lease(ACME, ttl="1h", wait="30s")
    lease.take()
    with lease.intent("takeover") as intent:
        intent.get(ACME, "health").set(health="bob was here")
    if not keeps:
        lease.release()
    pipe.send("go on")
    os.kill(pid, signal.SIGCONT)
    assert pipe.recv() == expected
    assert dict(ws.get(ACME)) == {"status": "active", "health": "bob was here"}
