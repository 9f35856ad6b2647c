"""Hints: a commit of another process wakes at once, and where no hint comes, it is found all the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from comity.errors import StoreError
from comity.store.postgres import PostgresStore, waiting
from comity.store.postgres.hints import channel_of
from comity.testing.manual_clock import ManualClock
from comity.testing.samples import answered, entry, folded, in_batch, moved, put, state
from tests.server import Server

LONG_S = 30.0
LISTENING = "SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN {}'"


@pytest.fixture
def store(workspace_url: str) -> Iterator[PostgresStore]:
    opened = PostgresStore.open(workspace_url, clock=ManualClock())
    yield opened
    opened.close()


@pytest.fixture
def other(workspace_url: str) -> Iterator[PostgresStore]:
    """Give the handle of another process, as it were: the two share nothing but the database."""
    opened = PostgresStore.open(workspace_url, clock=ManualClock())
    yield opened
    opened.close()


@pytest.fixture
def raw(server: Server) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody look at the head by himself."""
    for name in ("FIRST_LOOK_S", "LAST_LOOK_S", "HINTED_LOOK_S"):
        monkeypatch.setattr(waiting, name, LONG_S)


def listener_of(store: PostgresStore, raw: psycopg.Connection) -> int | None:
    """Return the server's process by which a store listens, once it does."""
    found = raw.execute(LISTENING.format(channel_of(store.schema, store.workspace)).encode()).fetchone()
    return None if found is None else found[0]


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


class Waiter:
    """Be a thread that waits for the head to be past a revision."""

    def __init__(self, store: PostgresStore, revision: int = 0) -> None:
        self.has_moved = False
        self._thread = threading.Thread(target=self._wait, args=(store, revision))
        self._thread.start()

    def _wait(self, store: PostgresStore, revision: int) -> None:
        self.has_moved = store.wait(revision, LONG_S)

    def join(self) -> bool:
        """Return what it was told, within a third of the time that anybody would look after."""
        self._thread.join(LONG_S / 3)
        return not self._thread.is_alive() and self.has_moved


@pytest.mark.usefixtures("seldom")
def test_a_commit_elsewhere_wakes_all_who_wait(
    store: PostgresStore, other: PostgresStore, raw: psycopg.Connection
) -> None:
    waiters = [Waiter(store) for _ in range(3)]
    until(lambda: listener_of(store, raw))
    put(other, "customer/acme")
    assert [waiter.join() for waiter in waiters] == [True] * 3


@pytest.mark.usefixtures("seldom")
def test_a_commit_of_the_same_process_wakes_who_hears(store: PostgresStore, raw: psycopg.Connection) -> None:
    waiter = Waiter(store)
    until(lambda: listener_of(store, raw))
    put(store, "customer/acme")
    assert waiter.join()


def test_a_batch_notifies_once_and_only_of_commits(store: PostgresStore, raw: psycopg.Connection) -> None:
    raw.execute(f"LISTEN {channel_of(store.schema, store.workspace)}".encode())
    given = [entry(number, state(f"customer/c{number}"), proposal=f"p{number}") for number in (1, 2, 3)]
    in_batch(store, lambda batch: batch.append(moved(batch.head, given), given, folded(given), []))
    in_batch(store, lambda batch: batch.append(batch.head, [], [], [answered("refused")]))
    store.keep(store.head(), [answered("kept")])
    put(store, "customer/acme")
    assert [note.payload for note in raw.notifies(timeout=0.2)] == ["3", "4"]


def test_hints_can_be_turned_off(workspace_url: str, store: PostgresStore, raw: psycopg.Connection) -> None:
    quiet = PostgresStore.open(f"{workspace_url}&notify=off", clock=ManualClock())
    raw.execute(f"LISTEN {channel_of(store.schema, store.workspace)}".encode())
    waiter = Waiter(quiet)
    put(quiet, "customer/acme")
    assert waiter.join()
    waiter = Waiter(quiet, 1)
    put(store, "customer/acme")
    assert waiter.join(), "what others do is looked for"
    assert [note.payload for note in raw.notifies(timeout=0.2)] == ["2"]
    quiet.close()


def test_a_hint_that_does_not_come_is_not_waited_for(
    workspace_url: str, store: PostgresStore, raw: psycopg.Connection
) -> None:
    quiet = PostgresStore.open(f"{workspace_url}&notify=off", clock=ManualClock())
    waiter = Waiter(store)
    until(lambda: listener_of(store, raw))
    put(store, "customer/acme")
    assert waiter.join()
    waiter = Waiter(store, 1)
    until(lambda: store._waiting._is_hinted)
    put(quiet, "customer/acme")
    assert waiter.join()
    assert not store._waiting._is_hinted, "from now on it is looked at the head often"
    quiet.close()


@pytest.mark.usefixtures("seldom")
def test_a_listener_that_is_lost_is_made_anew(
    store: PostgresStore, other: PostgresStore, raw: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("comity.store.postgres.hints.PAUSE_S", 0.0)
    waiter = Waiter(store)
    until(lambda: listener_of(store, raw))
    first = listener_of(store, raw)
    raw.execute("SELECT pg_terminate_backend(%s)", (first,))
    until(lambda: listener_of(store, raw) not in (None, first))
    put(other, "customer/acme")
    assert waiter.join()


def wait_until_closed(store: PostgresStore) -> None:
    with pytest.raises(StoreError):
        store.wait(0, LONG_S)


@pytest.mark.usefixtures("seldom")
def test_closing_ends_the_listening(workspace_url: str, raw: psycopg.Connection) -> None:
    store = PostgresStore.open(workspace_url, clock=ManualClock())
    waiter = threading.Thread(target=wait_until_closed, args=(store,))
    waiter.start()
    until(lambda: listener_of(store, raw))
    store.close()
    waiter.join(LONG_S / 3)
    assert not waiter.is_alive()
    until(lambda: listener_of(store, raw) is None)


def test_a_role_that_may_not_connect_twice_waits_all_the_same(server: Server, raw: psycopg.Connection) -> None:
    """What can't be listened to isn't: no connection is left for it."""
    url = server.new_workspace()
    PostgresStore.open(url, clock=ManualClock()).close()
    raw.execute("CREATE ROLE lonely LOGIN CONNECTION LIMIT 2")
    raw.execute("GRANT USAGE ON SCHEMA comity TO lonely")
    raw.execute("GRANT SELECT ON ALL TABLES IN SCHEMA comity TO lonely")
    store = PostgresStore.open(url.replace("postgres@", "lonely@"), clock=ManualClock())
    assert not store.wait(0, 0.1)
    assert listener_of(store, raw) is None
    store.close()
