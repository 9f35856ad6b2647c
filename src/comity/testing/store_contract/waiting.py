# ruff: noqa: D102 - the name of a test says what it checks
"""Waiting for the head to move: a hint may come late, and is never lost."""

from __future__ import annotations

import threading
from time import monotonic

import pytest

from comity.store.contract import Store
from comity.testing.samples import answered, put, told
from comity.testing.store_contract.handles import StoreHandles, run_all

LONG_S = 60.0
"""More than any wait here takes: one that is over by then was woken."""


class WaitingContract(StoreHandles):
    """Check that a wait ends when the head is past its revision, whoever moved it, or when its time is up."""

    def test_wait_is_over_at_once_where_the_head_is_past_already(self, store: Store, other: Store) -> None:
        put(store, "customer/a")
        assert store.wait(0, 0)
        assert other.wait(-1, LONG_S)

    @pytest.mark.parametrize("timeout_s", [0.0, -1.0, 0.02, 0.2])
    def test_wait_times_out(self, store: Store, timeout_s: float) -> None:
        began = monotonic()
        assert not store.wait(0, timeout_s)
        assert monotonic() - began >= timeout_s

    def test_wait_ignores_what_moves_no_revision(self, store: Store, other: Store) -> None:
        store.keep(told(store, 1), [answered("p")])
        other.note("renewed", {"a": "1"})
        assert not store.wait(0, 0.01)

    def test_wait_is_woken_by_a_commit_of_this_handle(self, store: Store) -> None:
        assert woken_by(store, store)

    def test_wait_is_woken_by_a_commit_of_another_handle(self, store: Store, other: Store) -> None:
        assert woken_by(store, other)

    def test_wait_goes_on_until_the_revision_asked_for_is_behind(self, store: Store, other: Store) -> None:
        seen: list[tuple[bool, int]] = []

        def wait() -> None:
            seen.append((store.wait(2, LONG_S), store.head().revision))

        waiter = threading.Thread(target=wait)
        waiter.start()
        for handle in (store, other, store):
            assert not seen
            put(handle, "customer/a")
        waiter.join()
        assert seen == [(True, 3)]

    def test_all_who_wait_are_woken(self, store: Store, other: Store) -> None:
        woken: list[bool] = []
        waiters = [lambda handle=handle: woken.append(handle.wait(0, LONG_S)) for handle in (store, other) * 4]
        run_all([*((waiter, ()) for waiter in waiters), (put, (store, "customer/a"))])
        assert woken == [True] * 8

    def test_no_commit_is_lost_on_those_who_take_turns(self, store: Store, other: Store) -> None:
        """Each commits when it has seen the commit of the one before it; one that missed it would stop them all."""

        def play(handle: Store, place: int) -> None:
            for revision in range(place, 30, 3):
                assert handle.wait(revision - 1, LONG_S)
                put(handle, f"customer/c{place}")

        run_all([(play, (handle, place)) for place, handle in enumerate((store, store, other))])
        assert store.head().revision == 30


def woken_by(waiting: Store, committing: Store) -> bool:
    """Tell whether a wait that has begun is ended by a commit."""
    woken: list[bool] = []
    begun = threading.Event()

    def wait() -> None:
        begun.set()
        woken.append(waiting.wait(0, LONG_S))

    def commit() -> None:
        begun.wait()
        put(committing, "customer/a")

    run_all([(wait, ()), (commit, ())])
    return woken == [True]
