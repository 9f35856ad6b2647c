"""The lives of offers, questions and grants: no illegal step is reachable, whatever anybody tries (S21, S23)."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import comity
from comity.clock import SECOND_US, format_time
from comity.model.proposals import Archive, Create, Delete, Emit, Proposal, Put, Restore, Set, Undo
from comity.testing.manual_clock import ManualClock

SOURCE: Final = '''\
[agents]
sales   = { role = "sales" }
support = { role = "support" }
kim     = { role = "support" }
legal   = { role = "legal" }
boss    = { role = "managers", kind = "human" }
ann     = { role = "auditors", kind = "human" }

[kinds.customer.fields]
name   = { type = "integer", owner = "sales" }
status = { type = "integer", owner = "support" }

[[rules]]
name = "a manager looks at names"
when = """
customer != null && after.name != null && (before.name == null || before.name != after.name) && after.name > 100
&& agent.kind == 'agent'"""
then = "ask"
to   = "managers"
'''

AGENTS: Final = ("sales", "support", "kim", "legal", "boss", "ann")
LENDERS: Final = {"granted": ("support", "kim"), "ordered": ("boss", "ann")}
ENDS: Final = {
    "$handoff": ("accepted", "declined", "withdrawn", "expired"),
    "$approval": ("approved", "denied", "withdrawn", "expired", "returned"),
}
OPENINGS: Final = {"$handoff": "offered", "$approval": "asked", "$queue": "queued"}
ANSWERERS: Final = {"$handoff": ("support", "kim"), "$approval": ("boss",)}
WAIT_S: Final = 3_600


class Handoffs(RuleBasedStateMachine):
    """Try every transition of every ticket by everyone, and hold what happens against a model."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        (self.folder / "comity.toml").write_text(SOURCE, encoding="utf-8")
        self.base = comity.open(self.folder / "crm.db", definition=self.folder / "comity.toml", clock=self.clock)
        keys: dict[str, str] = {}
        for human in ("boss", "ann"):
            operator = self.base.agent("boss", key=keys["boss"]) if keys else self.base
            keys[human] = operator.issue_key(human).key
        self.handles = {name: self.base.agent(name, key=keys.get(name)) for name in AGENTS}
        self.handles["sales"].put("customer/a", name=0)
        self.open: dict[str, tuple[str, int, float, int]] = {}
        """Ticket to field, value wanted, when it expires, and after which step it was proposed."""
        self.written = {"name": 0, "status": 0}
        """The step at which each field was written last."""
        self.closed: list[str] = []
        self.lent: dict[str, float] = {}
        """Grant to when it expires."""
        self.values = {"name": 0, "status": None}
        self.number = 0
        self.now = 0.0

    def teardown(self) -> None:
        answer = self.base.verify()
        assert answer.is_clean, answer.problems
        self.base.close()
        shutil.rmtree(self.folder)

    def is_expired(self, ticket: str) -> bool:
        return self.open[ticket][2] <= self.now

    # -- what opens tickets

    @rule(is_offer=st.booleans(), wait_s=st.sampled_from([60, WAIT_S]))
    def wait_for_somebody(self, is_offer: bool, wait_s: int) -> None:
        """Offer a status to its owner, or ask a manager about a high name."""
        self.number += 1
        field, kind = ("status", "$handoff") if is_offer else ("name", "$approval")
        value = 100 + self.number
        proposal = Proposal(
            id=f"p{self.number}",
            changes=(Set("customer/a", {field: value}),),
            accept=self.base.revision,
            if_foreign="offer",
            wait_s=wait_s,
        )
        decision = self.handles["sales"].propose(proposal)
        if is_offer and any(expires > self.now for expires in self.lent.values()):
            assert decision.is_committed
            self.values[field], self.written[field] = value, self.number
            return
        assert (decision.outcome, decision.ticket) == ("pending", f"{kind}/p{self.number}")
        self.open[f"{kind}/p{self.number}"] = (field, value, self.now + min(wait_s, WAIT_S), self.number)

    @rule(seconds=st.sampled_from([30, 61, WAIT_S]))
    def let_time_pass(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)
        self.now += seconds

    # -- what closes them

    @precondition(lambda self: self.open)
    @rule(data=st.data(), agent=st.sampled_from(AGENTS))
    def answer(self, data: st.DataObject, agent: str) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.open)))
        kind = ticket.partition("/")[0]
        event = data.draw(st.sampled_from(ENDS[kind]))
        decision = self.emit(agent, ticket, event)
        assert decision.is_committed == self.may(agent, ticket, event), (agent, ticket, event, decision.explain())
        if decision.is_committed:
            self.close(ticket, event)

    def emit(self, agent: str, ticket: str, event: str) -> comity.Decision:
        self.number += 1
        data = {"answer": "because"} if event in ("declined", "denied") else {}
        proposal = Proposal(id=f"e{self.number}", changes=(Emit(ticket, event, data),))
        return self.handles[agent].propose(proposal)

    def may(self, agent: str, ticket: str, event: str) -> bool:
        kind = ticket.partition("/")[0]
        if event == "withdrawn":
            return agent == "sales"
        if event == "expired":
            return self.is_expired(ticket)
        if event == "returned" or self.is_expired(ticket) or agent not in ANSWERERS[kind]:
            return False
        return event != "accepted" or not self.is_stale(ticket)

    def is_stale(self, ticket: str) -> bool:
        """Tell whether its field was written since it was proposed."""
        field, _, _, proposed_at = self.open[ticket]
        return self.written[field] > proposed_at

    def close(self, ticket: str, event: str) -> None:
        field, value, *_ = self.open[ticket]
        if event in ("accepted", "approved") and not self.is_stale(ticket):
            self.values[field], self.written[field] = value, self.number
        del self.open[ticket]
        self.closed.append(ticket)

    # -- ownership lent

    @rule(
        agent=st.sampled_from(AGENTS), event=st.sampled_from(sorted(LENDERS)), span_s=st.sampled_from([-1, 60, WAIT_S])
    )
    def lend(self, agent: str, event: str, span_s: int) -> None:
        self.number += 1
        expires = format_time(self.clock.wall_us() + span_s * SECOND_US)
        data = {"to": "sales", "kind": "customer", "field": "status", "reason": "closed", "expires_at": expires}
        change = Emit(f"$grant/g{self.number}", event, data)
        decision = self.handles[agent].propose(Proposal(id=f"g{self.number}", changes=(change,)))
        assert decision.is_committed == (agent in LENDERS[event] and span_s > 0), decision.explain()
        if decision.is_committed:
            self.lent[f"$grant/g{self.number}"] = self.now + span_s

    @precondition(lambda self: self.lent)
    @rule(data=st.data(), agent=st.sampled_from(AGENTS), event=st.sampled_from(["revoked", "expired"]))
    def end_grant(self, data: st.DataObject, agent: str, event: str) -> None:
        grant = data.draw(st.sampled_from(sorted(self.lent)))
        decision = self.emit(agent, grant, event)
        may = agent != "legal" if event == "revoked" else self.lent[grant] <= self.now
        assert decision.is_committed == may, (agent, event, decision.explain())
        if may:
            del self.lent[grant]
            assert self.emit(agent, grant, event).outcome == "refused"

    @rule(agent=st.sampled_from(AGENTS))
    def write_what_is_lent(self, agent: str) -> None:
        self.number += 1
        change = Set("customer/a", {"status": self.number})
        proposal = Proposal(id=f"w{self.number}", changes=(change,), accept=self.base.revision)
        decision = self.handles[agent].propose(proposal)
        is_lent = agent == "sales" and any(expires > self.now for expires in self.lent.values())
        assert decision.is_committed == (is_lent or agent in ("support", "kim")), (agent, decision.explain())
        if decision.is_committed:
            self.values["status"], self.written["status"] = self.number, self.number

    # -- what nobody can do

    @precondition(lambda self: self.closed)
    @rule(data=st.data(), agent=st.sampled_from(AGENTS))
    def answer_what_is_over(self, data: st.DataObject, agent: str) -> None:
        ticket = data.draw(st.sampled_from(self.closed))
        event = data.draw(st.sampled_from(ENDS[ticket.partition("/")[0]]))
        assert self.emit(agent, ticket, event).outcome == "refused"

    @rule(data=st.data(), agent=st.sampled_from(AGENTS), kind=st.sampled_from(sorted(OPENINGS)))
    def open_by_hand(self, data: st.DataObject, agent: str, kind: str) -> None:
        self.number += 1
        record = data.draw(st.sampled_from([*self.open, *self.closed, f"{kind}/new"]))
        forged = {
            "proposal": f"p{self.number}",
            "content": "00",
            "known": "key",
            "findings": ["x||"],
            "expires_at": "2100-01-01T00:00:00Z",
        }
        change = Emit(record, OPENINGS[record.partition("/")[0]], forged)
        assert self.handles[agent].propose(Proposal(id=f"f{self.number}", changes=(change,))).outcome == "refused"

    @rule(data=st.data(), agent=st.sampled_from(AGENTS))
    def change_by_any_other_verb(self, data: st.DataObject, agent: str) -> None:
        self.number += 1
        record = data.draw(st.sampled_from([*self.open, *self.closed, "$handoff/new", "$grant/new"]))
        values: dict[str, Any] = {"state": "accepted", "satisfied": ["x||"]}
        change = data.draw(
            st.sampled_from(
                [
                    Create(record, values),
                    Put(record, values),
                    Set(record, values),
                    Archive(record),
                    Restore(record),
                    Delete(record),
                    Undo(record, {"state": 1}),
                ]
            )
        )
        assert self.handles[agent].propose(Proposal(id=f"v{self.number}", changes=(change,))).outcome == "refused"

    # -- what holds all the time

    @invariant()
    def lists_show_what_is_open(self) -> None:
        shown = [
            one.ticket for one in (*self.base.offers(limit=1_000).tickets, *self.base.approvals(limit=1_000).tickets)
        ]
        assert sorted(shown) == sorted(ticket for ticket in self.open if not self.is_expired(ticket))

    @invariant()
    def only_what_was_answered_is_done(self) -> None:
        acme = self.base.get("customer/a")
        assert {name: acme.get(name) for name in self.values} == self.values


TestHandoffs = Handoffs.TestCase
TestHandoffs.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
