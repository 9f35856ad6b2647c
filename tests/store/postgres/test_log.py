"""S37: the log grows at its end; nothing in it changes, but for erasure, whoever asks the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg
import pytest
from msgspec.structs import replace

from comity.errors import StoreError
from comity.store.contract import Entry
from comity.store.postgres import PostgresStore
from comity.testing.manual_clock import ManualClock
from comity.testing.samples import append, entry, put, state
from tests.server import Server


@pytest.fixture
def store(workspace_url: str) -> Iterator[PostgresStore]:
    """Give a workspace in which customer/acme was erased at 3, and customer/kept was not."""
    opened = PostgresStore.open(workspace_url, clock=ManualClock())
    put(opened, "customer/acme", name="Ann")
    put(opened, "customer/kept", name="Bob")
    append(opened, entry(3, state("customer/acme"), types=["$erased"]))
    put(opened, "customer/acme", name="Ann again")
    yield opened
    opened.close()


@pytest.fixture
def raw(server: Server, store: PostgresStore) -> Iterator[psycopg.Connection]:
    """Give a connection of someone who owns the schema."""
    with psycopg.connect(server.url, autocommit=True, options="-c search_path=comity") as connection:
        yield connection


REFUSED = [
    "DELETE FROM commits WHERE workspace = %(w)s AND revision = 4",
    "DELETE FROM events WHERE workspace = %(w)s AND revision = 4",
    "DELETE FROM events WHERE workspace = %(w)s",
    "TRUNCATE events",
    "TRUNCATE commits CASCADE",
    "UPDATE commits SET agent = 'someone' WHERE workspace = %(w)s AND revision = 1",
    "UPDATE commits SET workspace = 'elsewhere' WHERE workspace = %(w)s AND revision = 4",
    "UPDATE commits SET payload = NULL, salt = NULL WHERE workspace = %(w)s AND revision = 2",
    "UPDATE commits SET payload = NULL, salt = NULL WHERE workspace = %(w)s AND revision = 4",
    "UPDATE commits SET payload = NULL, salt = NULL, at = 0 WHERE workspace = %(w)s AND revision = 1",
    "UPDATE commits SET payload = NULL WHERE workspace = %(w)s AND revision = 1",
    "UPDATE commits SET payload = '{}', salt = NULL WHERE workspace = %(w)s AND revision = 1",
    "UPDATE commits SET revision = 9 WHERE workspace = %(w)s AND revision = 4",
    "UPDATE events SET id = 'other' WHERE workspace = %(w)s AND revision = 1",
    "UPDATE events SET payload = NULL, salt = NULL WHERE workspace = %(w)s AND revision = 2",
    "UPDATE events SET payload = NULL, salt = NULL WHERE workspace = %(w)s AND revision = 3",
    "UPDATE events SET payload = NULL, salt = NULL WHERE workspace = %(w)s AND revision = 4",
    "UPDATE events SET payload = NULL, salt = NULL, type = 'x' WHERE workspace = %(w)s AND revision = 1",
    "INSERT INTO commits SELECT * FROM commits WHERE workspace = %(w)s AND revision = 1"
    " ON CONFLICT (workspace, revision) DO UPDATE SET agent = 'someone'",
]


def rows_of(raw: psycopg.Connection, store: PostgresStore) -> list[list[tuple[object, ...]]]:
    place = {"w": store.workspace}
    return [
        raw.execute(f"SELECT * FROM {table} WHERE workspace = %(w)s ORDER BY revision", place).fetchall()
        for table in ("commits", "events")
    ]


@pytest.mark.parametrize("statement", REFUSED)
def test_s37_log_is_append_only(raw: psycopg.Connection, store: PostgresStore, statement: str) -> None:
    before = rows_of(raw, store)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"):
        raw.execute(statement.encode(), {"w": store.workspace})
    assert rows_of(raw, store) == before


@pytest.mark.parametrize("table", ["commits", "events"])
def test_s37_erased_payloads_may_be_emptied(raw: psycopg.Connection, store: PostgresStore, table: str) -> None:
    emptied = f"UPDATE {table} SET payload = NULL, salt = NULL WHERE workspace = %s AND revision = 1"
    assert raw.execute(emptied.encode(), (store.workspace,)).rowcount == 1
    with store.snapshot() as snapshot:
        ((commit, events),) = snapshot.log(0, 1)
    erased = commit if table == "commits" else events[0]
    assert (erased.payload_bytes, erased.salt) == (None, None)


def misplaced(revision: int, ordinal: int) -> Entry:
    """Return the next commit, with an event that belongs elsewhere."""
    given = entry(5, state("customer/kept"))
    return replace(given, events=(replace(given.events[0], revision=revision, ordinal=ordinal),))


OUT_OF_ORDER = {
    "a gap": [entry(6)],
    "a revision that is taken": [entry(1, proposal="new")],
    "a gap behind the next": [entry(5), entry(7)],
    "another order": [entry(6), entry(5)],
    "an event of an earlier commit": [misplaced(1, 1)],
    "an event of a later commit": [misplaced(6, 0)],
    "a place that is left out": [misplaced(5, 1)],
}


@pytest.mark.parametrize("entries", OUT_OF_ORDER.values(), ids=OUT_OF_ORDER)
def test_s37_what_the_store_itself_appends_is_next(store: PostgresStore, entries: Sequence[Entry]) -> None:
    with pytest.raises(StoreError, match="append-only"):
        append(store, *entries)
    assert store.head().revision == 4


def test_s7_an_id_is_committed_once(store: PostgresStore) -> None:
    append(store, entry(5, proposal="mine"))
    with pytest.raises(StoreError, match="UniqueViolation"):
        append(store, entry(6, proposal="mine"))
    assert store.head().revision == 5
