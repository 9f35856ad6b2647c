"""S4: closing and writing take their locks in one order, so neither ever waits for the other for good."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from comity.errors import StoreError
from comity.store.sqlite import SqliteStore
from comity.store.sqlite.turn import Turn
from comity.testing.manual_clock import ManualClock
from comity.testing.samples import put
from tests.semantics.running import DEADLINE_S, wait_for


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore.open(str(tmp_path / "crm.db"), clock=ManualClock())


class Thread(threading.Thread):
    """Be a thread that keeps what its work raised, and that holds no process up."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.work = work
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Do the work."""
        try:
            self.work()
        except StoreError as error:
            self.error = error

    def ended(self) -> bool:
        """Wait for the end, and tell whether it came in time."""
        self.join(DEADLINE_S)
        return not self.is_alive()


def is_waiting_for_its_turn(store: SqliteStore) -> bool:
    lock = store._turn._lock
    if lock.acquire(blocking=False):
        lock.release()
        return False
    return True


def test_s4_closing_while_a_thread_waits_for_its_turn_ends_both(store: SqliteStore, tmp_path: Path) -> None:
    other = Turn(tmp_path / "crm.db-turn")
    with other:
        writing = Thread(lambda: store.note("topic", {"name": "value"}))
        wait_for(lambda: is_waiting_for_its_turn(store))
        closing = Thread(store.close)
        wait_for(lambda: not store._is_open)
    assert writing.ended()
    assert closing.ended()
    assert "closed" in str(writing.error)
    assert closing.error is None


def test_a_thread_that_waited_for_the_head_is_refused_by_a_closed_base(store: SqliteStore, tmp_path: Path) -> None:
    with store.batch():
        writing = Thread(lambda: put(store, "customer/late"))
        closing = Thread(store.close)
        wait_for(lambda: not store._is_open)
    assert writing.ended()
    assert closing.ended()
    assert "closed" in str(writing.error)
    assert SqliteStore.open(str(tmp_path / "crm.db"), clock=ManualClock()).head().revision == 0


def test_closing_in_its_own_turn_leaves_the_line(store: SqliteStore, tmp_path: Path) -> None:
    with store.turn():
        store.close()
    with Turn(tmp_path / "crm.db-turn"):
        pass


@pytest.mark.parametrize("act", [SqliteStore.close, SqliteStore.turn, lambda store: store.note("topic", {})])
def test_who_holds_the_head_leaves_it_first(store: SqliteStore, act: Callable[[SqliteStore], object]) -> None:
    with store.batch(), pytest.raises(StoreError, match="holds the head"):
        act(store)
    put(store, "customer/acme")
    store.close()
