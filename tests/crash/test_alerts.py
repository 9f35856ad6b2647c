"""A process killed while it sends an alert: another one sends it, under the same id, by which the receiver drops it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity.clock import SystemClock
from comity.coordination import alert_post
from comity.coordination.alerts import Alert, telling
from comity.coordination.duties import SYSTEM, step_id
from comity.model.built_in import ALERT
from comity.model.proposals import Proposal
from comity.testing.manual_clock import ManualClock
from tests.crash.test_effects import SECRET, Receiver, start, until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def raised(ws: comity.Workspace, name: str) -> None:
    """Have an alert raised that is severe enough to be sent."""
    now_us = ws._engine.coordinator.time_at(ws._engine.store.head()).now_us
    alert = Alert(name, "ping_pong", "item/a.n", "critical", "About a.", ("1.0",), 4, now_us, now_us)
    change = telling(alert, is_new=True, quiet_s=10**6)
    assert ws._engine.propose(Proposal(id=step_id(change, 0), changes=(change,)), SYSTEM).is_committed


def sent_at(ws: comity.Workspace, name: str) -> str | None:
    with ws._engine.store.snapshot() as snapshot:
        told: str | None = snapshot.records([(ALERT, name)])[ALERT, name].values.get("sent_at")
        return told


def test_an_alert_whose_sender_is_killed_is_sent_by_another_under_the_same_id(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", SECRET)
    url = f"http://127.0.0.1:{receiver.server.server_address[1]}/"
    definition = tmp_path / "comity.toml"
    definition.write_text(
        f'[webhooks.ops]\nurl = "{url}"\nsecret_env = "HOOK"\ntimeout = "60s"\n'
        '[alerts]\nto = { webhooks = ["ops"] }\n',
        encoding="utf-8",
    )
    receiver.answers.clear()
    with comity.open(tmp_path / "crm.db", definition=definition) as ws:
        raised(ws, "a")
        first = start(tmp_path / "crm.db")
        until(lambda: receiver.tries)
        first.send_signal(signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL
        receiver.answers.set()
        assert sent_at(ws, "a") is None
        assert ws._engine.alert_post.run() == 0, "nobody else sends it while the first one may"
    clock = ManualClock(SystemClock().wall_us())
    with comity.open(tmp_path / "crm.db", clock=clock) as ws:
        clock.advance(seconds=2 * alert_post._patience_s(ws._engine.definition().definition))
        assert ws._engine.alert_post.run() == 1
        assert ws._engine.alert_post.settle(60)
        assert sent_at(ws, "a") is not None
        assert receiver.tries == {"a": 2}
        assert ws._engine.alert_post.run() == 0
        assert ws.verify().is_clean
