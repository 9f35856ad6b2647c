"""What drafting hands out belongs to whoever has it: no later change shows in it."""

from __future__ import annotations

from comity.deciding.fold import draft
from comity.deciding.view import View
from comity.model.definition import AgentDefinition
from comity.model.proposals import Add, AnyChange, Archive, Create, Delete, Put, Restore, Set
from comity.model.records import LIFE, RecordState
from tests.deciding.cases import World, state

AGENT = AgentDefinition(name="sales", role="seller")
REF = ("task", "a")


def view_of(record: RecordState) -> View:
    return World(record, source="[kinds.task.fields]\nn = { type = 'integer' }\ns = { type = 'string' }").view()


def test_the_state_that_was_there_is_left_alone() -> None:
    before = state("task/a", n=1)
    kept = dict(before.values), dict(before.blame)
    view = view_of(before)
    changes: tuple[AnyChange, ...] = (Set("task/a", {"n": 2, "s": "x"}), Archive("task/a"), Restore("task/a"))
    draft(changes, AGENT, view)
    draft((Delete("task/a"), Create("task/a", {"s": "y"})), AGENT, view)
    assert (before.values, before.blame) == kept


def test_each_event_keeps_the_record_as_it_left_it() -> None:
    changes: tuple[AnyChange, ...] = (
        Set("task/a", {"n": 2}),
        Add("task/a", {"n": 1}),
        Set("task/a", {"n": None}),
        Archive("task/a"),
        Delete("task/a"),
        Create("task/a", {"s": "new"}),
        Put("task/a", {"n": 9}),
    )
    drafted = draft(changes, AGENT, view_of(state("task/a", n=1)))
    assert [event.payload.values for event in drafted.events] == [
        {"n": 2}, {"n": 3}, {}, {}, {}, {"s": "new"}, {"s": "new", "n": 9},
    ]  # fmt: skip
    assert [LIFE in event.payload.was for event in drafted.events] == [False, False, False, True, True, True, False]
    assert drafted.states[REF].values == {"s": "new", "n": 9}


def test_what_a_record_held_before_is_told_once_for_all_events() -> None:
    changes: tuple[AnyChange, ...] = (Set("task/a", {"n": 2}), Set("task/a", {"n": 3, "s": "x"}), Archive("task/a"))
    drafted = draft(changes, AGENT, view_of(state("task/a", n=1)))
    assert drafted.was == {REF: {"n": 1, "s": None, LIFE: "live"}}
