"""What ``print`` shows of overrides and reports."""

from __future__ import annotations

from comity import limits
from comity.model.texts import tokens
from comity.operations import CheckReport, OverrideAnswer, OverridesAnswer, ReportAnswer

PIN = OverrideAnswer(
    override="$override/o1",
    holds="value",
    state="in force",
    yields="refuse",
    reason='say "no"\nto all',
    set_by="ops",
    set_at="2026-11-24T10:00:00Z",
    expires_at="2026-11-24T12:00:00Z",
    record="customer/acme",
    field="status",
    value="at_risk",
)


def test_an_override_is_one_line() -> None:
    assert str(PIN) == (
        "$override/o1: customer/acme.status = at_risk held by ops until 2026-11-24T12:00:00Z: \"say 'no' to all\""
    )


def test_overrides_are_counted() -> None:
    assert str(OverridesAnswer(overrides=())) == "No override is in force."
    told = str(OverridesAnswer(overrides=(PIN, PIN), is_cut=True))
    assert told.splitlines()[0] == "2 overrides"
    assert told.splitlines()[-1] == "  and more"


def test_a_report_is_short_enough_for_a_prompt() -> None:
    checks = tuple(
        CheckReport(code=f"freshness.code_{number}", refused=1_000, waited=2, would=3, warned=4, reruns=5)
        for number in range(20)
    )
    report = ReportAnswer(workspace="crm", until="now", revision=7, definition=1, committed=9, stopped=8, checks=checks)
    told = str(report)
    assert told.splitlines()[0] == "crm: all records: 9 commits, 8 refused or waiting"
    assert told.splitlines()[1] == (
        "  freshness.code_0: 1,000 refused, 2 waited, 3 would have stopped, 4 warned, 5 re-runs"
    )
    assert told.splitlines()[-1] == "  and 16 more"
    assert tokens(told) <= limits.ANSWER_TOKENS + 30


def test_a_check_tells_only_what_it_did() -> None:
    assert str(CheckReport(code="rule.r", would=2)) == "rule.r: 2 would have stopped"
