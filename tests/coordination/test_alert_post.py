"""Alerts leave the building: once, to everybody, and not too many at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import msgspec
import pytest

import comity
from comity import limits
from comity.coordination.alert_post import Message, planned
from comity.coordination.alerts import Alert, telling
from comity.coordination.duties import SYSTEM, step_id
from comity.model.alerting import AlertLevel
from comity.model.built_in import ALERT
from comity.model.proposals import Proposal
from comity.model.records import RecordState
from comity.outbound import verify
from comity.testing.manual_clock import ManualClock
from comity.workspace import Workspace
from tests.outbound.receiving import MailServer, Receiver, answer, serving, take

SOURCE = """
name = "crm"

[webhooks.ops]
url = "{url}"
secret_env = "HOOK"

[mail]
host = "127.0.0.1"
port = {port}
sender = "comity@example.com"
tls = "none"

[alerts]
to = {{ webhooks = ["ops"], mail = ["ops@example.com"] }}
per_hour = 5
quiet = "30d"
"""


class Site:
    """Be a workspace on a file, with receivers beside it; ``is_down`` makes the web server fail."""

    def __init__(self, folder: Path, receiver: Receiver, mail: MailServer, down: list[int]) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.receiver = receiver
        self.mail = mail
        self.down = down
        self.words: list[str] = []
        self.closing: Callable[[], None] | None = None
        self.workspaces: list[Workspace] = []
        source = SOURCE.format(url=receiver.url, port=mail.port)
        (folder / "comity.toml").write_text(source)
        self.workspace = self.open()

    def open(self) -> Workspace:
        definition = self.folder / "comity.toml"
        self.workspaces.append(comity.open(self.folder / "base.db", definition=definition, clock=self.clock))
        return self.workspaces[-1]

    def alert(self, name: str, severity: AlertLevel = "warning") -> str:
        """Have an alert raised."""
        engine = self.workspace._engine
        now_us = engine.coordinator.time_at(engine.store.head()).now_us
        alert = Alert(name, "ping_pong", f"item/{name}.n", severity, f"About {name}.", ("1.0",), 4, now_us, now_us)
        change = telling(alert, is_new=True, quiet_s=10**6)
        assert engine.propose(Proposal(id=step_id(change, 0), changes=(change,)), SYSTEM).is_committed
        return name

    def send(self, workspace: Workspace | None = None, *, after_s: float = 2) -> int:
        """Have what is due sent, and wait for it."""
        self.clock.advance(seconds=after_s)
        post = (workspace or self.workspace)._engine.alert_post
        count = post.run()
        post.settle()
        return count

    def received(self) -> list[Any]:
        return [msgspec.json.decode(request.body) for request in self.receiver.requests]

    def values(self, name: str) -> dict[str, Any]:
        with self.workspace._engine.store.snapshot() as snapshot:
            return snapshot.records([(ALERT, name)])[ALERT, name].values


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("HOOK", "secret")
    down: list[int] = []

    made: Site

    def respond(receiver: Receiver, handler: BaseHTTPRequestHandler) -> None:
        if made.closing is not None:
            made.closing()
        answer(handler, down[-1] if down else 200, text="".join(made.words))

    with serving(Receiver(respond)) as receiver, serving(MailServer()) as mail:
        made = Site(tmp_path, receiver, mail, down)
        yield made
        for workspace in made.workspaces:
            workspace.close()


def test_an_alert_is_sent_once_to_everybody(site: Site) -> None:
    site.alert("a")
    assert site.send() == 1
    [request] = site.receiver.requests
    [told] = site.received()
    assert (told["id"], told["type"], told["subject"]) == ("a", "comity.alert", "item/a.n")
    assert told["data"]["evidence"] == ["1.0"]
    assert request.headers["webhook-id"] == "a"
    assert verify("secret", request.headers, request.body, clock=site.clock) == "a"
    [mail] = site.mail.messages
    assert "Subject: [crm] warning: ping_pong on item/a.n" in mail
    assert "comity alerts ack a" in mail
    assert site.values("a")["reached"] == ["webhook:ops", "mail:ops@example.com"]
    assert site.send(after_s=10_000) == 0
    assert len(site.receiver.requests) == 1
    assert site.workspace.verify().is_clean


def test_what_is_less_severe_than_asked_for_stays_in_the_building(site: Site) -> None:
    site.alert("a", "info")
    assert site.send() == 0
    site.alert("b", "critical")
    assert site.send() == 1
    assert [told["id"] for told in site.received()] == ["b"]


def test_several_processes_send_it_once(site: Site) -> None:
    others = [site.open() for _ in range(3)]
    for name in "abc":
        site.alert(name)
    site.clock.advance(seconds=2)
    for workspace in others:
        workspace._engine.alert_post.run()
    for workspace in others:
        workspace._engine.alert_post.settle()
    assert sorted(told["id"] for told in site.received()) == ["a", "b", "c"]
    assert len(site.mail.messages) == 3


def test_who_has_not_got_it_is_tried_again_and_nobody_else(site: Site) -> None:
    site.alert("a")
    site.down.append(503)
    site.send()
    values = site.values("a")
    assert (values["reached"], values["tries"], "503" in values["error"]) == (["mail:ops@example.com"], 1, True)
    assert values.get("sent_at") is None
    site.down.clear()
    site.send(after_s=limits.RETRY_FIRST_S + 1)
    assert [told["id"] for told in site.received()] == ["a", "a"]
    assert len(site.mail.messages) == 1
    assert site.values("a")["reached"] == ["mail:ops@example.com", "webhook:ops"]
    assert site.values("a")["sent_at"] is not None


def test_who_refuses_it_for_good_is_not_asked_again(site: Site) -> None:
    site.alert("a")
    site.down.append(410)
    site.send()
    values = site.values("a")
    assert values["sent_at"] is not None
    assert "webhook:ops: 410" in values["error"]
    assert site.send(after_s=100_000) == 0


def test_a_secret_that_is_missing_is_told_and_tried_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK")
    site.alert("a")
    site.send()
    assert "HOOK" in site.values("a")["error"]
    monkeypatch.setenv("HOOK", "secret")
    site.send(after_s=limits.RETRY_FIRST_S + 1)
    assert [told["id"] for told in site.received()] == ["a"]


def test_limit_alert_tries(site: Site) -> None:
    site.alert("a")
    site.down.append(500)
    tries = sum(site.send(after_s=limits.RETRY_MOST_S + 1) for _ in range(limits.ALERT_TRIES + 5))
    assert tries == limits.ALERT_TRIES == len(site.receiver.requests)


def test_what_a_dead_process_had_taken_another_one_sends_in_the_end(site: Site) -> None:
    site.alert("a")
    engine = site.workspace._engine
    with engine.store.snapshot() as snapshot:
        state = snapshot.records([(ALERT, "a")])[ALERT, "a"]
    assert engine.alert_post._take(Message((state,)), engine.definition().definition, site.clock.wall_us()) is not None
    other = site.open()
    assert site.send(other) == 0
    assert site.send(other, after_s=10_000) == 1
    assert [told["id"] for told in site.received()] == ["a"]


def test_what_is_beyond_the_rate_comes_as_a_digest(site: Site) -> None:
    names = [site.alert(f"a{number:02}") for number in range(12)]
    assert site.send() == 5
    told = site.received()
    assert [one["id"] for one in told[:4]] == names[:4]
    assert [one["alert"] for one in told[4]["data"]["alerts"]] == names[4:]
    assert told[4]["type"] == "comity.alerts.digest"
    assert "Subject: [crm] 8 more alerts" in site.mail.messages[4]
    late = site.alert("late")
    assert site.send() == 0
    assert site.send(after_s=3_600) == 1
    assert site.received()[5]["id"] == late


@pytest.mark.parametrize(
    ("due", "room", "sizes"),
    [(0, 5, []), (3, 5, [1, 1, 1]), (5, 5, [1] * 5), (6, 5, [1, 1, 1, 1, 2]), (3, 1, [3]), (3, 0, []), (3, -1, [])],
)
def test_how_many_messages_there_are(due: int, room: int, sizes: list[int]) -> None:
    alerts = [RecordState(ALERT, f"a{number}") for number in range(due)]
    assert [len(message.alerts) for message in planned(alerts, room)] == sizes


def test_limit_alerts_in_digest() -> None:
    alerts = [RecordState(ALERT, f"a{number}") for number in range(2 * limits.ALERTS_IN_DIGEST)]
    [message] = planned(alerts, 1)
    assert len(message.alerts) == limits.ALERTS_IN_DIGEST


def test_in_a_process_that_does_duties_it_all_happens_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", "secret")
    monkeypatch.setattr(limits, "ALERT_SETTLED_S", 0.0)
    with serving(Receiver(take)) as receiver, serving(MailServer()) as mail:
        source = SOURCE.format(url=receiver.url, port=mail.port)
        (tmp_path / "comity.toml").write_text(f"{source}\n[alerts.lost_update]\ntimes = 2\n")
        with comity.open(tmp_path / "base.db", definition=tmp_path / "comity.toml", duties=True) as workspace:
            sales = workspace.agent("sales")
            sales.put("item/a", n=0)
            while not receiver.requests:
                with pytest.raises(comity.Conflict):
                    sales.put("item/a", n=2, was={"n": 1})
    assert msgspec.json.decode(receiver.requests[0].body)["data"]["detector"] == "lost_update"


def test_a_flood_does_not_keep_what_is_more_severe_from_being_told(site: Site) -> None:
    for number in range(12):
        site.alert(f"flood{number:02}")
    site.alert("worst", "critical")
    site.send()
    assert site.received()[0]["id"] == "worst"


def test_a_receiver_that_is_down_does_not_lift_the_rate_for_the_others(site: Site) -> None:
    site.down.append(503)
    for number in range(15):
        site.alert(f"a{number:02}")
        site.send()
    assert len(site.mail.messages) == 5
    site.send(after_s=3_600)
    assert "more alerts" in site.mail.messages[-1]


def test_a_digest_is_tried_again_as_the_message_that_it_was(site: Site) -> None:
    for number in range(8):
        site.alert(f"a{number}")
    site.down.append(503)
    site.send()
    site.alert("late")
    site.down.clear()
    site.send(after_s=10)
    told = {one["id"]: [alert["alert"] for alert in one["data"].get("alerts", ())] for one in site.received()}
    assert sum(site.received().count(one) == 2 for one in site.received()) == 10
    assert ["a4", "a5", "a6", "a7"] in told.values()
    assert len(site.mail.messages) == 5


def test_one_that_opens_again_after_a_try_in_vain_is_sent_anew(site: Site) -> None:
    site.down.append(503)
    site.alert("a")
    site.send()
    site.workspace.resolve_alert("a", reason="done with")
    site.down.clear()
    seen = site.clock.wall_us() + 5_000_000
    again = Alert("a", "ping_pong", "item/a.n", "warning", "Again.", ("2.0",), 5, seen, seen)
    change = telling(again, is_new=False, quiet_s=10**6)
    assert site.workspace._engine.propose(Proposal(id=step_id(change, 1), changes=(change,)), SYSTEM).is_committed
    assert site.send(after_s=10) == 1
    assert site.values("a")["sent_at"] is not None


def test_words_that_no_record_can_hold_do_not_have_it_sent_again(site: Site) -> None:
    site.down.append(410)
    site.words.append("go\0ne")
    site.alert("a")
    assert sum(site.send(after_s=10_000) for _ in range(3)) == 1
    assert site.values("a")["error"] == "webhook:ops: 410 gone"


def test_closing_leaves_to_others_what_is_not_being_sent_yet(site: Site) -> None:
    for name in "abc":
        site.alert(name)
    other = site.open()
    site.clock.advance(seconds=2)
    post = other._engine.alert_post

    def close() -> None:
        threading.Thread(target=post.close).start()
        while not post._is_closed:
            pass

    site.closing = close
    post.run()
    post.settle()
    assert [told["id"] for told in site.received()] == ["a"]
    assert "closed" in site.values("b")["error"]
    site.closing = None
    assert site.send(after_s=limits.RETRY_FIRST_S + 1) == 3
    assert [told["id"] for told in site.received()] == ["a", "b", "c"]
