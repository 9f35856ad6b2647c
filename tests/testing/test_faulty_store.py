"""A faulty store fails where it was planned, and is the real one otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from comity.errors import StoreUnavailable
from comity.store.contract import KeyRow, Store
from comity.store.sqlite import SqliteStore
from comity.testing.faulty_store import Fault, FaultyStore
from comity.testing.manual_clock import ManualClock
from comity.testing.samples import append, digest, entry, state
from comity.testing.store_contract import OpenStore, StoreContract


class TestFaultyStoreWithoutFaults(StoreContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        def opened() -> Store:
            return FaultyStore(SqliteStore.open(str(tmp_path / "crm.db"), clock=ManualClock()))

        return opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FaultyStore]:
    faulty = FaultyStore(SqliteStore.open(str(tmp_path / "crm.db"), clock=ManualClock()))
    yield faulty
    faulty.close()


def revision_of(store: Store) -> int:
    with store.snapshot() as snapshot:
        return snapshot.head.revision


@pytest.mark.parametrize(
    ("fault", "left"),
    [
        (Fault("batch", "before"), 0),
        (Fault("batch", "after"), 0),
        (Fault("append", "before"), 0),
        (Fault("append", "after"), 0),
        (Fault("commit", "before"), 0),
        (Fault("commit", "after"), 1),
    ],
)
def test_failed_batch_leaves(store: FaultyStore, fault: Fault, left: int) -> None:
    store.plan(fault)
    with pytest.raises(StoreUnavailable, match="planned"):
        append(store, entry(1, state("customer/a")))
    assert revision_of(store) == left
    append(store, entry(left + 1, state("customer/b")))


def test_nth_call_is_counted(store: FaultyStore) -> None:
    store.plan(Fault("append", nth=2))
    append(store, entry(1))
    with pytest.raises(StoreUnavailable):
        append(store, entry(2))
    append(store, entry(2))
    assert revision_of(store) == 2


def test_other_calls_fail_on_either_side(store: FaultyStore) -> None:
    row, head = KeyRow("k", "ops", digest("k"), 1, None), store.head()
    calls = {
        "turn": lambda: store.turn().__enter__(),
        "head": store.head,
        "snapshot": lambda: store.snapshot().__enter__(),
        "keep": lambda: store.keep(head, []),
        "note": lambda: store.note("renewed", {"a": "1"}),
        "put_key": lambda: store.put_key(row),
        "index": lambda: store.index({}),
    }
    for call, use in calls.items():
        store.plan(Fault(call))  # type: ignore[arg-type]
        with pytest.raises(StoreUnavailable):
            use()
    store.plan(Fault("put_key", "after"))
    with pytest.raises(StoreUnavailable):
        store.put_key(row)
    with store.snapshot() as snapshot:
        assert snapshot.key("k") == row
        assert snapshot.noted("renewed") == {}


def test_note_that_failed_afterwards_is_kept(store: FaultyStore) -> None:
    store.plan(Fault("note", "after"))
    with pytest.raises(StoreUnavailable):
        store.note("renewed", {"a": "1"})
    with store.snapshot() as snapshot:
        assert snapshot.noted("renewed") == {"a": "1"}
