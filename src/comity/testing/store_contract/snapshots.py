# ruff: noqa: D102 - the name of a test says what it checks
"""Reading records at one moment."""

from __future__ import annotations

import pytest

from comity.errors import StoreError
from comity.store.contract import Store
from comity.testing.samples import answered, append, entry, put, state, told
from comity.testing.store_contract.handles import ACME, StoreHandles, refs_of


class SnapshotContract(StoreHandles):
    """Check that a snapshot is of one revision, and what it reads of records."""

    def test_s5_snapshot_is_of_one_revision(self, store: Store, other: Store) -> None:
        put(store, "customer/acme", n=1)
        with store.snapshot() as snapshot:
            put(other, "customer/acme", n=2)
            put(store, "customer/acme", n=3)
            assert (snapshot.head.revision, snapshot.records([ACME])[ACME].values) == (1, {"n": 1})
            assert len(snapshot.log(0, 10)) == 1
        with store.snapshot() as snapshot:
            assert (snapshot.head.revision, snapshot.records([ACME])[ACME].values) == (3, {"n": 3})

    def test_nested_snapshots_of_a_thread_are_one(self, store: Store, other: Store) -> None:
        put(store, "customer/acme", n=1)
        with store.snapshot() as outer:
            put(other, "customer/acme", n=2)
            with store.snapshot() as inner:
                assert inner.head == outer.head
            assert outer.records([ACME])[ACME].values == {"n": 1}

    def test_snapshot_is_over_with_its_block(self, store: Store) -> None:
        put(store, "customer/acme")
        with store.snapshot() as snapshot:
            records = snapshot.all_records()
        with pytest.raises(StoreError):
            list(records)
        with pytest.raises(StoreError):
            snapshot.kinds()

    def test_records_gives_those_that_ever_were(self, store: Store) -> None:
        put(store, "customer/acme", n=1)
        gone = put(store, "customer/gone", life="deleted")
        with store.snapshot() as snapshot:
            found = snapshot.records([ACME, ("customer", "gone"), ("customer", "never"), ("ticket", "acme")])
        assert list(found) == [ACME, ("customer", "gone")]
        assert found["customer", "gone"] == gone

    def test_records_at_gives_each_as_it_was(self, store: Store) -> None:
        for n in (1, 2, 3):
            put(store, "customer/acme", n=n)
        put(store, "customer/late")
        with store.snapshot() as snapshot:
            refs = [ACME, ("customer", "late")]
            seen = [snapshot.records_at(refs, revision) for revision in range(6)]
            assert seen[4] == seen[5] == snapshot.records(refs)
        assert seen[0] == {}
        assert [at[ACME].values["n"] for at in seen[1:]] == [1, 2, 3, 3, 3]
        assert [("customer", "late") in at for at in seen] == [False] * 4 + [True] * 2

    def test_all_records_come_by_kind_and_id(self, store: Store) -> None:
        states = [state(f"{kind}/n{number}") for kind in ("ticket", "customer") for number in range(601)]
        append(store, entry(1, *states))
        with store.snapshot() as snapshot:
            everything, tickets = list(snapshot.all_records()), list(snapshot.all_records("ticket"))
        assert refs_of(everything) == sorted((one.ref for one in states), key=lambda ref: tuple(ref.split("/")))
        assert tickets == everything[601:]

    def test_changed_since(self, store: Store) -> None:
        for name in ("c", "a", "b", "a"):
            put(store, f"customer/{name}")
        with store.snapshot() as snapshot:
            assert refs_of(snapshot.changed_since(1, 10)) == ["customer/a", "customer/b"]
            assert refs_of(snapshot.changed_since(0, 2)) == ["customer/a", "customer/b"]
            assert snapshot.changed_since(4, 10) == []

    def test_kinds_agents_and_event_types(self, store: Store) -> None:
        put(store, "customer/a", agent="support")
        put(store, "ticket/a", life="deleted")
        put(store, "customer/b", agent="support")
        store.keep(told(store, 1), [answered("p", agent="ops"), answered("q", agent="sales")])
        with store.snapshot() as snapshot:
            assert snapshot.kinds() == {"customer": 3, "ticket": 2}
            assert snapshot.agents() == ["ops", "sales", "support"]
            assert snapshot.event_types() == ["customer.changed", "ticket.changed"]
