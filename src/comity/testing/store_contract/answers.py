# ruff: noqa: D102 - the name of a test says what it checks
"""Answers that made no commit."""

from __future__ import annotations

import msgspec
import pytest

from comity import limits
from comity.clock import SECOND_US, StoreTime
from comity.errors import StoreError
from comity.model.events import Answered
from comity.store.contract import AnsweredFilter, Store
from comity.testing.manual_clock import START_US
from comity.testing.samples import answered, append, entry, state, told
from comity.testing.store_contract.handles import StoreHandles

KEPT_DAYS = limits.ANSWERS_KEPT_DAYS


def day(number: int) -> int:
    """Return the store time at which a day begins."""
    return number * 86_400 * SECOND_US


def keep_at(store: Store, now_us: int, *answers: Answered) -> None:
    """Keep answers at a store time."""
    store.keep(told(store, 1, time=StoreTime(now_us, "boot")), answers)


def kept_at(store: Store, now_us: int) -> set[str]:
    """Return the ids of the answers that are left at a store time."""
    keep_at(store, now_us)
    with store.snapshot() as snapshot:
        return {one.proposal for one in snapshot.answered(AnsweredFilter(limit=10_000))}


class AnswerContract(StoreHandles):
    """Check that answers are found by all, stay as they are, and go when their time is over."""

    def test_answers_are_found_by_proposal(self, store: Store) -> None:
        given = entry(1, state("customer/a"))
        append(store, given, answers=[answered("p9")])
        with store.snapshot() as snapshot:
            assert snapshot.answers(["p1", "new", "p9"]) == {"p1": given.commit, "p9": answered("p9")}
            assert snapshot.answers([]) == {}

    def test_s7_first_answer_stays(self, store: Store) -> None:
        first, other, later = answered("p"), answered("q", at=START_US + 2), START_US + 2
        store.keep(told(store, 1), [first])
        store.keep(told(store, 2), [answered("p", at=later), other])
        append(store, answers=[answered("p", at=later)])
        with store.snapshot() as snapshot:
            assert snapshot.answers(["p", "q"]) == {"p": first, "q": other}

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
            (AnsweredFilter(since_us=START_US + 2), ["d", "c", "b"]),
            (AnsweredFilter(agent="support", outcome="refused", since_us=START_US + 3), ["d"]),
            (AnsweredFilter(until_us=START_US + 2), ["c", "b", "a"]),
            (AnsweredFilter(since_us=START_US + 2, oldest_first=True, limit=2), ["b", "c"]),
        ],
    )
    def test_answered_are_chosen_newest_first(self, store: Store, chosen: AnsweredFilter, expected: list[str]) -> None:
        store.keep(
            told(store, 2),
            [answered("a", at=START_US + 1, ordinal=1), answered("b", at=START_US + 2, ordinal=2, agent="support")],
        )
        store.keep(told(store, 4), [answered("c", at=START_US + 2, ordinal=3, outcome="pending")])
        store.keep(told(store, 4), [answered("d", at=START_US + 3, ordinal=4, agent="support")])
        with store.snapshot() as snapshot:
            assert [one.proposal for one in snapshot.answered(chosen)] == expected

    def test_s7_answers_are_dropped_when_their_time_is_over(self, store: Store, other: Store) -> None:
        keep_at(store, day(0), answered("refused", at=day(0)), answered("empty", at=day(0), outcome="committed"))
        keep_at(store, day(1), answered("waits", at=day(1), outcome="pending"))
        assert kept_at(store, day(KEPT_DAYS)) == {"refused", "empty", "waits"}
        assert kept_at(other, day(KEPT_DAYS) + 1) == {"waits"}
        assert kept_at(store, day(1 + KEPT_DAYS + limits.WAIT_DAYS)) == {"waits"}
        assert kept_at(other, day(1 + KEPT_DAYS + limits.WAIT_DAYS) + 1) == set()

    def test_s7_what_waited_is_kept_from_its_last_answer_on(self, store: Store) -> None:
        keep_at(store, day(0), answered("waited", at=day(0), outcome="pending"))
        keep_at(store, day(9), answered("waited", at=day(9)))
        assert kept_at(store, day(9 + KEPT_DAYS)) == {"waited"}
        assert kept_at(store, day(9 + KEPT_DAYS) + 1) == set()

    def test_s7_answers_kept_by_a_batch_drop_old_ones_too(self, store: Store) -> None:
        keep_at(store, day(0), answered("old", at=day(0)))
        with store.batch() as batch:
            late = msgspec.structs.replace(batch.head, judged=2, time=StoreTime(day(KEPT_DAYS) + 1, "boot"))
            batch.append(late, [], [], [answered("new", at=late.time.now_us)])
        with store.snapshot() as snapshot:
            assert list(snapshot.answers(["old", "new"])) == ["new"]

    def test_s7_all_that_is_overdue_goes_bite_by_bite(self, store: Store) -> None:
        settled = [answered(f"p{number}", at=day(0) + number) for number in range(1_000)]
        waiting = [answered(f"w{number}", at=day(0) + number, outcome="pending") for number in range(1_000)]
        keep_at(store, day(0), *settled, *waiting)
        left = [len(kept_at(store, day(1 + KEPT_DAYS + limits.WAIT_DAYS))) for _ in range(1_000)]
        assert left == sorted(left, reverse=True)
        assert left[0] > 0
        assert left[-1] == 0

    def test_s7_answers_are_dropped_sooner_where_that_is_asked_for(self, store: Store, other: Store) -> None:
        settled = [answered(f"p{number}", at=day(0) + number) for number in range(5)]
        waiting = [answered(f"w{number}", at=day(0) + number, outcome="pending") for number in range(3)]
        keep_at(store, day(0), *settled, *waiting)
        assert store.drop_answers(day(0) + 3, day(0) + 1, 2) == 3
        assert kept_at(other, day(0)) == {"p2", "p3", "p4", "w1", "w2"}
        assert other.drop_answers(day(0) + 3, day(0) + 1, 2) == 1
        assert store.drop_answers(day(0) + 3, day(0) + 1, 2) == 0
        assert kept_at(store, day(0)) == {"p3", "p4", "w1", "w2"}
