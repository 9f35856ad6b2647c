"""Webhooks: one POST, to the address that a definition names, and nowhere else."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final
from urllib.parse import SplitResult, urlsplit

from comity import limits
from comity.clock import SECOND_US
from comity.errors import InvalidRequest
from comity.model.addresses import problem_of_url
from comity.model.definition import WebhookDefinition
from comity.outbound.answers import Answer, Outcome, Unanswered, Verdict, words_kept
from comity.outbound.cloud_events import CONTENT_TYPE, CloudEvent
from comity.outbound.deadlines import Deadline, words_of
from comity.outbound.secrets import secrets_of
from comity.outbound.signatures import signed_headers

_LATER: Final = frozenset({408, 409, 425, 429})
"""Of the codes below 500, those after which the same may be taken another time."""

_USER_AGENT: Final = "comity"


def send(webhook: WebhookDefinition, event: CloudEvent, *, environment: Mapping[str, str], now_us: int) -> Outcome:
    """Send a message to a webhook of the definition, signed; return what came of it.

    ``now_us`` is the wall clock's time: receivers refuse what was signed long ago. Raises
    InvalidRequest where the environment lacks a secret that the definition names.
    """
    body = event.encoded()
    secrets = secrets_of(webhook.secret_env, environment)
    headers = {"content-type": CONTENT_TYPE, **signed_headers(secrets, event.id, now_us // SECOND_US, body)}
    return post(webhook.url, body, headers, timeout_s=webhook.timeout_s, insecure=webhook.insecure)


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, insecure: bool = False) -> Outcome:
    """POST a body; return the receiver's answer, or why there is none.

    Only https is allowed, and http to the machine itself; with ``insecure`` any http.
    Connecting to each of a name's addresses may take ``timeout_s``, and all that follows as
    long again. No redirect is followed and no proxy asked. Raises InvalidRequest for an
    address or a header that can't be.
    """
    problem = problem_of_url(url, insecure=insecure)
    if problem is not None:
        raise InvalidRequest(problem)
    parts = urlsplit(url)
    connection = _connection_to(parts, timeout_s)
    try:
        try:
            connection.connect()
        except (OSError, HTTPException, UnicodeError) as error:
            return Unanswered(words_kept(f"no connection to {parts.netloc}: {words_of(error)}"), may_have_arrived=False)
        return _exchange(connection, parts, body, headers, timeout_s)
    finally:
        connection.close()


def _exchange(
    connection: HTTPConnection, parts: SplitResult, body: bytes, headers: Mapping[str, str], timeout_s: float
) -> Outcome:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    line = connection.sock  # Once an answer begins whose end closes the line, the connection has let go of it.
    with Deadline(timeout_s, lambda: line) as deadline:
        try:
            connection.request("POST", target, body, {"user-agent": _USER_AGENT, "connection": "close", **headers})
            response = connection.getresponse()
        except ValueError as error:
            raise InvalidRequest(f"a header of a webhook can't be sent: {error}") from None
        except (OSError, HTTPException) as error:
            message = f"no answer from {parts.netloc}: {words_of(error, deadline)}"
            return Unanswered(words_kept(message), may_have_arrived=True)
        text = _text_of(response)
    return Answer(response.status, _verdict_of(response.status), _retry_after(response), text)


def _text_of(response: HTTPResponse) -> str:
    """Return the beginning of what is said beside the status; that it breaks off changes nothing about the status."""
    try:
        said = response.read(limits.WEBHOOK_ANSWER_BYTES)
    except (OSError, HTTPException, ValueError):
        return ""
    return words_kept(said.decode("utf-8", "replace"))


def _connection_to(parts: SplitResult, timeout_s: float) -> HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "http":
        return HTTPConnection(host, parts.port, timeout=timeout_s)
    return HTTPSConnection(host, parts.port, timeout=timeout_s, context=ssl.create_default_context())


def _verdict_of(status: int) -> Verdict:
    if 200 <= status < 300:
        return "delivered"
    return "later" if status in _LATER or status >= 500 else "refused"


def _retry_after(response: HTTPResponse) -> float | None:
    """Return how long the receiver wants to be left alone, told as seconds or as a moment (RFC 9110, 10.2.3)."""
    told = (response.getheader("retry-after") or "").strip()
    if told.isascii() and told.isdigit():
        return min(float(told[:9]), limits.RETRY_MOST_S)
    try:
        moment, now = parsedate_to_datetime(told), parsedate_to_datetime(response.getheader("date") or "")
        seconds = (moment - now).total_seconds()
    except (TypeError, ValueError):
        return None
    return min(max(seconds, 0.0), limits.RETRY_MOST_S)
