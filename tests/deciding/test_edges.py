"""The edges of the wait-for graph as a view has them."""

from __future__ import annotations

from typing import Any

import pytest

from comity import limits
from comity.deciding.edges import Edges
from comity.deciding.queues import Place, place_of
from comity.deciding.waits import Step, TooManyWaits, Wait, explain, find_cycle
from tests.deciding.cases import World, state
from tests.deciding.test_queues import FAR, ticket

AGENTS = """
[agents]
a   = { role = "one" }
b   = { role = "two" }
c   = { role = "two" }
ops = { role = "boss", kind = "human" }
"""


def world(*places: object) -> World:
    return World(*places, source=AGENTS)  # type: ignore[arg-type]


def waits_of(given: World, agent: str) -> list[Wait]:
    found: list[Wait] = given.ask(lambda view: Edges(view).of(agent))
    return found


def test_a_place_in_line_needs_each_of_those_named_and_any_of_a_role() -> None:
    [wait] = waits_of(world(ticket("p", agent="a", to=["two", "nobody"])), "a")
    assert wait.groups == (frozenset("bc"), frozenset({"nobody"}))


def test_nobody_waits_for_themselves() -> None:
    [wait] = waits_of(world(ticket("p", agent="b", to=["two", "b"])), "b")
    assert wait.groups == (frozenset("c"),)


def test_a_place_waits_for_the_next_one_ahead_of_each_sort() -> None:
    ahead = [ticket(f"x{number}", number, agent="b", action="s") for number in range(1, 9)]
    other = ticket("y", 9, agent="c", action="t", findings=["rule.r|task/a|1"])
    mine = ticket("p", 10, agent="a", action="s", findings=["rule.r|task/a|1"])
    [wait] = waits_of(world(*ahead, other, mine), "a")
    assert wait.ahead == ("$queue/x8", "$queue/y")


def test_an_offer_needs_any_and_an_approval_any_human() -> None:
    values: dict[str, Any] = {"agent": "a", "state": "waiting", "expires_at": FAR}
    given = world(state("$handoff/p", **values, to=["two", "ops"]), state("$approval/q", **values))
    assert {wait.by: wait.groups for wait in waits_of(given, "a")} == {
        "$handoff/p": (frozenset({"b", "c", "ops"}),),
        "$approval/q": (frozenset({"ops"}),),
    }


def test_a_human_waits_for_nobody() -> None:
    assert waits_of(world(ticket("p", agent="ops", to=["a"])), "ops") == []


def test_s31_whoever_comes_before_others_is_waited_for_by_them() -> None:
    """The urgent one waits for b, who waits for a, who is now behind the urgent one: that is a cycle."""
    behind = ticket("low", 1, agent="a", action="s")
    asking = ticket("q", 2, agent="b", to=["a"], subjects=["task/b"])
    urgent = place_of(ticket("urgent", 3, agent="c", action="s", to=["b"], priority=5))

    def cycle(coming: object) -> object:
        def find(view: object) -> object:
            edges = Edges(view, coming=coming)  # type: ignore[arg-type]
            return find_cycle(edges.place(urgent), edges)

        return world(behind, asking).ask(find)

    assert cycle(None) == ()
    assert [step.wait.by for step in cycle(urgent)] == ["$queue/urgent", "$queue/q", "$queue/low"]  # type: ignore[attr-defined]


def line_of_agents(count: int) -> World:
    """Return a line in which each is of another agent; the first waits for kim, who waits elsewhere for the last."""
    places = [ticket(f"p{number}", number + 2, agent=f"a{number}", action="s") for number in range(count)]
    first = ticket("p", 1, agent="first", action="s", to=["kim"])
    return World(first, ticket("k", 1, agent="kim", to=["last"], subjects=["task/b"]), *places)


def closing(given: World, count: int) -> tuple[Step, ...]:
    coming = place_of(ticket("q", count + 2, agent="last", action="s"))
    found: tuple[Step, ...] = given.ask(lambda view: Edges(view, coming=coming).find_cycle(coming))
    return found


def test_s31_a_cycle_is_found_at_the_end_of_a_line_of_a_thousand_agents(monkeypatch: pytest.MonkeyPatch) -> None:
    given = line_of_agents(1_000)
    asked: list[str] = []
    place = Edges.place

    def count(edges: Edges, one: Place) -> Wait:
        asked.append(one.ticket)
        return place(edges, one)

    monkeypatch.setattr(Edges, "place", count)
    cycle = closing(given, 1_000)
    assert explain(cycle) == (
        "last waits for first ($queue/q), who waits for kim ($queue/p), who waits for last ($queue/k)"
    )
    assert len(asked) == 1_003


def test_s31_nobody_looks_along_a_line_for_those_whom_nobody_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    given = line_of_agents(3)
    monkeypatch.setattr(Edges, "place", None)
    coming = place_of(ticket("q", 9, agent="a1", action="s"))
    assert given.ask(lambda view: Edges(view, coming=coming).find_cycle(coming)) == ()


def test_limit_waits_in_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WAITS_IN_GRAPH", 6)
    assert len(closing(line_of_agents(3), 3)) == 3
    with pytest.raises(TooManyWaits):
        closing(line_of_agents(4), 4)
