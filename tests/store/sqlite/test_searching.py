"""Searches of the log: an index serves a single thing; several are found by going through the stretch in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from comity.store.contract import LogFilter
from comity.store.sqlite import SqliteStore
from comity.store.sqlite.opening import connect
from comity.store.sqlite.searching import events_passing
from comity.testing.manual_clock import ManualClock

BY_PLACE = "SEARCH e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (LogFilter(), BY_PLACE),
        (LogFilter(kinds=("a",)), "SEARCH e USING INDEX events_kind (kind=? AND place>? AND place<?)"),
        (LogFilter(types=("a",)), "SEARCH e USING INDEX events_type (type=? AND place>? AND place<?)"),
        (
            LogFilter(records=(("a", "b"),)),
            "SEARCH e USING INDEX events_record (kind=? AND id=? AND place>? AND place<?)",
        ),
        (LogFilter(kinds=("a", "b")), BY_PLACE),
        (LogFilter(records=(("a", "b"), ("a", "c"))), BY_PLACE),
        (LogFilter(types=("a", "b")), BY_PLACE),
        (LogFilter(agents=("a",)), BY_PLACE),
        (LogFilter(agents=("a", "b"), actions=("c",)), BY_PLACE),
    ],
)
def test_no_search_goes_through_more_than_it_must_or_sorts(tmp_path: Path, chosen: LogFilter, expected: str) -> None:
    SqliteStore.open(str(tmp_path / "crm.db"), clock=ManualClock()).close()
    connection = connect(tmp_path / "crm.db", "FULL", 1_000)
    sql, values = events_passing(chosen)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", (*values, 0, 10, 256))]
    connection.close()
    assert plan[0] == expected
    assert not [line for line in plan if "TEMP B-TREE" in line or line.startswith("SCAN")]
