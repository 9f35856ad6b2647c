"""Places in line, and the queue of them."""

from __future__ import annotations

from typing import Any

import pytest

from comity.deciding.queues import Place, Queue, place_of, same_terms, writes_of
from comity.model.records import RecordState
from tests.deciding.cases import state

FAR = "2030-01-01T00:00:00Z"


def ticket(name: str, opened: int = 1, **values: Any) -> RecordState:
    """Return a ticket in line that was opened at a revision."""
    fields: dict[str, Any] = {
        "proposal": name,
        "agent": "sales",
        "state": "waiting",
        "subjects": ["task/a"],
        "opened_at": FAR,
        "expires_at": FAR,
        **values,
    }
    return state(f"$queue/{name}", at={"opened_at": opened}, **fields)


def place(writes: list[str] | None = None, **values: Any) -> Place:
    return place_of(ticket("p", writes=writes or [], **values))


COMPETING: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("of the same action", {"action": "send"}, {"action": "send"}, True),
    ("of different actions", {"action": "send"}, {"action": "edit"}, False),
    ("neither of an action", {}, {}, False),
    ("changing the same field", {"writes": ["task/a.n"]}, {"writes": ["task/a.n"]}, True),
    ("changing different fields", {"writes": ["task/a.n"]}, {"writes": ["task/a.m"]}, False),
    ("one ending the record", {"writes": ["task/a.n"]}, {"writes": ["task/a.$life"]}, True),
    ("the other ending it", {"writes": ["task/a.$life"]}, {"writes": ["task/a.n"]}, True),
    ("ending another record", {"writes": ["task/a.n"]}, {"writes": ["task/b.$life"]}, False),
    ("waiting for the same", {"findings": ["rule.x|task/a|1"]}, {"findings": ["rule.x|task/a|2"]}, True),
    ("waiting elsewhere", {"findings": ["rule.x|task/a|1"]}, {"findings": ["rule.x|task/b|1"]}, False),
    ("both behind", {"findings": ["queue.behind|task/a|"]}, {"findings": ["queue.behind|task/a|"]}, False),
]


@pytest.mark.parametrize(
    ("one", "other", "competes"), [case[1:] for case in COMPETING], ids=[one[0] for one in COMPETING]
)
def test_s32_who_competes(one: dict[str, Any], other: dict[str, Any], competes: bool) -> None:
    assert place(**one).competes(place(**other)) is competes


def test_higher_priority_comes_first_then_who_came_first() -> None:
    queue = Queue(
        [ticket("late", 3), ticket("early", 2), ticket("urgent", 4, priority=1), ticket("last", 5, priority=-1)]
    )
    assert [one.ticket for one in queue.on("task/a")] == ["$queue/urgent", "$queue/early", "$queue/late", "$queue/last"]


def test_a_ticket_stands_on_all_its_subjects_and_leaves_all() -> None:
    queue = Queue([ticket("p", subjects=["task/a", "task/b"]), ticket("q", 2, agent="ann")])
    assert [len(queue.on(subject)) for subject in ("task/a", "task/b", "task/c")] == [2, 1, 0]
    assert set(queue.of("sales")) == {"$queue/p"}
    queue.take(ticket("p", subjects=["task/a", "task/b"], state="withdrawn"))
    assert [len(queue.on(subject)) for subject in ("task/a", "task/b")] == [1, 0]
    assert (len(queue), queue.of("sales"), set(queue.of("ann"))) == (1, {}, {"$queue/q"})


def test_a_ticket_that_changes_keeps_one_place() -> None:
    queue = Queue([ticket("p"), ticket("q", 2)])
    queue.take(ticket("p", findings=["rule.y||1"]))
    assert [one.ticket for one in queue.on("task/a")] == ["$queue/p", "$queue/q"]


def test_what_no_longer_waits_takes_no_place() -> None:
    over = [ticket("a", state="released"), state("$queue/b", "archived", state="waiting"), state("$queue/c")]
    assert len(Queue(over)) == 0


@pytest.mark.parametrize(
    ("terms", "is_same"),
    [
        ({}, True),
        ({"to": ["ops"]}, False),
        ({"until": []}, False),
        ({"findings": ["rule.x|task/a|2"]}, False),
        ({"findings": ["rule.x|task/a|1", "queue.behind|task/a|"]}, True),
    ],
)
def test_s32_what_a_ticket_waits_for_is_the_same_whoever_is_ahead(terms: dict[str, Any], is_same: bool) -> None:
    former = {"to": ["support"], "until": ["task/a|x"], "findings": ["rule.x|task/a|1"]}
    assert same_terms({**former, **terms}, former) is is_same


def test_a_whole_record_overlaps_with_each_of_its_fields() -> None:
    assert writes_of(["task/a.$life"]).overlap(writes_of(["task/a.n"]))
    assert not writes_of([]).overlap(writes_of(["task/a.n"]))
