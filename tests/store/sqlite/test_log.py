"""S37: the log grows at its end; nothing in it changes, but for erasure, whoever holds the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw
import pytest
from msgspec.structs import replace

from comity.errors import StoreError
from comity.store.contract import Entry
from comity.store.sqlite import SqliteStore
from comity.testing.manual_clock import ManualClock
from comity.testing.samples import append, entry, put, state


@pytest.fixture
def raw(tmp_path: Path) -> Iterator[apsw.Connection]:
    """Give a connection of someone who has the file: customer/acme erased at 3, customer/kept not."""
    store = SqliteStore.open(str(tmp_path / "crm.db"), clock=ManualClock())
    put(store, "customer/acme", name="Ann")
    put(store, "customer/kept", name="Bob")
    append(store, entry(3, state("customer/acme"), types=["$erased"]))
    put(store, "customer/acme", name="Ann again")
    store.close()
    connection = apsw.Connection(str(tmp_path / "crm.db"))
    yield connection
    connection.close()


TABLES = ("commits", "events", "stretches")
REFUSED = [
    "DELETE FROM commits WHERE revision = 4",
    "DELETE FROM events WHERE revision = 4",
    "DELETE FROM events",
    "UPDATE commits SET agent = 'someone' WHERE revision = 1",
    "UPDATE commits SET payload = NULL, salt = NULL WHERE revision = 2",
    "UPDATE commits SET payload = NULL, salt = NULL WHERE revision = 4",
    "UPDATE commits SET payload = NULL, salt = NULL, at = 0 WHERE revision = 1",
    "UPDATE commits SET payload = NULL WHERE revision = 1",
    "UPDATE commits SET payload = '{}', salt = NULL WHERE revision = 1",
    "UPDATE commits SET revision = 9 WHERE revision = 4",
    "UPDATE events SET id = 'other' WHERE revision = 1",
    "UPDATE events SET payload = NULL, salt = NULL WHERE revision = 2",
    "UPDATE events SET payload = NULL, salt = NULL WHERE revision = 3",
    "UPDATE events SET payload = NULL, salt = NULL WHERE revision = 4",
    "UPDATE events SET payload = NULL, salt = NULL, type = 'x' WHERE revision = 1",
    "UPDATE events SET salt = NULL WHERE revision = 1",
    "DELETE FROM stretches WHERE what = 'agent'",
    "UPDATE stretches SET stretch = 9 WHERE what = 'agent'",
    "INSERT OR REPLACE INTO commits SELECT * FROM commits WHERE revision = 4",
    "INSERT OR REPLACE INTO commits SELECT revision + 4, at, 'p1', content, agent, agent_kind, role, known, key,"
    " action, cause, definition, ordinal, digest, chain, salt, payload FROM commits WHERE revision = 1",
    "INSERT INTO commits SELECT revision + 9, at, 'new', content, agent, agent_kind, role, known, key, action,"
    " cause, definition, ordinal, digest, chain, salt, payload FROM commits WHERE revision = 1",
    "REPLACE INTO events (place, kind, id, version, type, life, born, derived, digest)"
    " SELECT place, kind, 'other', version, type, life, born, derived, digest FROM events WHERE revision = 2",
    "INSERT INTO events (place, kind, id, version, type, life, born, derived, digest)"
    " SELECT place + 1, kind, id, version, type, life, born, derived, digest FROM events WHERE revision = 2",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_s37_log_is_append_only(raw: apsw.Connection, statement: str) -> None:
    before = [list(raw.execute(f"SELECT * FROM {table}")) for table in TABLES]
    with pytest.raises(apsw.ConstraintError, match="append-only"):
        raw.execute(statement)
    assert [list(raw.execute(f"SELECT * FROM {table}")) for table in TABLES] == before


@pytest.mark.parametrize("table", ["commits", "events"])
def test_s37_erased_payloads_may_be_emptied(raw: apsw.Connection, table: str) -> None:
    raw.execute(f"UPDATE {table} SET payload = NULL, salt = NULL WHERE revision = 1")
    assert raw.changes() == 1
    assert list(raw.execute(f"SELECT payload, salt FROM {table} WHERE revision = 1")) == [(None, None)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Give an open base with one commit."""
    opened = SqliteStore.open(str(tmp_path / "crm.db"), clock=ManualClock())
    put(opened, "customer/acme", name="Ann")
    yield opened
    opened.close()


def misplaced(revision: int, ordinal: int) -> Entry:
    """Return the next commit, with an event that belongs elsewhere."""
    given = entry(2, state("customer/kept"))
    return replace(given, events=(replace(given.events[0], revision=revision, ordinal=ordinal),))


OUT_OF_ORDER = {
    "a gap": [entry(3)],
    "a revision that is taken": [entry(1, proposal="new")],
    "a gap behind the next": [entry(2), entry(4)],
    "another order": [entry(3), entry(2)],
    "an event of an earlier commit": [misplaced(1, 1)],
    "an event of a later commit": [misplaced(3, 0)],
    "a place that is left out": [misplaced(2, 1)],
}


@pytest.mark.parametrize("entries", OUT_OF_ORDER.values(), ids=OUT_OF_ORDER)
def test_s37_what_the_store_itself_appends_is_next_without_a_trigger(
    store: SqliteStore, entries: Sequence[Entry]
) -> None:
    assert store._writer.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, -1) == 0
    with pytest.raises(StoreError, match="append-only"):
        append(store, *entries)
    assert store.head().revision == 1


def test_s7_an_id_is_committed_once_without_a_trigger(store: SqliteStore) -> None:
    append(store, entry(2, proposal="mine"))
    with pytest.raises(StoreError, match="UNIQUE"):
        append(store, entry(3, proposal="mine"))
    assert store.head().revision == 2
