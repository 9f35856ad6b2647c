"""Does somebody wait for the same, who came first?"""

from __future__ import annotations

from typing import Any

import pytest

from comity.clock import SECOND_US, format_time
from comity.deciding.gates.queue import judge
from comity.deciding.lines import Place
from comity.model.proposals import AnyChange, Archive, Caller, Emit, Set
from tests.deciding.cases import NOW_US, World, state
from tests.deciding.test_queues import ticket

SOURCE = """
[agents]
sales   = { role = "seller" }
support = { role = "helper" }
product = { role = "maker" }
ops     = { role = "boss", kind = "human" }

[actions.send]
[actions.edit]
"""

TASK = state("task/a", n=1, m=1)
OTHER = state("task/b", n=1)
FIRST = ticket("first", agent="product", action="send", writes=["task/a.n"], to=["support", "maker"])
N, M = Set("task/a", {"n": 2}), Set("task/a", {"m": 2})

ABOUT: dict[str, Any] = {"about": ("task/a",), "action": "send"}

CASES: list[tuple[str, str, AnyChange, dict[str, Any], bool]] = [
    ("the same field", "sales", N, {}, True),
    ("another field", "sales", M, {}, False),
    ("another field, the same action", "sales", M, {"action": "send"}, True),
    ("another field, another action", "sales", M, {"action": "edit"}, False),
    ("the whole record", "sales", Archive("task/a"), {}, True),
    ("another record", "sales", Set("task/b", {"n": 2}), {}, False),
    ("another record, about this one, the same action", "sales", Set("task/b", {"n": 2}), ABOUT, True),
    ("a higher priority", "sales", N, {"priority": 1}, False),
    ("a lower priority", "sales", N, {"priority": -1}, True),
    ("whom it waits for, by name", "support", N, {}, False),
    ("whom it waits for, by role", "product", N, {}, False),
    ("a human", "ops", N, {}, False),
    ("who shows a lease that is none", "sales", N, {"leases": {"task/a": "i:1"}}, True),
    ("who holds a lease elsewhere", "sales", N, {"leases": {"task/b": "i:1"}}, True),
    ("an equal value", "sales", Set("task/a", {"n": 1}), {}, False),
    ("a record of Comity's own", "sales", Emit("$queue/first", "released"), {"about": ("task/a",)}, False),
    ("the same action with a record of Comity's own", "sales", Emit("$queue/first", "released"), ABOUT, True),
]


@pytest.mark.parametrize(
    ("agent", "change", "options", "is_behind"), [one[1:] for one in CASES], ids=[one[0] for one in CASES]
)
def test_s32_who_queues_behind(agent: str, change: AnyChange, options: dict[str, Any], is_behind: bool) -> None:
    caller = Caller(agent, "key", "k") if agent == "ops" else Caller(agent)
    found = World(TASK, OTHER, FIRST, source=SOURCE).codes(judge, change, caller=caller, **options)
    assert found == (["queue.behind"] if is_behind else [])


LEASES: list[tuple[str, int, int, bool]] = [
    ("came after it was taken", 5, 3, False),
    ("came while its holder stood in line", 2, 3, False),
    ("was there before", 2, -3, True),
    ("was there at that very moment", 2, 0, True),
]


@pytest.mark.parametrize(
    ("opened", "later_s", "is_behind"), [one[1:] for one in LEASES], ids=[one[0] for one in LEASES]
)
def test_s32_a_lease_passes_those_who_came_after_it(opened: int, later_s: int, is_behind: bool) -> None:
    """The lease was claimed at revision 4, by one who had stood in line."""
    opened_at = format_time(NOW_US - 30 * SECOND_US + later_s * SECOND_US)
    waits = ticket("first", opened, agent="product", writes=["task/a.n"], opened_at=opened_at)
    joined, expires = format_time(NOW_US - 30 * SECOND_US), format_time(NOW_US + SECOND_US)
    place = Place(hold="h", agent="sales", joined_at=joined, ttl_s=60, claimed=4, expires_at=expires)
    world = World(TASK, waits, state("$lease/task~a", line=[place]), source=SOURCE)
    found = world.codes(judge, N, leases={"task/a": "first:4"})
    assert found == (["queue.behind"] if is_behind else [])


def test_an_announced_action_is_told_who_is_ahead() -> None:
    world = World(TASK, FIRST, source=SOURCE)
    assert world.codes(judge, about=("task/a",), action="send") == ["queue.behind"]


def test_s32_whoever_is_waited_for_by_anybody_in_line_passes_all_of_it() -> None:
    second = ticket("second", 2, agent="sales", writes=["task/a.n"])
    assert World(TASK, FIRST, second, source=SOURCE).codes(judge, N, caller=Caller("support")) == []


def test_s32_only_those_ahead_let_somebody_pass() -> None:
    """Who is behind waits for support anyway; that is no reason to pass those who came before support."""
    own = ticket("own", 2, agent="support", action="send")
    last = ticket("last", 3, agent="sales", action="send", to=["support"])
    first = ticket("first", agent="product", action="send", to=["sales"])
    world = World(TASK, first, own, last, source=SOURCE)
    assert world.codes(judge, M, caller=Caller("support"), id="own", action="send") == ["queue.behind"]


def test_s32_what_waits_keeps_its_place() -> None:
    second = ticket("second", 2, agent="sales", writes=["task/a.n"])
    world = World(TASK, FIRST, second, source=SOURCE)
    assert world.codes(judge, N, caller=Caller("product"), id="first") == []
    [found] = world.findings(judge, N, id="second")
    assert (found.severity, found.data) == ("queue", {"behind": "$queue/first"})


def test_who_has_expired_is_not_waited_for() -> None:
    over = ticket("first", agent="product", writes=["task/a.n"], expires_at="2023-01-01T00:00:00Z")
    assert World(TASK, over, source=SOURCE).codes(judge, N) == []


def test_one_ahead_on_two_records_is_told_once() -> None:
    first = ticket("first", agent="product", action="send", subjects=["task/a", "task/b"])
    found = World(TASK, OTHER, first, source=SOURCE).findings(judge, M, Set("task/b", {"n": 3}), action="send")
    assert [one.message for one in found] == [
        "product waits for the same on task/a, and that came first ($queue/first)."
    ]


def test_ones_own_is_told_as_such() -> None:
    first = ticket("first", agent="sales", action="send")
    [found] = World(TASK, first, source=SOURCE).findings(judge, M, action="send")
    assert found.message.startswith("You wait for the same on task/a")


def test_nothing_is_looked_at_where_nobody_ever_waited() -> None:
    world = World(TASK, source=SOURCE)
    assert world.codes(judge, N) == []
    assert world.asked == []
