"""Call-backs: told in order, each at its own place; one that fails or is slow harms nobody else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from comity.errors import CursorLost, StoreUnavailable
from comity.feed import EVERYTHING, Callbacks, Selection
from comity.operations import FeedItem
from comity.store.contract import LogFilter, Store
from comity.store.sqlite import SqliteStore
from comity.testing.faulty_store import Fault, FaultyStore
from comity.testing.manual_clock import ManualClock
from comity.testing.samples import put

WAIT_S = 60.0


class Heard:
    """Keep what was told, and wait until there is so much."""

    def __init__(self) -> None:
        self.revisions: list[int] = []
        self._changed = threading.Condition()

    def __call__(self, item: FeedItem) -> None:
        with self._changed:
            self.revisions.append(item.revision)
            self._changed.notify_all()

    def wait(self, count: int) -> list[int]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.revisions) >= count, WAIT_S), self.revisions
            return list(self.revisions)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore.open(str(tmp_path / "a.db"), clock=ManualClock())
    yield made
    made.close()


@pytest.fixture
def callbacks(store: SqliteStore) -> Iterator[Callbacks]:
    made = Callbacks(store)
    yield made
    made.close()


def test_all_are_told_everything_in_order(store: SqliteStore, callbacks: Callbacks) -> None:
    heard = [Heard() for _ in range(5)]
    for one in heard:
        callbacks.add(one, EVERYTHING, "now")
    for number in range(30):
        put(store, "customer/a", n=number)
    assert [one.wait(30) for one in heard] == [list(range(1, 31))] * 5


def test_each_begins_at_its_place_and_is_told_what_passes(store: SqliteStore, callbacks: Callbacks) -> None:
    for kind in ("customer", "ticket", "customer"):
        put(store, f"{kind}/a")
    everything, tickets, late = Heard(), Heard(), Heard()
    callbacks.add(everything, EVERYTHING, "start")
    told = callbacks.add(tickets, Selection(LogFilter(kinds=("ticket",))), "start")
    callbacks.add(late, EVERYTHING, 2)
    put(store, "ticket/b")
    assert (everything.wait(4), tickets.wait(2), late.wait(2)) == ([1, 2, 3, 4], [2, 4], [3, 4])
    callbacks.close()
    assert told.cursor.endswith(":4")


def test_one_that_fails_is_logged_and_told_of_the_next(
    store: SqliteStore, callbacks: Callbacks, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()

    def fail(item: FeedItem) -> None:
        raise ZeroDivisionError(item.cursor)

    callbacks.add(fail, EVERYTHING, "now")
    callbacks.add(heard, EVERYTHING, "now")
    put(store, "customer/a")
    put(store, "customer/b")
    assert heard.wait(2) == [1, 2]
    failures = [one.exc_info for one in caplog.records if one.levelno == logging.ERROR]
    assert [str(info[1])[-2:] for info in failures if info] == [":1", ":2"]


def test_a_slow_one_holds_up_no_commit(store: SqliteStore, callbacks: Callbacks) -> None:
    go_on, heard = threading.Event(), Heard()

    def dawdle(item: FeedItem) -> None:
        go_on.wait(WAIT_S)
        heard(item)

    callbacks.add(dawdle, EVERYTHING, "now")
    for number in range(50):
        put(store, "customer/a", n=number)
    assert heard.revisions == []
    go_on.set()
    assert heard.wait(50) == list(range(1, 51))


def test_one_that_was_closed_is_told_nothing_more(store: SqliteStore, callbacks: Callbacks) -> None:
    heard, other = Heard(), Heard()
    told = callbacks.add(heard, EVERYTHING, "now")
    callbacks.add(other, EVERYTHING, "now")
    put(store, "customer/a")
    assert heard.wait(1) == [1]
    callbacks.discard(told)
    callbacks.discard(told)
    put(store, "customer/a")
    assert other.wait(2) == [1, 2]
    assert heard.revisions == [1]


def test_nobody_is_told_anything_once_all_is_closed(store: SqliteStore, callbacks: Callbacks) -> None:
    for number in range(20):
        put(store, "customer/a", n=number)
    told, other = Heard(), Heard()

    def close(item: FeedItem) -> None:
        told(item)
        callbacks.close()

    first, second = callbacks.add(close, EVERYTHING, "start"), callbacks.add(other, EVERYTHING, "start")
    told.wait(1)
    thread = callbacks._thread
    if thread is not None:
        thread.join(WAIT_S)
    assert told.revisions == [1]
    assert (first.is_closed, second.is_closed) == (True, True)
    assert other.revisions == []


def test_one_for_whom_nothing_can_be_read_keeps_nobody_else_from_being_told(
    store: SqliteStore, callbacks: Callbacks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "comity")
    for number in range(5):
        put(store, "customer/a", n=number)
    now, behind = Heard(), Heard()
    callbacks.add(now, EVERYTHING, "now")
    callbacks.add(Heard(), Selection(LogFilter(types=("\ud800",))), "start")
    callbacks.add(behind, EVERYTHING, 1)
    assert behind.wait(4) == [2, 3, 4, 5]


def test_one_may_close_itself_and_add_another(store: SqliteStore, callbacks: Callbacks) -> None:
    heard, once = Heard(), Heard()

    def hand_on(item: FeedItem) -> None:
        once(item)
        callbacks.discard(told)
        callbacks.add(heard, EVERYTHING, item.revision)

    told = callbacks.add(hand_on, EVERYTHING, "now")
    put(store, "customer/a")
    assert once.wait(1) == [1]
    put(store, "customer/a")
    assert (heard.wait(1), once.revisions) == ([2], [1])


def test_the_thread_ends_with_the_last_and_comes_back_with_the_next(store: SqliteStore, callbacks: Callbacks) -> None:
    for revision in (1, 2):
        heard = Heard()
        told = callbacks.add(heard, EVERYTHING, "now")
        put(store, "customer/a")
        assert heard.wait(1) == [revision]
        thread = callbacks._thread
        callbacks.discard(told)
        assert thread is not None
        thread.join(WAIT_S)
        assert callbacks._thread is None


def test_a_place_that_is_none_is_refused_at_once(callbacks: Callbacks) -> None:
    with pytest.raises(CursorLost):
        callbacks.add(lambda item: None, EVERYTHING, 1)


def test_a_look_that_fails_is_done_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def strike() -> None:
        raise StoreUnavailable("gone for a while")

    real: Store = SqliteStore.open(str(tmp_path / "b.db"), clock=ManualClock())
    callbacks, heard = Callbacks(FaultyStore(real, Fault("snapshot", strike=strike))), Heard()
    callbacks.add(heard, EVERYTHING, "now")
    put(real, "customer/a")
    assert heard.wait(1) == [1]
    assert [one.getMessage() for one in caplog.records] == [
        "a look at the feed failed, and is tried again: StoreUnavailable: gone for a while"
    ]
    callbacks.close()
    real.close()


def test_s1_nobody_is_told_of_another_life_of_the_base(
    store: SqliteStore, callbacks: Callbacks, caplog: pytest.LogCaptureFixture
) -> None:
    heard, other = Heard(), Heard()
    told = callbacks.add(heard, EVERYTHING, "now")
    store._keeper.execute("UPDATE head SET incarnation = 'restored'")
    callbacks.add(other, EVERYTHING, "now")
    put(store, "customer/a")
    assert other.wait(1) == [1]
    callbacks.close()
    assert (told.is_closed, heard.revisions) == (True, [])
    assert "the base was restored" in caplog.text
