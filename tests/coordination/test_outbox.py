"""The outbox of one process: what it releases, hands to handlers and webhooks, and what it makes of the outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

import comity
from comity import limits
from comity.clock import parse_time
from comity.coordination.outbox import Outbox, Tally
from comity.errors import InvalidRequest
from comity.operations import RunAnswer
from comity.outbound import verify
from comity.testing.manual_clock import ManualClock
from tests.semantics.running import DEADLINE_S

SECRET = "whsec_" + "c2VjcmV0LW9mLWEtdGVzdA=="


class Receiver:
    """Be a webhook's receiver: it answers what it is told to, and keeps what it got."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.got: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def opened(tmp_path: Path, clock: ManualClock) -> Iterator[Callable[[str], comity.Workspace]]:
    made: list[comity.Workspace] = []

    def open_base(source: str) -> comity.Workspace:
        (tmp_path / "comity.toml").write_text(source, encoding="utf-8")
        made.append(comity.open(tmp_path / "crm.db", definition=tmp_path / "comity.toml", clock=clock))
        return made[-1]

    yield open_base
    for ws in made:
        ws.close()


def outbox_of(ws: comity.Workspace) -> Outbox:
    return ws._engine.outbox


def by_webhook(url: str) -> str:
    webhook = f'url = "{url}"\nsecret_env = "HOOK"\ntimeout = "{limits.WEBHOOK_TIMEOUT_MOST_S}s"'
    return f'[webhooks.crm]\n{webhook}\n[effects.email]\nwebhook = "crm"\nattempts = 3\n'


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", SECRET)


@pytest.mark.usefixtures("secret")
def test_a_webhook_gets_a_signed_cloud_event_with_the_key_as_its_id(
    opened: Callable[[str], comity.Workspace], receiver: Receiver, clock: ManualClock
) -> None:
    ws = opened(by_webhook(receiver.url))
    decision = ws.agent("sales").effect("email", subject="Hi")
    assert ws.run_effects() == RunAnswer(delivered=1)
    (headers, body), *more = receiver.got
    assert not more
    key = ws.effect(decision).effect.partition("/")[2]
    verify([SECRET], headers, body, clock=clock)
    event = msgspec.json.decode(body)
    assert (event["id"], event["type"], event["data"]["data"]) == (key, "comity.effect.email", {"subject": "Hi"})
    assert headers["webhook-id"] == key
    assert ws.effect(decision).answer == "204"


@pytest.mark.usefixtures("secret")
def test_a_receiver_that_asks_for_time_gets_it(
    opened: Callable[[str], comity.Workspace], receiver: Receiver, clock: ManualClock
) -> None:
    ws = opened(by_webhook(receiver.url))
    receiver.answers = [(503, {"retry-after": "120"})]
    decision = ws.agent("sales").effect("email")
    ws.run_effects()
    effect = ws.effect(decision)
    assert (effect.state, effect.is_uncertain) == ("held", False)
    assert parse_time(effect.release_at) >= clock.wall_us() + 120_000_000
    clock.advance(seconds=121)
    assert ws.run_effects().delivered == 1
    assert [headers["webhook-id"] for headers, _ in receiver.got] == [effect.effect.partition("/")[2]] * 2


@pytest.mark.usefixtures("secret")
def test_a_receiver_that_refuses_gets_it_no_more(opened: Callable[[str], comity.Workspace], receiver: Receiver) -> None:
    ws = opened(by_webhook(receiver.url))
    receiver.answers = [(410, {})]
    decision = ws.agent("sales").effect("email")
    ws.run_effects()
    assert ws.effect(decision).state == "aside"


def test_a_webhook_whose_secret_lacks_sends_nothing_and_that_is_no_try(
    opened: Callable[[str], comity.Workspace], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK", raising=False)
    ws = opened(by_webhook(receiver.url))
    decision = ws.agent("sales").effect("email")
    done = ws.run_effects()
    effect = ws.effect(decision)
    assert (effect.state, effect.attempts, receiver.got) == ("held", 0, [])
    assert "1 effect email due, and this process can't use its webhook crm: HOOK is empty or missing." in str(done)
    monkeypatch.setenv("HOOK", SECRET)
    assert ws.run_effects() == RunAnswer(delivered=1)


def test_what_is_due_and_delivered_by_nobody_here_is_named(opened: Callable[[str], comity.Workspace]) -> None:
    ws = opened("[effects.email]\n[effects.fax]\n")
    ws.handle("fax", print)
    for name in ("email", "email", "fax"):
        ws.agent("sales").effect(name)
    ws.agent("sales").effect("email", hold="1h")
    done = ws.run_effects()
    assert (done.delivered, len(done.left)) == (1, 1)
    assert "2 effects email due, and this process has no handler for it" in str(done)


def test_a_handler_of_what_is_not_declared_is_warned_of_and_delivers_once_it_is(
    opened: Callable[[str], comity.Workspace], tmp_path: Path
) -> None:
    ws = opened("[effects.email]\n[effects.fax]\n")
    sent: list[comity.Delivery] = []
    with pytest.warns(comity.EffectUndeclared, match="'emial' is no declared effect; did you mean 'email'"):
        ws.handle("emial", sent.append)
    later = tmp_path / "later.toml"
    later.write_text("[effects.email]\n[effects.emial]\n", encoding="utf-8")
    with comity.open(tmp_path / "crm.db", clock=ws._engine.clock) as other:
        assert other.apply(later).is_changed
    ws.agent("sales").effect("emial")
    assert ws.run_effects().delivered == 1
    assert [delivery.effect for delivery in sent] == ["emial"]


async def _later(delivery: comity.Delivery) -> None:
    raise AssertionError(delivery)


def _handing_back(delivery: comity.Delivery) -> object:
    return _later(delivery)


def test_a_handler_that_hands_back_a_coroutine_has_delivered_nothing(
    opened: Callable[[str], comity.Workspace], clock: ManualClock
) -> None:
    ws = opened("[effects.email]\n")
    ws.handle("email", _handing_back)
    decision = ws.agent("sales").effect("email")
    assert ws.run_effects() == RunAnswer(failed=1, next_at=ws.effect(decision).release_at)
    effect = ws.effect(decision)
    assert (effect.state, effect.is_uncertain) == ("held", False)
    assert (
        effect.error == "its handler returned an awaitable, so nothing was done: give a function that calls asyncio.run"
    )


class Asynchronous:
    async def __call__(self, delivery: comity.Delivery) -> None: ...


def _generator(delivery: comity.Delivery) -> Iterator[None]:
    yield


@pytest.mark.parametrize("handler", [Asynchronous(), _generator], ids=["asynchronous call", "generator"])
def test_what_does_nothing_by_being_called_is_no_handler(
    opened: Callable[[str], comity.Workspace], handler: Callable[[comity.Delivery], object]
) -> None:
    ws = opened("[effects.email]\n")
    with pytest.raises(InvalidRequest, match="give a function"):
        ws.handle("email", handler)


def test_a_handler_of_this_process_goes_before_a_webhook(
    opened: Callable[[str], comity.Workspace], receiver: Receiver
) -> None:
    ws = opened(by_webhook(receiver.url))
    sent: list[comity.Delivery] = []
    ws.handle("email", sent.append)
    ws.agent("sales").effect("email", subject="Hi")
    ws.run_effects()
    assert (len(sent), receiver.got) == (1, [])


def test_each_effect_has_one_handler(opened: Callable[[str], comity.Workspace]) -> None:
    ws = opened("")

    @ws.handle("email")
    def send(delivery: comity.Delivery) -> None:
        """Send it."""

    assert ws.handle("email", send) is send
    assert outbox_of(ws).handler_of("email") is send
    with pytest.raises(InvalidRequest, match="delivers 'email' already"):
        ws.handle("email", print)

    async def later(delivery: comity.Delivery) -> None:
        """Send it later."""

    with pytest.raises(InvalidRequest, match="asynchronous"):
        ws.handle("fax", later)
    with pytest.raises(InvalidRequest, match="a handler is a function"):
        ws.handle("fax", "print")  # type: ignore[call-overload]


def test_only_so_many_are_delivered_at_once(
    opened: Callable[[str], comity.Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EFFECTS_AT_ONCE", 2)
    ws = opened("")
    goes = threading.Event()
    ws.handle("email", lambda delivery: goes.wait(DEADLINE_S))
    for _ in range(5):
        ws.agent("sales").effect("email")
    outbox = outbox_of(ws)
    assert outbox.run(64) == 2
    assert outbox.run(64) == 0
    assert outbox.is_delivering()
    goes.set()
    assert ws.run_effects().delivered == 5
    assert not outbox.is_delivering()


def test_in_the_thread_of_whoever_looks_if_they_want(opened: Callable[[str], comity.Workspace]) -> None:
    ws = opened("")
    threads: list[threading.Thread] = []
    ws.handle("email", lambda delivery: threads.append(threading.current_thread()))
    ws.agent("sales").effect("email")
    assert outbox_of(ws).run(64, in_background=False) == 1
    assert threads == [threading.current_thread()]


def test_where_no_thread_is_to_be_had_whoever_looks_delivers(opened: Callable[[str], comity.Workspace]) -> None:
    def refuse(name: str, work: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    ws = opened("")
    sent: list[comity.Delivery] = []
    ws.handle("email", sent.append)
    outbox_of(ws).start_with(refuse)
    ws.agent("sales").effect("email")
    assert ws.run_effects().delivered == len(sent) == 1
    assert not outbox_of(ws).is_delivering()


def test_s34_a_try_whose_time_is_over_before_it_begins_is_not_made(
    opened: Callable[[str], comity.Workspace], clock: ManualClock
) -> None:
    ws = opened("")
    sent: list[str] = []

    def deliver(delivery: comity.Delivery) -> None:
        sent.append(delivery.key)
        clock.advance(seconds=limits.EFFECT_TIMEOUT_S + 1)

    ws.handle("email", deliver)
    for _ in range(2):
        ws.agent("sales").effect("email")
    assert outbox_of(ws).run(64, in_background=False) == 2
    assert len(sent) == 1
    clock.advance(seconds=limits.RETRY_MOST_S)
    outbox_of(ws).run(64, in_background=False)
    clock.advance(seconds=limits.RETRY_MOST_S)
    outbox_of(ws).run(64, in_background=False)
    assert len(set(sent)) == 2


def test_a_look_tells_when_the_next_one_is_due(opened: Callable[[str], comity.Workspace], clock: ManualClock) -> None:
    ws = opened("")
    ws.handle("email", print)
    assert outbox_of(ws).next_us is None
    ws.agent("sales").effect("email", hold="10s")
    assert ws.run_effects().next_at == ws.effects().effects[0].release_at
    assert ws._engine.duties.pause_s() == limits.DUTY_PAUSE_S
    clock.advance(seconds=9.9)
    assert ws._engine.duties.pause_s() == pytest.approx(0.1)


def test_a_tally_is_what_was_added() -> None:
    before = Tally(1, 2, 3)
    assert before.plus(delivered=1, failed=2) - before == Tally(1, 2, 0)


def test_a_process_that_does_duties_is_warned_of_secrets_that_it_lacks(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK", raising=False)
    path = tmp_path / "comity.toml"
    path.write_text(by_webhook(receiver.url) + '[webhooks.unused]\nurl = "https://x.y"\nsecret_env = "OTHER"\n')
    with pytest.warns(comity.SecretMissing) as told:
        comity.open(tmp_path / "crm.db", definition=path, duties=True).close()
    (one,) = told
    assert str(one.message) == "webhook crm: HOOK is empty or missing, so this process sends nothing there"
    monkeypatch.setenv("HOOK", SECRET)
    comity.open(tmp_path / "crm.db", duties=True).close()


def test_what_is_due_and_delivered_elsewhere_keeps_nobody_awake(opened: Callable[[str], comity.Workspace]) -> None:
    ws = opened("[effects.email]\n")
    ws.agent("sales").effect("email")
    outbox = outbox_of(ws)
    assert outbox.run(10) == 0
    assert outbox.next_us is None
    assert ws._engine.duties.pause_s() == limits.DUTY_PAUSE_S
