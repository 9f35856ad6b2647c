"""What is pending: which effect is due next, what is ahead of it, what is over."""

from __future__ import annotations

from typing import Any

import pytest

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.coordination.pending import Pending
from comity.model.records import Life, RecordState

NOW_S = 1_700_000_000


def at(seconds: float) -> str:
    return format_time(round((NOW_S + seconds) * SECOND_US))


def effect(name: str, release: float = 0, life: Life = "live", *, version: int = 1, **values: Any) -> RecordState:
    kept = {
        "effect": "email",
        "state": "held",
        "incarnation": "first",
        "release_at": at(release),
        "expires_at": at(release + 3_600),
        "wanted_in": 1,
        "place": 0,
        **values,
    }
    return RecordState("$effect", name, version, life, 1, version, {k: v for k, v in kept.items() if v is not None}, {})


def due(pending: Pending, seconds: float = 0) -> list[str]:
    return [entry.id for entry in pending.due(round((NOW_S + seconds) * SECOND_US), "first")]


def test_what_is_due_comes_in_the_order_of_its_time() -> None:
    pending = Pending([effect("b", 2), effect("a", 1), effect("c", 3)])
    assert due(pending) == []
    assert pending.next_us() == (NOW_S + 1) * SECOND_US
    assert due(pending, 2) == ["a", "b"]
    assert pending.next_us() == (NOW_S + 3) * SECOND_US
    assert due(pending, 3) == ["a", "b", "c"]
    assert pending.next_us() is None


def test_fractions_of_a_second_count() -> None:
    pending = Pending([effect("b", 0.5), effect("a", 0)])
    assert due(pending) == ["a"]
    assert due(pending, 0.5) == ["a", "b"]


@pytest.mark.parametrize(
    "gone",
    [
        effect("a", life="archived", version=2, state="delivered"),
        effect("a", version=2, state="aside"),
        effect("a", version=2, state="sending", sending_until=at(60)),
        effect("a", 60, version=2, attempts=1),
    ],
    ids=["delivered", "put aside", "being sent", "to be tried later"],
)
def test_what_became_of_an_effect_is_taken(gone: RecordState) -> None:
    pending = Pending([effect("a"), effect("b")])
    pending.take(gone)
    assert due(pending) == ["b"]


def test_what_is_wanted_later_is_taken() -> None:
    pending = Pending([])
    pending.take(effect("a", 1))
    pending.take(effect("b"))
    assert due(pending, 1) == ["b", "a"]


LANE: dict[str, Any] = {"target": "customer/acme"}


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (effect("a", **LANE), ["a"]),
        (effect("a", 60, **LANE), ["b"]),
        (effect("a", 60, attempts=1, **LANE), []),
        (effect("a", state="sending", sending_until=at(60), **LANE), []),
        (effect("a", held_up="a rule", claimed_until=at(9), **LANE), ["b"]),
        (effect("a", state="aside", **LANE), ["b"]),
        (effect("a", incarnation="former", **LANE), ["b"]),
        (effect("a", target="customer/beta"), ["a", "b"]),
        (effect("a", effect="fax", **LANE), ["a", "b"]),
    ],
    ids=["due", "held longer", "tried", "being sent", "held up", "aside", "suspect", "elsewhere", "another effect"],
)
def test_to_one_target_the_first_goes_first(first: RecordState, expected: list[str]) -> None:
    assert due(Pending([first, effect("b", wanted_in=2, **LANE)])) == expected


def test_a_try_in_vain_puts_the_next_one_off_for_twice_as_long() -> None:
    pending = Pending([effect("a")])
    (entry,) = pending.due(NOW_S * SECOND_US, "first")
    pauses = []
    for _ in range(9):
        entry.put_off(NOW_S * SECOND_US)
        pauses.append(entry.again_us / SECOND_US - NOW_S)
    assert pauses[:3] == [limits.TRY_AGAIN_S * 2**step for step in range(3)]
    assert pauses[-1] == limits.TRY_AGAIN_MOST_S
    assert due(pending) == []
    assert due(pending, limits.TRY_AGAIN_MOST_S) == ["a"]


@pytest.mark.parametrize(("targets", "again"), [(None, "ab"), ({"customer/acme"}, "a"), (set(), "")])
def test_what_is_held_up_is_tried_at_once_when_that_may_be_over(targets: set[str] | None, again: str) -> None:
    pending = Pending([effect("a", held_up="so", target="customer/acme"), effect("b", held_up="so")])
    for entry in list(pending.due(NOW_S * SECOND_US, "first")):
        entry.put_off(NOW_S * SECOND_US)
    pending.retry(targets)
    assert due(pending) == [*again]


def test_being_held_up_by_something_else_does_not_start_the_tries_anew() -> None:
    pending = Pending([effect("a", held_up="one")])
    (entry,) = pending.due(NOW_S * SECOND_US, "first")
    entry.put_off(NOW_S * SECOND_US)
    pending.take(effect("a", version=2, held_up="another"))
    assert due(pending) == []


def test_what_is_claimed_is_left_alone_for_a_moment() -> None:
    pending = Pending([effect("a", claimed_until=at(10))])
    assert due(pending, 9) == []
    assert due(pending, 10) == ["a"]


def test_what_is_over_is_told_until_it_is_done() -> None:
    lost = effect("a", state="sending", sending_until=at(30), expires_at=None)
    pending = Pending([lost, effect("b", expires_at=at(20)), effect("c")])
    assert [entry.id for entry in pending.over(round((NOW_S + 30) * SECOND_US), "first", 9)] == ["b", "a"]
    assert [entry.id for entry in pending.over(round((NOW_S + 30) * SECOND_US), "first", 1)] == ["b"]
    pending.take(effect("b", life="archived", version=2, state="cancelled"))
    pending.take(effect("a", version=2, attempts=1))
    assert pending.over(round((NOW_S + 30) * SECOND_US), "first", 9) == []


def test_s01_what_waits_for_a_human_since_a_restore_does_not_hide_what_is_over() -> None:
    suspects = [effect(f"s{number}", expires_at=at(1), incarnation="former") for number in range(5)]
    pending = Pending([*suspects, effect("a", state="sending", sending_until=at(9), incarnation="former")])
    assert [entry.id for entry in pending.over((NOW_S + 30) * SECOND_US, "first", 1)] == ["a"]


def test_a_part_is_read_anew_once_most_of_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EFFECTS_HELD", 4)
    pending = Pending([effect(name) for name in "abcd"])
    assert (pending.is_cut, pending.is_low) == (True, False)
    for name in "abc":
        pending.take(effect(name, life="archived", version=2, state="delivered"))
    assert pending.is_low
    assert not Pending([effect("a")]).is_low
