"""Who is ahead of whom in line, as a batch changes it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from comity import limits
from comity.deciding import queues
from comity.deciding.case import Case
from comity.deciding.queues import place_of
from comity.deciding.turns import (
    ahead_of,
    is_anyone_behind,
    is_anyone_waiting_for,
    is_waited_for,
    line_of,
    next_ahead,
    place_in,
    place_under,
    places_of,
    waiting_count,
)
from comity.deciding.view import View
from comity.model.proposals import Proposal
from comity.model.records import RecordState
from tests.deciding.cases import SALES, World
from tests.deciding.test_queues import ticket


def accept(view: View, *states: RecordState) -> None:
    """Have a batch change tickets."""
    view.accept({(state.kind, state.id): state for state in states}, [], "sales", None)


def seen(given: World, view: View, subject: str = "task/a") -> list[str]:
    found: list[str] = given.ask(
        lambda view: [place.ticket.removeprefix("$queue/") for place in line_of(view, subject)], view
    )
    return found


def over(state: RecordState) -> RecordState:
    return replace(state, values={**state.values, "state": "released"})


def test_a_line_is_as_the_batch_left_it() -> None:
    given = World(ticket("a", 1), ticket("b", 2, to=["kim"]))
    view = given.view()
    assert seen(given, view) == ["a", "b"]
    accept(view, ticket("c", 3, agent="bob", to=["ann"]), over(ticket("a", 1)))
    assert seen(given, view) == ["b", "c"]
    accept(view, ticket("d", 4, priority=1))
    assert seen(given, view) == ["d", "b", "c"]
    assert [place.ticket for place in places_of(view, "bob")] == ["$queue/c"]
    assert place_under(view, "$queue/a") is None
    assert waiting_count(view) == 3
    assert is_anyone_waiting_for(view, ["ann"])
    assert is_anyone_waiting_for(view, ["kim"])
    assert not is_anyone_waiting_for(view, ["bob"])


def test_s32_a_place_is_as_old_as_its_ticket_unless_that_is_of_an_earlier_life() -> None:
    given = World(ticket("a", 3), ticket("b", 2, expires_at="2020-01-01T00:00:00Z"))
    orders = {
        id: given.ask(lambda view, id=id: place_in(Case(Proposal(id=id), SALES, view)).order[1])
        for id in ("a", "b", "c")
    }
    assert orders == {"a": 3, "b": limits.INTEGER_MAX, "c": limits.INTEGER_MAX}


def test_what_a_line_would_be_while_a_ticket_is_answered_may_come_to_nothing() -> None:
    given = World(ticket("a", 1))
    view = given.view()
    accept(view, ticket("b", 2))
    before = view.drafted
    view.drafted = {**before, ("$queue", "b"): over(ticket("b", 2)), ("$queue", "c"): ticket("c", 3)}
    assert seen(given, view) == ["a", "c"]
    view.drafted = before
    assert seen(given, view) == ["a", "b"]


def test_a_place_is_read_off_its_ticket_once_however_often_a_batch_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    given = World(ticket("a", 1))
    view = given.view()
    seen(given, view)
    made: list[str] = []

    def count(state: RecordState) -> queues.Place:
        made.append(state.id)
        return place_of(state)

    monkeypatch.setattr(queues, "place_of", count)
    for number in range(20):
        accept(view, ticket(f"b{number}", number + 2))
        for _ in range(3):
            assert len(seen(given, view)) == number + 2
    assert len(made) == 20


TICKETS = st.lists(
    st.fixed_dictionaries(
        {
            "agent": st.sampled_from("abc"),
            "action": st.sampled_from([None, "s", "t"]),
            "to": st.sampled_from([[], [], ["a"], ["b"]]),
            "writes": st.lists(st.sampled_from(["task/a.x", "task/a.y", "task/a.$life"]), max_size=2),
            "findings": st.sampled_from([[], ["rule.r|task/a|1"]]),
        }
    ),
    max_size=9,
)


SPREAD = st.lists(
    st.fixed_dictionaries(
        {
            "action": st.sampled_from([None, None, "s"]),
            "subjects": st.sampled_from([["task/a"], ["task/b"], ["task/a", "task/b"]]),
            "writes": st.lists(st.sampled_from(["task/a.x", "task/a.$life", "task/b.x", "task/b.$life"]), max_size=2),
            "findings": st.sampled_from([[], ["rule.r|task/a|1"], ["rule.r||1"]]),
        }
    ),
    max_size=9,
)


def in_place(drawn: dict[str, Any], number: int) -> RecordState:
    """Return a ticket that waits on all that it writes, or is held up on, as tickets do."""
    found = [one.partition("|")[2].partition("|")[0] for one in drawn["findings"]]
    named = [*drawn["subjects"], *(field.rpartition(".")[0] for field in drawn["writes"]), *filter(None, found)]
    return ticket(f"t{number}", number + 1, **drawn | {"subjects": list(dict.fromkeys(named))})


def test_s32_those_who_do_not_compete_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    given = World(*(ticket(f"t{number}", number, writes=[f"task/a.f{number}"]) for number in range(500)))
    view = given.view()
    place = replace(place_of(ticket("x", 600, writes=["task/a.f7"])), ticket="$queue/x")
    looked: list[str] = []
    drafted = given.ask(lambda view: [one.ticket for one in ahead_of(place, view, "task/a")], view)
    assert drafted == ["$queue/t7"]
    monkeypatch.setattr(queues.Place, "competes", lambda one, other: looked.append(one.ticket))
    free = replace(place, writes=queues.writes_of(["task/a.free"]))
    assert given.ask(lambda view: [*ahead_of(free, view, "task/a")], view) == []
    assert looked == []


@given(SPREAD)
def test_s32_those_ahead_are_those_who_compete(drawn: list[dict[str, Any]]) -> None:
    """What is indexed by what one wants is what comparing each with each finds, in the lines where it matters."""
    states = [in_place(one, number) for number, one in enumerate(drawn)]
    given, places = World(*states), [place_of(state) for state in states]
    view = given.view()
    for place in places:
        found = {
            one.ticket
            for subject in place.subjects
            for one in given.ask(lambda view, at=place, on=subject: [*ahead_of(at, view, on)], view)
        }
        ahead = (one for one in places if one.order < place.order and set(one.subjects) & set(place.subjects))
        assert found == {one.ticket for one in ahead if one.competes(place)}


def test_who_is_waited_for_is_found_without_walking_along_the_line() -> None:
    first = ticket("a", 1, to=["kim"])
    given = World(first, ticket("b", 2))
    view, last = given.view(), place_of(ticket("c", 3))
    given.ask(waiting_count, view)
    assert is_waited_for(last, {"kim"}, view, "task/a")
    assert not is_waited_for(last, {"kim"}, view, "task/b")
    assert not is_waited_for(place_of(first), {"kim"}, view, "task/a")
    assert is_anyone_behind(place_of(first), view)
    assert not is_anyone_behind(last, view)
    accept(view, over(first))
    assert not is_waited_for(last, {"kim"}, view, "task/a")


@given(TICKETS)
def test_s32_whoever_is_ahead_is_reached_by_those_next_ahead(drawn: list[dict[str, Any]]) -> None:
    states = [ticket(f"p{number}", number + 1, **values) for number, values in enumerate(drawn)]
    given, places = World(*states), [place_of(state) for state in states]
    view = given.view()
    all_ones: dict[str, set[str]] = {}
    for place in places:
        is_free = given.ask(lambda view, place=place: is_waited_for(place, {place.agent}, view, "task/a"), view)
        ahead = () if is_free else ahead_of(place, view, "task/a")
        all_ones[place.ticket] = {other.ticket for other in ahead}
    next_ones = {name: set(found) for name, found in next_ahead(places, lambda place: {place.agent}).items()}
    assert all(next_ones[name] <= found for name, found in all_ones.items())
    assert reached(next_ones) == reached(all_ones)


def reached(ahead: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return all that are reached from each; who is ahead comes first in order."""
    found: dict[str, set[str]] = {}
    for name, ones in ahead.items():
        found[name] = ones.union(*(found[one] for one in ones))
    return found
