"""What was changed of what is watched, looked for from the head backwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from comity import limits
from comity.coordination.watches import changes_of
from comity.feed import EVERYTHING, Selection
from comity.store.contract import LogFilter
from comity.store.sqlite import SqliteStore
from comity.testing.manual_clock import ManualClock
from comity.testing.samples import append, entry, state


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore.open(str(tmp_path / "a.db"), clock=ManualClock())
    yield made
    made.close()


def told(store: SqliteStore, selection: Selection = EVERYTHING, since: int = 0, agent: str = "support") -> list[str]:
    with store.snapshot() as snapshot:
        return [f"{one.event.ref}@{one.event.revision}" for one in changes_of(snapshot, agent, selection, since)]


def fill(store: SqliteStore, commits: int) -> None:
    """Have the first commit change one record, and all others two in turn."""
    append(store, entry(1, state("customer/first", {"n": 0})))
    append(store, *(entry(n, state(f"customer/{n % 2}", {"n": n})) for n in range(2, commits + 1)))


def test_of_each_record_the_last_change_is_told_the_latest_first_however_far_back(store: SqliteStore) -> None:
    fill(store, 300)
    assert told(store) == ["customer/0@300", "customer/1@299", "customer/first@1"]
    assert told(store, since=1) == ["customer/0@300", "customer/1@299"]
    assert told(store, Selection(LogFilter(records=(("customer", "first"),)))) == ["customer/first@1"]
    assert told(store, agent="sales") == []


def test_it_looks_back_so_many_commits_or_events(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, 300)
    monkeypatch.setattr(limits, "FEED_LOOK", 299)
    assert told(store) == ["customer/0@300", "customer/1@299"]
    monkeypatch.setattr(limits, "FEED_LOOK", 300)
    assert told(store)[-1] == "customer/first@1"
    append(store, *(entry(n, *(state(f"item/{m}", {"n": n}) for m in range(4))) for n in range(301, 401)))
    monkeypatch.setattr(limits, "FEED_LOOK", 256)
    assert told(store) == [f"item/{m}@400" for m in (3, 2, 1, 0)], "so many events are in 64 commits"


def test_so_many_are_told(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "INBOX_ITEMS", 2)
    fill(store, 300)
    assert told(store) == ["customer/0@300", "customer/1@299"]
