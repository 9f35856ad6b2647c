"""Those who listen are told of each commit, by a thread that runs only while somebody listens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity import listening as listening_module
from comity.coordination.news import looking
from comity.listening import Listening
from comity.testing.faulty_store import Fault, FaultyStore
from tests.semantics.running import DEADLINE_S


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[comity.Workspace]:
    with comity.open(tmp_path / "base.db") as made:
        made.agent("ann").put("task/a", n=1)
        yield made


def test_listening_runs_only_while_somebody_listens(ws: comity.Workspace) -> None:
    class Ear:
        def hear(self) -> None:
            raise AssertionError("nothing has happened")

    listening, ear = Listening(looking(ws._engine.store)), Ear()
    listening.discard(ear)
    listening.close()
    listening.add(ear)
    assert listening._thread is None, "a closed one starts nothing"


def test_a_look_that_fails_is_made_again(ws: comity.Workspace, caplog: pytest.LogCaptureFixture) -> None:
    heard = threading.Event()

    class Ear:
        def hear(self) -> None:
            heard.set()

    listening, ear = Listening(looking(FaultyStore(ws._engine.store, Fault("head")))), Ear()
    listening.add(ear)
    assert heard.wait(DEADLINE_S)
    listening.close()
    [told] = caplog.messages
    assert told.startswith("a look for changes failed, and is tried again: StoreUnavailable")


def test_a_listener_that_never_ends_does_not_keep_closing(
    ws: comity.Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    entered, go = threading.Event(), threading.Event()

    class Ear:
        def hear(self) -> None:
            entered.set()
            go.wait(DEADLINE_S)

    monkeypatch.setattr(listening_module, "_LEAVE_S", 0.01)
    listening, ear = Listening(looking(ws._engine.store)), Ear()
    listening.add(ear)
    assert entered.wait(DEADLINE_S)
    listening.close()
    thread = listening._thread
    assert thread is not None
    assert thread.is_alive()
    assert "still being told" in caplog.text
    go.set()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
