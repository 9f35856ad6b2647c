"""Lines: who holds, who is next, who waits for whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.deciding.lines import Line, Place, key_of, lease_edges, line_of, subject_of, token_of
from comity.errors import InvalidReference
from comity.model.records import RecordState
from tests.deciding.cases import NOW_US


def at(seconds: int) -> str:
    return format_time(NOW_US + seconds * SECOND_US)


def waits(hold: str, *, since: int = -100, until: int = 1_000, **more: Any) -> Place:
    return Place(hold=hold, agent=hold, joined_at=at(since), ttl_s=60, deadline=at(until), **more)


def holds(hold: str, *, until: int = 60, **more: Any) -> Place:
    return Place(hold=hold, agent=hold, joined_at=at(-200), ttl_s=60, claimed=7, expires_at=at(until), **more)


def line(*places: Place, renewed: Mapping[str, str] | None = None, later: int = 0) -> Line:
    return Line(places, NOW_US + later * SECOND_US, (renewed or {}).get)


READS = {"exclusive": False}
LINES: list[tuple[str, list[Place], str, str]] = [
    ("nobody", [], "", ""),
    ("a holder", [holds("a")], "a", ""),
    ("one who waits for nobody", [waits("a")], "", "a"),
    ("one who waits for a holder", [holds("a"), waits("b")], "a", ""),
    ("an expired holder", [holds("a", until=0), waits("b")], "", "b"),
    ("first come, first served", [waits("a", since=-3), waits("b", since=-2)], "", "a"),
    ("a deadline that is past", [waits("a", until=0), waits("b", since=-3)], "", "b"),
    ("the higher priority", [waits("a", since=-3), waits("b", since=-2, priority=1)], "", "b"),
    ("readers together", [holds("a", **READS), waits("b", **READS), waits("c", **READS)], "a", "b c"),
    ("a writer behind readers", [holds("a", **READS), waits("b"), waits("c", **READS)], "a", ""),
    ("readers before a writer", [waits("a", since=-3, **READS), waits("b", since=-3, **READS), waits("c")], "", "a b"),
    ("other fields", [holds("a", fields=("x",)), waits("b", fields=("y",))], "a", "b"),
    ("a field in common", [holds("a", fields=("x", "y")), waits("b", fields=("y", "z"))], "a", ""),
    ("a field against all", [holds("a", fields=("x",)), waits("b")], "a", ""),
    ("nobody barges in on other fields", [holds("a", fields=("x",)), waits("b"), waits("c", fields=("y",))], "a", ""),
    ("one whose turn was not taken is passed", [waits("a"), waits("b", since=-50)], "", "a b"),
    ("one who was passed is blocked", [waits("a"), holds("b")], "b", ""),
]


@pytest.mark.parametrize(("places", "holders", "turns"), [case[1:] for case in LINES], ids=[case[0] for case in LINES])
def test_who_holds_and_whose_turn_it_is(places: list[Place], holders: str, turns: str) -> None:
    seen = line(*places)
    assert [place.hold for place in seen.holders] == holders.split()
    assert [place.hold for place in seen.waiting if seen.turn_of(place) is not None] == turns.split()


def test_waiting_come_by_priority_then_by_their_coming() -> None:
    seen = line(waits("a"), waits("b", priority=2), waits("c"), waits("d", priority=2), waits("gone", until=0))
    assert [place.hold for place in seen.waiting] == ["b", "d", "a", "c"]


def test_a_turn_begins_when_the_last_one_in_the_way_ended() -> None:
    first, second = waits("b", since=-90), waits("c", since=-80)
    seen = line(holds("a", until=-5), first, second)
    assert seen.turn_of(first) == NOW_US - 5 * SECOND_US
    assert seen.turn_of(second) is None
    assert seen.blockers_of(second) == [first]


def test_a_turn_that_was_told_stays_the_same() -> None:
    place = waits("a", turn_at=at(-4))
    assert line(place).turn_of(place) == NOW_US - 4 * SECOND_US


def test_limit_claim_s_the_next_may_pass_who_does_not_claim_in_time() -> None:
    first, second = waits("a", since=0), waits("b", since=0)
    seen = line(first, second, later=limits.CLAIM_S - 1)
    assert seen.turn_of(second) is None
    seen = line(first, second, later=limits.CLAIM_S)
    assert seen.turn_of(second) == NOW_US + limits.CLAIM_S * SECOND_US
    assert seen.turn_of(first) is not None


def test_s18_a_renewal_prolongs_a_lease_and_shortens_none() -> None:
    held = holds("a", until=0)
    assert line(held).holders == []
    assert line(held, renewed={"a@7": str(NOW_US + 1)}).holders == [held]
    assert line(held, renewed={"a@7": str(NOW_US)}).holders == []
    assert line(holds("a", until=9), renewed={"a@7": str(NOW_US)}).holders == [holds("a", until=9)]


def test_a_renewal_is_asked_for_only_where_it_matters() -> None:
    asked: list[str] = []
    seen = Line([holds("a", until=9), holds("b", until=0), waits("c")], NOW_US, asked.append)
    assert [place.hold for place in seen.holders] == ["a"]
    assert asked == ["b@7"]


def test_when_a_line_may_move_by_itself() -> None:
    assert line().next_change() is None
    assert line(holds("a", until=60), waits("b", until=30)).next_change() == NOW_US + 30 * SECOND_US
    assert line(waits("a", since=-1)).next_change() == NOW_US + (limits.CLAIM_S - 1) * SECOND_US


def test_what_a_place_covers() -> None:
    assert holds("a").covers(frozenset({"x"}))
    assert holds("a").covers(frozenset())
    assert holds("a", fields=("x",)).covers(None)
    assert holds("a", fields=("x",)).covers(frozenset({"x", "y"}))
    assert not holds("a", fields=("x",)).covers(frozenset({"y"}))


@pytest.mark.parametrize("subject", ["customer/acme", "task-item/a~b", "name:printer", "name:a~b"])
def test_a_subject_has_a_key_of_its_own(subject: str) -> None:
    assert subject_of(key_of(subject)) == subject


@pytest.mark.parametrize("subject", ["", "customer", "customer/", "name:", "name:a b", "1/2"])
def test_what_is_no_subject_has_no_key(subject: str) -> None:
    with pytest.raises(InvalidReference):
        key_of(subject)


def test_s33_a_token_is_incarnation_and_revision() -> None:
    assert token_of("first", holds("a")) == "first:7"


def test_s31_edges_lead_from_those_who_wait_to_those_in_the_way() -> None:
    places = [holds("a"), waits("b"), waits("c"), waits("gone", until=0)]
    record = RecordState("$lease", "customer~acme", values={"line": places})
    edges = [(edge.agent, edge.waits_for, edge.subject) for edge in lease_edges([record], NOW_US, {}.get)]
    assert edges == [
        ("b", "a", "customer/acme"),
        ("c", "b", "customer/acme"),
    ]


DRAWN = st.lists(
    st.tuples(
        st.sampled_from("abcd"), st.booleans(), st.booleans(), st.sampled_from([(), (), ("x",), ("y",), ("x", "y")])
    ),
    max_size=8,
)


@given(DRAWN)
def test_s31_whom_one_waits_for_is_reached_by_those_next_ahead(drawn: list[tuple[str, bool, bool, Any]]) -> None:
    """Along the edges an agent leads to just those to whom all that are in its way would lead."""
    places = [
        replace(holds(agent) if is_held else waits(agent), hold=f"h{number}", exclusive=exclusive, fields=fields)
        for number, (agent, is_held, exclusive, fields) in enumerate(drawn)
    ]
    seen = Line(places, NOW_US, {}.get)
    next_ones = {(place.agent, other) for place, others in seen.next_ahead() for other in others}
    all_ones = {(place.agent, one.agent) for place in seen.waiting for one in seen.blockers_of(place)}
    assert reached(next_ones) == reached({pair for pair in all_ones if pair[0] != pair[1]})


def test_s31_a_long_line_is_gone_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    excludes = Place.excludes

    def count(place: Place, other: Place) -> bool:
        compared.append(place.hold)
        return excludes(place, other)

    monkeypatch.setattr(Place, "excludes", count)
    places = [holds("z"), *(waits(f"a{number}") for number in range(limits.LEASE_PLACES - 1))]
    assert len(list(line(*places).next_ahead())) == limits.LEASE_PLACES - 1
    assert len(compared) <= 2 * limits.LEASE_PLACES


def reached(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    while more := {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs:
        pairs = pairs | more
    return pairs


def test_s31_nobody_waits_for_oneself() -> None:
    places = [holds("a"), Place(hold="b", agent="a", joined_at=at(0), ttl_s=1, deadline=at(9))]
    assert not list(lease_edges([RecordState("$lease", "name:x", values={"line": places})], NOW_US, {}.get))


def test_a_record_without_a_line_is_an_empty_one() -> None:
    assert line_of(RecordState("$lease", "name:x"), NOW_US, {}.get).places == ()
