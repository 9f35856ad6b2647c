"""The life of overrides against a plain model: no illegal transition is reachable, agents yield while one holds."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import comity
from comity.model.proposals import Archive, Delete, Emit, Proposal, Put, Restore, Set, Undo
from comity.testing.manual_clock import START_US, ManualClock

DEFINITION = """
[agents]
sales   = { role = "sales" }
support = { role = "support" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
status = { enum = ["active", "at_risk", "churned"] }
tier   = { type = "integer" }
"""

STATUSES = ("active", "at_risk", "churned")
TTLS = {"30s": 30, "2m": 120}
HOLDS = st.sampled_from(["record", "status", "at_risk", "sales", "support", "workspace"])
AGENTS = st.sampled_from(["sales", "support"])


@dataclass
class Held:
    """Be one override in the model."""

    ref: str
    holds: str
    until: int
    is_lifted: bool = False
    is_told: bool = False


class Overrides(RuleBasedStateMachine):
    """Set, lift and meet overrides, while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        (self.folder / "comity.toml").write_text(DEFINITION, encoding="utf-8")
        self.ws = comity.open(self.folder / "crm.db", definition=self.folder / "comity.toml", clock=self.clock)
        self.ops = self.ws.agent("ops", key=self.ws.issue_key("ops").key)
        self.handles = {name: self.ws.agent(name) for name in ("sales", "support")}
        self.handles["sales"].put("customer/acme", status="active", tier=0)
        self.values: dict[str, Any] = {"status": "active", "tier": 0}
        self.held: list[Held] = []
        self.count = 0

    @property
    def now(self) -> int:
        """Return the seconds since the beginning."""
        return (self.clock.wall_us() - START_US) // 1_000_000

    def in_force(self) -> list[Held]:
        return [one for one in self.held if not one.is_lifted and self.now < one.until]

    def propose(self, agent: comity.Agent, change: Any) -> comity.Decision:
        self.count += 1
        return agent.propose(Proposal(id=f"p{self.count}", changes=(change,), accept=self.ws.revision))

    def is_held(self, agent: str, field: str, value: Any) -> bool:
        """Tell by the rules alone whether an agent must yield."""
        holds = {one.holds for one in self.in_force()}
        if "workspace" in holds or agent in holds:
            return True
        if self.values[field] == value:
            return False
        is_status = field == "status"
        return "record" in holds or (is_status and ("status" in holds or ("at_risk" in holds and value != "at_risk")))

    @rule(holds=HOLDS, ttl=st.sampled_from(sorted(TTLS)))
    def set_one(self, holds: str, ttl: str) -> None:
        terms: dict[str, Any] = {"reason": "a reason", "ttl": ttl}
        match holds:
            case "record":
                decision = self.ops.pin("customer/acme", **terms)
            case "status":
                decision = self.ops.pin("customer/acme", "status", **terms)
            case "at_risk":
                decision = self.ops.pin("customer/acme", "status", value="at_risk", **terms)
            case "workspace":
                decision = self.ops.freeze(**terms)
            case _:
                decision = self.ops.pause(holds, **terms)
        for one in self.held:  # Setting one tells of those that are over.
            one.is_told = one.is_told or (not one.is_lifted and self.now >= one.until)
        self.held.append(Held(next(iter(decision.records)), holds, self.now + TTLS[ttl]))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def lift(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.held))
        is_open = one in self.in_force()
        assert self.propose(self.ops, Emit(one.ref, "lifted")).is_committed == is_open
        one.is_lifted = one.is_lifted or is_open

    @rule(agent=AGENTS, status=st.sampled_from(STATUSES))
    def write_status(self, agent: str, status: str) -> None:
        self.write(agent, "status", status)

    @rule(agent=AGENTS, tier=st.integers(0, 2))
    def write_tier(self, agent: str, tier: int) -> None:
        self.write(agent, "tier", tier)

    def write(self, agent: str, field: str, value: Any) -> None:
        decision = self.propose(self.handles[agent], Set("customer/acme", {field: value}))
        assert decision.is_committed != self.is_held(agent, field, value), decision
        if decision.is_committed:
            self.values[field] = value

    @rule(status=st.sampled_from(STATUSES))
    def write_as_a_human(self, status: str) -> None:
        assert self.propose(self.ops, Set("customer/acme", {"status": status})).is_committed
        self.values["status"] = status

    @precondition(lambda self: self.held)
    @rule(data=st.data(), agent=st.sampled_from(["sales", "ops"]))
    def try_what_is_not_allowed(self, data: st.DataObject, agent: str) -> None:
        one = data.draw(st.sampled_from(self.held))
        terms = {"yields": "refuse", "reason": "x", "expires_at": "2023-11-15T00:00:00Z"}
        change = data.draw(
            st.sampled_from(
                [
                    Set(one.ref, {"reason": "other"}),
                    Put(one.ref, {"yields": "queue"}),
                    Archive(one.ref),
                    Delete(one.ref),
                    Restore(one.ref),
                    Undo(one.ref, {"$life": 0}),
                    Emit(one.ref, "frozen", terms),
                    Emit(one.ref, "paused", {**terms, "agent": "sales"}),
                    Emit(one.ref, "pinned", {**terms, "record": "customer/acme"}),
                ]
            )
        )
        handle = self.ops if agent == "ops" else self.handles[agent]
        assert self.propose(handle, change).outcome == "refused"
        assert self.propose(self.handles["sales"], Emit(one.ref, "lifted")).outcome == "refused"

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def tell_that_it_is_over(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.held))
        is_due = not one.is_lifted and not one.is_told and self.now >= one.until
        assert self.propose(self.handles["support"], Emit(one.ref, "expired")).is_committed == is_due
        one.is_told = one.is_told or is_due

    @rule(seconds=st.sampled_from([1, 29, 60]))
    def let_time_pass(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @invariant()
    def lists_show_what_holds(self) -> None:
        shown = {one.override: one.state for one in self.ws.overrides(over=True).overrides}
        assert {one.override for one in self.ws.overrides().overrides} == {one.ref for one in self.in_force()}
        for one in self.held:
            expected = "lifted" if one.is_lifted else "in force" if self.now < one.until else "expired"
            assert shown[one.ref] == expected

    def teardown(self) -> None:
        try:
            assert self.ws.verify().is_clean
            assert dict(self.ws.get("customer/acme")) == self.values
        finally:
            self.ws.close()
            shutil.rmtree(self.folder, ignore_errors=True)


TestOverrides = Overrides.TestCase
TestOverrides.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
