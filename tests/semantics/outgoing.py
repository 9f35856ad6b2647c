"""A CRM with effects, for the tests of what is done outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comity
from comity import Delivery
from comity.model.decisions import Decision
from comity.testing.manual_clock import ManualClock

SOURCE = """\
name = "crm"

[agents]
sales   = { role = "selling" }
support = { role = "support" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
name         = { type = "string", owner = "sales" }
status       = { enum = ["active", "at_risk", "churned"], owner = ["sales", "support"] }
plan         = { type = "string" }
notes        = { type = "string" }
open_tickets = { type = "integer", default = 0, owner = "support" }

[actions.upsell]
kind    = "outreach"
effects = ["email", "call"]

[actions.greet]
effects = ["email"]

[actions.serve]

[effects.email]
kind = "customer"
hold = "2s"
[effects.email.data]
subject = { type = "string", required = true }

[effects.call]
kind     = "customer"
still    = "customer.status == 'active'"
window   = "1d"
patience = "1h"
timeout  = "30s"
attempts = 3

[[rules]]
name  = "support goes first"
when  = "agent.role == 'selling' && action.kind == 'outreach' && customer.open_tickets > 0"
then  = "defer"
to    = "support"
until = "customer.open_tickets == 0"
why   = "Support has an open ticket with this customer."

[[rules]]
name = "not to the churned"
when = "action.kind == 'outreach' && customer.status == 'churned'"
then = "refuse"

[[rules]]
name = "calls to VIPs are asked for"
when = "action.name == 'upsell' && customer.plan == 'vip'"
then = "ask"
"""

ACME = "customer/acme"


class Stage:
    """Be a CRM with effects: a process that delivers them when told to, and a clock in the test's hand."""

    def __init__(self, ws: comity.Workspace, clock: ManualClock, *, has_key: bool = True) -> None:
        self.ws = ws
        self.clock = clock
        self.sent: list[Delivery] = []
        self.fails: list[Exception] = []
        for name in ("email", "call"):
            ws.handle(name, self.deliver)
        self.sales, self.support = ws.agent("sales"), ws.agent("support")
        if has_key:
            self.key = ws.issue_key("ops").key
            self.ops = ws.agent("ops", key=self.key)
            self.sales.create(ACME, name="Acme", status="active", action="serve")

    def deliver(self, delivery: Delivery) -> str:
        """Take an effect, unless it is to fail."""
        if self.fails:
            raise self.fails.pop(0)
        self.sent.append(delivery)
        return f"sent {len(self.sent)}"

    def want(self, subject: str = "Upgrade!", **options: Any) -> Decision:
        """Return the decision of Sales that has read Acme's status and wants an e-mail."""
        with self.sales.intent("upsell", about=ACME, reason="Q4") as intent:
            assert intent.get(ACME).status == "active"
            intent.effect("email", ACME, subject=subject, **options)
        assert intent.decision is not None
        return intent.decision

    def after(self, seconds: float) -> list[str]:
        """Let time pass and do what is due; return the subjects sent so far."""
        self.clock.advance(seconds=seconds)
        self.ws.run_effects()
        return [delivery.data.get("subject", "") for delivery in self.sent]


def codes(decision: Decision) -> list[str]:
    return [finding.code for finding in decision.findings]


def stop_by_rule(stage: Stage) -> Callable[[], object]:
    stage.support.put(ACME, open_tickets=1, was={"open_tickets": 0}, action="serve")
    return lambda: stage.support.put(ACME, open_tickets=0, was={"open_tickets": 1}, action="serve")
