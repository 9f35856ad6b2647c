"""Workflows under any sequence of events: no step twice, nothing left half done, and every run ends.

Beside the runs others change what they are about, humans hold it and let it go, tasks are
answered either way, the store fails at any call, and the process is restarted.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import comity
from comity.errors import ComityError, NotCommitted
from comity.operations import WorkflowAnswer
from comity.store.sqlite import SqliteStore
from comity.testing.faulty_store import Fault, FaultyStore
from comity.testing.manual_clock import ManualClock
from comity.verbs.engine import Engine
from comity.workspace.opening import Workspace

CUSTOMERS = ("a", "b")
SOURCE = """
[agents]
sales   = { role = "sales" }
support = { role = "support" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
name   = { type = "string" }
status = { type = "string" }
seats  = { type = "integer", default = 0 }
hold   = { type = "boolean", default = false }

[workflows.w]
starters = ["sales", "operations"]
deadline = "10d"
params   = { c = { ref = "customer", required = true } }
LEASES

[[workflows.w.steps]]
name = "1"
as   = "support"
add  = { "customer/{c}" = { seats = 1 } }
set  = { "customer/{c}" = { status = "{c} leaves" } }
undo = { add = { "customer/{c}" = { seats = -1 } }, set = { "customer/{c}" = { status = "active" } } }
on_refusal = "wait"

[[workflows.w.steps]]
name = "2"
task = { to = "support", text = "Look at {c}." }
deadline = "1d"

[[workflows.w.steps]]
name  = "3"
as    = "sales"
add   = { "customer/{c}" = { seats = 10 } }
guard = "!customer.hold"
undo  = { add = { "customer/{c}" = { seats = -10 } } }
on_refusal = "retry"

[[workflows.w.steps]]
name = "4"
as   = "support"
set  = { "customer/{c}" = { status = "left" } }
on_refusal = "ask"
"""
ADDS = {"1": 1, "3": 10}
FINAL = {"done", "compensated", "failed", "cancelled"}
customers = st.sampled_from(CUSTOMERS)


class Working(RuleBasedStateMachine):
    """Start workflows and meddle with them."""

    LEASES = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        definition = self.folder / "comity.toml"
        definition.write_text(SOURCE.replace("LEASES", self.LEASES), encoding="utf-8")
        comity.open(self.folder / "base.db", definition=definition, clock=self.clock).close()
        self.reopen()
        self.key = self.ws.issue_key("ops").key
        for customer in CUSTOMERS:
            self.ws.agent("sales").put(f"customer/{customer}", name=customer, status="active")

    def reopen(self) -> None:
        path = self.folder / "base.db"
        self.store = FaultyStore(SqliteStore.open(str(path), clock=self.clock))
        self.ws = Workspace(Engine(self.store, str(path), self.clock, os.urandom))

    @property
    def ops(self) -> comity.Agent:
        return self.ws.agent("ops", key=self.key)

    def go(self, rounds: int) -> None:
        for _ in range(rounds):
            if not self.ws._engine.workflows.run(10) + self.ws._engine.duties.run():
                return

    @rule(customer=customers, key=st.sampled_from(["k", None]))
    def start(self, customer: str, key: str | None) -> None:
        with suppress(NotCommitted):
            self.ws.agent("sales").start("w", c=customer, key=key and f"{key} {customer}")

    @rule(rounds=st.integers(1, 4))
    def carry_on(self, rounds: int) -> None:
        self.go(rounds)

    @rule(is_done=st.booleans())
    def answer(self, is_done: bool) -> None:
        for agent in (self.ws.agent("support"), self.ops):
            for task in agent.tasks(limit=1).tasks:
                with suppress(NotCommitted):
                    agent.finish_task(task) if is_done else agent.fail_task(task, answer="no")

    @rule(customer=customers, field=st.sampled_from(["status", "hold"]))
    def meddle(self, customer: str, field: str) -> None:
        with suppress(NotCommitted), self.ws.agent("sales").edit(f"customer/{customer}") as record:
            record.status, record.hold = (
                ("other", record.hold) if field == "status" else (record.status, not record.get("hold"))
            )

    @rule(what=st.sampled_from(["freeze", "pause", "pin"]))
    def hold(self, what: str) -> None:
        match what:
            case "freeze":
                self.ops.freeze(ttl="2d", reason="so")
            case "pause":
                self.ops.pause("support", ttl="2d", reason="so")
            case _:
                self.ops.pin("customer/a", ttl="2d", reason="so")

    @rule()
    def let_go(self) -> None:
        for override in self.ws.overrides().overrides:
            self.ops.lift(override)

    @rule()
    def cancel(self) -> None:
        for run in self.ws.workflows(limit=1).runs:
            with suppress(NotCommitted):
                self.ops.cancel_workflow(run, reason="so")

    @rule()
    def resume(self) -> None:
        for run in self.ws.workflows(state="stuck").runs:
            self.ops.resume_workflow(run, skip=True)

    @rule(hours=st.sampled_from([1, 30]))
    def wait(self, hours: int) -> None:
        self.clock.advance(seconds=hours * 3_600)

    @rule(
        call=st.sampled_from(["batch", "append", "commit", "snapshot", "keep"]),
        nth=st.integers(1, 4),
        late=st.booleans(),
    )
    def crash(self, call: str, nth: int, late: bool) -> None:
        self.store.plan(Fault(call, "after" if late else "before", nth))  # type: ignore[arg-type]
        with suppress(ComityError):
            self.go(3)
        self.store.plan()
        self.ws.close()
        self.reopen()

    def runs(self) -> tuple[WorkflowAnswer, ...]:
        return self.ws.workflows(over=True, limit=1_000).runs

    @invariant()
    def each_step_is_done_once(self) -> None:
        seats = Counter[str]()
        for run in self.runs():
            told = Counter[tuple[str, str]]()
            for event in self.ws.history(f"$workflow/{run.run}", limit=1_000).events:
                name = event.data.get("name") if event.data else None
                if event.type in ("advanced", "completed", "undone") and name is not None:
                    told["undone" if event.type == "undone" else "done", name] += 1
            assert not told or max(told.values()) == 1, told
            for way, name in told:
                seats[run.params["c"]] += ADDS.get(name, 0) * (1 if way == "done" else -1)
        for customer in CUSTOMERS:
            assert self.ws.get(f"customer/{customer}").seats == seats[customer]

    def teardown(self) -> None:
        try:
            self.let_go()
            for _ in range(30):
                self.go(30)
                self.resume()
                if all(run.state in FINAL for run in self.runs()):
                    break
                self.clock.advance(seconds=86_400)
            assert {run.state for run in self.runs()} <= FINAL, [str(run) for run in self.runs()]
            self.each_step_is_done_once()
            assert not self.ws.tasks(all=True).tasks
            assert not self.ws.leases().places
            assert self.ws.verify().is_clean
        finally:
            self.ws.close()
            shutil.rmtree(self.folder)


class Leasing(Working):
    """Do the same where each run holds its customer."""

    LEASES = 'leases = [{ on = "customer/{c}", breakable_by = ["sales"] }]'


MODEST = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    print_blob=True,
)
TestWorking = Working.TestCase
TestWorking.settings = MODEST
TestLeasing = Leasing.TestCase
TestLeasing.settings = MODEST
