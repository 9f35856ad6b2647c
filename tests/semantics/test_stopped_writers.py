"""S4: a writer that is stopped in its turn holds up other writers, for a bounded time, and no reader."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.clock import SystemClock
from comity.errors import StoreUnavailable
from comity.store.sqlite import SqliteStore
from tests.semantics.conftest import Open

SPAWN = multiprocessing.get_context("spawn")


def hold_head(path: Path, pipe: Connection) -> None:
    """Take the turn and the head, say so, and keep both until killed."""
    store = SqliteStore.open(str(path), clock=SystemClock())
    with store.turn(), store.batch():
        pipe.send("held")
        pipe.recv()


@pytest.fixture
def stopped(ws: comity.Workspace, path: Path) -> Iterator[None]:
    """Have a process that is stopped while it holds the head of a base with a record in it."""
    ws.agent("ann").put("customer/acme", status="active")
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=hold_head, args=(path, there), daemon=True)
    process.start()
    assert here.recv() == "held"
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    yield
    os.kill(process.pid, signal.SIGKILL)
    process.join()


@pytest.mark.usefixtures("stopped")
def test_s04_a_stopped_writer_stops_no_reader(open_again: Open) -> None:
    opened = open_again()
    assert opened.get("customer/acme").status == "active"
    assert [record.id for record in opened.find("customer", status="active")] == ["acme"]
    assert [event.type for event in opened.history().events] == ["customer.created"]


@pytest.mark.usefixtures("stopped")
def test_s04_other_writers_are_told_in_time(
    ws: comity.Workspace, open_again: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STORE_BUSY_S", 0.1)
    for workspace in (ws, open_again()):
        with pytest.raises(StoreUnavailable, match="another writer has kept its turn at this file"):
            workspace.agent("bob").put("customer/acme", status="at_risk", was={"status": "active"})
    assert ws.revision == 1


def test_s04_the_same_attempt_succeeds_once_the_writer_is_gone(
    ws: comity.Workspace, stopped: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = ws.agent("bob")
    with monkeypatch.context() as patch:
        patch.setattr(limits, "STORE_BUSY_S", 0.1)
        with pytest.raises(StoreUnavailable) as error:
            agent.put("customer/globex", id="once", status="active")
    assert error.value.retry == "same"
    for child in multiprocessing.active_children():
        child.kill()
    assert agent.put("customer/globex", id="once", status="active").revision == 2
