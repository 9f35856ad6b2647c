# ruff: noqa: D102 - the name of a test says what it checks
"""The tests that every store must pass.

They know no backend. A store's own tests derive from :class:`StoreContract` and give it
the fixture ``open_store``: a callable that opens one more handle on one and the same base,
empty when the test begins. What only one store can be asked (its triggers, its files) is
tested beside it.

The habit is that of river's ``riverdrivertest`` and of the storage tests of Kubernetes'
API server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import cast

import msgspec
import pytest

from comity.clock import StoreTime
from comity.errors import StoreError
from comity.model.events import Answered, Commit, Event
from comity.model.filters import page_after, query
from comity.model.records import RecordState
from comity.store.contract import AnsweredFilter, Entry, EventFilter, KeyRow, Store
from comity.testing.samples import SECOND_US, answered, append, commit, digest, entry, folded, moved, put, state, told

OpenStore = Callable[[], Store]

ACME = ("customer", "acme")


class Undone(Exception):
    """Be raised inside a batch by a test."""


def append_and_raise(store: Store, given: Entry, answers: list[Answered]) -> None:
    """Append within a batch, and leave it by an exception."""
    with store.batch() as batch:
        batch.append(moved(batch.head, [given], len(answers)), [given], folded([given]), answers)
        raise Undone


def refs_of(records: list[RecordState]) -> list[str]:
    """Return the addresses of records, in their order."""
    return [record.ref for record in records]


def places_of(events: list[Event]) -> list[str]:
    """Return the addresses of events, in their order."""
    return [event.event_id for event in events]


class StoreContract:
    """Check every promise of :mod:`comity.store.contract`."""

    @pytest.fixture
    def store(self, open_store: OpenStore) -> Iterator[Store]:
        """Give a handle, and close it in the end."""
        opened = open_store()
        yield opened
        opened.close()

    @pytest.fixture
    def other(self, open_store: OpenStore, store: Store) -> Iterator[Store]:
        """Give a second handle on the same base."""
        opened = open_store()
        yield opened
        opened.close()

    # The head and the batch

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
        def work(handle: Store) -> None:
            for _ in range(10):
                with handle.turn(), handle.batch() as batch:
                    former = batch.records([ACME]).get(ACME, state("customer/acme", {"n": 0}, version=0))
                    after = state("customer/acme", {"n": former.values["n"] + 1}, version=former.version + 1)
                    given = entry(batch.head.revision + 1, after)
                    batch.append(moved(batch.head, [given]), [given], folded([given]), [])

        threads = [threading.Thread(target=work, args=[handle]) for handle in (store, other) * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with store.snapshot() as snapshot:
            assert (snapshot.head.revision, snapshot.records([ACME])[ACME].values) == (40, {"n": 40})

    # Snapshots

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

    # Records

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

    # Queries: what each filter means is for the differential test of the store; here is what find and count do

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

    # The log

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
        with store.snapshot() as snapshot:
            assert [one.revision for one in snapshot.caused_by(1, 0, 10)] == [2, 4]
            assert [one.revision for one in snapshot.caused_by(1, 0, 1)] == [2]
            assert snapshot.caused_by(1, 1, 10) == []

    # Answers

    def test_answers_are_found_by_proposal(self, store: Store) -> None:
        given = entry(1, state("customer/a"))
        append(store, given, answers=[answered("p9")])
        with store.snapshot() as snapshot:
            assert snapshot.answers(["p1", "new", "p9"]) == {"p1": given.commit, "p9": answered("p9")}
            assert snapshot.answers([]) == {}

    def test_s7_first_answer_stays(self, store: Store) -> None:
        store.keep(told(store, 1), [answered("p", at=1)])
        store.keep(told(store, 2), [answered("p", at=2), answered("q", at=2)])
        append(store, answers=[answered("p", at=3)])
        with store.snapshot() as snapshot:
            assert snapshot.answers(["p", "q"]) == {"p": answered("p", at=1), "q": answered("q", at=2)}

    def test_s2_kept_answers_are_seen_by_all_at_once(self, store: Store, other: Store) -> None:
        store.keep(told(store, 3), [answered("p")])
        with other.snapshot() as snapshot:
            assert (snapshot.head.revision, snapshot.head.judged) == (0, 3)
            assert list(snapshot.answers(["p"])) == ["p"]

    def test_s6_kept_time_and_count_only_go_forward(self, store: Store, other: Store) -> None:
        now = store.head().time.now_us
        later, earlier = StoreTime(now + 2, "boot-9", 5, now - 3), StoreTime(now + 1, "boot-9", 6, now - 5)
        for judged, time in ((1, later), (3, earlier), (2, earlier)):
            store.keep(told(store, judged, time=time), [])
        assert (other.head().time, other.head().judged) == (later, 3)

    def test_keep_within_a_turn(self, store: Store) -> None:
        with store.turn():
            store.keep(told(store, 1), [answered("p")])
        with store.turn(), store.batch() as batch:
            assert list(batch.answers(["p"])) == ["p"]

    def test_keep_within_a_batch_is_refused(self, store: Store) -> None:
        with store.batch(), pytest.raises(StoreError):
            store.keep(told(store, 1), [answered("p")])

    @pytest.mark.parametrize(
        ("chosen", "expected"),
        [
            (AnsweredFilter(), ["d", "c", "b", "a"]),
            (AnsweredFilter(limit=2), ["d", "c"]),
            (AnsweredFilter(agent="support"), ["d", "b"]),
            (AnsweredFilter(outcome="pending"), ["c"]),
            (AnsweredFilter(since_us=2), ["d", "c", "b"]),
            (AnsweredFilter(agent="support", outcome="refused", since_us=3), ["d"]),
        ],
    )
    def test_answered_are_chosen_newest_first(self, store: Store, chosen: AnsweredFilter, expected: list[str]) -> None:
        store.keep(told(store, 2), [answered("a", at=1, ordinal=1), answered("b", at=2, ordinal=2, agent="support")])
        store.keep(told(store, 4), [answered("c", at=2, ordinal=3, outcome="pending")])
        store.keep(told(store, 4), [answered("d", at=3, ordinal=4, agent="support")])
        with store.snapshot() as snapshot:
            assert [one.proposal for one in snapshot.answered(chosen)] == expected

    # Keys, counts, the end

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

    def test_erased_payloads_read_as_none(self, store: Store) -> None:
        given = entry(1, state("customer/a", {"n": 1}))
        erased = tuple(msgspec.structs.replace(event, salt=None, payload_bytes=None) for event in given.events)
        envelope = msgspec.structs.replace(commit(1), salt=None, payload_bytes=None)
        append(store, msgspec.structs.replace(given, commit=envelope, events=erased))
        with store.snapshot() as snapshot:
            assert snapshot.log(0, 1) == [(envelope, list(erased))]
            assert snapshot.records_at([("customer", "a")], 1)["customer", "a"].values == {}
            assert snapshot.count(query("customer", n=None), revision=1) == 1

    def test_closed_store_refuses(self, open_store: OpenStore) -> None:
        store = open_store()
        head = store.head()
        store.close()
        store.close()
        for use in (lambda: store.snapshot().__enter__(), lambda: store.keep(head, [])):
            with pytest.raises(StoreError):
                use()
