"""S29: what judging looks up is bounded, and grows with a proposal, not with its square."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import comity
from comity import limits
from comity.deciding.view import View
from comity.store.sqlite import SqliteStore

DEFINITION = """
[kinds.customer.fields]
name = { type = "string" }

[kinds.ticket.fields]
customer = { ref = "customer", on_removal = "cascade" }
others   = { type = "array", ref = "customer" }
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Any:
    (tmp_path / "comity.toml").write_text(DEFINITION)
    with comity.open(tmp_path / "crm.db", definition=tmp_path / "comity.toml") as workspace:
        yield workspace


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    needs: list[object] = []
    ask = View.ask

    def counting(view: View, need: Any) -> Any:
        needs.append(need)
        return ask(view, need)

    monkeypatch.setattr(View, "ask", counting)
    return needs


def fill(workspace: comity.Workspace, count: int) -> comity.Agent:
    agent = workspace.agent("sales")
    with agent.intent() as intent:
        for number in range(count):
            intent.create(f"customer/{number}", name="x")
    with agent.intent() as intent:
        for number in range(count):
            intent.create(f"ticket/{number}", customer=str(number))
    return agent


def test_s29_a_cascade_looks_up_a_field_once(workspace: comity.Workspace, asked: list[object]) -> None:
    agent = fill(workspace, 200)
    asked.clear()
    with agent.intent() as intent:
        for number in range(200):
            intent.get(f"customer/{number}").delete()
    assert workspace.count("ticket") == 0
    assert len(asked) <= 2 + 200, "one search for the single references, one each for the lists"


def test_s29_stale_reads_are_looked_up_once_each(workspace: comity.Workspace, asked: list[object]) -> None:
    agent = fill(workspace, 100)
    intent = agent.intent()
    for number in range(100):
        assert intent.get(f"customer/{number}").name
    with agent.intent() as other:
        for number in range(100):
            other.get(f"customer/{number}").name = "y"
    asked.clear()
    intent.create("customer/new", name="z")
    assert intent.propose().is_conflict
    assert len(asked) <= 2 * 100 + 2


def test_s29_a_long_list_of_references_is_looked_up_once_each(workspace: comity.Workspace, asked: list[object]) -> None:
    agent = fill(workspace, 100)
    asked.clear()
    decision = agent.check("ticket/all", others=[str(number % 100) for number in range(3000)])
    assert decision.is_allowed
    assert len(asked) <= 101


def test_s29_beyond_the_bound_a_proposal_is_too_broad(
    workspace: comity.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = fill(workspace, 20)
    monkeypatch.setattr(limits, "FACTS_PER_PROPOSAL", 10)
    decision = agent.check("ticket/all", others=[f"gone{number}" for number in range(20)])
    assert [finding.code for finding in decision.findings] == ["shape.too_broad"]
    assert agent.check("ticket/few", others=["gone1"]).findings[0].code == "integrity.missing_target"


def test_s29_assumptions_on_many_subjects_are_counted_before_they_are_listed(workspace: comity.Workspace) -> None:
    about = [f"{kind}/{number}" for kind in ("customer", "ticket") for number in range(400)]
    decision = workspace.agent("sales").check(
        "customer/1", name="x", about=about, assume="customer.name == ticket.customer"
    )
    assert "shape.too_broad" in [finding.code for finding in decision.findings]


def test_s29_beyond_the_bound_an_assumption_is_judged_on_no_more_subjects(workspace: comity.Workspace) -> None:
    def findings(count: int) -> list[str]:
        about = [f"customer/{number}" for number in range(count)]
        decision = workspace.agent("sales").check("customer/0", name="x", about=about, assume="customer.name == 'x'")
        return [finding.code for finding in decision.findings]

    assert "shape.too_broad" not in findings(limits.ASSUMPTION_COMBINATIONS)
    assert "shape.too_broad" in findings(limits.ASSUMPTION_COMBINATIONS + 1)


def test_s29_a_proposal_may_rest_on_so_many_searches(workspace: comity.Workspace) -> None:
    intent = fill(workspace, 1).intent()
    for _ in range(limits.QUERY_READS_PER_PROPOSAL):
        assert intent.count("customer") == 1
    intent.create("customer/new", name="x")
    assert intent.check().is_allowed
    intent.count("customer")
    assert [finding.code for finding in intent.check().findings] == ["shape.too_large"]


def test_s02_nothing_to_change_is_acknowledged_durably_too(
    workspace: comity.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = fill(workspace, 1)
    kept: list[object] = []
    monkeypatch.setattr(SqliteStore, "keep", lambda *arguments: kept.append(arguments))
    assert agent.put("customer/0", name="x", was={"name": "x"}).events == ()
    assert kept == [], "it went with a full sync"
    with pytest.raises(comity.Refused):
        agent.put("customer/0", nme="x")
    assert len(kept) == 1
