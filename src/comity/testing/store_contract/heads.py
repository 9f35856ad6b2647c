# ruff: noqa: D102 - the name of a test says what it checks
"""The head, and the batch that moves it."""

from __future__ import annotations

import threading
from time import sleep

import msgspec
import pytest

from comity import limits
from comity.clock import StoreTime
from comity.errors import StoreError
from comity.model.events import Answered
from comity.model.filters import query
from comity.store.contract import Batch, Entry, Store
from comity.testing.samples import answered, append, entry, folded, in_batch, moved, put, state
from comity.testing.store_contract.handles import ACME, OpenStore, StoreHandles, refs_of


class Undone(Exception):
    """Be raised inside a batch by a test."""


def append_and_raise(store: Store, given: Entry, answers: list[Answered]) -> None:
    """Append within a batch, and leave it by an exception."""
    with store.batch() as batch:
        batch.append(moved(batch.head, [given], len(answers)), [given], folded([given]), answers)
        raise Undone


class HeadContract(StoreHandles):
    """Check that a batch is all or nothing, durable, and alone at the head."""

    def test_new_base_is_at_revision_0(self, store: Store) -> None:
        with store.snapshot() as snapshot:
            assert (snapshot.head.revision, snapshot.head.judged) == (0, 0)
            assert snapshot.head.incarnation
            assert (snapshot.kinds(), snapshot.commits(0, 10), list(snapshot.all_records())) == ({}, [], [])

    def test_append_is_there_afterwards_as_it_was_given(self, store: Store, other: Store) -> None:
        given = entry(1, state("customer/acme", {"name": "Ac\u2028me \U0001f600", "n": 2**63 - 1, "x": 0.1}))
        head = append(store, given)
        for handle in (store, other):
            with handle.snapshot() as snapshot:
                assert snapshot.head == head
                assert snapshot.log(0, 10) == [(given.commit, list(given.events))]
                assert snapshot.records([ACME]) == {ACME: folded([given])[0]}

    def test_append_outlives_the_handle(self, open_store: OpenStore) -> None:
        first = open_store()
        head = append(first, entry(1, state("customer/acme")))
        first.close()
        second = open_store()
        with second.snapshot() as snapshot:
            assert (snapshot.head, refs_of(list(snapshot.all_records()))) == (head, ["customer/acme"])
        second.close()

    def test_exception_in_a_batch_undoes_all_of_it(self, store: Store) -> None:
        with store.snapshot() as snapshot:
            before = snapshot.head
        given = entry(1, state("customer/acme"))
        with pytest.raises(Undone):
            append_and_raise(store, given, [answered("p9")])
        with store.snapshot() as snapshot:
            assert (snapshot.head, snapshot.log(0, 10), snapshot.kinds()) == (before, [], {})
            assert (snapshot.records([ACME]), snapshot.answers(["p1", "p9"])) == ({}, {})
        append(store, given)

    def test_head_is_that_of_this_moment(self, store: Store, other: Store) -> None:
        with store.snapshot() as snapshot:
            assert store.head() == snapshot.head
            head = append(other, entry(1))
            assert store.head() == head
            assert snapshot.head.revision == 0

    def test_recent_head_is_no_older_than_what_was_shown_or_committed(self, store: Store, other: Store) -> None:
        head = append(store, entry(1))
        assert store.recent_head().is_same_place(head)
        head = append(other, entry(2))
        with store.snapshot() as snapshot:
            assert snapshot.head == head
        assert store.recent_head().is_same_place(head)
        head = append(other, entry(3))
        assert store.head() == head
        assert store.recent_head().is_same_place(head)

    def test_recent_head_is_looked_for_after_a_while(self, store: Store, other: Store) -> None:
        store.recent_head()
        head = append(other, entry(1))
        sleep(limits.HEAD_AGE_S)
        assert store.recent_head().is_same_place(head)

    def test_batch_reads_what_it_appended(self, store: Store) -> None:
        given = entry(1, state("customer/acme"))
        with store.batch() as batch:
            head = moved(batch.head, [given])
            batch.append(head, [given], folded([given]), [])
            assert (batch.head, refs_of(batch.find(query("customer")))) == (head, ["customer/acme"])

    def test_batch_without_append_changes_nothing(self, store: Store) -> None:
        with store.batch() as batch:
            before = batch.head
        with store.snapshot() as snapshot:
            assert snapshot.head == before

    def test_head_keeps_store_time_and_count(self, store: Store, other: Store) -> None:
        with store.batch() as batch:
            head = msgspec.structs.replace(batch.head, judged=7, time=StoreTime(5, "boot", 3, 2))
            batch.append(head, [], [], [])
        with other.snapshot() as snapshot:
            assert snapshot.head == head

    @pytest.mark.parametrize("revisions", [(2,), (1, 3), (0,)])
    def test_revisions_have_no_gaps(self, store: Store, revisions: tuple[int, ...]) -> None:
        entries = [entry(revision, state(f"customer/c{revision}")) for revision in revisions]
        with pytest.raises(StoreError):
            append(store, *entries)
        with store.snapshot() as snapshot:
            assert (snapshot.head.revision, snapshot.commits(0, 10)) == (0, [])

    def test_head_must_follow_from_the_one_there(self, store: Store) -> None:
        given = entry(1, state("customer/acme"))
        with pytest.raises(StoreError), store.batch() as batch:
            batch.append(batch.head, [given], folded([given]), [])

    def test_proposal_commits_once(self, store: Store) -> None:
        append(store, entry(1, state("customer/a"), proposal="same"))
        with pytest.raises(StoreError):
            append(store, entry(2, state("customer/b"), proposal="same"))
        with store.snapshot() as snapshot:
            assert (snapshot.head.revision, snapshot.kinds()) == (1, {"customer": 1})

    def test_batch_appends_once(self, store: Store) -> None:
        with store.batch() as batch:
            batch.append(batch.head, [], [], [])
            with pytest.raises(StoreError):
                batch.append(batch.head, [], [], [])

    def test_batch_excludes_other_batches(self, store: Store, other: Store) -> None:
        order: list[str] = []
        waiting = threading.Event()

        def second() -> None:
            waiting.set()
            put(other, "customer/b")
            order.append("second")

        thread = threading.Thread(target=second)
        with store.batch() as batch:
            thread.start()
            waiting.wait()
            given = entry(1, state("customer/a"))
            batch.append(moved(batch.head, [given]), [given], folded([given]), [])
            order.append("first")
        thread.join()
        with store.snapshot() as snapshot:
            assert [(one.revision, one.proposal) for one in snapshot.commits(0, 10)] == [(1, "p1"), (2, "p2")]
        assert order == ["first", "second"]

    def test_many_threads_lose_nothing(self, store: Store, other: Store) -> None:
        def count(batch: Batch) -> None:
            former = batch.records([ACME]).get(ACME, state("customer/acme", {"n": 0}, version=0))
            after = state("customer/acme", {"n": former.values["n"] + 1}, version=former.version + 1)
            given = entry(batch.head.revision + 1, after)
            batch.append(moved(batch.head, [given]), [given], folded([given]), [])

        def work(handle: Store) -> None:
            for _ in range(10):
                with handle.turn():
                    in_batch(handle, count)

        threads = [threading.Thread(target=work, args=[handle]) for handle in (store, other) * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with store.snapshot() as snapshot:
            assert (snapshot.head.revision, snapshot.records([ACME])[ACME].values) == (40, {"n": 40})
