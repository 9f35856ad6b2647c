"""The lives of proposals in line: in order, never past their deadline, never in a ring (S23, S31, S32)."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import comity
from comity import Refused
from comity.clock import SECOND_US
from comity.deciding.edges import Edges
from comity.deciding.waits import Wait
from comity.model.decisions import Decision
from comity.model.proposals import Append, Archive, Create, Delete, Emit, Proposal, Put, Set, Undo, Was
from comity.testing.manual_clock import ManualClock

SOURCE: Final = """\
[agents]
sales   = { role = "sales" }
product = { role = "product" }
support = { role = "support" }

[kinds.customer.fields]
log    = { type = "array", items = { type = "string" } }
gate   = { type = "integer", default = 0 }
seller = { type = "string", owner = "sales" }
maker  = { type = "string", owner = "product" }
helper = { type = "string", owner = "support" }

[[rules]]
name  = "sales waits"
when  = "agent.role == 'sales' && action.name == 'act' && customer.gate == 1"
then  = "queue"
to    = "product"
until = "customer.gate != 1"

[[rules]]
name  = "product waits"
when  = "agent.role == 'product' && action.name == 'act' && customer.gate == 1"
then  = "queue"
to    = "support"
until = "customer.gate != 1"

[[rules]]
name  = "support waits"
when  = "agent.role == 'support' && action.name == 'act' && customer.gate == 1"
then  = "queue"
to    = "sales"
until = "customer.gate != 1"

[[rules]]
name = "sales defers"
when = "agent.role == 'sales' && action.name == 'visit' && intents.exists(i, i.role != 'sales')"
then = "defer"
to   = "product"

[[rules]]
name     = "product defers"
when     = "agent.role == 'product' && action.name == 'visit' && intents.exists(i, i.role != 'product')"
then     = "defer"
to       = "sales"
priority = 1

[actions.act]
[actions.visit]
[actions.set]
"""

AGENTS: Final = ("sales", "product", "support")
OWN: Final = {"sales": "seller", "product": "maker", "support": "helper"}
RECORDS: Final = ("customer/a", "customer/b")
NAMES: Final = ("name:x", "name:y")
agents = st.sampled_from(AGENTS)
records = st.sampled_from(RECORDS)


def left(waits: list[Wait]) -> list[Wait]:
    """Return what is left of waits when each ends that can."""
    while True:
        waiting, names = {one.agent for one in waits}, {one.by for one in waits}
        stays = [
            one for one in waits if any(group <= waiting for group in one.groups) or not names.isdisjoint(one.ahead)
        ]
        if stays == waits:
            return stays
        waits = stays


class Turns(RuleBasedStateMachine):
    """Queue, offer, lease and defer, in any order, and look at what is left of it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        (self.folder / "comity.toml").write_text(SOURCE, encoding="utf-8")
        self.base = comity.open(self.folder / "crm.db", definition=self.folder / "comity.toml", clock=self.clock)
        self.handles = {name: self.base.agent(name) for name in AGENTS}
        for record in RECORDS:
            self.handles["sales"].put(record, gate=1, action="set")
        self.pending: dict[str, Decision] = {}
        self.number = 0

    def teardown(self) -> None:
        self.clock.advance(seconds=7_200)
        for decision in self.pending.values():
            assert not self.base.wait(decision, 0).is_pending
        answer = self.base.verify()
        assert answer.is_clean, answer.problems
        self.base.close()
        shutil.rmtree(self.folder)

    def propose(self, agent: str, *changes: Any, **options: Any) -> Decision:
        self.number += 1
        decision = self.handles[agent].propose(Proposal(id=f"p{self.number}", changes=changes, **options))
        if decision.is_pending:
            self.pending[decision.id] = decision
        for finding in decision.findings:
            assert finding.code != "shape.unjudgeable", finding.message
            if finding.code == "queue.cycle":
                ring = finding.data["cycle"]
                assert ring[0] == ring[-1] == agent
                assert all(name in finding.message for name in ring)
        return decision

    # -- what waits

    @rule(agent=agents, record=records, priority=st.integers(-1, 1), wait_s=st.sampled_from([60, 3_600]))
    def act(self, agent: str, record: str, priority: int, wait_s: int) -> None:
        until = self.clock.wall_us() + wait_s * SECOND_US
        change = Append(record, {"log": [f"p{self.number + 1}"]})
        self.propose(agent, change, action="act", priority=priority, wait_until=until)

    @rule(agent=agents, to=agents, record=records)
    def offer(self, agent: str, to: str, record: str) -> None:
        if agent != to:
            former = self.base.get(record)[OWN[to]]
            change, seen = Set(record, {OWN[to]: f"{self.number}"}), Was(record, {OWN[to]: former})
            self.propose(agent, change, reads=(seen,), action="set", if_foreign="offer")

    @rule(agent=agents, name=st.sampled_from(NAMES))
    def lease(self, agent: str, name: str) -> None:
        with suppress(Refused):
            self.handles[agent].lease(name, ttl="10m", wait="10m").join()

    @rule(agent=agents, record=records)
    def announce(self, agent: str, record: str) -> None:
        self.number += 1
        who = {"agent_kind": "agent", "role": agent}
        data = {**who, "action": "visit", "about": [record], "expires_at": "2023-11-14T23:13:20Z"}
        self.propose(agent, Emit(f"$intent/i{self.number}", "announced", data), action="set")

    @rule(agent=agents, record=records)
    def visit(self, agent: str, record: str) -> None:
        decision = self.propose(agent, Append(record, {"log": [f"v{self.number}"]}), action="visit")
        assert decision.outcome in ("committed", "refused", "pending")

    # -- what ends waits

    @rule(record=records, gate=st.integers(0, 1), are_duties_done=st.booleans())
    def gate(self, record: str, gate: int, are_duties_done: bool) -> None:
        former = self.base.get(record).gate
        self.propose("support", Set(record, {"gate": gate}), reads=(Was(record, {"gate": former}),), action="set")
        if are_duties_done:
            self.base._engine.duties.run()

    @rule()
    def do_duties(self) -> None:
        self.base._engine.duties.run()

    @rule(seconds=st.sampled_from([1, 61, 700]))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @rule(data=st.data(), agent=agents)
    def withdraw(self, data: st.DataObject, agent: str) -> None:
        if self.pending:
            decision = self.pending[data.draw(st.sampled_from(sorted(self.pending)))]
            self.propose(agent, Emit(decision.ticket or "", "withdrawn"))

    @rule(data=st.data(), agent=agents)
    def release(self, data: st.DataObject, agent: str) -> None:
        waiting = [one.ticket for one in self.base.queue().queued]
        if waiting:
            ticket = data.draw(st.sampled_from(waiting))
            line = {one.ticket: one for one in self.base.queue().queued}
            mine = line[ticket]
            is_head = mine.position == 1 or any(mine.agent in one.waits_for for one in line.values())
            answer = self.handles[agent].release(ticket)
            told = f"{answer}\n{self.base.history(ticket)}\n{self.base.queue()}"
            assert is_head or not answer.is_committed or self.base.get(ticket).state == "returned", told

    @rule(data=st.data(), agent=agents)
    def tamper(self, data: st.DataObject, agent: str) -> None:
        """Nothing but the named transitions changes a ticket, and those of the coordinator are nobody's (S23)."""
        if not self.pending:
            return
        ticket = self.pending[data.draw(st.sampled_from(sorted(self.pending)))].ticket or ""
        forged = [Set(ticket, {"state": "released"}), Put(ticket, {"priority": 9}), Delete(ticket), Archive(ticket)]
        forged += [Create("$queue/forged"), Undo(ticket, {"state": 1})]
        forged += [Emit(ticket, event) for event in ("queued", "requeued", "returned")]
        before = self.base.get(ticket).version
        for change in forged:
            assert self.propose(agent, change).outcome == "refused"
        assert self.base.get(ticket).version == before

    # -- what always holds

    @invariant()
    def nobody_waits_in_a_ring(self) -> None:
        engine = self.base._engine
        with engine.store.snapshot() as snapshot:
            edges = Edges(engine.coordinator.view(snapshot))
            waits = [wait for agent in AGENTS for wait in edges.of(agent) if not wait.is_deferral]
        assert left(waits) == []

    @invariant()
    def nobody_waits_past_the_deadline(self) -> None:
        now_us = self.base._engine.coordinator.time_at(self.base._engine.store.head()).now_us
        for decision in self.pending.values():
            if decision.expires is not None and decision.expires <= now_us:
                assert not self.base.wait(decision, 0).is_pending


Turns.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
)
TestTurns = Turns.TestCase
