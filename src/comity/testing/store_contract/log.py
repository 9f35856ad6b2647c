# ruff: noqa: D102 - the name of a test says what it checks
"""The log: commits and their events."""

from __future__ import annotations

from typing import cast

import msgspec
import pytest

from comity.model.events import Commit
from comity.model.filters import query
from comity.store.contract import EventFilter, Store
from comity.testing.samples import append, commit, entry, state
from comity.testing.store_contract.handles import StoreHandles, places_of


class LogContract(StoreHandles):
    """Check that the log gives back what was appended, in order, by each way to it."""

    def test_commit_and_commits(self, store: Store) -> None:
        given = [entry(number, state(f"customer/c{number}"), reason=f"because {number}") for number in (1, 2, 3)]
        append(store, *given)
        with store.snapshot() as snapshot:
            assert snapshot.commit(2) == given[1].commit
            assert cast("Commit", snapshot.commit(2)).reason == "because 2"
            assert (snapshot.commit(0), snapshot.commit(4), snapshot.commit(10**27)) == (None, None, None)
            assert snapshot.commits(1, 10) == [given[1].commit, given[2].commit]
            assert snapshot.commits(0, 2) == [given[0].commit, given[1].commit]

    def test_events_of_one_commit_keep_their_order(self, store: Store) -> None:
        given = entry(1, *(state(f"customer/c{9 - number}") for number in range(5)))
        append(store, given)
        with store.snapshot() as snapshot:
            assert snapshot.events_of(1) == list(given.events)
            assert [snapshot.event(1, ordinal) for ordinal in range(6)] == [*given.events, None]
            assert (snapshot.event(1, 65_536), snapshot.event(10**27, 10**27)) == (None, None)

    def test_log_gives_whole_commits(self, store: Store) -> None:
        given = [entry(1, state("customer/a"), state("customer/b")), entry(2), entry(3, state("customer/a"))]
        append(store, *given)
        with store.snapshot() as snapshot:
            assert snapshot.log(0, 2) == [(one.commit, list(one.events)) for one in given[:2]]
            assert snapshot.log(2, 10) == [(given[2].commit, list(given[2].events))]
            assert snapshot.log(3, 10) == []

    @pytest.mark.parametrize(
        ("chosen", "expected"),
        [
            (EventFilter(), ["1.0", "2.0", "3.0", "3.1", "4.0"]),
            (EventFilter(kind="customer"), ["1.0", "3.0", "3.1"]),
            (EventFilter(kind="customer", id="a"), ["1.0", "3.0"]),
            (EventFilter(type="StatusChanged"), ["3.0", "4.0"]),
            (EventFilter(kind="ticket", type="StatusChanged"), ["4.0"]),
            (EventFilter(agent="support"), ["2.0", "4.0"]),
            (EventFilter(agent="support", newest_first=True), ["4.0", "2.0"]),
            (EventFilter(agent="support", after=2), ["4.0"]),
            (EventFilter(agent="support", upto=2), ["2.0"]),
            (EventFilter(agent="sales", limit=2), ["1.0", "3.0"]),
            (EventFilter(agent="support", kind="ticket", type="StatusChanged"), ["4.0"]),
            (EventFilter(agent="nobody"), []),
            (EventFilter(but_agent="support"), ["1.0", "3.0", "3.1"]),
            (EventFilter(kind="ticket", but_agent="sales", newest_first=True), ["4.0", "2.0"]),
            (EventFilter(agent="sales", but_agent="sales"), []),
            (EventFilter(after=1, upto=3), ["2.0", "3.0", "3.1"]),
            (EventFilter(newest_first=True, limit=2), ["4.0", "3.1"]),
            (EventFilter(kind="customer", newest_first=True), ["3.1", "3.0", "1.0"]),
            (EventFilter(after=10**27), []),
            (EventFilter(upto=10**27, limit=1), ["1.0"]),
        ],
    )
    def test_events_are_chosen(self, store: Store, chosen: EventFilter, expected: list[str]) -> None:
        changed = ["StatusChanged"]
        append(store, entry(1, state("customer/a")), entry(2, state("ticket/t"), agent="support"))
        append(store, entry(3, state("customer/a"), state("customer/b"), types=changed))
        append(store, entry(4, state("ticket/t"), types=changed, agent="support"))
        with store.snapshot() as snapshot:
            assert places_of(snapshot.events(chosen)) == expected

    def test_revision_at_a_time(self, store: Store) -> None:
        times = (5, 7, 7, 9)
        append(store, *(entry(number, at=at) for number, at in enumerate(times, start=1)))
        with store.snapshot() as snapshot:
            assert [snapshot.revision_at(at) for at in (0, 4, 5, 6, 7, 8, 9, 10**30)] == [0, 0, 1, 1, 3, 3, 4, 4]

    def test_caused_by(self, store: Store) -> None:
        append(store, entry(1, state("customer/a")), entry(2, cause="1.0"), entry(3), entry(4, cause="1.0"))
        append(store, entry(5, cause="1.2"), entry(6, cause="11.0"))
        with store.snapshot() as snapshot:
            assert [one.revision for one in snapshot.caused_by(1, 0, 10)] == [2, 4]
            assert [one.revision for one in snapshot.caused_by(1, None, 10)] == [2, 4, 5]
            assert [one.revision for one in snapshot.caused_by(1, None, 2)] == [2, 4]
            assert snapshot.caused_by(2, None, 10) == []
            assert [one.revision for one in snapshot.caused_by(1, 0, 1)] == [2]
            assert snapshot.caused_by(1, 1, 10) == []

    def test_erased_payloads_read_as_none(self, store: Store) -> None:
        given = entry(1, state("customer/a", {"n": 1}))
        erased = tuple(msgspec.structs.replace(event, salt=None, payload_bytes=None) for event in given.events)
        envelope = msgspec.structs.replace(commit(1), salt=None, payload_bytes=None)
        append(store, msgspec.structs.replace(given, commit=envelope, events=erased))
        with store.snapshot() as snapshot:
            assert snapshot.log(0, 1) == [(envelope, list(erased))]
            assert snapshot.records_at([("customer", "a")], 1)["customer", "a"].values == {}
            assert snapshot.count(query("customer", n=None), revision=1) == 1
