"""Decisions as values to match on."""

from __future__ import annotations

from typing import Any

import pytest

from comity.model.decisions import Decision, Finding


def decision(outcome: Any, *findings: Finding) -> Decision:
    return Decision(id="p", outcome=outcome, revision=1, at=0, definition=1, next="Go on.", findings=findings)


@pytest.mark.parametrize(
    ("outcome", "is_committed", "is_allowed"),
    [("committed", True, True), ("allowed", False, True), ("refused", False, False), ("pending", False, False)],
)
def test_outcomes(outcome: str, is_committed: bool, is_allowed: bool) -> None:
    made = decision(outcome)
    assert (made.is_committed, made.is_allowed) == (is_committed, is_allowed)


@pytest.mark.parametrize(
    ("code", "severity", "expected"),
    [("freshness.changed", "refuse", True), ("freshness.query_changed", "refuse", True),
     ("freshness.changed", "warn", False), ("freshness.blind_write", "refuse", False), ("guard.x", "refuse", False)],
)  # fmt: skip
def test_a_conflict_is_a_read_that_moved(code: str, severity: Any, expected: bool) -> None:
    finding = Finding(code, "m", severity=severity)
    made = decision("refused", finding)
    assert made.is_conflict is expected
    assert finding.gate == code.partition(".")[0]
    assert (finding in made.warnings) == (severity == "warn")
    assert (finding in made.refusals) == (severity != "warn")


def test_a_decision_can_be_matched_on() -> None:
    match decision("refused", Finding("guard.x", "m")):
        case Decision(outcome="refused", findings=(Finding(code=code),)):
            assert code == "guard.x"
        case _:
            raise AssertionError
