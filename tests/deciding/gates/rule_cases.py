"""Rules, the records that they are judged on, and what happened to these: shared by the tests of the gate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from comity.clock import SECOND_US, format_time
from comity.deciding.view import Happened
from comity.model.proposals import Set
from comity.model.records import RecordState
from tests.deciding.cases import NOW_US, World, state

CRM = """
[agents]
sales   = { role = "sales" }
support = { role = "support" }
product = { role = "product" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
status       = { enum = ["active", "at_risk", "churned"] }
open_tickets = { type = "integer", default = 0 }
tags         = { type = "array", items = { type = "string" } }
campaign     = { type = "string" }

[kinds.customer.events.Escalated]

[kinds.ticket.fields]
customer = { ref = "customer" }
watchers = { ref = "customer", type = "array" }
level    = { type = "string" }

[kinds.note.fields]
text = { type = "string" }

[actions.send_upsell]
kind = "outreach"

[actions.plan_feature]
kind = "planning"

[actions.tidy_up]
"""

SUPPORT_FIRST = """
[[rules]]
name  = "support goes first"
when  = "agent.role == 'sales' && action.kind == 'outreach' && customer.open_tickets > 0"
then  = "defer"
to    = "support"
until = "customer.open_tickets == 0"
why   = "Support has an open ticket with this customer."
priority = 5
"""

PRODUCT_DEFERS = '''
[[rules]]
name  = "product waits out escalations"
when  = """agent.role == 'product' && customer != null
           && recent.exists(e, e.type == 'Escalated' && e.age < duration('10m'))"""
then  = "queue"
to    = "support"
until = "!recent.exists(e, e.type == 'Escalated')"
expires = "2h"
'''

HUMANS_FIRST = """
[[rules]]
name = "a person is at it"
when = "agent.kind != 'human' && (recent.exists(e, e.kind == 'human') || intents.exists(i, i.kind == 'human'))"
then = "defer"
to   = "operations"
"""

BUSY = state("customer/busy", status="active", open_tickets=2)
CALM = state("customer/calm", status="active")
OPEN = state("ticket/t1", customer="busy", level="high")
SHUT = state("ticket/t2", customer="calm", level="low")
NOTE = state("note/n1", text="x")
GONE = state("customer/gone", "deleted", open_tickets=3)
KEPT = state("customer/kept", "archived", open_tickets=3)


def world(*rules: str, others: Iterable[RecordState] = ()) -> World:
    return World(BUSY, CALM, OPEN, SHUT, NOTE, GONE, KEPT, *others, source=CRM + "".join(rules))


def rule(when: str, then: str = "refuse", name: str = "r", **more: Any) -> str:
    keys = {"name": name, "when": when, "then": then, **more}
    lines = (
        f"{key} = {value if isinstance(value, int) else chr(34) + value + chr(34)}\n" for key, value in keys.items()
    )
    return "[[rules]]\n" + "".join(lines)


def happened(record: str, type_: str, agent: str = "support", age_s: int = 60, *fields: str) -> Happened:
    kind = "human" if agent == "ops" else "agent"
    return Happened(agent, agent, kind, type_, record, NOW_US - age_s * SECOND_US, fields)


def intent(name: str, agent: str, *about: str, expires_s: int = 60, **more: Any) -> RecordState:
    times = {
        "announced_at": format_time(NOW_US - 5 * SECOND_US),
        "expires_at": format_time(NOW_US + expires_s * SECOND_US),
    }
    who = {"agent": agent, "role": agent, "agent_kind": "human" if agent == "ops" else "agent"}
    return state(f"$intent/{name}", about=list(about), **who, **times, **more)


UPSELL: dict[str, Any] = {"action": "send_upsell"}
SET_BUSY = Set("customer/busy", {"campaign": "q4"})
SET_CALM = Set("customer/calm", {"campaign": "q4"})
