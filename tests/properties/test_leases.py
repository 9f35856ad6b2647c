"""Leases under any sequence of steps: one exclusive holder, no token that comes back to life, no way around.

The model knows who may hold what from the answers alone: what was taken and neither
released, broken nor expired. Every verb is tried on the records themselves (S23).
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import comity
from comity.errors import Refused
from comity.model.proposals import (
    AnyChange,
    Archive,
    Create,
    Delete,
    Emit,
    Include,
    Proposal,
    Put,
    Restore,
    Set,
    Undo,
)
from comity.testing.manual_clock import ManualClock
from comity.workspace.leasing import Lease

AGENTS = ("ann", "bob", "cleo")
SUBJECTS = ("task/a", "task/b", "name:x")
TTL_S = 30
agents = st.sampled_from(AGENTS)
wanted = st.lists(st.sampled_from(SUBJECTS), min_size=1, max_size=3, unique=True)
RECORD = "$lease/task~a"
AROUND: list[AnyChange] = [
    Create(RECORD, {"held": 0}),
    Set(RECORD, {"held": 0, "line": []}),
    Put(RECORD, {"line": []}),
    Put(RECORD, {"line": []}, replace=True),
    Include(RECORD, {"line": [{}]}),
    Archive(RECORD),
    Restore(RECORD),
    Delete(RECORD),
    Undo(RECORD, {"line": 1}),
    Emit(RECORD, "unheard_of"),
    Emit(RECORD, "released", {"hold": "somebody's"}),
    Emit(RECORD, "claimed", {"hold": "somebody's"}),
    Emit(RECORD, "broken", {"hold": "somebody's", "reason": "r"}),
]


class Leasing(RuleBasedStateMachine):
    """Take, wait for, renew, release and lose leases; write under them and beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        self.workspace = comity.open(self.folder / "base.db", clock=self.clock)
        self.writes = 0
        for record in ("task/a", "task/b"):
            self.workspace.agent("ann").put(record, n=0)
        self.leases: dict[str, tuple[str, Lease]] = {}
        self.dead: list[tuple[str, dict[str, str]]] = []

    def _live(self) -> dict[str, str]:
        return {place.hold: place.agent for place in self.workspace.leases().places if place.state == "held"}

    def _bury(self) -> None:
        """Note the tokens of the leases that are over: they must never be good again."""
        live = self._live()
        for hold, (agent, lease) in list(self.leases.items()):
            if lease.is_held and hold not in live:
                self.dead.append((agent, lease.tokens))
                del self.leases[hold]

    @rule(agent=agents, subjects=wanted, shared=st.booleans(), wait=st.booleans(), priority=st.integers(0, 1))
    def take(self, agent: str, subjects: list[str], shared: bool, wait: bool, priority: int) -> None:
        handle = self.workspace.agent(agent)
        wait_s = 20 if wait else None
        lease = handle.lease(*subjects, ttl=TTL_S, wait=wait_s, shared=shared, priority=priority)
        try:
            lease.join()
        except Refused as refusal:
            codes = {finding.code for finding in refusal.decision.refusals}
            assert codes <= {"lease.held", "queue.cycle"}
            return
        self.leases[lease.hold] = (agent, lease)

    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        lease = self._any(data)
        if lease is not None and not lease.is_held:
            try:
                lease.join()
            except Refused:
                self.leases.pop(lease.hold)

    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        lease = self._any(data)
        if lease is not None and lease.is_held:
            token = lease.token
            assert lease.renew().token == token

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        lease = self._any(data)
        if lease is not None:
            agent, _ = self.leases.pop(lease.hold)
            was_held = lease.is_held
            try:
                lease.release()
            except Refused:
                assert not was_held
            if was_held:
                self.dead.append((agent, lease.tokens))

    @rule(seconds=st.sampled_from([1, 9, 11, 31]))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)
        self._bury()

    @rule(agent=agents, record=st.sampled_from(["task/a", "task/b"]))
    def write(self, agent: str, record: str) -> None:
        self.writes += 1
        others = {place.agent for place in self.workspace.leases(record).places if place.state == "held"} - {agent}
        decision = self._propose(agent, Set(record, {"n": self.writes}))
        assert decision.is_committed != bool(others)

    @rule(data=st.data())
    def write_with_a_token_that_is_over(self, data: st.DataObject) -> None:
        if self.dead:
            agent, tokens = data.draw(st.sampled_from(self.dead))
            self.writes += 1
            decision = self._propose(agent, Set("task/a", {"n": self.writes}), leases=tokens)
            assert "lease.lapsed" in {finding.code for finding in decision.refusals}

    @rule(data=st.data())
    def write_with_a_token_that_is_good(self, data: st.DataObject) -> None:
        lease = self._any(data)
        if lease is not None and lease.is_held:
            agent = self.leases[lease.hold][0]
            self.writes += 1
            decision = self._propose(agent, Set("task/a", {"n": self.writes}), leases=lease.tokens)
            assert "lease.lapsed" not in {finding.code for finding in decision.refusals}

    @rule(agent=agents, change=st.sampled_from(AROUND))
    def go_around(self, agent: str, change: AnyChange) -> None:
        assert not self._propose(agent, change).is_committed

    def _any(self, data: st.DataObject) -> Lease | None:
        return data.draw(st.sampled_from(list(self.leases.values())))[1] if self.leases else None

    def _propose(self, agent: str, change: AnyChange, **more: Any) -> comity.Decision:
        id = self.workspace._session.make_id()
        accept = self.workspace.revision
        return self.workspace.agent(agent).propose(Proposal(id=id, changes=(change,), accept=accept, **more))

    @invariant()
    def one_holder_or_readers_only(self) -> None:
        for subject in SUBJECTS:
            held = [place for place in self.workspace.leases(subject).places if place.state == "held"]
            assert len(held) <= 1 or all(place.shared for place in held)

    def teardown(self) -> None:
        assert self.workspace.verify().is_clean
        self.workspace.close()
        shutil.rmtree(self.folder)


Leasing.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLeasing = Leasing.TestCase
