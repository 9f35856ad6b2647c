"""Is everything that a proposal rests on still so?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from comity.deciding.case import Case
from comity.deciding.gates import shape
from comity.deciding.gates.freshness import judge
from comity.model.filters import Condition, Order, Query, page_after
from comity.model.proposals import (
    Add,
    AnyChange,
    AnyRead,
    Append,
    Archive,
    Create,
    Delete,
    Emit,
    Exclude,
    Include,
    Proposal,
    Put,
    QueryRead,
    Read,
    Restore,
    Set,
    Was,
)
from comity.model.records import RecordState
from tests.deciding.cases import SALES, World, state

SOURCE = """
[kinds.task.fields]
a    = {}
b    = {}
n    = { type = "integer" }
tags = { type = "array" }

[kinds.task.events.Bumped]
then = { n = "default(record.n, 0) + 1" }
"""

# Revision 1: a=1, b=1, tags=[x, y]. Revision 2: a=2. Revision 3: n=5, tags=[y].
FIRST = state("task/t", a=1, b=1, tags=["x", "y"])
SECOND = state("task/t", a=2, b=1, tags=["x", "y"], at={"a": 2})
THIRD = state("task/t", a=2, b=1, n=5, tags=["y"], at={"a": 2, "n": 3, "tags": 3})
BACK = state("task/t", a=1, b=1, n=5, tags=["y"], at={"a": 4, "n": 3, "tags": 3})
HISTORY = (FIRST, SECOND, THIRD)
UNSEEN: tuple[AnyRead, ...] = ()


def whole(revision: int) -> tuple[AnyRead, ...]:
    return (Read("task/t", revision),)


def some(revision: int, *fields: str, at_hand: bool = True) -> tuple[AnyRead, ...]:
    return (Read("task/t", revision, fields, whole=at_hand, touched=True),)


SET_A, SET_B, SET_NEW = Set("task/t", {"a": 9}), Set("task/t", {"b": 9}), Set("task/t", {"c": 9})
ELSEWHERE = Put("memo/m", {"x": 1})

CASES: list[tuple[str, tuple[AnyRead, ...], AnyChange, str]] = [
    ("the whole, now", whole(3), SET_A, ""),
    ("the whole, before", whole(2), SET_A, "freshness.changed"),
    ("the whole, before, for something else", whole(2), ELSEWHERE, "freshness.changed"),
    ("a field that stayed", some(1, "b"), SET_B, ""),
    ("a field that stayed, for something else", some(1, "b"), ELSEWHERE, ""),
    ("a field that moved", some(1, "a"), SET_B, "freshness.changed"),
    ("a field that stayed, and a write of one that moved", some(1, "b"), SET_A, "freshness.changed"),
    ("a field that was not there", some(1, "n"), SET_B, "freshness.changed"),
    ("nothing but existence", some(1), SET_B, ""),
    ("one field named, another written", some(3, "b", at_hand=False), SET_A, "freshness.blind_write"),
    ("nothing read", UNSEEN, SET_A, "freshness.blind_write"),
    ("nothing read, an empty field written", UNSEEN, Set("task/t", {"n": None, "c": 1}), "freshness.blind_write"),
    ("nothing read, a new field written", UNSEEN, SET_NEW, ""),
    ("nothing read, an equal value written", UNSEEN, Set("task/t", {"a": 2, "b": 1}), ""),
    ("nothing read, deleted", UNSEEN, Delete("task/t"), "freshness.blind_write"),
    ("nothing read, archived", UNSEEN, Archive("task/t"), "freshness.blind_write"),
    ("the whole read, deleted", whole(3), Delete("task/t"), ""),
    ("the whole read before, deleted", whole(1), Delete("task/t"), "freshness.changed"),
    ("a field read, deleted", some(3, "a", at_hand=False), Delete("task/t"), "freshness.blind_write"),
    ("nothing read, put with replace", UNSEEN, Put("task/t", {"a": 2}, replace=True), "freshness.blind_write"),
    ("the whole read, put with replace", whole(3), Put("task/t", {"a": 2}, replace=True), ""),
    ("the value believed", (Was("task/t", {"a": 2}),), SET_A, ""),
    ("another value believed", (Was("task/t", {"a": 1}),), SET_A, "freshness.changed"),
    ("an empty field believed empty", (Was("task/t", {"zzz": None}),), SET_NEW, ""),
    ("a field believed empty that isn't", (Was("task/t", {"n": None}),), SET_NEW, "freshness.changed"),
    ("the value of another field believed", (Was("task/t", {"b": 1}),), SET_A, "freshness.blind_write"),
    ("adding", UNSEEN, Add("task/t", {"n": 1}), ""),
    ("adding, having read the number before", some(1, "n"), Add("task/t", {"n": 1}), "freshness.changed"),
    ("appending", UNSEEN, Append("task/t", {"tags": ["z"]}), ""),
    ("emitting", UNSEEN, Emit("task/t", "Bumped"), ""),
    ("including another element", some(2), Include("task/t", {"tags": ["z"]}), ""),
    ("including an element taken out since", some(2), Include("task/t", {"tags": ["x"]}), "freshness.changed"),
    ("including an element taken out, unread", UNSEEN, Include("task/t", {"tags": ["x"]}), ""),
    ("excluding an element that stayed", some(2), Exclude("task/t", {"tags": ["y"]}), ""),
    ("creating what is there", UNSEEN, Create("task/t", {"a": 1}), ""),
    ("a read of another incarnation", whole(3), SET_A, ""),
]


@pytest.mark.parametrize(("reads", "change", "codes"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_what_is_fresh(reads: tuple[AnyRead, ...], change: AnyChange, codes: str) -> None:
    given = World(*HISTORY, state("memo/m", x=0), source='undeclared = "allow"\nblind_writes = "refuse"\n' + SOURCE)
    if isinstance(change, Put) and change.record == "memo/m":
        reads = (*reads, Read("memo/m", 3))
    assert ", ".join(given.codes(judge, change, reads=reads)) == codes


def world(*states: RecordState, settings: str = "") -> World:
    return World(*states, source=settings + SOURCE)


def test_s9_a_read_that_found_nothing_is_stale_once_there_is_something() -> None:
    given = world(*HISTORY)
    assert given.codes(judge, Put("task/t", {"c": 1}), reads=(Read("task/t", 0, ()),)) == ["freshness.changed"]
    assert given.codes(judge, Put("task/u", {"c": 1}), reads=(Read("task/u", 0, ()),)) == []


def test_s9_a_record_deleted_and_created_anew_is_another_one() -> None:
    reborn = state("task/t", a=1, b=1, tags=["x", "y"], born=4, at={"life": 4, "a": 4, "b": 4, "tags": 4})
    given = world(FIRST, reborn)
    assert given.codes(judge, Add("task/t", {"n": 1}), reads=some(1)) == ["freshness.changed"]
    assert given.codes(judge, Add("task/t", {"n": 1}), reads=some(4)) == []


@pytest.mark.parametrize("life", ["archived", "deleted"])
def test_s9_a_record_that_went_is_stale_for_whoever_read_it(life: Any) -> None:
    given = world(FIRST, state("task/t", life, a=1, b=1, at={"life": 4}))
    (finding,) = given.findings(judge, ELSEWHERE_DECLARED, reads=some(1, "b"))
    assert [(one.field, one.was, one.now) for one in finding.moved] == [("$life", "live", life)]


ELSEWHERE_DECLARED = Put("task/other", {"a": 1})


def test_a_value_that_came_back_is_as_fresh_as_ever() -> None:
    """A conflict is real or it isn't reported: what was seen is there again."""
    given = world(*HISTORY, BACK)
    assert given.codes(judge, SET_B, reads=some(1, "a")) == []
    assert given.codes(judge, SET_B, reads=some(2, "a")) == ["freshness.changed"]


def test_a_conflict_shows_what_moved_by_whom_and_what_did_not() -> None:
    (finding,) = world(*HISTORY).findings(judge, SET_B, reads=some(1, "a", "b"))
    (moved,) = finding.moved
    assert (moved.record, moved.field, moved.was, moved.now) == ("task/t", "a", 1, 2)
    assert (moved.by, moved.event, moved.reason) == ("support", "2.0", "because")
    assert finding.unchanged == ("b",)
    assert finding.data == {"revision": 3}
    assert "accept=3" in str(finding.remedy)


# -- repair (S12)


def test_s12_accepting_a_revision_says_that_its_values_were_seen() -> None:
    given = world(*HISTORY)
    stale = some(1, "a")
    assert given.codes(judge, SET_B, reads=stale, accept=1) == ["freshness.changed"]
    assert given.codes(judge, SET_B, reads=stale, accept=2) == []
    assert given.codes(judge, SET_A, accept=3) == []
    assert given.codes(judge, SET_A, accept=1) == ["freshness.changed"]
    assert given.codes(judge, SET_A, accept=3, reads=(Was("task/t", {"a": 1}),)) == []
    assert given.codes(judge, Include("task/t", {"tags": ["x"]}), reads=some(2), accept=3) == []


def test_s12_accepting_an_early_revision_makes_no_late_read_old() -> None:
    assert world(*HISTORY).codes(judge, SET_A, reads=whole(3), accept=1) == []


# -- settings


@pytest.mark.parametrize(
    ("settings", "codes"),
    [("", ["freshness.blind_write"]), ('blind_writes = "refuse"\n', ["freshness.blind_write"]),
     ('blind_writes = "warn"\n', ["freshness.blind_write?"]), ('blind_writes = "allow"\n', [])],
)  # fmt: skip
def test_blind_writes_are_treated_as_set(settings: str, codes: Sequence[str]) -> None:
    assert world(*HISTORY, settings=settings).codes(judge, SET_A) == codes


def test_blind_writes_on_undeclared_kinds_are_warned_about() -> None:
    (finding,) = World(*HISTORY).findings(judge, SET_A)
    assert (finding.code, finding.severity) == ("freshness.blind_write", "warn")
    assert "a is 2 (last by support)" in finding.message
    assert finding.data["now"] == {"a": 2}


def test_s11_only_what_is_relied_upon_counts_where_freshness_is_relied() -> None:
    given = world(*HISTORY, settings='freshness = "relied"\n')
    shown = (Read("task/t", 1),)
    assert given.codes(judge, SET_B, reads=shown) == []
    assert given.codes(judge, SET_A, reads=shown) == ["freshness.changed"]
    assert given.codes(judge, SET_B, reads=shown, relies_on=("task/t.a",)) == ["freshness.changed"]
    assert given.codes(judge, SET_B, reads=shown, relies_on=("task/t.b",)) == []
    assert given.codes(judge, SET_B, reads=shown, relies_on=("task/t",)) == ["freshness.changed"]
    assert given.codes(judge, SET_B, reads=some(1, "a")) == ["freshness.changed"]
    gone = world(FIRST, state("task/t", "deleted", a=1, b=1, at={"life": 4}), settings='freshness = "relied"\n')
    assert gone.codes(judge, ELSEWHERE_DECLARED, reads=shown) == ["freshness.changed"]


def test_s1_reads_of_another_incarnation_are_lost() -> None:
    (finding,) = world(*HISTORY).findings(judge, SET_A, reads=whole(3), incarnation="another")
    assert finding.code == "freshness.reads_lost"
    assert world(*HISTORY).codes(judge, SET_A, reads=whole(3), incarnation="first") == []


# -- what a proposal does itself


def test_a_record_that_the_proposal_creates_needs_no_read() -> None:
    changes = (Create("task/u", {"a": 1}), Set("task/u", {"a": 2}), Delete("task/u"))
    assert world(*HISTORY).codes(judge, *changes) == []


def test_a_set_among_commutative_changes_is_as_blind_as_alone() -> None:
    given = world(*HISTORY)
    assert given.codes(judge, Add("task/t", {"n": 1}), SET_A) == ["freshness.blind_write"]
    assert given.codes(judge, Add("task/t", {"n": 1}), Set("task/t", {"n": 7})) == ["freshness.blind_write"]
    assert given.codes(judge, Add("task/t", {"n": 1}), SET_A, reads=some(3, "a", at_hand=False)) == []


def test_restoring_overwrites_nothing() -> None:
    given = world(FIRST, state("task/t", "archived", a=1, b=1, at={"life": 2}))
    assert given.codes(judge, Restore("task/t")) == []


# -- searches (S13)

OPEN = Query("task", (Condition("a", ">", 0),), limit=10)
BY_A = Query("task", (Condition("a", ">", 0),), (Order("a"),), limit=10)
FIRST_ONE = Query("task", (Condition("a", ">", 0),), limit=1)
POPULATION = (
    state("task/x", a=1, b=1),
    state("task/y", a=2, b=1),
    state("task/y", a=2, b=2, at={"b": 3}),
    state("task/z", a=0, b=1),
)

SEARCHES: list[tuple[str, QueryRead, str]] = [
    ("as it was", QueryRead(OPEN, 1, ("x", "y")), ""),
    ("in no order asked for", QueryRead(OPEN, 1, ("y", "x")), ""),
    ("one has appeared", QueryRead(OPEN, 1, ("x",)), "freshness.query_changed"),
    ("one has left", QueryRead(OPEN, 1, ("x", "y", "z")), "freshness.query_changed"),
    ("one has appeared behind the limit", QueryRead(FIRST_ONE, 1, ("x",)), ""),
    ("in the order asked for", QueryRead(BY_A, 1, ("x", "y")), ""),
    ("in another order", QueryRead(BY_A, 1, ("y", "x")), "freshness.query_changed"),
    ("a field shown has moved", QueryRead(OPEN, 1, ("x", "y"), None, None), "freshness.query_changed"),
    ("a field touched has moved", QueryRead(OPEN, 1, ("x", "y"), None, ("b",)), "freshness.query_changed"),
    ("a field touched has moved, and was seen since", QueryRead(OPEN, 3, ("x", "y"), None, ("b",)), ""),
    ("the same number", QueryRead(OPEN, 1, None, 2), ""),
    ("another number", QueryRead(OPEN, 1, None, 1), "freshness.query_changed"),
    ("another number of a kind that hasn't moved", QueryRead(OPEN, 3, None, 1), ""),
    ("nothing of a kind that isn't there", QueryRead(Query("memo"), 0, ()), ""),
]


@pytest.mark.parametrize(("read", "codes"), [row[1:] for row in SEARCHES], ids=[row[0] for row in SEARCHES])
def test_s13_a_search_is_stale_if_it_finds_something_else(read: QueryRead, codes: str) -> None:
    given = world(*POPULATION)
    assert ", ".join(given.codes(judge, Put("task/new", {"b": 1}), reads=(read,))) == codes


def test_s12_a_search_can_be_accepted_as_it_is_now() -> None:
    read = QueryRead(OPEN, 1, ("x",))
    assert world(*POPULATION).codes(judge, Put("task/new", {"b": 1}), reads=(read,), accept=3) == []


def test_s13_a_page_is_not_stale_for_what_lies_on_the_page_before() -> None:
    """The batch before this proposal changed a record of the first page; the second is as it was."""
    after = state("task/x", a=1, b=1)
    given = world(*POPULATION)
    second = Query("task", (Condition("a", ">", 0),), limit=1, after=page_after(OPEN, after))
    view = given.view()
    view.accept({("task", "x"): state("task/x", a=1, b=9, at={"b": 4})}, [], "support", None)

    def judged(view: Any) -> list[str]:
        proposal = Proposal(id="p", changes=(Put("task/new", {"b": 1}),), reads=(QueryRead(second, 1, ("y",)),))
        case = Case(proposal, SALES, view)
        return [one.code for one in (*shape.judge(case), *judge(case))]

    assert given.ask(judged, view) == []
