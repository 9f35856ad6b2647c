"""The scene of every run: customers, agents by role, one definition, and the base that a run begins with."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

from comity.model.proposals import AnyChange, Caller, Create, Proposal, Put
from comity.operations import Apply, IssueKey
from comity.store.sqlite import SqliteStore
from comity.testing.manual_clock import ManualClock
from comity.verbs import run
from comity.verbs.engine import Engine
from comity.workspace.outcomes import raise_unless_committed

ROLES: Final = ("sales", "support", "product", "desk")
AGENTS: Final = {f"{role}_{number}": role for role in ROLES for number in range(1, 7)}
"""Two dozen agents, and the roles that they act in."""
HUMAN: Final = "ops"
CUSTOMERS: Final = tuple(f"customer/{name}" for name in ("acme", "globex", "initech", "umbrella"))

OWNERS: Final = {
    "status": ("sales", "support"),
    "contract": ("sales",),
    "campaign": ("sales",),
    "health": ("support",),
    "open_tickets": ("support",),
    "roadmap": ("product",),
}
"""Whose each field of a customer is. Fields that aren't named here are everybody's."""

HOLD_S: Final = 12
QUEUE_S: Final = 120

_AGENTS: Final = "\n".join(f'{name} = {{ role = "{role}" }}' for name, role in AGENTS.items())
DEFINITION: Final = f"""
name = "simulation"

[agents]
{_AGENTS}
{HUMAN} = {{ role = "operations", kind = "human" }}

[kinds.customer.fields]
name         = {{ type = "string", required = true }}
status       = {{ enum = ["active", "at_risk"], owner = ["sales", "support"], event = "StatusChanged" }}
contract     = {{ type = "integer", default = 100, minimum = 0, owner = "sales" }}
campaign     = {{ type = "string", owner = "sales" }}
health       = {{ enum = ["good", "poor"], owner = "support" }}
open_tickets = {{ type = "integer", default = 0, owner = "support" }}
roadmap      = {{ type = "string", owner = "product" }}
visits       = {{ type = "integer", default = 0 }}
tags         = {{ type = "array", items = {{ type = "string" }} }}
journal      = {{ type = "array", items = {{ type = "string" }} }}

[[kinds.customer.guards]]
name  = "tickets are counted"
check = "after.open_tickets >= 0"

[kinds.request.fields]
customer = {{ ref = "customer", required = true }}
title    = {{ type = "string", required = true }}

[kinds.renewal.fields]
customer = {{ ref = "customer", required = true }}
signed   = {{ type = "integer", default = 0 }}
filed    = {{ type = "integer", default = 0 }}

[workflows.renew]
starters = ["sales"]
deadline = "3m"
params   = {{ customer = {{ ref = "customer", required = true }}, number = {{ type = "string", required = true }} }}

[[workflows.renew.steps]]
name   = "open"
as     = "desk_1"
action = "renew"
create = {{ "renewal/{{number}}" = {{ customer = "{{customer}}" }} }}
undo   = {{ action = "renew", delete = ["renewal/{{number}}"] }}

[[workflows.renew.steps]]
name     = "ask"
task     = {{ to = "support", text = "Does {{customer}} want to stay?" }}
deadline = "1m"

[[workflows.renew.steps]]
name       = "sign"
as         = "sales_2"
action     = "renew"
add        = {{ "renewal/{{number}}" = {{ signed = 1 }} }}
on_refusal = "wait"
undo       = {{ action = "renew", add = {{ "renewal/{{number}}" = {{ signed = -1 }} }} }}

[[workflows.renew.steps]]
name = "rest"
wait = "5s"

[[workflows.renew.steps]]
name       = "file"
as         = "desk_2"
action     = "renew"
add        = {{ "renewal/{{number}}" = {{ filed = 1 }} }}
on_refusal = "retry"

[actions.renew]
[actions.send_upsell]
kind    = "outreach"
effects = ["email"]

[actions.price]
[actions.escalate]
[actions.resolve]
[actions.care]
[actions.plan_feature]
[actions.file_request]
[actions.tidy]
[actions.tally]
[actions.hand_over]
[actions.oversee]
[actions.open_books]

[effects.email]
kind     = "customer"
hold     = "{HOLD_S}s"
still    = "customer.status == 'active'"
patience = "5m"
timeout  = "30s"
attempts = 5

[effects.email.data]
subject = {{ type = "string", required = true }}

[[rules]]
name  = "support goes first"
when  = "agent.role == 'sales' && action.kind == 'outreach' && customer.open_tickets > 0"
then  = "defer"
to    = "support"
until = "customer.open_tickets == 0"

[[rules]]
name    = "product waits out bad health"
when    = "agent.role == 'product' && action.name == 'plan_feature' && customer.health == 'poor'"
then    = "queue"
to      = "support"
until   = "customer.health != 'poor'"
expires = "{QUEUE_S}s"

[[rules]]
name    = "large contracts are approved"
when    = "agent.role == 'sales' && action.name == 'price' && customer != null && default(after.contract, 0) > 1000"
then    = "ask"
expires = "3m"
"""


_OPENING: Final[dict[str, tuple[AnyChange, ...]]] = {
    "desk_1": tuple(Create(record, {"name": record.partition("/")[2].title()}) for record in CUSTOMERS),
    "sales_1": tuple(Put(record, {"status": "active"}) for record in CUSTOMERS),
    "support_1": tuple(Put(record, {"health": "good"}) for record in CUSTOMERS),
}
"""What is there at the beginning, and by whom."""


def prepare(path: Path) -> str:
    """Make the base that every run begins with, the same each time; return the human's key."""
    clock, chance = ManualClock(), random.Random("the scene")
    engine = Engine(
        SqliteStore.open(str(path), clock=clock, entropy=chance.randbytes), path.name, clock, chance.randbytes
    )
    try:
        operator = Caller("os:simulation", "os_user")
        run(engine, operator, Apply(source=DEFINITION, origin="simulation.toml", replaces=0))
        key = run(engine, operator, IssueKey(agent=HUMAN, reason="the simulation"))
        for agent, changes in _OPENING.items():
            opening = Proposal(id=f"opening-{agent}", action="open_books", changes=changes)
            raise_unless_committed(engine.propose(opening, Caller(agent)))
        return str(key.key_id)
    finally:
        engine.close()
