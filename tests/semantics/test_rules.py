"""Rules: what may be done now, and who goes first (S22, S24, S27 to S29)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import comity
from comity import limits
from comity.coordinator import submit
from comity.model.proposals import Archive, Caller, Create, Emit, Proposal, Put
from comity.testing.manual_clock import ManualClock
from tests.semantics.asking import codes, decisions, propose
from tests.semantics.conftest import Open

CRM = """
[agents]
sales   = { role = "sales" }
support = { role = "support" }
product = { role = "product" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
status       = { type = "string" }
open_tickets = { type = "integer", default = 0 }
campaign     = { type = "string" }
roadmap      = { type = "string" }

[kinds.customer.events.Escalated]
then = { status = "'at_risk'" }

[kinds.ticket.fields]
customer = { ref = "customer" }
level    = { type = "string" }

[actions.send_upsell]
kind = "outreach"
[actions.care]
[actions.plan]
"""

MISSION = """
[[rules]]
name  = "support goes first"
when  = "agent.role == 'sales' && action.kind == 'outreach' && customer.open_tickets > 0"
then  = "defer"
to    = "support"
until = "customer.open_tickets == 0"
why   = "Support has an open ticket with this customer."

[[rules]]
name = "product waits out escalations"
when = '''agent.role == 'product' && customer != null
          && recent.exists(e, e.type == 'Escalated' && e.role == 'support')'''
then = "defer"
to   = "support"

[[rules]]
name = "a person is at it"
when = "agent.kind != 'human' && recent.exists(e, e.kind == 'human')"
then = "defer"
to   = "operations"
"""

Define = Callable[[str], Path]


def rule(when: str, then: str = "refuse", **keys: str) -> str:
    given = {"name": '"r"', "when": f'"{when}"', "then": f'"{then}"'} | keys
    return "\n[[rules]]\n" + "".join(f"{key} = {value}\n" for key, value in given.items())


@pytest.fixture
def crm(open_again: Open, define: Define) -> Callable[[str], comity.Workspace]:
    """Return a way to open a workspace with rules, and one customer."""

    def start(rules: str) -> comity.Workspace:
        workspace = open_again(definition=define(CRM + rules))
        workspace.agent("support").put("customer/acme", action="care", status="active")
        return workspace

    return start


def put(agent: comity.Agent, action: str, **fields: Any) -> comity.Decision:
    intent = agent.intent(about="customer/acme", action=action)
    intent.get("customer/acme")
    intent.put("customer/acme", **fields)
    return intent.propose()


def test_support_goes_before_sales_while_a_ticket_is_open(crm: Callable[[str], comity.Workspace]) -> None:
    ws = crm(MISSION)
    sales, support = ws.agent("sales"), ws.agent("support")
    assert put(sales, "send_upsell", campaign="q3").is_committed
    assert put(support, "care", open_tickets=1).is_committed
    decision = put(sales, "send_upsell", campaign="q4")
    assert codes(decision) == ["rule.support_goes_first"]
    assert decision.findings[0].data["until_subject"] == "customer/acme"
    assert "Support has an open ticket with this customer." in decision.explain()
    assert "Try again when customer.open_tickets == 0" in decision.next
    assert put(support, "care", open_tickets=0).is_committed
    assert put(sales, "send_upsell", campaign="q4").is_committed


def test_product_defers_to_support_during_an_escalation(open_again: Open, define: Define, clock: ManualClock) -> None:
    ws = open_again(definition=define(CRM + MISSION), clock=clock)
    support, product = ws.agent("support"), ws.agent("product")
    support.put("customer/acme", action="care", status="active")
    assert put(product, "plan", roadmap="a").is_committed
    support.emit("customer/acme", "Escalated", action="care")
    assert codes(put(product, "plan", roadmap="b")) == ["rule.product_waits_out_escalations"]
    clock.advance(seconds=limits.RECENT_S)
    assert put(product, "plan", roadmap="b").is_committed


def test_everyone_defers_to_a_human_who_was_there(crm: Callable[[str], comity.Workspace]) -> None:
    ws = crm(MISSION)
    ops = ws.agent("ops", key=ws.issue_key("ops").key)
    assert put(ops, "care", status="calm").is_committed
    for name, action in (("sales", "send_upsell"), ("support", "care"), ("product", "plan")):
        assert "rule.a_person_is_at_it" in codes(put(ws.agent(name), action, roadmap="x"))
    assert put(ops, "care", status="calmer").is_committed


def test_s28_what_a_record_refers_to_is_a_subject_too(crm: Callable[[str], comity.Workspace]) -> None:
    ws = crm(rule("agent.role == 'product' && customer.status == 'active'"))
    support, product = ws.agent("support"), ws.agent("product")
    support.create("ticket/t1", customer="acme", action="care")
    decision = propose(product, Create("ticket/t2", {"customer": "acme"}), action="plan")
    assert [(one.code, one.subject) for one in decision.findings] == [("rule.r", "customer/acme")]
    assert codes(propose(product, about=("ticket/t1",), action="plan")) == ["rule.r"]
    assert product.create("ticket/t3", level="low", action="plan").is_committed


def test_s28_a_rule_without_a_subject_of_its_kind_does_not_apply(crm: Callable[[str], comity.Workspace]) -> None:
    ws = crm(rule("ticket.level == 'high'") + rule("ticket.level != 'high'", name='"s"'))
    assert put(ws.agent("sales"), "care", campaign="x").is_committed
    assert codes(propose(ws.agent("sales"), Create("ticket/t1", {"level": "high"}), action="care")) == ["rule.r"]


def test_s27_rules_see_the_action(crm: Callable[[str], comity.Workspace]) -> None:
    ws = crm(rule("action.name == 'send_upsell' && action.kind == 'outreach' && customer.status == 'active'"))
    sales = ws.agent("sales")
    assert codes(put(sales, "send_upsell", campaign="x")) == ["rule.r"]
    assert put(sales, "plan", campaign="x").is_committed


def test_s28_a_later_proposal_of_a_batch_sees_what_an_earlier_one_did(open_again: Open, define: Define) -> None:
    source = CRM + rule("customer != null && recent.exists(e, e.type == 'Escalated' && e.role == 'support')")
    ws = open_again(definition=define(source))
    ws.agent("support").put("customer/acme", action="care", status="active")
    escalated = submit(
        Proposal(id="a", changes=(Emit("customer/acme", "Escalated"),), action="care"), Caller("support")
    )
    upsell = submit(Proposal(id="b", about=("customer/acme",), action="send_upsell"), Caller("sales"))
    first, second = decisions(ws._engine.coordinator.decide([escalated, upsell]))
    assert first.is_committed
    assert codes(second) == ["rule.r"]


def test_s29_rules_look_no_further_than_their_bounds(crm: Callable[[str], comity.Workspace]) -> None:
    ws = crm(rule("customer != null && related.ticket.exists(t, t.level == 'high')"))
    support = ws.agent("support")
    tickets = [Create(f"ticket/n{number}", {"level": "low"}) for number in range(limits.RELATED_RECORDS)]
    tickets = [msgspec.structs.replace(one, fields={**one.fields, "customer": "acme"}) for one in tickets]
    assert propose(support, *tickets, action="care").is_committed
    assert put(support, "care", status="calm").is_committed
    more = propose(support, Create("ticket/more", {"customer": "acme"}), action="care")
    assert codes(more) == ["shape.too_broad"]
    assert more.findings[0].message.startswith("Once this is done, the rule 'r' can't be judged: more than 100 ")
    assert put(support, "care", status="calmer").is_committed


def test_s29_what_can_not_be_judged_does_not_pass(crm: Callable[[str], comity.Workspace]) -> None:
    ws = crm(rule("customer.open_tickets / (customer.open_tickets - 1) > 5", "defer"))
    support = ws.agent("support")
    decision = put(support, "care", open_tickets=1)
    assert [(one.code, one.severity) for one in decision.findings] == [("rule.r", "refuse")]
    assert "can't be judged: divide by zero" in decision.findings[0].message
    assert put(support, "care", status="x").is_committed


def test_s24_a_human_repairs_what_a_rule_can_not_be_judged_on(crm: Callable[[str], comity.Workspace]) -> None:
    ws = crm(rule("customer.open_tickets / (customer.open_tickets - 1) > 5", "refuse"))
    ops, support = ws.agent("ops", key=ws.issue_key("ops").key), ws.agent("support")
    broken = put(ops, "care", open_tickets=1)
    assert broken.is_committed
    assert [(one.code, one.severity) for one in broken.findings] == [("rule.r", "warn")]
    stopped = put(support, "care", status="x")
    assert (codes(stopped), stopped.is_committed) == (["rule.r"], False)
    assert stopped.next.startswith("Ask a human with a key to do it, who is let pass; or have the rule corrected")
    assert put(ops, "care", open_tickets=3).is_committed
    assert put(support, "care", status="x").is_committed


def test_s24_too_many_related_records_are_no_lock(crm: Callable[[str], comity.Workspace]) -> None:
    ws = crm(rule("customer != null && related.ticket.exists(t, t.level == 'high')"))
    ops, support = ws.agent("ops", key=ws.issue_key("ops").key), ws.agent("support")
    tickets = [Create(f"ticket/n{number}", {"customer": "acme"}) for number in range(limits.RELATED_RECORDS + 1)]
    assert codes(propose(support, *tickets, action="care")) == ["shape.too_broad"]
    assert propose(ops, *tickets, action="care").is_committed
    assert codes(put(support, "care", status="calm")) == ["shape.too_broad"]
    assert propose(ops, Archive("ticket/n0"), action="care", accept=ws.revision).is_committed
    assert put(support, "care", status="calm").is_committed


def test_s24_a_human_passes_no_rule_that_could_be_judged_and_applies(crm: Callable[[str], comity.Workspace]) -> None:
    ws = crm(rule("customer.status == 'x' && 10 / customer.open_tickets == 5"))
    ops = ws.agent("ops", key=ws.issue_key("ops").key)
    zero = Create("customer/zero", {"status": "x", "open_tickets": 0})
    assert propose(ops, zero, action="care").is_committed
    assert put(ops, "care", status="x", open_tickets=2).is_committed
    changes = Put("customer/zero", {"campaign": "q"}), Put("customer/acme", {"campaign": "q"})
    both = propose(ops, *changes, action="care", accept=ws.revision)
    assert not both.is_committed
    assert [(one.code, one.severity, one.subject) for one in both.findings] == [("rule.r", "refuse", "customer/acme")]


def test_s28_a_misspelt_subject_passes_no_rule(crm: Callable[[str], comity.Workspace]) -> None:
    ws = crm(MISSION)
    sales = ws.agent("sales")
    assert put(ws.agent("support"), "care", open_tickets=1).is_committed

    def ask(*about: str) -> list[str]:
        decision = propose(sales, about=about, action="send_upsell")
        assert not decision.is_committed
        return [f"{one.code}: {one.message}" for one in decision.refusals]

    near = "did you mean 'customer/acme'?"
    assert ask("customer/acmee") == [
        f"shape.unknown_subject: There is no customer/acmee that this could be about; {near}"
    ]
    assert ask("custommer/acme") == ["shape.unknown_kind: 'custommer' is no declared kind; did you mean 'customer'?"]
    assert propose(sales, Create("customer/new"), about=("customer/new",), action="send_upsell").is_committed


def test_s28_an_intent_may_be_announced_about_what_is_yet_to_be_made(crm: Callable[[str], comity.Workspace]) -> None:
    ws = crm(MISSION)
    assert put(ws.agent("support"), "care", open_tickets=1).is_committed
    verdict = ws.agent("sales").intent("send_upsell", about="customer/new").announce().verdict
    assert [(one.code, one.severity) for one in verdict.findings] == [("shape.unknown_subject", "warn")]
    assert verdict.outcome == "allowed"
    both = ws.agent("sales").intent("send_upsell", about=("customer/new", "customer/acme")).announce().verdict
    assert [one.code for one in both.refusals] == ["rule.support_goes_first"]


def test_s24_a_rule_can_not_lock_anyone_out_of_mending_it(
    crm: Callable[[str], comity.Workspace], define: Define
) -> None:
    ws = crm(rule("agent.role != 'support' && 1 / customer.open_tickets == 1"))
    assert codes(put(ws.agent("sales"), "care", campaign="x")) == ["rule.r"]
    ws.apply(define(CRM))
    assert put(ws.agent("sales"), "care", campaign="x").is_committed


def test_s22_a_rule_in_shadow_lets_pass_and_tells(crm: Callable[[str], comity.Workspace]) -> None:
    ws = crm(rule("customer.status == 'active'", "ask", mode='"shadow"'))
    decision = put(ws.agent("sales"), "care", campaign="x")
    assert decision.is_committed
    assert [(one.code, one.severity, one.data["shadow"]) for one in decision.findings] == [("rule.r", "warn", "ask")]


PERSON_AT_IT = """
[[rules]]
name = "a person is at it"
when = "agent.kind != 'human' && intents.exists(i, i.kind == 'human')"
then = "defer"
"""


def test_s28_an_intent_is_of_the_kind_that_its_agent_showed(open_again: Open, define: Callable[[str], Path]) -> None:
    """Where no agents are declared, only the key that was shown when it was announced tells that it is a human."""
    ws = open_again(definition=define(PERSON_AT_IT))
    ops, bot, other = ws.agent("ops", key=ws.issue_key("ops").key), ws.agent("bot"), ws.agent("other")
    bot.put("customer/acme", n=1)
    with other.intent(about="customer/acme", announce=True):
        assert bot.check("customer/acme", n=2, was={"n": 1}).is_allowed
    with ops.intent(about="customer/acme", announce=True):
        decision = bot.check("customer/acme", n=2, was={"n": 1})
        assert [finding.code for finding in decision.refusals] == ["rule.a_person_is_at_it"]
        assert ops.check("customer/acme", n=2, was={"n": 1}).is_allowed
    assert bot.check("customer/acme", n=2, was={"n": 1}).is_allowed
