"""The overlay of a batch's own work over stored records, against brute force."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import given

from comity.clock import format_time
from comity.deciding.view import Author, Happened, Missing, RecordNeed, View
from comity.model import filters
from comity.model.definition import AgentDefinition
from comity.model.filters import Condition, Order, Query
from comity.model.records import RecordState
from tests.deciding.cases import NOW_US, World, state


def test_a_record_that_is_not_at_hand_is_asked_for() -> None:
    with pytest.raises(Missing) as caught:
        World().view().record(("task", "a"))
    assert caught.value.need == RecordNeed(("task", "a"))


def test_drafted_records_hide_the_stored_ones() -> None:
    view = World(state("task/a", n=1)).view()
    view.accept({("task", "a"): state("task/a", n=2, at={"n": 2})}, [], "sales", "why")
    assert view.record(("task", "a")).values == {"n": 2}
    assert (view.revision, view.stored_revision) == (2, 1)
    assert view.kind_revisions == {"task": 2}


def test_accepting_leaves_what_the_view_was_made_from_alone() -> None:
    world = World(state("task/a"))
    kinds = {"task": 1}
    view = View(world.compiled, world.now, revision=1, incarnation="first", now_us=NOW_US, kind_revisions=kinds)
    view.accept({("task", "b"): state("task/b")}, [], "sales", None)
    assert kinds == {"task": 1}
    assert ("task", "b") not in world.now


def test_the_past_is_the_present_where_nothing_changed_since() -> None:
    world = World(state("task/a", n=1), state("task/a", n=2, at={"n": 5}))
    assert world.ask(lambda view: view.past(("task", "a"), 7)).values == {"n": 2}
    assert not world.asked
    assert world.ask(lambda view: view.past(("task", "a"), 4)).values == {"n": 1}
    assert world.ask(lambda view: view.past(("task", "a"), 0)).life == "absent"


def test_authors_of_this_batch_are_known_without_asking() -> None:
    world = World(state("task/a", n=1))
    view = world.view()
    changed = state("task/a", n=2, at={"n": 2})
    view.accept({("task", "a"): changed}, [], "sales", "why")
    assert world.ask(lambda view: view.author(changed, "n"), view) == Author("sales", NOW_US, "2.0", "why")
    assert world.ask(lambda view: view.author(changed, "$life"), view).by == "support"


def test_changed_since_counts_the_batch_once() -> None:
    world = World(state("task/a", n=1, at={"n": 3}), state("task/b"))
    view = world.view()
    view.accept({("task", "a"): state("task/a", n=2, at={"n": 4})}, [], "sales", None)
    found = world.ask(lambda view: view.changed_since(2, 10), view)
    assert [one.values for one in found] == [{"n": 2}]


class Drafted(NamedTuple):
    ref: tuple[str, str]
    type: str

    def changed(self) -> Iterable[str]:
        return ("n",)


def test_recent_events_are_those_of_the_batch_then_the_stored_ones_newest_first() -> None:
    world = World(source='[agents]\nops = { role = "operations", kind = "human" }\nsales = {}')
    world.happened = [Happened("support", "support", "agent", "old", "task/a", NOW_US - 5, ())]
    view = world.view()
    view.accept({}, [Drafted(("task", "a"), "first"), Drafted(("task", "b"), "other")], "ops", None)
    view.accept({}, [Drafted(("task", "a"), "mine")], "sales", None)
    doer = AgentDefinition(name="ann", role="guest", kind="human")
    view.accept({}, [Drafted(("task", "a"), "x"), Drafted(("task", "a"), "y")], "ann", None, doer)
    recent = world.ask(lambda view: view.recent(("task", "a"), 0, 10, but="sales"), view)
    assert [(one.type, one.role, one.kind) for one in recent] == [
        ("y", "guest", "human"),
        ("x", "guest", "human"),
        ("first", "operations", "human"),
        ("old", "support", "agent"),
    ]
    assert len(world.ask(lambda view: view.recent(("task", "a"), 0, 3, but="sales"), view)) == 3


@pytest.mark.parametrize(
    ("offset_us", "is_there"), [(-1, False), (0, False), (1, True), (500_000, True), (10**9, True)]
)
def test_intents_are_there_to_the_microsecond_of_their_expiry(offset_us: int, is_there: bool) -> None:
    for now_us in (NOW_US, NOW_US + 250_000):
        expiry = format_time(now_us + offset_us)
        world = World(state("$intent/i", agent="ann", about=["task/a"], expires_at=expiry))
        view = world.view()
        view.now_us = now_us
        assert bool(world.ask(lambda view: view.intents(("task", "a"), 10), view)) is is_there
        assert world.ask(lambda view: view.intents(("task", "b"), 10), view) == []


def test_where_no_intent_was_ever_announced_none_is_looked_for() -> None:
    world = World(state("task/a"))
    assert world.view().intents(("task", "a"), 10) == []


values = st.fixed_dictionaries({}, optional={"n": st.integers(0, 3), "s": st.sampled_from("ab"), "l": st.just(["x"])})
lives = st.sampled_from(["live", "live", "archived", "deleted"])
tables = st.dictionaries(st.sampled_from("abcdefg"), st.tuples(values, lives), max_size=7)
conditions = st.sampled_from(
    [
        Condition("n", ">", 0),
        Condition("n", "=", None),
        Condition("s", "=", "a"),
        Condition("s", "in", ["a", "b"]),
        Condition("l", "has", "x"),
        Condition("$id", "^=", "a"),
    ]
)
orders = st.sampled_from([(), (Order("n"),), (Order("n", True),), (Order("s", True), Order("n"))])


def states_of(table: dict[str, tuple[dict[str, Any], Any]], revision: int) -> dict[tuple[str, str], RecordState]:
    return {
        ("task", name): RecordState("task", name, revision, life, 1, revision, kept, dict.fromkeys(kept, revision))
        for name, (kept, life) in table.items()
    }


@given(
    tables,
    tables,
    tables,
    st.lists(conditions, max_size=2),
    orders,
    st.integers(1, 5),
    st.sampled_from(["live", "any", "archived"]),
    st.sampled_from([None, *"abcd"]),
)
def test_find_and_count_see_the_batch_as_if_it_were_stored(
    stored: Any, drafted: Any, extra: Any, where: Any, order: Any, limit: int, life: Any, after: str | None
) -> None:
    query = Query("task", tuple(where), order, limit, None, life)
    before = states_of(stored, 1)
    if after is not None:
        anchor = before.get(("task", after)) or RecordState("task", after, life="live")
        query = Query("task", tuple(where), order, limit, filters.page_after(query, anchor), life)
    world = World(*before.values(), revision=1)
    view = world.view()
    draft, more = states_of(drafted, 2), states_of(extra, 3)
    view.accept(draft, [], "sales", None)
    merged = {**before, **draft}
    found = world.ask(lambda view: view.find(query, more), view)
    assert found == filters.select(query, {**merged, **more}.values())
    assert world.ask(lambda view: view.find(query), view) == filters.select(query, merged.values())
    total = sum(filters.matches(query, one) for one in merged.values())
    assert world.ask(lambda view: view.count(query), view) == total
