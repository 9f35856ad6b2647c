"""S22: every gate enforces or runs in shadow, by workspace, kind and agent; a report says what it would have done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import comity
from comity.model.proposals import Emit, Proposal, Put, Set, Was
from tests.semantics.conftest import CRM, Open

Reopen = Callable[[str], comity.Workspace]

RULE = """
[[rules]]
name = "support goes first"
when = "agent.role == 'sales' && customer.open_tickets > 0"
then = "ask"
"""


@pytest.fixture
def shadowed(open_again: Open, define: Callable[[str], Path]) -> Reopen:
    """Return a way to open the CRM with modes of checks."""
    return lambda checks: open_again(definition=define(f"{CRM}\n{RULE}\n[checks]\n{checks}"))


def seed(ws: comity.Workspace) -> comity.Agent:
    """Write what the tests begin with; return the agent of sales."""
    sales = ws.agent("sales")
    sales.create("customer/acme", name="Acme", status="active", value=1)
    return sales


def shadows(decision: comity.Decision) -> dict[str, str]:
    return {finding.code: finding.data["shadow"] for finding in decision.warnings if "shadow" in finding.data}


def test_s22_ownership(shadowed: Reopen) -> None:
    sales = seed(shadowed('ownership = "shadow"'))
    decision = sales.set("customer/acme", open_tickets=3, was={"open_tickets": 0})
    assert shadows(decision) == {"ownership.other_domain": "refuse"}
    assert sales.get("customer/acme").open_tickets == 3


def test_s22_freshness(shadowed: Reopen) -> None:
    ws = shadowed('freshness = "shadow"')
    sales = seed(ws)
    with sales.edit("customer/acme") as acme:
        assert acme.health is None
        ws.agent("product").put("customer/acme", health="poor")
        acme.value = 2
    assert sales.get("customer/acme").value == 2
    assert shadows(sales.set("customer/acme", value=3)) == {"freshness.blind_write": "refuse"}


def test_s22_guards(shadowed: Reopen) -> None:
    sales = seed(shadowed('guard = "shadow"'))
    sales.set("customer/acme", status="churned", was={"status": "active"})
    assert shadows(sales.set("customer/acme", status="active", was={"status": "churned"})) == {
        "guard.churned_is_final": "refuse"
    }


def test_s22_references(shadowed: Reopen) -> None:
    ws = shadowed('integrity = "shadow"')
    sales, support = seed(ws), ws.agent("support")
    assert shadows(support.create("ticket/t1", customer="nobody")) == {"integrity.missing_target": "refuse"}
    support.create("ticket/t2", customer="acme")
    deleted = sales.delete("customer/acme", accept=ws.revision)
    assert shadows(deleted) == {"integrity.referenced": "refuse"}
    assert not sales.get("customer/acme").exists
    assert sales.get("ticket/t2").customer == "acme"
    assert ws.verify().is_clean


def test_s22_rules(shadowed: Reopen) -> None:
    ws = shadowed('rule = "shadow"')
    sales = seed(ws)
    ws.agent("support").set("customer/acme", open_tickets=1, was={"open_tickets": 0})
    assert shadows(sales.set("customer/acme", value=2, was={"value": 1})) == {"rule.support_goes_first": "ask"}


def test_s22_the_most_specific_setting_counts(shadowed: Reopen) -> None:
    modes = 'freshness = "shadow"\n[checks.kinds.customer]\nfreshness = "enforce"\n'
    ws = shadowed(f'{modes}[checks.agents.product]\nfreshness = "shadow"')
    sales = seed(ws)
    with pytest.raises(comity.Refused):
        sales.set("customer/acme", value=3)
    ws.agent("product").put("customer/acme", health="good", accept=ws.revision)
    assert shadows(ws.agent("product").set("customer/acme", health="poor"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (Set("customer/nobody", {"value": 1}), "integrity.missing"),
        (Emit("customer/acme", "NoSuchEvent"), "shape.unknown_event"),
        (Set("customer/acme", {"valeu": 1}), "shape.unknown_field"),
    ],
)
def test_s22_what_can_not_be_done_is_refused_in_any_mode(shadowed: Reopen, change: Emit | Set, code: str) -> None:
    sales = seed(shadowed("\n".join(f'{gate} = "shadow"' for gate in ("ownership", "freshness", "guard", "integrity"))))
    decision = sales.propose(Proposal(id="p1", changes=(change,)))
    assert code in [finding.code for finding in decision.refusals]


def test_s22_an_agents_own_assumption_holds_in_any_mode(shadowed: Reopen) -> None:
    sales = seed(shadowed('guard = "shadow"'))
    with pytest.raises(comity.Refused, match="assumed"):
        sales.set("customer/acme", value=2, was={"value": 1}, assume="default(customer.value, 0) > 5")


def test_s22_a_proposal_is_done_whole_or_not_at_all(shadowed: Reopen) -> None:
    sales = seed(shadowed('integrity = "shadow"\nownership = "shadow"'))
    changes = (Set("customer/acme", {"value": 2}), Set("customer/nobody", {"value": 2}))
    decision = sales.propose(Proposal(id="p1", changes=changes, reads=(Was("customer/acme", {"value": 1}),)))
    assert decision.outcome == "refused"
    assert sales.get("customer/acme").value == 1


def test_s22_identity_and_overrides_can_not_be_put_in_shadow(shadowed: Reopen) -> None:
    for gate in ("identity", "override", "shape"):
        with pytest.raises(comity.InvalidDefinition, match="always enforces"):
            shadowed(f'{gate} = "shadow"')


def test_s22_the_report_says_what_each_would_have_refused(shadowed: Reopen) -> None:
    ws = shadowed('[checks.kinds.customer]\nfreshness = "shadow"\n[checks.agents.product]\nownership = "shadow"')
    sales = seed(ws)
    with pytest.raises(comity.Refused):
        sales.set("customer/acme", open_tickets=1, was={"open_tickets": 0})
    ws.agent("product").set("customer/acme", value=5, was={"value": 1})
    sales.propose(
        Proposal(id="stale", changes=(Put("customer/acme", {"value": 7}),), reads=(Was("customer/acme", {"value": 1}),))
    )
    report = ws.report()
    found = {check.code: check for check in report.checks}
    assert (found["ownership.other_domain"].refused, found["ownership.other_domain"].would) == (1, 1)
    assert found["ownership.other_domain"].agents == {"sales": 1, "product": 1}
    assert (found["freshness.changed"].would, found["freshness.changed"].would_rerun) == (1, 1)
    assert found["freshness.changed"].examples[0].proposal == "stale"
