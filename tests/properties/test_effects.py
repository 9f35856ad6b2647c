"""The lives of effects: none is released against its conditions, each arrives once, and each ends (S34, S35)."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from comity import Delivery, NotCommitted, limits
from comity.clock import parse_time
from comity.errors import ComityError
from comity.model.decisions import Decision
from comity.model.events import Event
from comity.model.filters import query
from comity.model.proposals import Effect, Proposal, Put, Read
from comity.model.records import RecordState
from comity.store.contract import EventFilter, Snapshot
from comity.store.sqlite import SqliteStore
from comity.testing.faulty_store import Call, Fault, FaultyStore, Side
from comity.testing.manual_clock import ManualClock
from comity.verbs.engine import Engine
from comity.workspace import Workspace

SOURCE: Final = """\
[agents]
sales   = { role = "sales" }
support = { role = "support" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
status  = { type = "string" }
tickets = { type = "integer" }

[actions.sell]
kind    = "outreach"
effects = ["email"]

[actions.serve]

[effects.email]
kind     = "customer"
hold     = "5s"
still    = "customer.status == 'active'"
patience = "1h"
attempts = 3
timeout  = "20s"

[[rules]]
name = "support goes first"
when = "action.kind == 'outreach' && customer.tickets != null && customer.tickets > 0"
then = "defer"
to   = "support"
"""

RECORDS: Final = ("customer/a", "customer/b")
CALLS: Final[tuple[Call, ...]] = ("turn", "batch", "append", "commit", "head", "snapshot", "keep", "note")
SIDES: Final[tuple[Side, ...]] = ("before", "after")
records = st.sampled_from(RECORDS)


class Outside(RuleBasedStateMachine):
    """Want, change, override, release, fail, crash and start again, in any order, and look at what got out."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        (self.folder / "comity.toml").write_text(SOURCE, encoding="utf-8")
        self.got: list[Delivery] = []
        self.fails = 0
        self.number = 0
        self.freeze: Decision | None = None
        self.open()
        self.key = self.base.issue_key("ops").key
        self.act_as_always()
        for record in RECORDS:
            self.support.put(record, status="active", tickets=0, action="serve")

    def open(self) -> None:
        """Open the base as a process does that starts."""
        path = self.folder / "crm.db"
        self.store = FaultyStore(SqliteStore.open(str(path), clock=self.clock))
        self.engine = Engine(self.store, str(path), self.clock, os.urandom)
        self.base = Workspace(self.engine)
        self.base.settle(self.folder / "comity.toml")
        self.base.handle("email", self.deliver)

    def act_as_always(self) -> None:
        self.sales, self.support = self.base.agent("sales"), self.base.agent("support")
        self.ops = self.base.agent("ops", key=self.key)

    def deliver(self, delivery: Delivery) -> str:
        """Be the receiver, who fails now and then, before or after it took what it got."""
        if self.fails and self.fails % 2:
            self.fails -= 1
            raise ConnectionError("refused")
        self.got.append(delivery)
        if self.fails:
            self.fails -= 1
            raise TimeoutError("no answer")
        return "ok"

    def run(self) -> None:
        for _ in range(20):
            if not self.engine.outbox.run(limits.DUTIES_AT_ONCE, in_background=False):
                return

    # -- what happens

    @initialize(record=records)
    def want_one(self, record: str) -> None:
        self.want(record, None, None)

    @rule(record=records, intent=st.sampled_from(["i1", "i2", None]), hold=st.sampled_from([None, 30.0]))
    def want(self, record: str, intent: str | None, hold: float | None) -> None:
        self.number += 1
        effects = (Effect("email", record, {"number": self.number}, hold_s=hold),)
        read = Read(record, self.base.revision, ("status",))
        proposal = Proposal(
            id=f"p{self.number}", reads=(read,), effects=effects, intent=intent, action="sell", reason="so"
        )
        decision = self.sales.propose(proposal)
        assert all(finding.code != "shape.unjudgeable" for finding in decision.findings)

    @rule(record=records, status=st.sampled_from(["active", "at_risk"]), tickets=st.sampled_from([0, 1]))
    def change(self, record: str, status: str, tickets: int) -> None:
        self.number += 1
        change = Put(record, {"status": status, "tickets": tickets})
        proposal = Proposal(id=f"c{self.number}", changes=(change,), accept=self.base.revision, action="serve")
        assert self.support.propose(proposal).outcome in ("committed", "refused")

    @precondition(lambda self: self.freeze is None)
    @rule(which=st.sampled_from(["freeze", "pause", "pin"]))
    def hold_still(self, which: str) -> None:
        terms: dict[str, Any] = {"reason": "so", "ttl": "30d"}
        if which == "freeze":
            self.freeze = self.ops.freeze(**terms)
        elif which == "pause":
            self.freeze = self.ops.pause("sales", **terms)
        else:
            self.freeze = self.ops.pin("customer/a", **terms)

    @precondition(lambda self: self.freeze is not None)
    @rule()
    def lift(self) -> None:
        assert self.freeze is not None
        self.ops.lift(self.freeze)
        self.freeze = None

    @rule(seconds=st.sampled_from([0, 5, 21, 600, 4_000]), fails=st.integers(0, 4))
    def release(self, seconds: int, fails: int) -> None:
        self.clock.advance(seconds=seconds)
        self.fails = fails
        self.run()

    @rule()
    def retry(self) -> None:
        for effect in self.base.effects(state="aside").effects:
            with suppress(NotCommitted):
                self.ops.retry_effect(effect)

    @rule()
    def cancel(self) -> None:
        for effect in self.base.effects(state="held").effects[:1]:
            with suppress(NotCommitted):
                self.ops.cancel_effect(effect, reason="so")

    @rule(call=st.sampled_from(CALLS), side=st.sampled_from(SIDES), nth=st.integers(1, 6), starts=st.booleans())
    def crash(self, call: Call, side: Side, nth: int, starts: bool) -> None:
        """Have the store fail while effects are released; go on, or start again."""
        self.clock.advance(seconds=5)
        self.store.plan(Fault(call, side, nth))
        with suppress(ComityError):
            self.run()
        self.store.plan()
        if starts:
            self.base.close()
            self.open()
            self.act_as_always()

    # -- what must be so

    def teardown(self) -> None:
        if self.freeze is not None:
            self.lift()
        self.fails = 0
        for _ in range(24):
            self.run()
            self.clock.advance(seconds=600)
        self.run()
        assert not [one for one in self.base.effects(state="all").effects if one.state in ("held", "sending")]
        with self.store.snapshot() as snapshot:
            events = snapshot.events(EventFilter(kind="$effect", limit=limits.INTEGER_MAX))
            for event in events:
                if event.type == "released":
                    self.check_release(event, snapshot)
        self.check_deliveries(events)
        answer = self.base.verify()
        assert answer.is_clean, answer.problems
        self.base.close()
        shutil.rmtree(self.folder)

    def check_release(self, event: Event, snapshot: Snapshot) -> None:
        """Assert that at this release nothing stood against it, and what it rests on was so."""
        effect = event.after().values
        ref = ("customer", effect["target"].partition("/")[2])
        now = snapshot.records_at([ref], event.revision)[ref]
        assert now.values["status"] == "active"
        assert not now.values["tickets"]
        assert parse_time(effect["release_at"]) <= snapshot.commits_of([event.revision])[event.revision].at
        held = snapshot.find(query("$override"), revision=event.revision)
        assert not [one for one in held if holds(one, effect["target"])]

    def check_deliveries(self, events: list[Event]) -> None:
        """Assert that a wish arrives once, unless a try before was uncertain; and that nothing arrives unreleased."""
        wishes = Counter((one.key, one.wanted_at) for one in self.got if not one.is_uncertain)
        assert all(count == 1 for count in wishes.values()), wishes
        released = Counter(event.id for event in events if event.type == "released")
        assert all(count <= released[key] for key, count in Counter(one.key for one in self.got).items())
        told = {event.id for event in events if event.type in ("delivered", "failed")}
        assert {one.key for one in self.got} <= told


def holds(override: RecordState, target: str) -> bool:
    return override.values["holds"] != "record" or override.values["record"] == target


Outside.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
)
TestOutside = Outside.TestCase
