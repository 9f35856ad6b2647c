"""The life of announced intents: only declared transitions happen, whatever agents try (S23), and news tell all."""

from __future__ import annotations

import tempfile
from pathlib import Path
from shutil import rmtree

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import comity
from comity.operations import Announce, Announcement, WithdrawIntent
from comity.testing.manual_clock import ManualClock

AGENTS = ("ann", "bob")
INTENTS = ("i1", "i2", "i3")
RECORDS = ("task/a", "task/b")
NEVER = ("closed", "expired", "withdrawn")


class Announced(RuleBasedStateMachine):
    """Compare what is announced with a model: who announced what, until when."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        self.ws = comity.open(self.folder / "base.db", clock=self.clock)
        self.agents = {name: self.ws.agent(name) for name in AGENTS}
        self.now = 0
        self.owners: dict[str, str] = {}
        self.open: dict[str, tuple[str, str, int]] = {}
        for record in RECORDS:
            self.agents["ann"].put(record, n=0)
        self.readers = {name: self.agents[name].intent(about=RECORDS) for name in AGENTS}
        for reader in self.readers.values():
            reader.get("task/a")
            reader.get("task/b")
        self.untold: dict[str, dict[str, int]] = {name: {} for name in AGENTS}
        self.values: dict[str, int] = dict.fromkeys(RECORDS, 0)

    def teardown(self) -> None:
        assert self.ws.verify().is_clean
        types = [event.type for event in self.ws.history("$intent", limit=1000).events] if self.owners else []
        assert set(types) <= {"announced", *NEVER}
        self.ws.close()
        rmtree(self.folder)

    def live(self) -> dict[str, tuple[str, str]]:
        return {id: (agent, record) for id, (agent, record, until) in self.open.items() if until > self.now}

    @rule(agent=st.sampled_from(AGENTS), intent=st.sampled_from(INTENTS), record=st.sampled_from(RECORDS))
    def announce(self, agent: str, intent: str, record: str) -> None:
        request = Announce(intent=intent, about=(record,), action="act", ttl="60s")
        may = intent not in self.open or self.open[intent][0] == agent
        may = may and (intent not in self.owners or intent in self.open)
        try:
            answer: Announcement = self.agents[agent].answer(request)
        except comity.Refused:
            assert not may
        else:
            assert may
            others = {id: one for id, one in self.live().items() if one[1] == record and one[0] != agent}
            assert len(answer.present) == len(others)
            self.owners[intent] = agent
            self.open[intent] = (agent, record, self.now + 60)

    @rule(agent=st.sampled_from(AGENTS), intent=st.sampled_from(INTENTS))
    def withdraw(self, agent: str, intent: str) -> None:
        decision = self.agents[agent].answer(WithdrawIntent(intent=intent))
        assert decision.is_committed == (intent in self.open and self.open[intent][0] == agent)
        if decision.is_committed:
            del self.open[intent]

    @rule(agent=st.sampled_from(AGENTS), intent=st.sampled_from(INTENTS), event=st.sampled_from(NEVER))
    def emit_by_hand(self, agent: str, intent: str, event: str) -> None:
        try:
            self.agents[agent].emit(f"$intent/{intent}", event)
        except comity.Refused:
            return
        owner, _, until = self.open.pop(intent)
        assert owner == agent or (event == "expired" and until <= self.now)

    @rule(
        agent=st.sampled_from(AGENTS),
        intent=st.sampled_from(INTENTS),
        change=st.sampled_from(["put", "set", "delete", "archive", "restore"]),
    )
    def change_by_hand(self, agent: str, intent: str, change: str) -> None:
        fields = {"plan": "mine"} if change in ("put", "set") else {}
        try:
            getattr(self.agents[agent], change)(f"$intent/{intent}", **fields)
        except comity.Refused:
            return
        raise AssertionError("a record of a built-in kind was changed directly")

    @rule(seconds=st.sampled_from([1, 30, 61]))
    def let_time_pass(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)
        self.now += seconds

    @rule(agent=st.sampled_from(AGENTS), record=st.sampled_from(RECORDS))
    def change_a_record(self, agent: str, record: str) -> None:
        self.agents[agent].add(record, n=1)
        self.values[record] += 1
        for other in AGENTS:
            if other == agent:
                self.untold[other].pop(record, None)
            else:
                self.untold[other][record] = self.values[record]

    @rule(agent=st.sampled_from(AGENTS))
    def look(self, agent: str) -> None:
        news = self.readers[agent].get("task/a").news
        told = {item.record: item.now["n"] for item in news.items} if news is not None else {}
        assert told == self.untold[agent]
        self.untold[agent] = {}

    @precondition(lambda self: self.owners)
    @invariant()
    def what_is_listed_is_what_is_open(self) -> None:
        listed = {one.intent: (one.agent, one.about[0]) for one in self.ws.intents().intents}
        assert listed == self.live()


Announced.TestCase.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
TestAnnounced = Announced.TestCase
