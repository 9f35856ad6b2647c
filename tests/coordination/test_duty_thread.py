"""The thread that does duties outlives whatever one of them raises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import comity
from comity.coordination.duties import DutyThread
from comity.errors import StoreUnavailable
from comity.testing.faulty_store import Fault, FaultyStore
from comity.testing.manual_clock import ManualClock
from tests.semantics.running import DEADLINE_S


def raising(error: Exception) -> Callable[[], None]:
    def strike() -> None:
        raise error

    return strike


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), ZeroDivisionError("none")])
def test_a_duty_that_failed_is_done_later(tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    clock = ManualClock()
    with comity.open(tmp_path / "base.db", clock=clock) as ws:
        ws.agent("ann").put("task/a", n=1)
        ws.agent("ann").intent(about="task/a").announce(ttl="1m")
        clock.advance(seconds=120)
        engine = ws._engine
        store = FaultyStore(engine.store, Fault("head", strike=raising(error)))
        thread = DutyThread(engine.duties, store)
        assert engine.store.wait(2, DEADLINE_S), "the intent that ran out was told"
        thread.stop()
    told = [record.getMessage() for record in caplog.records if record.threadName == "comity duties"]
    assert told == [f"a duty failed, and is tried again: {type(error).__name__}: {error}"]
