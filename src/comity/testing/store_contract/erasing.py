# ruff: noqa: D102 - the name of a test says what it checks
"""Erasure: payloads that an event of the log says are erased can be emptied, and no others."""

from __future__ import annotations

import msgspec
import pytest

from comity.errors import StoreError
from comity.model.events import EventPayload
from comity.model.records import ERASED
from comity.store.contract import Emptying, Entry, EventFilter, Store
from comity.testing.samples import answered, append, entry, put, state
from comity.testing.store_contract.handles import StoreHandles


def _naming(given: Entry, *also: int) -> Entry:
    """Return a commit whose first event names others as erased with it."""
    payload = msgspec.json.encode(EventPayload(data={"also": list(also)}))
    first = msgspec.structs.replace(given.events[0], payload_bytes=payload)
    return msgspec.structs.replace(given, events=(first, *given.events[1:]))


class ErasureContract(StoreHandles):
    """Check what can be emptied, and that it is told whether anything is left."""

    @pytest.fixture
    def erased(self, store: Store) -> Store:
        """Give a store in which customer/a was erased at 4, and the commit 3 named as speaking of it."""
        put(store, "customer/a", name="Ann")
        put(store, "customer/b", name="Bob")
        append(store, entry(3, state("ticket/t")), answers=[answered("x"), answered("y")])
        append(store, _naming(entry(4, state("customer/a", version=2, life="deleted"), types=[ERASED]), 3))
        put(store, "customer/a", name="Ann again")
        return store

    def test_s37_what_is_erased_becomes_empty_for_all(self, erased: Store, other: Store) -> None:
        erased.empty(Emptying(commits=(1, 3), events=((1, 0),), answers=("x",)))
        erased.empty(Emptying(commits=(1,)))
        with other.snapshot() as snapshot:
            commits = {commit.revision: commit.payload_bytes for commit in snapshot.commits(0, 9)}
            assert [revision for revision, payload in commits.items() if payload is None] == [1, 3]
            assert [event.event_id for event in snapshot.events(EventFilter()) if event.payload_bytes is None] == [
                "1.0"
            ]
            found = snapshot.answers(["x", "y"])
            assert (found["x"].salt, found["x"].payload_bytes) == (None, None)
            assert found["y"].payload_bytes is not None

    @pytest.mark.parametrize(
        "emptying",
        [
            Emptying(commits=(1, 2)),
            Emptying(commits=(5,)),
            Emptying(events=((1, 0), (2, 0))),
            Emptying(events=((3, 0),)),
            Emptying(events=((5, 0),), answers=("x",)),
        ],
    )
    def test_s37_anything_else_is_refused_as_a_whole(self, erased: Store, emptying: Emptying) -> None:
        with pytest.raises(StoreError, match="append-only"):
            erased.empty(emptying)
        with erased.snapshot() as snapshot:
            assert all(commit.payload_bytes is not None for commit in snapshot.commits(0, 9))
            assert all(event.payload_bytes is not None for event in snapshot.events(EventFilter()))
            assert snapshot.answers(["x"])["x"].payload_bytes is not None

    def test_s37_scrubbing_changes_nothing_that_is_there(self, erased: Store, other: Store) -> None:
        with erased.snapshot() as snapshot:
            before = (snapshot.head, snapshot.log(0, 9), list(snapshot.all_records()), snapshot.answers(["x", "y"]))
        for rewrite in (True, False):
            assert erased.scrub(5.0, rewrite=rewrite).is_done
        for handle in (erased, other):
            with handle.snapshot() as snapshot:
                kept = (snapshot.head, snapshot.log(0, 9), list(snapshot.all_records()), snapshot.answers(["x", "y"]))
            assert kept == before
        put(other, "customer/c", name="Cleo")
