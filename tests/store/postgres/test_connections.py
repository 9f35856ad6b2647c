"""Connections: their bounds, and what a transaction that holds the head is limited to."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from comity import limits
from comity.errors import StoreError, StoreUnavailable
from comity.store.postgres import PostgresStore
from comity.store.postgres.address import Address
from comity.store.postgres.connections import options_of
from comity.testing.manual_clock import ManualClock
from comity.testing.samples import put


@pytest.fixture
def store(workspace_url: str) -> Iterator[PostgresStore]:
    opened = PostgresStore.open(f"{workspace_url}&connections=1", clock=ManualClock())
    yield opened
    opened.close()


def test_limit_store_readers(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Address.of("postgresql://h/crm").connections == limits.STORE_READERS
    monkeypatch.setattr(limits, "STORE_BUSY_S", 0.05)
    failures: list[StoreError] = []

    def read() -> None:
        try:
            with store.snapshot():
                pass
        except StoreError as failure:
            failures.append(failure)

    reader = threading.Thread(target=read)
    with store.snapshot():
        reader.start()
        reader.join()
    assert [type(failure) for failure in failures] == [StoreUnavailable]
    assert "connections=" in str(failures[0])
    read()
    assert len(failures) == 1


def test_a_thread_that_reads_needs_no_other_connection_to_commit(store: PostgresStore) -> None:
    with store.snapshot() as snapshot:
        put(store, "customer/acme")
        assert snapshot.head.revision == 0
    assert store.head().revision == 1


def test_limit_store_connect_s() -> None:
    assert options_of(Address.of("postgresql://h/crm"))["connect_timeout"] == limits.STORE_CONNECT_S
    assert "connect_timeout" not in options_of(Address.of("postgresql://h/crm?connect_timeout=3"))


@pytest.mark.parametrize(
    ("setting", "limit"),
    [
        ("lock_timeout", limits.STORE_BUSY_S),
        ("statement_timeout", limits.STORE_STATEMENT_S),
        ("idle_in_transaction_session_timeout", limits.STORE_STALL_S),
    ],
)
def test_limits_of_a_transaction_that_holds_the_head(store: PostgresStore, setting: str, limit: float) -> None:
    asked = b"SELECT setting::float / 1000 FROM pg_settings WHERE name = %s"
    with store.batch() as batch:
        batch.kinds()
        assert batch._connection.execute(asked, (setting,)).fetchone() == (limit,)
    assert store._writer._connection.execute(asked, (setting,)).fetchone() != (limit,)


def test_closed_store_lets_its_connections_go(workspace_url: str) -> None:
    store = PostgresStore.open(workspace_url, clock=ManualClock())
    with store.snapshot():
        store.close()
        with pytest.raises(StoreError):
            store.head()
    assert store._readers._pool._idle == []
