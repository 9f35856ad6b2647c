"""Who may answer a question, and from when on."""

from __future__ import annotations

from typing import Any

import pytest

from comity.clock import SECOND_US, format_time
from comity.coordination.approvals import is_escalated, may_answer
from comity.model.definition import AgentDefinition
from comity.model.records import RecordState

NOW_US = 1_700_000_000_000_000
BOSS = AgentDefinition(name="boss", role="managers", kind="human")
ANN = AgentDefinition(name="ann", role="auditors", kind="human")
BOT = AgentDefinition(name="bot", role="managers")


def ticket(**values: Any) -> RecordState:
    return RecordState("$approval", "p", 1, "live", 1, 1, {"agent": "sales", **values}, {})


def at(seconds: int) -> str:
    return format_time(NOW_US + seconds * SECOND_US)


CASES: list[tuple[str, dict[str, Any], AgentDefinition, bool]] = [
    ("any human", {}, ANN, True),
    ("no agent", {}, BOT, False),
    ("nobody their own", {"agent": "ann"}, ANN, False),
    ("who is named", {"to": ["boss"]}, BOSS, True),
    ("whose role is named", {"to": ["managers"]}, BOSS, True),
    ("an agent of that role", {"to": ["managers"]}, BOT, False),
    ("another human", {"to": ["managers"]}, ANN, False),
    ("before it is escalated", {"to": ["managers"], "escalates_at": at(1), "escalates_to": ["auditors"]}, ANN, False),
    ("once it is escalated", {"to": ["managers"], "escalates_at": at(0), "escalates_to": ["auditors"]}, ANN, True),
    ("the first still", {"to": ["managers"], "escalates_at": at(0), "escalates_to": ["auditors"]}, BOSS, True),
    ("escalated to others", {"to": ["managers"], "escalates_at": at(0), "escalates_to": ["kim"]}, ANN, False),
    ("escalated to anyone", {"to": ["managers"], "escalates_at": at(0)}, ANN, True),
]


@pytest.mark.parametrize(("values", "agent", "may"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_who_may_answer(values: dict[str, Any], agent: AgentDefinition, may: bool) -> None:
    assert may_answer(ticket(**values), agent, NOW_US) is may


def test_when_it_is_escalated() -> None:
    assert [is_escalated(ticket(escalates_at=at(10)), NOW_US + s * SECOND_US) for s in (9, 10)] == [False, True]
    assert not is_escalated(ticket(), NOW_US)
