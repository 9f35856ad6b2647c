"""Workflows on a stage: a customer leaves, over Sales, Support and Product."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import comity
from comity.operations import WorkflowAnswer
from comity.testing.manual_clock import ManualClock
from comity.workspace.working import Workflow

DAY = 86_400
AGENTS = """\
name = "crm"

[agents]
sales   = { role = "sales" }
support = { role = "support" }
product = { role = "product" }
ops     = { role = "operations", kind = "human" }
boss    = { role = "board", kind = "human" }

[kinds.customer.fields]
name         = { type = "string", owner = "sales" }
status       = { enum = ["active", "at_risk", "leaving", "left"], owner = ["sales", "support"] }
open_tickets = { type = "integer", default = 0, owner = "support" }
seats        = { type = "integer", minimum = 0, owner = "product" }
note         = { type = "string" }

[effects.email]
kind  = "customer"
hold  = "1h"
data  = { subject = { type = "string", required = true } }
"""

OFFBOARD = (
    AGENTS
    + """
[workflows.offboard]
starters = ["sales", "operations"]
deadline = "14d"
params   = { customer = { ref = "customer", required = true } }
leases   = [{ on = "customer/{customer}", fields = ["status"], breakable_by = ["support"] }]

[[workflows.offboard.steps]]
name       = "announce"
as         = "support"
set        = { "customer/{customer}" = { status = "leaving" } }
guard      = "customer.open_tickets == 0"
effects    = [{ name = "email", target = "customer/{customer}", data = { subject = "Goodbye, {customer}" } }]
undo       = { set = { "customer/{customer}" = { status = "active" } } }
on_refusal = "wait"

[[workflows.offboard.steps]]
name     = "export data"
task     = { to = "product", text = "Export the usage data of {customer}." }
deadline = "2d"

[[workflows.offboard.steps]]
name = "grace"
wait = "3d"

[[workflows.offboard.steps]]
name     = "sign off"
approval = { to = "operations", text = "May {customer} go?" }

[[workflows.offboard.steps]]
name = "close seats"
as   = "product"
set  = { "customer/{customer}" = { seats = 0 } }
undo = { set = { "customer/{customer}" = { seats = 5 } } }

[[workflows.offboard.steps]]
name = "leave"
as   = "sales"
set  = { "customer/{customer}" = { status = "left" } }
"""
)


def workflow(steps: str, *, head: str = "") -> str:
    """Return the definition of a workflow ``w`` about a customer ``c``, of these steps."""
    return f"{AGENTS}\n[workflows.w]\nparams = {{ c = {{ ref = 'customer', required = true }} }}\n{head}\n{steps}"


def step(name: str, rest: str) -> str:
    """Return one step of the workflow ``w``."""
    return f'[[workflows.w.steps]]\nname = "{name}"\n{rest}\n'


class Stage:
    """Be a workspace with a customer who has five seats, and a clock in the test's hand."""

    def __init__(self, ws: comity.Workspace, clock: ManualClock) -> None:
        self.ws = ws
        self.clock = clock
        self.sales, self.support, self.product = ws.agent("sales"), ws.agent("support"), ws.agent("product")
        self.ops = ws.agent("ops", key=ws.issue_key("ops").key)
        self.sales.put("customer/acme", name="Acme", status="active")
        self.product.put("customer/acme", seats=5)

    def go(self, *, rounds: int = 40) -> None:
        """Do the duties until nothing is due any more."""
        for _ in range(rounds):
            if not self.ws._engine.workflows.run(64) + self.ws._engine.duties.run():
                return

    def later(self, seconds: float) -> None:
        """Let time pass, and do what is due."""
        self.clock.advance(seconds=seconds)
        self.go()

    def values(self, record: str = "customer/acme") -> dict[str, Any]:
        """Return what a record holds."""
        return dict(self.ws.get(record))

    def events(self, run: Workflow) -> Iterator[str]:
        """Yield what happened to a run, in order."""
        for event in reversed(self.ws.history(f"$workflow/{run.run}").events):
            yield event.type

    def accept_task(self, agent: comity.Agent, answer: str = "ok") -> None:
        """Answer the one task of an agent, and go on."""
        [task] = agent.tasks().tasks
        agent.finish_task(task, answer=answer)
        self.go()


def states(answer: WorkflowAnswer) -> list[str]:
    """Return the states of the steps."""
    return [one.state for one in answer.steps]
