"""Who stands where in line, and whose turn may have come."""

from __future__ import annotations

from typing import Any

import pytest

from comity import limits
from comity.clock import SECOND_US
from comity.coordination.queue import Looking, Try, in_order, position_of, read_tries, write_tries
from comity.deciding.queues import Place, Queue
from comity.model.records import RecordState
from tests.deciding.cases import NOW_US, World, state
from tests.deciding.test_queues import ticket

RULES = """
[kinds.task.fields]
n = { type = "integer", default = 0 }

[[rules]]
name  = "not now"
when  = "task.n > 0"
then  = "queue"
until = "task.n == 0"
"""
REWORDED = "rule.not_now|task/a|another"


def next_try(world: World, place: Place, tries: dict[str, Try]) -> Try:
    """Return the note of one more try that came too early."""
    made: Try = world.ask(lambda view: Looking(view, tries).next_try(place))
    return made


def due(*states: RecordState, tries: dict[str, Try] | None = None, most: int = 9) -> list[str]:
    """Return the tickets whose turn may have come."""
    queue = Queue(one for one in states if one.kind == "$queue")
    world = World(*states, source=RULES)
    return world.ask(lambda view: [one.ticket for one in Looking(view, tries or {}).due(queue, most)])


def key() -> str:
    """Return the key of a finding of the rule as it is worded."""
    [rule] = World(source=RULES).compiled.rules.rules.values()
    return f"{rule.code}|task/a|{rule.digest}"


WAITS: dict[str, Any] = {"until": ["task/a|not now"], "findings": [key()], "writes": ["task/a.n"]}
LINE = [{"agent": "b", "hold": "h", "joined_at": "2020-01-01T00:00:00Z", "ttl_s": 60, "claimed": 1}]
HELD = [{**LINE[0], "expires_at": "2030-01-01T00:00:00Z"}]
LAPSED = [{**LINE[0], "expires_at": "2020-01-01T00:01:00Z"}]
LEASE = {"findings": ["lease.held|task/a|"], "writes": ["task/a.n"], "to": ["b"]}
FREEZE: dict[str, Any] = {"holds": "workspace", "yields": "queue", "reason": "call", "set_by": "ops"}
PINNED = {"findings": ["override.pinned|task/a|$override/o"]}

CASES: list[tuple[str, list[RecordState], dict[str, Any], bool]] = [
    ("a rule that still holds", [state("task/a", n=1)], WAITS, False),
    ("a rule that no longer does", [state("task/a", n=0)], WAITS, True),
    ("a rule that was reworded", [state("task/a", n=1)], {**WAITS, "findings": [REWORDED]}, True),
    ("a lease that is held", [state("$lease/task~a", line=HELD)], LEASE, False),
    ("a lease that another holds by now", [state("$lease/task~a", line=HELD)], {**LEASE, "to": ["c"]}, True),
    ("a lease on another field", [state("$lease/task~a", line=[{**HELD[0], "fields": ["m"]}])], LEASE, True),
    ("a lease that has lapsed", [state("$lease/task~a", line=LAPSED)], LEASE, True),
    ("one's own lease", [state("$lease/task~a", line=[{**HELD[0], "agent": "sales"}])], LEASE, True),
    ("a lease that is given back", [], LEASE, True),
    ("an override", [state("$override/o", **FREEZE, expires_at="2030-01-01T00:00:00Z")], PINNED, False),
    ("one that has expired", [state("$override/o", **FREEZE, expires_at="2020-01-01T00:00:00Z")], PINNED, True),
    ("one that was lifted", [state("$override/o", "archived", expires_at="2030-01-01T00:00:00Z")], PINNED, True),
    ("those ahead", [state("task/a", n=1)], {"findings": ["queue.behind|task/a|"]}, True),
]


@pytest.mark.parametrize("case", CASES, ids=[one[0] for one in CASES])
def test_s32_whose_turn_may_have_come(case: tuple[str, list[RecordState], dict[str, Any], bool]) -> None:
    _, states, waits, is_due = case
    assert due(*states, ticket("p", **waits)) == (["$queue/p"] if is_due else [])


def test_s32_who_is_behind_comes_only_with_those_ahead() -> None:
    free, held = state("task/a", n=0), state("task/a", n=1)
    first, second = ticket("p", **WAITS), ticket("q", 2, action="x", writes=["task/a.n"])
    assert due(free, first, second) == ["$queue/p", "$queue/q"]
    assert due(held, first, second) == []
    assert due(free, first, second, most=1) == ["$queue/p"]


def test_s32_tries_that_come_too_early_are_put_off_further_and_further() -> None:
    """Each for twice as long, up to a bound; what happens on a subject begins anew."""
    one = ticket("p", findings=["queue.behind|task/a|"])
    place, world = Queue([one]).places["$queue/p"], World(one, state("task/a", n=1), revision=5)
    tried: dict[str, Try] = {}
    pauses: list[float] = []
    for _ in range(9):
        made = next_try(world, place, tried)
        tried = {"$queue/p": made}
        pauses.append((made.next_us - NOW_US) / SECOND_US)
    first, most = limits.TRY_AGAIN_S, limits.TRY_AGAIN_MOST_S
    assert pauses == [min(first * 2**count, most) for count in range(9)]
    assert due(one, state("task/a", n=1), tries=tried) == []
    moved = state("task/a", n=1, at={"n": 7})
    assert due(one, moved, tries=tried) == ["$queue/p"]
    again = next_try(World(one, moved, revision=7), place, tried)
    assert (again.count, again.next_us - NOW_US) == (1, round(first * SECOND_US))


def test_tries_are_noted_by_ticket_and_forgotten_with_it() -> None:
    one = Try(2, 7, 9)
    noted = write_tries({"$queue/p": one}, ["$queue/p", "$queue/gone"], Queue([ticket("p")]))
    assert noted.pop("$queue/gone") is None
    assert read_tries({name: text for name, text in noted.items() if text is not None}) == {"$queue/p": one}


def test_a_position_counts_those_ahead_who_compete_where_most_are() -> None:
    a, b = ["task/a"], ["task/b"]
    others = [
        ticket("x", 1, subjects=a, action="s"),
        ticket("y", 2, subjects=b, action="s"),
        ticket("z", 3, subjects=b),
    ]
    queue = Queue([*others, ticket("p", 4, subjects=[*a, *b], action="s"), ticket("q", 5, subjects=b, action="s")])
    places = {place.ticket: position_of(place, queue, NOW_US) for place in in_order(queue, NOW_US)}
    assert list(places.values()) == [1, 1, 1, 2, 3]
