"""POSTs to a real server: what comes of them, whatever it does."""

from __future__ import annotations

import socket
import time
from http.server import BaseHTTPRequestHandler

import msgspec
import pytest

from comity import limits
from comity.clock import SECOND_US, SystemClock
from comity.errors import InvalidRequest
from comity.model.definition import WebhookDefinition
from comity.outbound import Answer, CloudEvent, Unanswered, post, send, verify
from comity.outbound.answers import Verdict
from tests.outbound.receiving import Receiver, answer, serving, take

PATIENCE_S = 60
"""More than any answer takes that comes at all."""
SOON_S = 1.5
"""When one that never ends is cut off: late enough for a slow machine to have begun with it."""
EVENT = CloudEvent(id="alert-1", source="/crm", type="comity.alert", subject="customer/acme", at=0, data={"n": 1})


def test_a_message_arrives_signed_and_as_a_cloud_event() -> None:
    now_us = SystemClock().wall_us()
    with serving(Receiver(take)) as receiver:
        webhook = WebhookDefinition(name="ops", url=receiver.url, secret_env=("OLD", "NEW"))
        outcome = send(webhook, EVENT, environment={"OLD": "a", "NEW": "whsec_c2VjcmV0"}, now_us=now_us)
    assert outcome == Answer(200, "delivered")
    assert outcome.is_delivered
    [request] = receiver.requests
    assert request.headers["content-type"].startswith("application/cloudevents+json")
    assert verify("a", request.headers, request.body) == verify("whsec_c2VjcmV0", request.headers, request.body)
    assert int(request.headers["webhook-timestamp"]) == now_us // SECOND_US
    told = msgspec.json.decode(request.body)
    assert told == {
        "specversion": "1.0",
        "id": "alert-1",
        "source": "/crm",
        "type": "comity.alert",
        "subject": "customer/acme",
        "time": "1970-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "data": {"n": 1},
    }


def test_a_secret_that_is_not_there_is_told_before_anything_is_sent() -> None:
    with serving(Receiver(take)) as receiver:
        webhook = WebhookDefinition(name="ops", url=receiver.url, secret_env=("HOOK",))
        with pytest.raises(InvalidRequest, match="HOOK"):
            send(webhook, EVENT, environment={}, now_us=0)
        assert receiver.requests == []


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (301, "refused"),
        (400, "refused"),
        (404, "refused"),
        (408, "later"),
        (410, "refused"),
        (429, "later"),
        (500, "later"),
        (503, "later"),
    ],
)
def test_what_a_status_means(status: int, verdict: Verdict) -> None:
    with serving(Receiver(lambda receiver, handler: answer(handler, status))) as receiver:
        outcome = post(receiver.url, b"", {}, timeout_s=PATIENCE_S)
    assert outcome == Answer(status, verdict)


def test_no_redirect_is_followed() -> None:
    with serving(Receiver(lambda r, handler: answer(handler, 307, {"location": r.url + "/other"}))) as receiver:
        assert post(receiver.url, b"x", {}, timeout_s=PATIENCE_S) == Answer(307, "refused")
        assert [request.path for request in receiver.requests] == ["/hook"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "999999999999"}, limits.RETRY_MOST_S),
        ({"retry-after": "soon"}, None),
        ({}, None),
        ({"date": "Wed, 21 Oct 2015 07:28:00 GMT", "retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}, 30.0),
        ({"date": "Wed, 21 Oct 2015 07:28:00 GMT", "retry-after": "Wed, 21 Oct 2015 07:27:00 GMT"}, 0.0),
    ],
)
def test_a_receiver_may_ask_to_be_left_alone(headers: dict[str, str], expected: float | None) -> None:
    def respond(receiver: Receiver, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(503)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    with serving(Receiver(respond)) as receiver:
        outcome = post(receiver.url, b"", {}, timeout_s=PATIENCE_S)
    assert isinstance(outcome, Answer)
    assert outcome.retry_after_s == expected


def test_limit_webhook_answer_bytes_and_outbound_text_chars() -> None:
    def flood(receiver: Receiver, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(2_000):
                handler.wfile.write(b"x" * limits.WEBHOOK_ANSWER_BYTES)
        except OSError:
            return

    with serving(Receiver(flood)) as receiver:
        outcome = post(receiver.url, b"", {}, timeout_s=PATIENCE_S)
    assert outcome == Answer(200, "delivered", text="x" * limits.OUTBOUND_TEXT_CHARS)


def test_what_surely_was_not_sent_is_told_from_what_may_have_been() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = closed.getsockname()[1]  # Kept as long as it is used: else another test's receiver may get it.
        refused = post(f"http://127.0.0.1:{nobody}/", b"", {}, timeout_s=PATIENCE_S)
    unknown = post("https://nowhere.invalid/", b"", {}, timeout_s=PATIENCE_S)
    with serving(Receiver(lambda receiver, handler: handler.connection.close())) as receiver:
        dropped = post(receiver.url, b"", {}, timeout_s=PATIENCE_S)
        no_tls = post(receiver.url.replace("http:", "https:"), b"", {}, timeout_s=PATIENCE_S)
    for outcome, may_have_arrived in ((refused, False), (unknown, False), (no_tls, False), (dropped, True)):
        assert isinstance(outcome, Unanswered)
        assert outcome.may_have_arrived is may_have_arrived, outcome
        assert outcome.verdict == "later"


def test_a_receiver_that_answers_drop_by_drop_is_cut_off() -> None:
    def drip(receiver: Receiver, handler: BaseHTTPRequestHandler) -> None:
        try:
            while True:
                handler.wfile.write(b"H")
                handler.wfile.flush()
                time.sleep(0.02)
        except OSError:
            return

    with serving(Receiver(drip)) as receiver:
        outcome = post(receiver.url, b"", {}, timeout_s=SOON_S)
    assert isinstance(outcome, Unanswered)
    assert outcome.message.endswith("it took too long")


def test_a_receiver_that_says_the_rest_drop_by_drop_is_cut_off_too() -> None:
    def drip(receiver: Receiver, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()  # Without a length, in HTTP/1.0: it ends with the line.
        try:
            while True:
                handler.wfile.write(b"x")
                time.sleep(0.02)
        except OSError:
            return

    with serving(Receiver(drip)) as receiver:
        outcome = post(receiver.url, b"", {}, timeout_s=SOON_S)
    assert outcome.is_delivered


def test_of_the_words_of_a_receiver_is_kept_what_a_record_can_hold() -> None:
    with serving(Receiver(lambda _, handler: answer(handler, 410, text="go\0ne\x1b[2J"))) as receiver:
        assert post(receiver.url, b"", {}, timeout_s=PATIENCE_S) == Answer(410, "refused", text="gone[2J")


@pytest.mark.parametrize("url", ["http://example.com/", "ftp://example.com/", "https://user:word@example.com/", ""])
def test_where_no_message_may_go(url: str) -> None:
    with pytest.raises(InvalidRequest):
        post(url, b"", {}, timeout_s=1)


def test_a_header_can_not_smuggle_another_one_in() -> None:
    with serving(Receiver(take)) as receiver, pytest.raises(InvalidRequest, match="header"):
        post(receiver.url, b"", {"x": "a\r\nb: c"}, timeout_s=1)
