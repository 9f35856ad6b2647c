"""S13: a filter, an order and a page mean the same in SQL and in Python."""

from __future__ import annotations

import base64
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity.errors import InvalidQuery
from comity.model.filters import Condition, Order, Query, page_after, query, select
from comity.model.records import RecordState
from comity.store.sqlite import SqliteStore
from comity.store.sqlite.indexes import SELECT_DECLARED
from comity.store.sqlite.opening import connect
from comity.store.sqlite.queries import after_prefix
from comity.store.sqlite.snapshot import SELECT_CHANGED, SELECT_RECORD_AT, SqliteSnapshot
from comity.testing.manual_clock import ManualClock
from comity.testing.samples import append, entry, put, state
from tests.store.filters import QUERIES, STATES, check_means_the_same, of_kind


@contextmanager
def filled(states: Sequence[RecordState], later: Sequence[RecordState]) -> Generator[SqliteStore]:
    """Give a base in which ``states`` were committed at revision 1 and ``later`` at revision 2."""
    with TemporaryDirectory() as folder:
        store = SqliteStore.open(str(Path(folder) / "crm.db"), clock=ManualClock())
        append(store, entry(1, *states))
        append(store, entry(2, *later))
        yield store
        store.close()


@given(STATES, STATES, st.lists(QUERIES, min_size=1, max_size=12), st.sampled_from(["k", "$k"]), st.booleans())
def test_s13_sql_means_what_python_means(
    former: list[RecordState], latter: list[RecordState], asked: list[Query], kind: str, is_indexed: bool
) -> None:
    with TemporaryDirectory() as folder:
        store = SqliteStore.open(str(Path(folder) / "crm.db"), clock=ManualClock())
        check_means_the_same(
            store, of_kind(kind, former), of_kind(kind, latter), of_kind(kind, asked), is_indexed=is_indexed
        )
        store.close()


@given(st.text(max_size=4), st.text(max_size=4))
def test_after_prefix_bounds_what_begins_with_it(start: str, text: str) -> None:
    end = after_prefix(start)
    for candidate in (text, start + text, start):
        assert candidate.startswith(start) == (candidate >= start and (end is None or candidate < end))


@pytest.mark.parametrize(
    "after", ['[[["$id",false]],[5],"a"]', '[[["$id",false]],[null],"a"]', '[[["$id",true]],[5],"a"]']
)
def test_s13_forged_cursors_mean_the_same(after: str) -> None:
    cursor = base64.urlsafe_b64encode(after.encode()).decode()
    order = "-$id" if "true" in after else "$id"
    states = [state("k/a"), state("k/b")]
    with filled(states, []) as store, store.snapshot() as snapshot:
        asked = query("k", order=order, after=cursor)
        assert snapshot.find(asked) == select(asked, states)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(str(tmp_path / "crm.db"), clock=ManualClock())
    for number in range(50):
        put(opened, f"customer/c{number}", status=f"s{number % 10}", n=number)
    put(opened, "ticket/t", status="s1")
    yield opened
    opened.close()


INDEX = {"customer": [["status"], ["n", "status"]]}

USING = [
    (query("customer", status="s1"), "declared customer by status"),
    (query("customer", "status ^= s"), "declared customer by status"),
    (query("customer", "status in s1,s2"), "declared customer by status"),
    (query("customer", "status > s3", order="status"), "declared customer by status"),
    (query("customer", "n > 45"), "declared customer by n, status"),
    (query("customer", n=3, status="s3"), "declared customer by n, status"),
    (query("customer", status="s1", life="any"), "declared customer by status"),
    (query("customer", order="status", limit=3), "declared customer by status"),
    (query("customer", order="-status", limit=3), "declared customer by status"),
    (query("customer", order="n", limit=3), "declared customer by n, status"),
]


@pytest.mark.parametrize(("asked", "index"), USING)
def test_declared_indexes_are_used(store: SqliteStore, tmp_path: Path, asked: Query, index: str) -> None:
    store.index(INDEX)
    assert index in plan_of(tmp_path / "crm.db", asked)


OPEN = [
    (Query("$intent"), "records_open"),
    (query("$intent", agent="sales"), "records_open"),
    (query("$intent", "$id > i5", limit=3), "records_open"),
    (query("$intent", life="archived"), "sqlite_autoindex_records_1"),
    (query("$intent", life="any"), "sqlite_autoindex_records_1"),
    (query("customer"), "sqlite_autoindex_records_1"),
]


@pytest.mark.parametrize(("asked", "index"), OPEN)
def test_open_records_of_built_in_kinds_have_an_index_of_their_own(
    store: SqliteStore, tmp_path: Path, asked: Query, index: str
) -> None:
    plan = plan_of(tmp_path / "crm.db", asked)
    assert plan.startswith("SEARCH r USING")
    assert index in plan
    assert "TEMP B-TREE" not in plan


def test_search_for_open_records_takes_no_longer_for_those_that_are_closed(store: SqliteStore, tmp_path: Path) -> None:
    closed = [state(f"$intent/i{number}", life="archived") for number in range(3_000)]
    append(store, entry(52, *closed, state("$intent/open")))
    connection = connect(tmp_path / "crm.db", "FULL", 1_000)
    steps = 0

    def count() -> bool:
        nonlocal steps
        steps += 1
        return False

    connection.execute("BEGIN")
    snapshot = SqliteSnapshot.begun(connection)
    connection.set_progress_handler(count, 1)
    found = snapshot.find(Query("$intent"))
    connection.close()
    assert [one.id for one in found] == ["open"]
    assert steps < 100


def plan_of(file: Path, asked: Query) -> str:
    """Return SQLite's plan for a query, as its own connection makes it."""
    connection = connect(file, "FULL", 1_000)
    lines: list[str] = []

    def explain(_: object, sql: str, values: Any) -> bool:
        if sql.startswith("SELECT r."):
            lines.extend(row[3] for row in connection.cursor().execute(f"EXPLAIN QUERY PLAN {sql}", values))
        return True

    connection.exec_trace = explain
    connection.execute("BEGIN")
    SqliteSnapshot(connection).find(asked)
    connection.execute("COMMIT")
    connection.close()
    return "\n".join(lines)


def test_page_after_a_cursor_seeks_in_the_index(store: SqliteStore, tmp_path: Path) -> None:
    store.index(INDEX)
    first = query("customer", order="status", limit=3)
    with store.snapshot() as snapshot:
        after = page_after(first, snapshot.find(first)[-1])
    plan = plan_of(tmp_path / "crm.db", query("customer", order="status", limit=3, after=after))
    assert plan.startswith("SEARCH r USING INDEX declared customer by status (<expr>>?)")
    assert "TEMP B-TREE" not in plan


def test_as_of_read_is_a_seek(store: SqliteStore, tmp_path: Path) -> None:
    connection = connect(tmp_path / "crm.db", "FULL", 1_000)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {SELECT_RECORD_AT}", ("customer", "c1", 9))]
    changed = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {SELECT_CHANGED}", (1, 1))]
    connection.close()
    assert plan == ["SEARCH e USING INDEX events_record (kind=? AND id=? AND place<?)"]
    assert "SEARCH e USING INTEGER PRIMARY KEY (rowid>?)" in changed
    assert "SEARCH r USING INDEX sqlite_autoindex_records_1 (kind=? AND id=?)" in changed


def test_index_keeps_exactly_what_is_wanted(store: SqliteStore, tmp_path: Path) -> None:
    for wanted in (INDEX, INDEX, {"customer": [["status"]], "ticket": [["n"]]}, {}):
        store.index(wanted)
        connection = connect(tmp_path / "crm.db", "FULL", 1_000)
        there = {row[0] for row in connection.execute(SELECT_DECLARED)}
        connection.close()
        assert there == {
            f"declared {kind} by {', '.join(fields)}" for kind, lists in wanted.items() for fields in lists
        }


@pytest.mark.parametrize("wanted", [{"customer": [["a'b"]]}, {"x' OR 1": [["a"]]}, {"customer": [[]]}])
def test_index_refuses_what_is_no_name(store: SqliteStore, wanted: dict[str, list[list[str]]]) -> None:
    with pytest.raises(InvalidQuery):
        store.index(wanted)


@pytest.mark.parametrize(
    "asked",
    [
        Query("k' OR 1=1 --"),
        Query("k", (Condition("x') OR 1=1 --", "=", 1),)),
        Query("k", order=(Order("x; DROP TABLE records"),)),
    ],
)
def test_names_never_become_sql(store: SqliteStore, asked: Query) -> None:
    with store.snapshot() as snapshot, pytest.raises(InvalidQuery):
        snapshot.find(asked)
