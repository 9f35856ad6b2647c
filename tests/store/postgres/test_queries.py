"""S13: a filter, an order and a page mean the same in PostgreSQL and in Python."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from comity.model.filters import Query
from comity.model.records import RecordState
from comity.store.postgres import PostgresStore
from comity.testing.manual_clock import ManualClock
from tests.server import Server
from tests.store.filters import QUERIES, STATES, check_means_the_same, of_kind


@given(
    former=STATES,
    latter=STATES,
    asked=st.lists(QUERIES, min_size=1, max_size=12),
    kind=st.sampled_from(["k", "$k"]),
    is_indexed=st.booleans(),
)
def test_s13_sql_means_what_python_means(
    server: Server,
    former: list[RecordState],
    latter: list[RecordState],
    asked: list[Query],
    kind: str,
    is_indexed: bool,
) -> None:
    store = PostgresStore.open(server.new_workspace(), clock=ManualClock())
    try:
        check_means_the_same(
            store, of_kind(kind, former), of_kind(kind, latter), of_kind(kind, asked), is_indexed=is_indexed
        )
    finally:
        store.close()
