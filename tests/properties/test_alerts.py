"""The life of alerts against a plain model: no illegal transition is reachable, each is sent once, and told once."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import comity
from comity.clock import SECOND_US, format_time
from comity.coordination.alerts import Alert, telling
from comity.coordination.duties import SYSTEM
from comity.model.built_in import ALERT
from comity.model.proposals import Archive, Caller, Delete, Emit, Proposal, Put, Restore, Set, Undo
from comity.testing.manual_clock import ManualClock

QUIET_S = 60
SENDERS = st.sampled_from(["one", "other"])


@dataclass
class Told:
    """Be one alert in the model."""

    name: str
    seen: int
    expires: int
    state: str = "raised"
    count: int = 4
    sender: str | None = None
    sending_until: int = 0
    is_sent: bool = False
    sent: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.state != "resolved"


class Alerts(RuleBasedStateMachine):
    """Raise, repeat, answer, send and outlive alerts."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        (self.folder / "comity.toml").write_text('[agents]\nsales = {}\nops = { kind = "human" }\n', encoding="utf-8")
        self.ws = comity.open(self.folder / "crm.db", definition=self.folder / "comity.toml", clock=self.clock)
        key = self.ws.issue_key("ops")
        self.ops = Caller("ops", "key", key.key_id)
        self.told: list[Told] = []
        self.count = 0

    @property
    def now(self) -> int:
        return self.clock.wall_us()

    def propose(self, change: Any, caller: Caller = SYSTEM) -> bool:
        self.count += 1
        proposal = Proposal(id=f"p{self.count}", changes=(change,), accept=self.ws.revision)
        return self.ws._engine.propose(proposal, caller).is_committed

    def alert_of(self, one: Told, seen: int) -> Alert:
        return Alert(one.name, "ping_pong", "item/a", "warning", "About a.", ("1.0",), one.count, one.seen, seen)

    @rule()
    def raise_one(self) -> None:
        one = Told(f"a{len(self.told)}", self.now, self.now + QUIET_S * SECOND_US)
        change = telling(self.alert_of(one, self.now), is_new=True, quiet_s=QUIET_S)
        assert self.propose(change)
        assert not self.propose(change), "each is raised once"
        self.told.append(one)

    @precondition(lambda self: self.told)
    @rule(data=st.data(), back_s=st.sampled_from([0, 5]))
    def repeat(self, data: st.DataObject, back_s: int) -> None:
        one = data.draw(st.sampled_from(self.told))
        seen = self.now - back_s * SECOND_US
        change = telling(self.alert_of(one, seen), is_new=False, quiet_s=QUIET_S)
        assert self.propose(change) == (seen > one.seen)
        if seen > one.seen:
            if not one.is_open:
                one.is_sent = False
                one.state = "raised"
            one.seen, one.expires = seen, seen + QUIET_S * SECOND_US

    @precondition(lambda self: self.told)
    @rule(data=st.data(), is_ops=st.booleans())
    def acknowledge(self, data: st.DataObject, is_ops: bool) -> None:
        one = data.draw(st.sampled_from(self.told))
        done = self.propose(Emit(f"{ALERT}/{one.name}", "acknowledged"), self.ops if is_ops else Caller("sales"))
        assert done == (is_ops and one.state == "raised")
        one.state = "acknowledged" if done else one.state

    @precondition(lambda self: self.told)
    @rule(data=st.data(), event=st.sampled_from(["resolved", "settled", "expired"]))
    def end(self, data: st.DataObject, event: str) -> None:
        one = data.draw(st.sampled_from(self.told))
        terms = {"seen": one.seen} if event == "settled" else {}
        done = self.propose(Emit(f"{ALERT}/{one.name}", event, terms), self.ops if event == "resolved" else SYSTEM)
        assert done == (one.is_open and (event != "expired" or self.now >= one.expires))
        one.state = "resolved" if done else one.state

    @precondition(lambda self: self.told)
    @rule(data=st.data(), sender=SENDERS)
    def take(self, data: st.DataObject, sender: str) -> None:
        one = data.draw(st.sampled_from(self.told))
        until = self.now + 20 * SECOND_US
        terms = {"sender": sender, "sent_in": one.name, "sending_until": format_time(until)}
        done = self.propose(Emit(f"{ALERT}/{one.name}", "taken", terms))
        assert done == (one.is_open and not one.is_sent and self.now >= one.sending_until)
        if done:
            one.sender, one.sending_until = sender, until

    @precondition(lambda self: self.told)
    @rule(data=st.data(), sender=SENDERS, event=st.sampled_from(["sent", "failed"]))
    def finish(self, data: st.DataObject, sender: str, event: str) -> None:
        one = data.draw(st.sampled_from(self.told))
        terms: dict[str, Any] = {"sender": sender, "reached": ["webhook:ops"]}
        if event == "failed":
            terms |= {"sending_until": format_time(self.now + SECOND_US), "error": "no answer"}
        done = self.propose(Emit(f"{ALERT}/{one.name}", event, terms))
        assert done == (one.is_open and one.sender == sender)
        if done:
            one.is_sent = one.is_sent or event == "sent"
            one.sending_until = 0 if event == "sent" else self.now + SECOND_US

    @rule(seconds=st.sampled_from([1, 20, 61]))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @precondition(lambda self: self.told)
    @rule(data=st.data(), caller=st.sampled_from(["sales", "ops"]))
    def try_what_is_not_allowed(self, data: st.DataObject, caller: str) -> None:
        ref = f"{ALERT}/{data.draw(st.sampled_from(self.told)).name}"
        terms = {"sender": "one", "sent_in": "x", "sending_until": "2033-01-01T00:00:00Z"}
        change = data.draw(
            st.sampled_from(
                [
                    Set(ref, {"state": "resolved"}),
                    Put(ref, {"count": 0}),
                    Archive(ref),
                    Delete(ref),
                    Restore(ref),
                    Undo(ref, {"$life": 0}),
                    Emit(ref, "taken", terms),
                    Emit(ref, "sent", {"sender": "one", "reached": []}),
                    Emit(ref, "settled", {"seen": 1}),
                ]
            )
        )
        assert not self.propose(change, self.ops if caller == "ops" else Caller("sales"))

    @invariant()
    def records_agree(self) -> None:
        with self.ws._engine.store.snapshot() as snapshot:
            states = snapshot.records([(ALERT, one.name) for one in self.told])
        for one in self.told:
            state = states[ALERT, one.name]
            assert (state.values["state"], state.is_live) == (one.state, one.is_open)
            assert (state.values.get("sent_at") is not None) == one.is_sent

    def teardown(self) -> None:
        assert self.ws.verify().is_clean
        self.ws.close()
        shutil.rmtree(self.folder)


TestAlerts = Alerts.TestCase
TestAlerts.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
