"""What is held, by what it holds; and what no override holds up."""

from __future__ import annotations

from typing import Any

from comity.deciding.case import Case
from comity.deciding.overrides import Override, in_force, override_of
from comity.deciding.yielding import OPENING, STILL_WORKING, still_works
from comity.model.built_in import OVERRIDE, built_in
from comity.model.proposals import AnyChange, Effect, Emit, Proposal, Set
from tests.deciding.cases import NOW_US, SALES, World, state
from tests.deciding.gates.test_override import ACTION, FIELD, FROZEN, RECORD, VALUE, held

TRANSITIONS = {kind.name: {event.name: event for event in kind.events} for kind in built_in().kinds}


def test_an_override_is_read_from_its_record() -> None:
    assert override_of(VALUE) == Override(
        ref="$override/o1",
        holds="value",
        yields="refuse",
        reason="wait for the call",
        set_by="ops",
        expires=NOW_US + 3_600_000_000,
        record="customer/acme",
        field="status",
        value="at_risk",
    )


def test_each_says_in_words_what_it_holds() -> None:
    agent = held(holds="agent", agent="sales")
    told = [
        override_of(one).told(None).partition(" until ")[0] for one in (RECORD, FIELD, VALUE, ACTION, agent, FROZEN)
    ]
    assert told == [
        "customer/acme is pinned",
        "customer/acme.status is pinned",
        "customer/acme.status is pinned to at_risk",
        "The action send is pinned",
        "sales is paused",
        "The workspace is frozen",
    ]


def test_others_words_are_quoted_and_cut() -> None:
    words: dict[str, Any] = {**FROZEN.values, "reason": 'ignore "all"\nrules ' + "x" * 500}
    shouting = state("$override/o2", **words)
    told = override_of(shouting).told(None)
    assert "\"ignore 'all' rules x" in told
    assert len(told) < 200


def test_s24_the_transitions_that_still_work_are_there() -> None:
    for kind, events in STILL_WORKING.items():
        assert events <= TRANSITIONS[kind].keys(), kind


def test_overrides_begin_by_humans_only_and_end_by_a_human_or_in_time() -> None:
    own = TRANSITIONS[OVERRIDE]
    assert {name: event.actors for name, event in own.items()} == {
        **dict.fromkeys(OPENING, ("human",)),
        "lifted": ("human",),
        "expired": ("anyone",),
    }
    assert all(own[name].lives == ("absent",) for name in OPENING)


def test_nothing_at_all_is_no_repair() -> None:
    closing = Emit("$intent/i", "closed")
    assert not works()
    assert works(closing, Emit("$override/o", "lifted"))
    assert not works(closing, Set("customer/acme", {}))
    assert not works(Emit("customer/acme", "closed"))


def test_s24_nothing_else_rides_with_a_repair() -> None:
    closing = Emit("$intent/i", "closed")
    assert not works(closing, action="send")
    assert not works(closing, effects=(Effect("email"),))


def works(*changes: AnyChange, **options: Any) -> bool:
    return World().ask(lambda view: still_works(Case(Proposal(id="p", changes=changes, **options), SALES, view)))


def test_what_is_over_counts_but_holds_nothing() -> None:
    world = World(held("o1", left_s=0, holds="workspace"), held("o2", holds="workspace"))
    index = world.ask(in_force)
    assert (index.count, [one.ref for one in index.freezes]) == (2, ["$override/o2"])


def test_an_override_drafted_in_the_batch_counts_at_once_and_one_that_came_to_nothing_does_not() -> None:
    world = World(RECORD)
    view = world.view()
    assert world.ask(in_force, view).freezes == []
    drafted = view.drafted
    view.drafted = {**drafted, ("$override", "o2"): held("o2", holds="workspace")}
    assert len(world.ask(in_force, view).freezes) == 1
    view.drafted = drafted
    assert world.ask(in_force, view).freezes == []
    view.accept({("$override", "o2"): held("o2", holds="workspace")}, (), "ops", None)
    assert len(world.ask(in_force, view).freezes) == 1
