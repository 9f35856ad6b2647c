"""Who waits for whom, and whether one more wait would close a cycle."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity.deciding.waits import Wait, explain, find_cycle


class Known:
    """Hold waits by agent and by name."""

    def __init__(self, *waits: Wait) -> None:
        self.waits = waits

    def of(self, agent: str) -> list[Wait]:
        return [wait for wait in self.waits if wait.agent == agent]

    def under(self, name: str) -> Wait | None:
        return next((wait for wait in self.waits if wait.by == name), None)


def wait(agent: str, *groups: str, by: str = "", ahead: tuple[str, ...] = ()) -> Wait:
    """Return a wait; a group is named by its agents, one letter each."""
    return Wait(agent, by or f"{agent}:{'.'.join(groups)}", tuple(map(frozenset, groups)), ahead)


CROSSING = [wait("a", by="1"), wait("b", by="2"), wait("b", by="3", ahead=("1",))]
"""Each is behind the other somewhere, and yet at the head somewhere else."""

CASES: list[tuple[str, Wait, list[Wait], str]] = [
    ("nobody waits", wait("a", "b"), [], ""),
    ("the other waits elsewhere", wait("a", "b"), [wait("b", "c")], ""),
    ("two wait for each other", wait("a", "b"), [wait("b", "a")], "ab"),
    ("three in a ring", wait("a", "b"), [wait("b", "c"), wait("c", "a")], "abc"),
    ("a ring that it isn't part of", wait("a", "b"), [wait("b", "c"), wait("c", "b")], ""),
    ("any of two, one of them free", wait("a", "bc"), [wait("b", "a")], ""),
    ("any of two, both waiting", wait("a", "bc"), [wait("b", "a"), wait("c", "a")], "ab"),
    ("any of two, one of whom waits for any", wait("b", "a"), [wait("c", "a"), wait("a", "bc")], "ba"),
    ("any of two, who wait for each other", wait("a", "bc"), [wait("b", "c"), wait("c", "b")], ""),
    ("each of two, one of them waiting", wait("a", "b", "c"), [wait("c", "a")], "ac"),
    ("one of several waits of the other", wait("a", "b"), [wait("b", "c"), wait("b", "a", by="2")], "ab"),
    ("behind one that waits for it", wait("a", by="1", ahead=("2",)), [wait("b", "a", by="2")], "ab"),
    ("behind one that waits elsewhere", wait("a", by="1", ahead=("2",)), [wait("b", "c", by="2")], ""),
    ("behind one that is over", wait("a", by="1", ahead=("2",)), [], ""),
    (
        "behind each other on two subjects",
        wait("a", by="4", ahead=("2",)),
        [wait("b", by="2"), wait("b", by="3", ahead=("1",)), wait("a", by="1")],
        "",
    ),
    ("for nobody in particular", wait("a"), [wait("b", "a")], ""),
]


@pytest.mark.parametrize("case", CASES, ids=[one[0] for one in CASES])
def test_s31_cycles(case: tuple[str, Wait, list[Wait], str]) -> None:
    _, start, others, agents = case
    cycle = find_cycle(start, Known(*others))
    assert "".join(step.wait.agent for step in cycle) == agents
    assert not cycle or cycle[-1].to == start.agent
    assert all(step.to == following.wait.agent for step, following in pairwise(cycle))


def test_s31_a_cycle_is_named() -> None:
    cycle = find_cycle(wait("sales", by="$queue/p"), Known())
    assert cycle == ()
    start = Wait("sales", "$queue/p", (frozenset({"support"}),))
    back = Wait("support", "$handoff/q", (frozenset({"sales"}),))
    assert explain(find_cycle(start, Known(back))) == (
        "sales waits for support ($queue/p), who waits for sales ($handoff/q)"
    )


def test_s31_a_long_cycle_is_told_by_its_ends() -> None:
    others = [Wait(f"a{number}", f"w{number}", (frozenset({f"a{(number + 1) % 30}"}),)) for number in range(30)]
    cycle = find_cycle(others[0], Known(*others[1:]))
    assert len(cycle) == 30
    told = explain(cycle)
    assert told.startswith("a0 waits for a1 (w0), who waits for a2 (w1), who waits for a3 (w2), who waits for 24 more")
    assert told.endswith("who waits for a28 (w27), who waits for a29 (w28), who waits for a0 (w29)")


def test_s31_who_is_behind_many_in_line_waits_for_the_first_that_is_stuck() -> None:
    line = [wait("b", by=str(number), ahead=(str(number - 1),)) for number in range(2, 9)]
    cycle = find_cycle(wait("a", by="9", ahead=("8",)), Known(*line, wait("c", "a", by="1")))
    assert [(step.wait.by, step.to) for step in cycle] == [("9", "c"), ("1", "a")]


AGENTS = "abcdef"
GROUPS = st.sets(st.sampled_from(AGENTS), min_size=1, max_size=3).map(lambda names: "".join(sorted(names)))
EDGES = st.lists(st.tuples(st.sampled_from(AGENTS), st.lists(GROUPS, min_size=1, max_size=2)), max_size=12)


def _left(waits: list[Wait]) -> list[Wait]:
    """Return what is left of waits when each ends that can: when of each group somebody waits for nothing."""
    while True:
        waiting = {one.agent for one in waits}
        left = [one for one in waits if any(group <= waiting for group in one.groups)]
        if left == waits:
            return left
        waits = left


@given(EDGES)
def test_s31_exactly_those_waits_are_let_in_with_which_everyone_can_go_on(edges: list[tuple[str, list[str]]]) -> None:
    kept: list[Wait] = []
    for number, (agent, groups) in enumerate(edges):
        meant = [group.replace(agent, "") for group in groups]
        start = wait(agent, *[group for group in meant if group], by=str(number))
        cycle = find_cycle(start, Known(*kept))
        assert bool(cycle) is bool(_left([*kept, start]))
        assert len({step.wait.by for step in cycle}) == len(cycle)
        if not cycle:
            kept.append(start)
