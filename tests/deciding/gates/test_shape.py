"""Is the proposal well-formed, within limits, and do its values fit what is declared?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from comity import limits
from comity.deciding import envelope
from comity.deciding.case import Case
from comity.deciding.gates.shape import judge
from comity.model.filters import Condition, Order, Query
from comity.model.proposals import (
    Add,
    AnyChange,
    Append,
    Archive,
    Create,
    Emit,
    Exclude,
    Include,
    Proposal,
    Put,
    QueryRead,
    Read,
    Restore,
    Set,
    Undo,
    Was,
)
from tests.deciding.cases import NOW_US, SALES, World, state

DAY_US = 86_400_000_000

CRM = """
[kinds.task.fields]
title  = { type = "string", required = true }
n      = { type = "integer", minimum = 0, default = 0 }
status = { enum = ["open", "done"] }
due    = { format = "date-time" }
tags   = { type = "array", items = { type = "string" } }
owner  = { ref = "person" }

[kinds.task.events.Counted]
data = { amount = { type = "integer", required = true }, who = { ref = "person" } }

[kinds.person]
"""

TASK = state("task/a", title="A", n=1)


def declared(*extra: Any) -> World:
    return World(TASK, *extra, source=CRM)


def free() -> World:
    return World(state("task/a", n=1))


WELL_FORMED: list[tuple[str, AnyChange]] = [
    ("set", Set("task/a", {"n": 2})),
    ("a float that is an integer", Set("task/a", {"n": 2.0})),
    ("null clears", Set("task/a", {"status": None})),
    ("a time in another zone", Set("task/a", {"due": "2024-05-01 11:30+02:00"})),
    ("a reference with its kind", Set("task/a", {"owner": "person/joe"})),
    ("create", Create("task/b", {"title": "B"})),
    ("emit", Emit("task/a", "Counted", {"amount": 1})),
    ("add", Add("task/a", {"n": 1})),
    ("include", Include("task/a", {"tags": ["x"]})),
    ("undo", Undo("task/a", {"n": 0, "$life": 1})),
    ("archive", Archive("task/a")),
]


@pytest.mark.parametrize("change", [row[1] for row in WELL_FORMED], ids=[row[0] for row in WELL_FORMED])
def test_what_is_well_formed(change: AnyChange) -> None:
    assert declared().codes(judge, change) == []


ILL_FORMED: list[tuple[str, AnyChange, str]] = [
    ("no slash", Set("task", {}), "shape.invalid"),
    ("no id", Set("task/", {}), "shape.invalid"),
    ("no kind", Set("/a", {}), "shape.invalid"),
    ("a path", Set("task/../a", {}), "shape.invalid"),
    ("dots first", Set("task/..", {}), "shape.invalid"),
    ("a space", Set("task/a b", {}), "shape.invalid"),
    ("a line's end", Set("task/a\n", {}), "shape.invalid"),
    ("another script", Set("task/ä", {}), "shape.invalid"),
    ("unknown kind", Put("tasks/a"), "shape.unknown_kind"),
    ("unknown built-in kind", Put("$tasks/a"), "shape.unknown_kind, shape.transition"),
    ("unknown field", Set("task/a", {"titel": "x"}), "shape.unknown_field"),
    ("unknown event", Emit("task/a", "Cuonted"), "shape.unknown_event"),
    ("no event's name", Emit("task/a", "task.updated"), "shape.invalid"),
    ("unknown data", Emit("task/a", "Counted", {"amount": 1, "x": 1}), "shape.unknown_field"),
    ("missing data", Emit("task/a", "Counted"), "shape.required"),
    ("wrong data", Emit("task/a", "Counted", {"amount": "1"}), "shape.invalid_value"),
    ("below the minimum", Set("task/a", {"n": -1}), "shape.invalid_value"),
    ("a sum below the minimum", Add("task/a", {"n": -2}), "shape.invalid_value"),
    ("none of the enum", Set("task/a", {"status": "opne"}), "shape.invalid_value"),
    ("no time", Set("task/a", {"due": "tomorrow"}), "shape.invalid_value"),
    ("required and cleared", Set("task/a", {"title": None}), "shape.required"),
    ("required and missing", Create("task/b", {}), "shape.required"),
    ("adding a text", Add("task/a", {"n": "1"}), "shape.invalid_value"),  # type: ignore[dict-item]
    ("adding a boolean", Add("task/a", {"n": True}), "shape.invalid_value"),
    ("including no list", Include("task/a", {"tags": "x"}), "shape.invalid_value"),  # type: ignore[dict-item]
    ("excluding no list", Exclude("task/a", {"tags": "x"}), "shape.invalid_value"),  # type: ignore[dict-item]
    ("appending no list", Append("task/a", {"tags": None}), "shape.invalid_value"),  # type: ignore[dict-item]
    ("undoing an unknown field", Undo("task/a", {"x": 0}), "shape.unknown_field"),
    ("undoing from the future", Undo("task/a", {"n": 99}), "shape.unknown_revision"),
]


@pytest.mark.parametrize(("change", "codes"), [row[1:] for row in ILL_FORMED], ids=[row[0] for row in ILL_FORMED])
def test_what_is_ill_formed(change: AnyChange, codes: str) -> None:
    assert ", ".join(declared().codes(judge, change)) == codes


ADVICE: list[tuple[AnyChange, str, str]] = [
    (Set("task/a", {"n": "x"}), '"x" is not of type', "Give n as an integer of at least 0."),
    (Set("task/a", {"status": "opne"}), "is none of", 'Give status as one of "open", "done".'),
    (Set("task/a", {"due": "tomorrow"}), "is no time", "Give due as a time, such as 2026-01-31T12:00:00Z."),
    (Set("task/a", {"tags": "x"}), "is not of type", 'Give tags as a list, such as tags=["x"].'),
    (Set("task/a", {"owner": "a b"}), "is no record id", "Give owner as the id of a person."),
    (Set("task/a", {"title": "a\0"}), "U+0000", "Give title as a text."),
    (Create("task/b"), "task/b.title is required.", "Give title as a text."),
    (Append("task/a", {"tags": None}), "its elements come as a list", "Give tags as a list"),  # type: ignore[dict-item]
    (Add("task/a", {"n": "1"}), "only a number can be added", "Give n as a number."),  # type: ignore[dict-item]
    (Set("task/a", {"titel": "x"}), "'titel' is no field of task/a; did you mean 'title'?", "Declared fields: due, n,"),
    (
        Emit("task/a", "Counted", {"amount": 1, "whom": "joe"}),
        "'whom' is no data of the event Counted of task/a; did you mean 'who'?",
        "It carries: amount, who.",
    ),
    (
        Emit("task/a", "Counted"),
        "The event Counted of task/a needs 'amount' among its data.",
        "Give amount as an integer.",
    ),
    (Emit("task/a", "Counted", {"amount": "1"}), "Counted.amount of task/a: ", "Give amount as an integer."),
    (
        Emit("task/a", "Cuonted"),
        "'Cuonted' is no event of task/a; did you mean 'Counted'?",
        "Declared events: Counted.",
    ),
    (Emit("person/a", "Moved"), "'Moved' is no event of person/a.", "Set its fields: no event is declared."),
]


@pytest.mark.parametrize(("change", "message", "remedy"), ADVICE)
def test_what_would_be_right_is_told(change: AnyChange, message: str, remedy: str) -> None:
    (finding,) = declared(state("person/a")).findings(judge, change)
    assert message in finding.message
    assert str(finding.remedy).startswith(remedy)


def test_values_believed_of_a_field_that_is_not_declared_are_refused() -> None:
    reads = (Was("task/a", {"titel": "A", "$life": "live"}),)
    (finding,) = declared().findings(judge, Set("task/a", {"n": 2}), reads=reads)
    assert (finding.code, finding.subject) == ("shape.unknown_field", "task/a.titel")
    assert "did you mean 'title'?" in finding.message
    assert free().codes(judge, Set("task/a", {"n": 2}), reads=reads) == []


@pytest.mark.parametrize(
    ("proposal", "remedy"),
    [
        ({"not_after": 10**40}, "Name a time before 2023-12-14T22:13:20Z."),
        ({"reason": "x" * 1001}, "Say it in fewer words."),
        ({"action": "x" * 65}, "Give the action a short name."),
        ({"assumptions": ("true",) * 21}, "Join some of them by '&&'."),
        ({"changes": (Set("task/a", {f"f{number}": 1 for number in range(257)}),)}, "Put some of them into another"),
        ({"changes": (Set("task/a", {"x": "y" * 262_144}),)}, "Keep large values elsewhere"),
        ({"about": tuple(f"task/{number}" for number in range(1001))}, "Split it into smaller proposals."),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else given,
)
def test_what_helps_against_too_much_fits_what_it_is(proposal: dict[str, Any], remedy: str) -> None:
    given: dict[str, Any] = {"changes": (Set("task/a", {"n": 2}),), **proposal}
    (finding,) = free().findings(judge, *given.pop("changes"), **given)
    assert finding.code == "shape.too_large"
    assert str(finding.remedy).startswith(remedy)


FOREIGN_VALUES: list[tuple[str, Any, str]] = [
    ("not a number", float("nan"), "numbers must be finite"),
    ("infinity", float("-inf"), "numbers must be finite"),
    ("an integer too large", 2**63, "integers must fit in 64 bits"),
    ("an integer too small", -(2**63) - 1, "integers must fit in 64 bits"),
    ("a null byte", "a\0", "texts may not hold U+0000"),
    ("a lone surrogate", "\ud800", "texts may not hold lone surrogates"),
    ("a null byte in a key", {"\0": 1}, "texts may not hold U+0000"),
    ("a key that is no text", {1: 1}, "object keys must be texts"),
    ("bytes", b"x", "bytes is no JSON value"),
    ("an object", object(), "object is no JSON value"),
]


@pytest.mark.parametrize(
    ("value", "message"), [row[1:] for row in FOREIGN_VALUES], ids=[row[0] for row in FOREIGN_VALUES]
)
def test_values_that_no_json_can_hold(value: Any, message: str) -> None:
    for place in (value, [value], {"k": [value]}):
        (finding,) = free().findings(judge, Set("task/a", {"n": place}))
        assert (finding.code, finding.subject) == ("shape.invalid_value", "task/a.n")
        assert message in finding.message
        assert finding.remedy


@pytest.mark.parametrize("name", ["", "1a", "a.b", "a-b", "$life", "ä", "a\n", "__proto__ ", "x" * 65])
def test_names_that_no_field_can_have(name: str) -> None:
    assert free().codes(judge, Set("task/a", {name: 1})) == ["shape.invalid"]


# -- undeclared kinds (S30)


def test_s30_the_first_record_of_a_new_kind_is_warned_about_with_the_nearest_name() -> None:
    (finding,) = free().findings(judge, Put("Tasks/a"))
    assert (finding.code, finding.severity) == ("shape.new_kind", "warn")
    assert "did you mean 'task'?" in finding.message
    assert free().codes(judge, Put("task/b")) == []


def test_s30_undeclared_kinds_are_refused_once_one_is_declared_unless_allowed() -> None:
    (finding,) = declared().findings(judge, Put("taks/a"))
    assert "did you mean 'task'?" in finding.message
    allowed = World(source='undeclared = "allow"\n' + CRM)
    assert allowed.codes(judge, Put("memo/a", {"anything": 1})) == ["shape.new_kind?"]


def test_each_new_kind_is_named_once() -> None:
    assert free().codes(judge, Put("memo/a"), Put("memo/b"), Put("note/a")) == ["shape.new_kind?", "shape.new_kind?"]


# -- built-in kinds (S23)


@pytest.mark.parametrize(
    "change",
    [
        Put("$agent/joe", {"key": "k"}),
        Create("$agent/joe"),
        Set("$agent/joe", {"key_status": "active"}),
        Archive("$agent/joe"),
        Restore("$agent/joe"),
        Undo("$agent/joe", {"key": 0}),
        Emit("$agent/joe", "made_up"),
    ],
    ids=lambda change: type(change).__name__,
)
def test_s23_built_in_records_change_only_by_their_transitions(change: AnyChange) -> None:
    assert "shape.transition" in declared().codes(judge, change)


# -- what comes back to life


def test_a_record_that_comes_back_must_fit_the_definition_of_today() -> None:
    old = state("task/old", "deleted", title="T", n=-5, legacy="x", at={"life": 2})
    found = World(old, source=CRM).findings(judge, Restore("task/old"))
    assert sorted((one.code, one.subject) for one in found) == [
        ("shape.invalid_value", "task/old.n"),
        ("shape.unknown_field", "task/old.legacy"),
    ]
    emptied = state("task/old", "deleted", title=None, at={"life": 2})
    assert World(emptied, source=CRM).codes(judge, Restore("task/old")) == ["shape.required"]
    assert World(state("task/old", "archived", title="T"), source=CRM).codes(judge, Restore("task/old")) == []


def test_what_is_missing_is_told_once() -> None:
    former = state("task/old", "deleted", title="T", at={"life": 2})
    assert World(former, source=CRM).codes(judge, Create("task/old")) == ["shape.required"]


# -- the envelope


ENVELOPES: list[tuple[str, dict[str, Any], str]] = [
    ("no id", {"id": ""}, "shape.invalid"),
    ("an id with a space", {"id": "a b"}, "shape.invalid"),
    ("an id that begins with a dot", {"id": ".a"}, "shape.invalid"),
    ("an id with a line's end", {"id": "a\n"}, "shape.invalid"),
    ("about no record", {"about": ("task",)}, "shape.invalid"),
    ("a reason with U+0000", {"reason": "a\0"}, "shape.invalid"),
    ("an action with U+0000", {"action": "\0"}, "shape.invalid"),
    ("accepting the future", {"accept": 2}, "shape.unknown_revision"),
    ("accepting less than nothing", {"accept": -1}, "shape.unknown_revision"),
    ("accepting far beyond", {"accept": 2**70}, "shape.unknown_revision"),
    ("a cause that is none", {"cause": "x"}, "shape.invalid"),
    ("a cause to come", {"cause": "2.0"}, "shape.unknown_cause"),
    ("a cause that never was", {"cause": "1.1"}, "shape.unknown_cause"),
    ("a cause before the first", {"cause": "0.0"}, "shape.unknown_cause"),
    ("a cause beyond all numbers", {"cause": "1." + "9" * 25}, "shape.invalid"),
    ("a deadline that is over", {"not_after": NOW_US}, "shape.expired"),
    ("a deadline before all time", {"not_after": -(10**40)}, "shape.expired"),
    ("a deadline after all time", {"not_after": 10**40}, "shape.too_large"),
    ("a read of no record", {"reads": (Read("task", 1),)}, "shape.invalid"),
    ("a read of the future", {"reads": (Read("task/a", 2),)}, "shape.unknown_revision"),
    ("a read before all", {"reads": (Read("task/a", -1),)}, "shape.unknown_revision"),
    ("was of no record", {"reads": (Was("task", {}),)}, "shape.invalid"),
    ("was of no value", {"reads": (Was("task/a", {"n": float("nan")}),)}, "shape.invalid_value"),
    ("a search of no kind", {"reads": (QueryRead(Query("a b"), 1, ()),)}, "shape.invalid"),
    ("a search of the future", {"reads": (QueryRead(Query("task"), 2, ()),)}, "shape.unknown_revision"),
    ("a search that showed nothing at all", {"reads": (QueryRead(Query("task"), 1),)}, "shape.invalid"),
    (
        "a search with SQL for a field",
        {"reads": (QueryRead(Query("task", (Condition("x')--", "=", 1),)), 1, ()),)},
        "shape.invalid",
    ),
    ("a search ordered by SQL", {"reads": (QueryRead(Query("task", (), (Order("x')--"),)), 1, ()),)}, "shape.invalid"),
    (
        "a search for a list",
        {"reads": (QueryRead(Query("task", (Condition("n", "<", [1]),)), 1, ()),)},
        "shape.invalid",
    ),
    ("a search in no list", {"reads": (QueryRead(Query("task", (Condition("n", "in", 3),)), 1, ()),)}, "shape.invalid"),
    ("a search from nowhere", {"reads": (QueryRead(Query("task", after="zzz"), 1, ()),)}, "shape.invalid"),
]


@pytest.mark.parametrize(("proposal", "code"), [row[1:] for row in ENVELOPES], ids=[row[0] for row in ENVELOPES])
def test_what_is_wrong_with_an_envelope(proposal: dict[str, Any], code: str) -> None:
    (finding,) = free().findings(judge, Set("task/a", {"n": 2}), **proposal)
    assert finding.code == code
    assert finding.remedy


def test_a_proposal_of_nothing_is_well_formed() -> None:
    assert free().codes(judge) == []


def test_s16_reads_are_brought_into_the_form_of_stored_values() -> None:
    from_a_handle = Was("task/a", {"due": "2024-05-01 11:30+02:00", "tags": ("x",), "n": 2.0, "owner": "person/joe"})

    def normalised(view: Any) -> Any:
        proposal = Proposal(id="p", changes=(Set("task/a", {"n": 1}),), reads=(from_a_handle,))
        case = Case(proposal, SALES, view)
        assert list(judge(case)) == []
        return case.reads

    assert declared().ask(normalised) == (
        Was("task/a", {"due": "2024-05-01T09:30:00Z", "tags": ["x"], "n": 2, "owner": "joe"}),
    )


ACTIONS = "[actions.send_upsell]\n"


def test_s27_where_actions_are_declared_each_proposal_names_one() -> None:
    given = World(TASK, source=CRM + ACTIONS)
    change = Set("task/a", {"n": 2})
    assert given.codes(judge, change, action="send_upsell") == []
    (missing,) = given.findings(judge, change)
    (unknown,) = given.findings(judge, change, action="send_upsel")
    assert (missing.code, unknown.code) == ("shape.unknown_action", "shape.unknown_action")
    assert "did you mean 'send_upsell'?" in unknown.message
    assert "send_upsell" in str(missing.remedy)
    assert declared().codes(judge, change, action="whatever") == []


# -- limits: what is at the bound passes, what is beyond is refused


def tasks(count: int) -> tuple[AnyChange, ...]:
    return tuple(Put(f"task/n{number}") for number in range(count))


def deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def search(*where: Condition, **query: Any) -> tuple[QueryRead, ...]:
    return (QueryRead(Query("task", where, **query), 1, ()),)


LIMITS: list[tuple[str, int, Callable[[int], dict[str, Any]]]] = [
    ("CHANGES_PER_PROPOSAL", 3, lambda n: {"changes": (Set("task/a", {"n": 2}),) * n}),
    ("READS_PER_PROPOSAL", 3, lambda n: {"reads": (Read("task/a", 1),) * n}),
    ("ASSUMPTIONS_PER_PROPOSAL", 3, lambda n: {"assumptions": ("true",) * n}),
    ("SUBJECTS_PER_PROPOSAL", 3, lambda n: {"changes": tasks(n)}),
    ("SUBJECTS_PER_PROPOSAL", 3, lambda n: {"about": ("$agent/a", *(f"$agent/n{i}" for i in range(n - 1)))}),
    ("REASON_CHARS", limits.REASON_CHARS, lambda n: {"reason": "x" * n}),
    ("NAME_CHARS", limits.NAME_CHARS, lambda n: {"action": "x" * n}),
    ("FIELDS_PER_RECORD", 3, lambda n: {"changes": (Set("task/a", {f"f{i}": 1 for i in range(n - 1)}),)}),
    ("FIELDS_PER_RECORD", 3, lambda n: {"changes": (Put("task/new", {f"f{i}": 1 for i in range(n)}),)}),
    ("LIST_ITEMS", 3, lambda n: {"changes": (Set("task/a", {"x": [1] * n}),)}),
    ("VALUE_DEPTH", limits.VALUE_DEPTH, lambda n: {"changes": (Set("task/a", {"x": deep(n)}),)}),
    ("RECORD_BYTES", 100, lambda n: {"changes": (Put("task/new", {"x": "y" * (n - len('{"x":""}'))}),)}),
    ("NOT_AFTER_DAYS", limits.NOT_AFTER_DAYS, lambda n: {"not_after": NOW_US + n * DAY_US}),
    ("PROPOSAL_ID_CHARS", limits.PROPOSAL_ID_CHARS, lambda n: {"id": "x" * n}),
    ("PRIORITY", limits.PRIORITY, lambda n: {"priority": n}),
    ("PRIORITY", limits.PRIORITY, lambda n: {"priority": -n}),
    ("WAIT_DAYS", limits.WAIT_DAYS, lambda n: {"wait_s": n * 86_400}),
    ("RECORD_ID_CHARS", limits.RECORD_ID_CHARS, lambda n: {"changes": (Put("task/" + "x" * n),)}),
    ("NAME_CHARS", limits.NAME_CHARS, lambda n: {"changes": (Put("task/a", {"x" * n: 1}),)}),
    ("NAME_CHARS", limits.NAME_CHARS, lambda n: {"changes": (Emit("task/a", "X" * n),)}),
    ("CONDITIONS_PER_QUERY", 3, lambda n: {"reads": search(*[Condition("n", "=", 1)] * n)}),
    ("ORDERS_PER_QUERY", 3, lambda n: {"reads": search(order=(Order("n"),) * n)}),
    ("QUERY_RECORDS", 3, lambda n: {"reads": search(limit=n)}),
    ("QUERY_RECORDS", 3, lambda n: {"reads": (QueryRead(Query("task", limit=1), 1, ("a",) * n),)}),
    ("VALUES_PER_MEMBERSHIP", 3, lambda n: {"reads": search(Condition("n", "in", [1] * n))}),
]
SMALL = {
    "VALUE_DEPTH",
    "NOT_AFTER_DAYS",
    "PROPOSAL_ID_CHARS",
    "RECORD_ID_CHARS",
    "NAME_CHARS",
    "PRIORITY",
    "REASON_CHARS",
    "WAIT_DAYS",
}
BOUND_CODES = {"shape.too_large", "shape.invalid_value", "shape.invalid"}


@pytest.mark.parametrize(("name", "bound", "make"), LIMITS, ids=[f"{row[0]}-{i}" for i, row in enumerate(LIMITS)])
def test_limit(name: str, bound: int, make: Callable[[int], dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    if name not in SMALL:
        monkeypatch.setattr(limits, name, bound)
        monkeypatch.setattr(envelope, "_FEW", 0)
    assert free().codes(judge, **make(bound)) == []
    (finding,) = free().findings(judge, **make(bound + 1))
    assert finding.code in BOUND_CODES
    assert finding.severity == "refuse"
    assert len(finding.message) < 300


@pytest.mark.parametrize("wait_s", [0, -3])
def test_nobody_waits_for_less_than_a_second(wait_s: int) -> None:
    (finding,) = free().findings(judge, wait_s=wait_s)
    assert finding.code == "shape.invalid"
    assert f"wait_s is {wait_s}" in finding.message
