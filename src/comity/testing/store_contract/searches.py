# ruff: noqa: D102 - the name of a test says what it checks
"""Searches: what ``find`` and ``count`` do. What each filter means is for the differential test of the store."""

from __future__ import annotations

import msgspec

from comity.model.filters import page_after, query
from comity.model.records import RecordState
from comity.store.contract import Store
from comity.testing.samples import append, entry, put, state
from comity.testing.store_contract.handles import StoreHandles, refs_of


class SearchContract(StoreHandles):
    """Check filters, orders, limits and pages, now and as of a revision."""

    def test_find_filters_orders_and_limits(self, store: Store) -> None:
        for name, n in (("a", 3), ("b", 1), ("c", 2), ("d", 1)):
            put(store, f"customer/{name}", n=n)
        put(store, "ticket/a", n=1)
        put(store, "customer/gone", life="archived", n=1)
        with store.snapshot() as snapshot:
            found = refs_of(snapshot.find(query("customer", "n<3", order="-n")))
            assert found == ["customer/c", "customer/b", "customer/d"]
            assert refs_of(snapshot.find(query("customer", n=1, limit=1))) == ["customer/b"]
            assert snapshot.count(query("customer", n=1, limit=1)) == 2
            assert snapshot.count(query("customer", life="any")) == 5
            assert snapshot.find(query("nothing")) == []

    def test_find_gives_page_after_page(self, store: Store) -> None:
        states = [state(f"customer/n{number:02}", {"n": number % 3}) for number in range(10)]
        append(store, entry(1, *states))
        found: list[RecordState] = []
        with store.snapshot() as snapshot:
            asked = query("customer", order="-n", limit=4)
            while page := snapshot.find(asked):
                found += page
                asked = msgspec.structs.replace(asked, after=page_after(asked, page[-1]))
            assert found == snapshot.find(query("customer", order="-n"))
        assert len(found) == 10

    def test_find_and_count_as_of_a_revision(self, store: Store) -> None:
        put(store, "customer/a", n=1)
        put(store, "customer/b", n=2)
        put(store, "customer/a", n=5)
        put(store, "customer/b", life="deleted", n=2)
        asked = query("customer", "n>0", order="-n")
        with store.snapshot() as snapshot:
            found = [refs_of(snapshot.find(asked, revision=revision)) for revision in range(5)]
            counted = [snapshot.count(asked, revision=revision) for revision in range(5)]
            assert snapshot.find(asked, revision=4) == snapshot.find(asked)
        a, b = "customer/a", "customer/b"
        assert found == [[], [a], [b, a], [a, b], [a]]
        assert counted == [0, 1, 2, 2, 1]

    def test_index_changes_no_answer(self, store: Store) -> None:
        for number in range(5):
            put(store, f"customer/c{number}", n=number % 2, s=f"x{number}")
        asked = [query("customer", n=1), query("customer", "s^=x", order="-s"), query("customer", order="n,s")]
        with store.snapshot() as snapshot:
            before = [snapshot.find(one) for one in asked]
        for wanted in ({"customer": [["n"], ["s", "n"]]}, {"customer": [["s"]], "ticket": [["n"]]}, {}):
            store.index(wanted)
            with store.snapshot() as snapshot:
                assert [snapshot.find(one) for one in asked] == before
