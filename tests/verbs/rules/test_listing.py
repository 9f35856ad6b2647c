"""The rules in force, and how often each had a say."""

from __future__ import annotations

from pathlib import Path

import pytest

import comity
from comity import limits
from comity.errors import InvalidRequest
from comity.model.proposals import Append, Proposal
from comity.testing.manual_clock import ManualClock
from tests.verbs.conftest import Open

CRM = """\
[agents]
sales   = { role = "sales" }
support = { role = "support" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
tags = { type = "array", items = { type = "string" } }
n    = { type = "integer", default = 0 }

[[rules]]
name     = "defers"
when     = "customer != null && action.name == 'defer'"
then     = "defer"
to       = "support"
until    = "customer.n == 0"
why      = "Support first."
priority = 3

[[rules]]
name = "asks"
when = "customer != null && action.name == 'ask'"
then = "ask"

[[rules]]
name = "warns"
when = "customer != null && action.name == 'warn'"
then = "warn"

[[rules]]
name = "tells"
when = "customer != null && action.name == 'tell'"
then = "refuse"
mode = "shadow"

[[rules]]
name = "sleeps"
when = "customer != null && action.name == 'sleep'"
then = "refuse"
"""


@pytest.fixture
def crm(open_base: Open) -> comity.Workspace:
    base = open_base(CRM)
    base.agent("support").create("customer/acme")
    return base


def act(crm: comity.Workspace, id: str, action: str) -> None:
    change = Append("customer/acme", {"tags": [id]})
    crm.agent("sales").propose(Proposal(id=id, changes=(change,), action=action))


def counts(crm: comity.Workspace, since: int | str | None = None) -> dict[str, tuple[int, int, int, int]]:
    rules = crm.rules(since=since).rules
    return {rule.name: (rule.refused, rule.waited, rule.would, rule.warned) for rule in rules if rule.fired}


def test_each_decision_counts_once_for_each_rule(crm: comity.Workspace) -> None:
    for action in ("defer", "ask", "warn", "tell"):
        for number in range(2):
            act(crm, f"{action}{number}", action)
    assert counts(crm) == {"defers": (2, 0, 0, 0), "asks": (0, 2, 0, 0), "warns": (0, 0, 0, 2), "tells": (0, 0, 2, 0)}


def test_what_a_rule_says_is_told(crm: comity.Workspace) -> None:
    act(crm, "d", "defer")
    answer = crm.rules()
    first, last = answer.rules[0], answer.rules[-1]
    assert (first.name, first.code, first.then, first.to, first.mode) == (
        "defers",
        "rule.defers",
        "defer",
        "support",
        "enforce",
    )
    assert (first.until, first.why, first.priority) == ("customer.n == 0", "Support first.", 3)
    assert first.last_at == "2023-11-14T22:13:20Z"
    assert (last.name, last.fired, last.last_at) == ("sleeps", 0, None)
    assert [rule.name for rule in answer.rules] == ["defers", "asks", "warns", "tells", "sleeps"]
    assert str(answer).splitlines()[:2] == [
        "5 rules in force (definition 1)",
        "  defers: defer to support, fired 1 times",
    ]


def test_only_what_came_since_is_counted(crm: comity.Workspace, clock: ManualClock) -> None:
    act(crm, "one", "defer")
    clock.advance(seconds=7_200)
    act(crm, "two", "defer")
    assert counts(crm, "1h") == {"defers": (1, 0, 0, 0)}
    assert counts(crm, "1d") == {"defers": (2, 0, 0, 0)}
    assert crm.rules(since="1h").since == "2023-11-14T23:13:20Z"
    with pytest.raises(InvalidRequest, match="since"):
        crm.rules(since="lately")


def test_what_was_found_counts_for_the_rule_of_this_name_however_it_was_worded(
    crm: comity.Workspace, tmp_path: Path
) -> None:
    act(crm, "one", "defer")
    reworded = CRM.replace("Support first.", "Support goes first.").replace('"asks"', '"asked"')
    (tmp_path / "new.toml").write_text(reworded, encoding="utf-8")
    crm.apply(tmp_path / "new.toml")
    act(crm, "two", "defer")
    assert counts(crm) == {"defers": (2, 0, 0, 0)}


def test_the_mode_of_all_rules_counts(open_base: Open) -> None:
    base = open_base(CRM + '\n[checks]\nrule = "shadow"\n')
    assert {rule.mode for rule in base.rules().rules} == {"shadow"}


def test_without_rules(base: comity.Workspace) -> None:
    assert str(base.rules()) == "0 rules in force (definition 0)"


def test_what_was_not_looked_at_is_told(crm: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        act(crm, f"w{number}", "warn")
    monkeypatch.setattr(limits, "REPORT_DECISIONS", 2)
    answer = crm.rules()
    assert counts(crm) == {"warns": (0, 0, 0, 2)}
    assert "none was looked at" in answer.cut[0]
    assert answer.cut[0] in str(answer)
