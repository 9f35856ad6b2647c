# ruff: noqa: D102 - the name of a test says what it checks
"""What is kept beside the log: bookkeeping, keys, counts; and the end of a handle."""

from __future__ import annotations

import msgspec
import pytest

from comity.errors import StoreError
from comity.store.contract import KeyRow, Store
from comity.testing.samples import SECOND_US, answered, append, digest, entry, state
from comity.testing.store_contract.handles import OpenStore, StoreHandles, run_all


class KeepingContract(StoreHandles):
    """Check bookkeeping, keys and counts, and that a closed handle refuses."""

    def test_s18_notes_are_seen_by_all_at_once_and_make_no_commit(self, store: Store, other: Store) -> None:
        before = store.head()
        store.note("renewed", {"lease/a": "5", "lease/b": "Ac\u2028me"})
        store.note("cursor", {"lease/a": "other topic"})
        for handle in (store, other):
            with handle.snapshot() as snapshot:
                assert snapshot.noted("renewed") == {"lease/a": "5", "lease/b": "Ac\u2028me"}
                assert snapshot.head == before
                assert (snapshot.commits(0, 10), snapshot.kinds()) == ([], {})

    def test_s18_notes_are_asked_for_by_name(self, store: Store) -> None:
        store.note("renewed", {"a": "1", "b": "2"})
        with store.snapshot() as snapshot:
            assert snapshot.noted("renewed", ["b", "never", "b"]) == {"b": "2"}
            assert (snapshot.noted("renewed", []), snapshot.noted("nothing")) == ({}, {})

    def test_s18_topics_are_those_with_notes(self, store: Store) -> None:
        store.note("renewed", {"a": "1", "b": "2"})
        store.note("cursor", {"a": "1"})
        store.note("gone", {"a": "1"})
        store.note("gone", {"a": None})
        with store.snapshot() as snapshot:
            assert snapshot.topics() == ["cursor", "renewed"]

    def test_s18_later_note_replaces_and_none_forgets(self, store: Store, other: Store) -> None:
        store.note("renewed", {"a": "1", "b": "2"})
        other.note("renewed", {"a": "3", "b": None, "never": None})
        with store.snapshot() as snapshot:
            assert snapshot.noted("renewed") == {"a": "3"}

    def test_s5_snapshot_sees_no_later_note(self, store: Store, other: Store) -> None:
        store.note("renewed", {"a": "1"})
        with store.snapshot() as snapshot:
            assert snapshot.noted("renewed") == {"a": "1"}
            other.note("renewed", {"a": "2"})
            assert snapshot.noted("renewed") == {"a": "1"}

    def test_note_within_a_turn(self, store: Store) -> None:
        with store.turn():
            store.note("renewed", {"a": "1"})
        with store.turn(), store.batch() as batch:
            assert batch.noted("renewed") == {"a": "1"}

    def test_note_within_a_batch_is_refused(self, store: Store) -> None:
        with store.batch(), pytest.raises(StoreError):
            store.note("renewed", {"a": "1"})

    def test_notes_of_many_threads_are_all_kept(self, store: Store, other: Store) -> None:
        def work(handle: Store, name: int) -> None:
            for number in range(20):
                handle.note("renewed", {f"{name}/{number}": str(number), "last": str(name)})

        run_all([(work, (handle, name)) for name, handle in enumerate((store, other) * 2)])
        with store.snapshot() as snapshot:
            noted = snapshot.noted("renewed")
        assert noted.pop("last") in "0123"
        assert noted == {f"{name}/{number}": str(number) for name in range(4) for number in range(20)}

    def test_keys(self, store: Store, other: Store) -> None:
        first = KeyRow("k1", "ops", digest("1"), SECOND_US, None)
        second = KeyRow("k2", "ann", digest("2"), 2 * SECOND_US, 9 * SECOND_US)
        store.put_key(first)
        store.put_key(second)
        with other.snapshot() as snapshot:
            assert (snapshot.keys(), snapshot.keys("ann")) == ([first, second], [second])
            assert (snapshot.key("k1"), snapshot.key("k3")) == (first, None)
        renewed = msgspec.structs.replace(first, expires_at=5)
        other.put_key(renewed)
        with store.snapshot() as snapshot:
            assert snapshot.key("k1") == renewed

    def test_statistics(self, store: Store) -> None:
        append(store, entry(1, state("customer/a"), state("customer/b", life="archived")), answers=[answered("x")])
        append(store, entry(2, state("customer/c", life="deleted"), state("ticket/t")))
        with store.snapshot() as snapshot:
            counted = snapshot.statistics()
        assert counted.records == {"customer": 2, "ticket": 1}
        assert (counted.commits, counted.events, counted.answers) == (2, 4, 1)
        assert counted.bytes > 0

    def test_closed_store_refuses(self, open_store: OpenStore) -> None:
        store = open_store()
        head = store.head()
        store.close()
        store.close()
        for use in (lambda: store.snapshot().__enter__(), lambda: store.keep(head, [])):
            with pytest.raises(StoreError):
                use()
