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
        ("$lease/p", {}, "$lease/p can't be accepted: it is archived."),
    ],
)
def test_a_second_answer_is_told_the_first(ref: str, values: dict[str, Any], told: str) -> None:
    assert told in not_there(ref, "archived", values, "accepted", ("live",))[0]


DONE = {"closed_by": "bob", "closed_at": "2026-11-24T12:58:00Z", "answer": "30 EUR"}


@pytest.mark.parametrize(
    ("ref", "event", "values", "told", "next_"),
    [
        (
            "$task/t",
            "done",
            DONE | {"state": "done", "to": ["billing"], "workflow": "$workflow/w"},
            '$task/t was done by bob at 2026-11-24T12:58:00Z: "30 EUR". It was for billing.',
            "look at how far $workflow/w is",
        ),
        ("$task/t", "failed", {"state": "withdrawn", "workflow": "$workflow/w"}, "$task/t was withdrawn.", "any human"),
        ("$effect/e", "cancelled", DONE | {"state": "cancelled"}, "$effect/e was cancelled by bob at", "Want it anew"),
        ("$effect/e", "cancelled", DONE | {"state": "delivered"}, "$effect/e was delivered", "can't be called back"),
        ("$effect/e", "retried", DONE | {"state": "delivered"}, "$effect/e was delivered", "Want it anew"),
        ("$effect/e", "released", DONE | {"state": "delivered"}, "can't be released", "where it is live"),
        (
            "$workflow/w",
            "cancelled",
            DONE | {"state": "done"},
            "$workflow/w is over: it is done since",
            "Start it again",
        ),
    ],
)
def test_whoever_comes_too_late_is_told_what_became_of_it(
    ref: str, event: str, values: dict[str, Any], told: str, next_: str
) -> None:
    found = " ".join(not_there(ref, "archived", values, event, ("live",)))
    assert told in found
    assert next_ in found


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"purpose": "task", "to": ["billing"]}, "It is for billing; you are ann (selling)."),
        ({"purpose": "approval", "to": ["ops"]}, "It is for ops, who are to be humans; you are ann (selling)."),
        ({"purpose": "approval", "to": [], "started_by": "ann"}, "Who started the workflow doesn't approve it."),
        ({"purpose": "approval", "to": []}, "It is for any human; you are ann (selling)."),
    ],
)
def test_whoever_was_not_asked_is_told_whom_a_task_is_for(values: dict[str, Any], told: str) -> None:
    agent = AgentDefinition(name="ann", role="selling")
    found = obstacle("$task", "done", {"started_by": "bob"} | values, agent, START_US)
    assert found is not None
    assert found[0] == told


@pytest.mark.parametrize(
    ("kind", "event", "state", "told"),
    [
        ("$effect", "cancelled", "sending", "being sent at this moment"),
        ("$workflow", "resumed", "running", "It is running."),
        ("$workflow", "cancelled", "stuck", "It is stuck."),
    ],
)
def test_what_is_under_way_is_told(kind: str, event: str, state: str, told: str) -> None:
    found = obstacle(kind, event, {"state": state}, AgentDefinition(name="ann", role="ann"), START_US)
    assert found is not None
    assert told in found[0]
    assert obstacle("$effect", "cancelled", {"state": "aside"}, AgentDefinition(name="a", role="a"), START_US) is None
