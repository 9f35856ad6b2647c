"""What is over by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity.coordination.duties import EXPIRING
from comity.coordination.expiry import run_out
from comity.model.built_in import OVERRIDE
from comity.store.contract import Snapshot
from comity.store.sqlite import SqliteStore
from comity.testing.manual_clock import START_US, ManualClock

SECOND_US = 1_000_000


@pytest.fixture
def snapshot(tmp_path: Path) -> Iterator[Snapshot]:
    """Give a base with a pin, a pause of a role and a freeze, set in this order for 1, 2 and 3 minutes."""
    clock = ManualClock()
    with comity.open(tmp_path / "base.db", clock=clock) as ws:
        ops = ws.agent("ops", key=ws.issue_key("ops").key)
        ops.pin("customer/acme", "status", reason="one", ttl="1m")
        ops.pause("sales", reason="two", ttl="2m")
        ops.freeze(reason="three", ttl="3m")
    store = SqliteStore.open(str(tmp_path / "base.db"), clock=clock)
    with store.snapshot() as made:
        yield made
    store.close()


@pytest.mark.parametrize(("seconds", "count"), [(0, 0), (59, 0), (60, 1), (120, 2), (180, 3)])
def test_what_has_run_out_at_a_time(snapshot: Snapshot, seconds: int, count: int) -> None:
    over = [*run_out(snapshot, (OVERRIDE,), START_US + seconds * SECOND_US, 10)]
    assert len(over) == count
    assert all(change.event == "expired" for change in over)


def test_where_there_never_was_one_nothing_is_looked_for(tmp_path: Path) -> None:
    store = SqliteStore.open(str(tmp_path / "empty.db"), clock=ManualClock())
    with store.snapshot() as empty:
        assert [*run_out(empty, EXPIRING, START_US, 10)] == []
    store.close()


def test_no_more_than_asked_for_and_what_is_over_longest_first(snapshot: Snapshot) -> None:
    now_us = START_US + 200 * SECOND_US
    every = [*run_out(snapshot, (OVERRIDE,), now_us, 10)]
    assert [*run_out(snapshot, (OVERRIDE,), now_us, 2)] == every[:2]
    assert [*run_out(snapshot, (OVERRIDE,), START_US + 60 * SECOND_US, 10)] == every[:1]
