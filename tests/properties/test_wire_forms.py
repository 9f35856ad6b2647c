"""Hostile input: whatever comes in, it is answered or refused by Comity's own errors, and nothing is harmed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, example, given, settings

import comity
from comity.model import codec
from comity.model.filters import Condition, Order, Query
from comity.model.proposals import (
    Add,
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
    Undo,
    Was,
)
from comity.testing.manual_clock import ManualClock

DEFINITION = """
undeclared = "allow"

[kinds.task.fields]
title  = { type = "string", maxLength = 50 }
n      = { type = "integer", default = 0, event = "Numbered" }
tags   = { type = "array" }
due    = { format = "date-time" }
parent = { ref = "task", on_removal = "cascade" }
boss   = { ref = "task", on_removal = "detach" }

[[kinds.task.guards]]
name  = "not too many"
check = "after.n < 1000"

[kinds.task.events.Counted]
data = { amount = { type = "integer", required = true } }
then = { n = "record.n + event.amount" }
"""

# -- what a hostile caller may send

NAMES = st.sampled_from(
    [
        "task/a",
        "task/b",
        "memo/a",
        "task/../a",
        "task/a/b",
        "../task/a",
        "$agent/ann",
        "$definition/current",
        "/",
        "",
        "task",
        "task/" + "x" * 201,
        "k" * 65 + "/a",
        "task/a\n",
        "task/a\0",
        "TASK/a",
        "task/%2e%2e",
        "task/é",
    ],
)
FIELDS = st.sampled_from(
    [
        "n",
        "title",
        "tags",
        "due",
        "parent",
        "boss",
        "$life",
        "$id",
        "values",
        "__class__",
        "a.b",
        "",
        "x" * 65,
        "é",
        "n\0",
        "'; DROP TABLE records; --",
        "ref",
        "kind",
    ],
)
TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["a\0b", "\ud800", "\u202e", "x" * 5_000, "'; --", "{}", "2024-01-01", "a", "task/b"]),
)
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.integers(-(2**80), 2**80),
    st.sampled_from([float("nan"), float("inf"), -0.0, 1e308, 2.5, 2**63, -(2**63) - 1]),
)


def deep(depth: int) -> Any:
    value: Any = 1
    for number in range(depth):
        value = [value] if number % 2 else {"k": value}
    return value


SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.binary(max_size=4), st.dates(), st.datetimes())
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.dictionaries(TEXTS, SCALARS, max_size=3),
    st.sampled_from([deep(16), deep(17), deep(500), [0] * 10_001, object(), {1: 2}, (1, "a"), {"s"}]),
)
OBJECTS = st.dictionaries(FIELDS, VALUES, max_size=3)
LISTS = st.dictionaries(FIELDS, st.one_of(st.lists(SCALARS, max_size=3), VALUES), max_size=2)
REVISIONS = st.one_of(st.integers(-1, 4), st.sampled_from([2**63, 2**70, -(2**70)]))
CHANGES = st.one_of(
    st.builds(Create, NAMES, OBJECTS),
    st.builds(Set, NAMES, OBJECTS),
    st.builds(Put, NAMES, OBJECTS, st.booleans()),
    st.builds(Add, NAMES, st.dictionaries(FIELDS, VALUES, max_size=2)),
    st.builds(Include, NAMES, LISTS),
    st.builds(Exclude, NAMES, LISTS),
    st.builds(Append, NAMES, LISTS),
    st.builds(
        Emit, NAMES, st.one_of(st.sampled_from(["Counted", "applied", "key_issued", "task.updated"]), TEXTS), OBJECTS
    ),
    st.builds(Archive, NAMES),
    st.builds(Restore, NAMES),
    st.builds(Delete, NAMES),
    st.builds(Undo, NAMES, st.dictionaries(FIELDS, REVISIONS, max_size=2)),
)
OPERATORS: Any = st.sampled_from(["=", "!=", "<", ">=", "in", "not in", "^=", "has"])
QUERIES = st.builds(
    Query,
    st.one_of(st.sampled_from(["task", "memo", "$agent", "nobody"]), TEXTS),
    st.lists(st.builds(Condition, FIELDS, OPERATORS, VALUES), max_size=2).map(tuple),
    st.lists(st.builds(Order, FIELDS, st.booleans()), max_size=2).map(tuple),
    st.one_of(st.integers(-1, 3), st.sampled_from([1_001, 2**70])),
    st.one_of(st.none(), TEXTS),
    st.sampled_from(["live", "any"]),
)
READS = st.one_of(
    st.builds(
        Read,
        NAMES,
        REVISIONS,
        st.one_of(st.none(), st.lists(FIELDS, max_size=2).map(tuple)),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(Was, NAMES, OBJECTS),
    st.builds(
        QueryRead,
        QUERIES,
        REVISIONS,
        st.one_of(st.none(), st.lists(TEXTS, max_size=2).map(tuple)),
        st.one_of(st.none(), REVISIONS),
        st.one_of(st.none(), st.lists(FIELDS, max_size=2).map(tuple)),
    ),
)
OPTIONAL_TEXTS = st.one_of(st.none(), TEXTS)
ASSUMPTIONS = st.one_of(
    TEXTS, st.sampled_from(["task.n == 1", "task.n +", "memo.x", "1/0 == 1", "task.title.matches('(a+)+$')"])
)
PROPOSALS = st.builds(
    Proposal,
    id=st.one_of(st.uuids().map(str), st.sampled_from(["p", "", "a b", "../p", "x" * 129])),
    changes=st.lists(CHANGES, max_size=4).map(tuple),
    reads=st.lists(READS, max_size=3).map(tuple),
    assumptions=st.lists(ASSUMPTIONS, max_size=2).map(tuple),
    about=st.lists(NAMES, max_size=2).map(tuple),
    relies_on=st.lists(TEXTS, max_size=2).map(tuple),
    accept=st.one_of(st.none(), REVISIONS),
    action=OPTIONAL_TEXTS,
    reason=OPTIONAL_TEXTS,
    cause=st.one_of(st.none(), TEXTS, st.sampled_from(["1.0", "1." + "9" * 20, "9" * 25 + ".0"])),
    intent=OPTIONAL_TEXTS,
    not_after=st.one_of(st.none(), REVISIONS),
    incarnation=st.none(),
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[comity.Workspace]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    (folder / "comity.toml").write_text(DEFINITION, encoding="utf-8")
    with comity.open(folder / "base.db", definition=folder / "comity.toml", clock=ManualClock()) as made:
        made.agent("setup").put("task/a", title="A", tags=["x"])
        made.agent("setup").put("task/b", title="B", parent="a", boss="a")
        yield made
        answer = made.verify()
        assert answer.is_clean, answer.problems


HOSTILE = settings(
    max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None
)


@HOSTILE
@given(PROPOSALS, st.booleans())
@example(Proposal(id="e1", changes=(Put("memo/a", {"x": deep(900)}),)), False)
@example(Proposal(id="e2", changes=(Delete("task/a"), Restore("task/a")), accept=1), False)
def test_a_proposal_is_decided_or_refused_by_name(workspace: comity.Workspace, proposal: Proposal, dry: bool) -> None:
    """No exception but ours, no fault found in a check, no change by what was not committed."""
    before = workspace.revision
    try:
        decision = workspace.agent("mallory").propose(proposal, dry=dry)
    except comity.OutcomeUnknown:
        raise
    except comity.ComityError:
        assert workspace.revision == before
        return
    assert [finding.code for finding in decision.findings if finding.code == "shape.unjudgeable"] == []
    committed = not dry and bool(decision.events)
    assert workspace.revision == before + committed
    assert decision.explain()
    if decision.outcome == "refused":
        assert decision.refusals
        assert decision.next


def test_after_all_that_the_base_is_whole(workspace: comity.Workspace) -> None:
    answer = workspace.verify()
    assert answer.is_clean, answer.problems
    assert {agent.key_status for agent in workspace.agents().agents} <= {None}
    assert workspace.definition().number == 1


# -- bytes

SEEDS = [
    codec.encode_proposal(
        Proposal(
            id="p1",
            changes=(
                Put("task/a", {"n": 1, "tags": ["x"]}),
                Add("task/a", {"n": 1}),
                Emit("task/a", "Counted", {"amount": 1}),
            ),
            reads=(
                Read("task/a", 1, ("n",)),
                Was("task/a", {"n": 0}),
                QueryRead(Query("task", (Condition("n", ">", 1),)), 1, ("a",)),
            ),
            assumptions=("task.n == 1",),
            accept=1,
            reason="because",
            cause="1.0",
            not_after=1,
        )
    )
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Return the wire form of a proposal with some of its bytes cut, doubled, swapped or replaced."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    chance = random.Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(1, 6))):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.randrange(12))
        piece = draw(
            st.sampled_from(
                [b"", b"null", b"1e999", b"-1", b'"', b"[]", b"{}", b"\xff", b"\\ud800", b"\\u0000", b"true"]
            )
        )
        data[start:end] = piece if chance.random() < 0.7 else data[start:end] * 2
    return bytes(data)


@HOSTILE
@given(st.one_of(mutated(), st.binary(max_size=60), st.text(max_size=60)))
def test_any_bytes_are_a_proposal_or_told_why_not(workspace: comity.Workspace, data: bytes | str) -> None:
    try:
        proposal = codec.decode_proposal(data)
    except comity.InvalidRequest:
        return
    try:
        decision = workspace.agent("mallory").propose(proposal)
    except comity.OutcomeUnknown:
        raise
    except comity.ComityError:
        return
    assert all(finding.code != "shape.unjudgeable" for finding in decision.findings)
    assert codec.decode_proposal(codec.encode_proposal(proposal)) == proposal


# -- everything else that a caller can name

MOMENTS = st.one_of(
    REVISIONS, TEXTS, st.sampled_from(["2024-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "²", "9" * 30, "-1", ""])
)


@HOSTILE
@given(record=NAMES, field=FIELDS, moment=MOMENTS, other=MOMENTS, text=TEXTS)
def test_looking_raises_nothing_but_our_own_errors(
    workspace: comity.Workspace, record: str, field: str, moment: Any, other: Any, text: str
) -> None:
    agent = workspace.agent("mallory")
    calls = [
        lambda: agent.get(record, at=moment),
        lambda: agent.get_many([record, "task/a"], at=moment),
        lambda: agent.find(record, at=moment),
        lambda: agent.find("task", f"{field} = {text}", order=field, after=text, limit=5),
        lambda: agent.count("task", text),
        lambda: workspace.history(record, agent=text, type=text, since=moment, until=other),
        lambda: workspace.at(moment, record),
        lambda: workspace.diff(moment, other, record),
        lambda: str(workspace.why(record, field, at=moment)),
        lambda: workspace.revert(agent=text, since=moment, dry=True),
        lambda: workspace.revert(commit=moment, dry=True) if isinstance(moment, int) else None,
        lambda: workspace.refusals(agent=text),
        lambda: workspace.verify(head=text),
        lambda: workspace.agent(text),
        lambda: workspace.agent("ann", key=text),
    ]
    for call in calls:
        try:
            call()
        except (comity.StoreDamaged, comity.OutcomeUnknown):
            raise
        except comity.ComityError:
            """It was answered, in our own words."""
