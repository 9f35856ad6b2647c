"""What is said to whoever answers a ticket in vain."""

from __future__ import annotations

from typing import Any

import pytest

from comity.deciding.answering import not_there, obstacle
from comity.model.definition import AgentDefinition
from comity.testing.manual_clock import START_US

OPEN = {"agent": "ann", "to": ["support"], "expires_at": "2030-01-01T00:00:00Z"}
LATER = {"escalates_at": "2029-01-01T00:00:00Z", "escalates_to": ["boss"]}


@pytest.mark.parametrize(
    ("values", "agent", "told"),
    [
        ({}, "bob", "It is for support; you are bob (bob)."),
        ({"to": []}, "bob", "It is for any human; you are bob (bob)."),
        (LATER, "bob", "It is for support; boss from 2029-01-01T00:00:00Z; you are bob (bob)."),
        (LATER | {"escalates_at": "2020-01-01T00:00:00Z"}, "bob", "It is for support or boss; you are bob (bob)."),
        ({}, "ann", "Who proposed it can't answer it."),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "bob", "It expired at 2020-01-01T00:00:00Z."),
    ],
)
def test_whoever_may_not_answer_is_told_why(values: dict[str, Any], agent: str, told: str) -> None:
    found = obstacle("$handoff", "accepted", OPEN | values, AgentDefinition(name=agent, role=agent), START_US)
    assert found is not None
    assert found[0] == told


@pytest.mark.parametrize(("kind", "event"), [("$handoff", "withdrawn"), ("$intent", "accepted"), ("$lease", "denied")])
def test_what_is_no_answer_to_a_ticket_is_explained_by_its_kind(kind: str, event: str) -> None:
    assert obstacle(kind, event, OPEN, AgentDefinition(name="bob", role="bob"), START_US) is None


@pytest.mark.parametrize(
    ("ref", "values", "told"),
    [
        ("$approval/p", {"state": "denied", "closed_by": "dr", "answer": "too much"}, 'was denied by dr: "too much"'),
        ("$queue/p", {"state": "withdrawn", "closed_by": "ann"}, "was withdrawn by ann."),
        ("$handoff/p", OPEN | {"state": "expired", "closed_by": "comity"}, "expired unanswered at 2030-01-01"),
        ("$approval/p", OPEN | {"state": "returned", "closed_by": "ann"}, "$approval/p went back to ann"),
        ("$lease/p", {}, "accepted may not happen to $lease/p, which is archived."),
    ],
)
def test_a_second_answer_is_told_the_first(ref: str, values: dict[str, Any], told: str) -> None:
    assert told in not_there(ref, "archived", values, "accepted", ("live",))[0]
