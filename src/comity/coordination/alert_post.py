"""Sending alerts out: each once, by webhook and by mail, and no more than so many messages an hour.

The process that takes an alert, by a transition that one alone gets, sends it, in the
background; whoever dies over it is found out once its time is over. The most severe go
first, whatever floods. What is beyond the rate waits, and comes as a digest. A message keeps
its id when it is sent again, so that a receiver can drop what it has already.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from secrets import token_hex
from typing import Any, Final, Protocol

import msgspec
from msgspec.structs import replace

from comity import limits
from comity.clock import SECOND_US, format_time, parse_time
from comity.coordination.duties import SYSTEM, step_id
from comity.coordination.host import Host
from comity.errors import InvalidRequest
from comity.lane import Answer as Answered
from comity.model import filters
from comity.model.alerting import LEVELS, AlertLevel, AlertsDefinition
from comity.model.built_in import ALERT
from comity.model.decisions import Decision
from comity.model.definition import Definition
from comity.model.filters import Condition, Order, Query
from comity.model.proposals import Emit, Proposal
from comity.model.records import RecordState
from comity.outbound import Answer, CloudEvent, Mail, Outcome, Unanswered, delay_s, send, send_mail, source_of
from comity.store.contract import Snapshot

_HOUR_US: Final = 3_600 * SECOND_US
_MARGIN_S: Final = 60
"""How much longer than sending may take nobody else sends."""
_CLOSED: Final = "The process that was to send it was closed."

_log: Final = logging.getLogger("comity")


class PostHost(Host, Protocol):
    """Be an open workspace whose alerts are sent out."""

    url: str


class Message(msgspec.Struct, frozen=True):
    """Be one message: an alert, or a digest of several."""

    alerts: tuple[RecordState, ...]

    @property
    def id(self) -> str:
        """Return what it is known by, the same whenever it is sent."""
        if (sent_in := self.alerts[0].values.get("sent_in")) is not None:
            return sent_in
        if len(self.alerts) == 1:
            return self.alerts[0].id
        names = "|".join(alert.id for alert in self.alerts)
        return f"digest-{sha256(names.encode()).hexdigest()[:16]}"

    @property
    def reached(self) -> frozenset[str]:
        """Return who has got all of it."""
        return frozenset.intersection(*(frozenset(alert.values.get("reached") or ()) for alert in self.alerts))


class Result(msgspec.Struct, frozen=True):
    """Be what came of a message: who has got it, who is to be tried again, and what was said."""

    reached: tuple[str, ...]
    is_done: bool
    error: str | None


class AlertPost:
    """Send out the alerts of one workspace."""

    def __init__(self, host: PostHost) -> None:
        self._host = host
        self._sender = token_hex(8)
        self._busy = threading.Lock()
        self._looked_us = 0
        self._work: threading.Thread | None = None
        self._is_closed = False

    def run(self) -> int:
        """Begin to send what is to be sent, in the background; return how many messages that are."""
        if self._is_closed or not self._busy.acquire(blocking=False):
            return 0
        try:
            return self._run()
        finally:
            self._busy.release()

    def close(self) -> None:
        """Send nothing more, and wait a while for what is being sent: the rest is left to others."""
        self._is_closed = True
        if not self.settle(limits.EFFECT_CLOSE_S):
            _log.warning("closed while an alert was being sent: it may be sent again, under the same id")

    def settle(self, timeout_s: float | None = None) -> bool:
        """Wait for what is being sent; tell whether that came to its end in time."""
        work = self._work
        if work is None:
            return True
        work.join(timeout_s)
        return not work.is_alive()

    def _run(self) -> int:
        if self._work is not None and self._work.is_alive():
            return 0
        with self._host.store.snapshot() as snapshot:
            now_us = self._host.coordinator.time_at(snapshot.head).now_us
            if now_us < self._looked_us + SECOND_US or ALERT not in snapshot.kinds():
                return 0
            self._looked_us = now_us
            definition = self._host.coordinator.definition(snapshot).definition
            alerts = definition.alerts
            due = _due(snapshot, alerts, now_us) if alerts.webhooks or alerts.mail else []
            room = alerts.per_hour - _sent_lately(snapshot, now_us) if due else 0
        messages = [
            taken
            for one in planned(due, room)[: limits.ALERTS_PER_HOUR]
            if (taken := self._take(one, definition, now_us)) is not None
        ]
        if messages:
            self._work = threading.Thread(
                target=self._send_all, args=(messages, definition), name="comity alerts", daemon=True
            )
            self._work.start()
        return len(messages)

    def _take(self, message: Message, definition: Definition, now_us: int) -> Message | None:
        """Return what of a message this process may send, or None."""
        until = format_time(now_us + _patience_s(definition) * SECOND_US)
        terms = {"sender": self._sender, "sent_in": message.id, "sending_until": until}
        answers = self._propose([(Emit(alert.ref, "taken", terms), alert.version) for alert in message.alerts])
        pairs = zip(message.alerts, answers, strict=True)
        taken = tuple(alert for alert, answer in pairs if isinstance(answer, Decision) and answer.is_committed)
        return Message(taken) if taken else None

    def _send_all(self, messages: Iterable[Message], definition: Definition) -> None:
        for message in messages:
            try:
                self._record(message, self._send(message, definition))
            except Exception as error:  # noqa: BLE001 - one that can't be sent doesn't keep the others from it
                name = type(error).__name__
                _log.warning("what came of sending %s could not be kept: %s: %s", message.id, name, error)

    def _send(self, message: Message, definition: Definition) -> Result:
        """Send a message to all who haven't got it yet."""
        known = message.reached
        reached = dict.fromkeys(sorted(known))
        errors: list[str] = []
        is_done = True
        for receivers, outcome in self._tried(message, definition, known):
            if outcome.is_delivered:
                reached |= dict.fromkeys(receivers)
                continue
            is_done &= outcome.verdict == "refused"
            errors.append(f"{', '.join(receivers)}: {_said(outcome)}")
        return Result(tuple(reached), is_done, "; ".join(errors)[: limits.OUTBOUND_TEXT_CHARS] or None)

    def _tried(
        self, message: Message, definition: Definition, known: frozenset[str]
    ) -> Iterable[tuple[tuple[str, ...], Outcome]]:
        declared = {webhook.name: webhook for webhook in definition.webhooks}
        event = cloud_event(message, self._host.url)
        for name in definition.alerts.webhooks:
            webhook, receiver = declared.get(name), f"webhook:{name}"
            if webhook is not None and receiver not in known:
                now_us = self._host.clock.wall_us()
                yield (receiver,), self._try(partial(send, webhook, event, environment=os.environ, now_us=now_us))
        addresses = tuple(one for one in definition.alerts.mail if f"mail:{one}" not in known)
        server = definition.mail
        if server is not None and addresses:
            mail = mail_of(message, definition.name, addresses, self._host.clock.wall_us())
            receivers = tuple(f"mail:{one}" for one in addresses)
            yield receivers, self._try(partial(send_mail, server, mail, environment=os.environ))

    def _try(self, attempt: Callable[[], Outcome]) -> Outcome:
        """Return what came of a try; one that can't be made, as a secret is missing, say, is made again later."""
        if self._is_closed:
            return Unanswered(_CLOSED, may_have_arrived=False)
        try:
            return attempt()
        except InvalidRequest as error:
            return Answer(0, "later", text=str(error))

    def _record(self, message: Message, result: Result) -> None:
        """Have it told what came of a message."""
        now_us = self._host.coordinator.time_at(self._host.store.head()).now_us
        told: dict[str, Any] = {"sender": self._sender, "reached": list(result.reached)}
        if result.error is not None:
            told["error"] = result.error
            _log.warning("the alerts of %s did not reach everybody: %s", message.id, result.error)
        if not result.is_done:  # All of it is tried again at once, so that it stays the same message.
            tries = max(alert.values.get("tries") or 0 for alert in message.alerts) + 1
            told["sending_until"] = format_time(now_us + round(delay_s(tries, message.id) * SECOND_US))
        event = "sent" if result.is_done else "failed"
        self._propose([(Emit(alert.ref, event, told), alert.version + 1) for alert in message.alerts])

    def _propose(self, steps: Sequence[tuple[Emit, int]]) -> list[Answered]:
        proposals = [Proposal(id=step_id(change, version), changes=(change,)) for change, version in steps]
        return self._host.propose_many(proposals, SYSTEM) if proposals else []


def _said(outcome: Outcome) -> str:
    """Return what came of a try in words; one that couldn't be made has no status."""
    return f"{outcome.status or ''} {outcome.text}".strip() if isinstance(outcome, Answer) else outcome.message


def _patience_s(definition: Definition) -> int:
    """Return how long sending one message may take at most."""
    declared = {webhook.name: webhook.timeout_s for webhook in definition.webhooks}
    webhooks = sum(2 * declared.get(name, 0) for name in definition.alerts.webhooks)
    mail = 5 * definition.mail.timeout_s if definition.mail is not None else 0
    return limits.ALERTS_PER_HOUR * (webhooks + mail) + _MARGIN_S


def _due(snapshot: Snapshot, definition: AlertsDefinition, now_us: int) -> list[RecordState]:
    """Return the alerts to be sent: the most severe first, then those never tried, then the oldest."""
    levels = filter(definition.is_told, LEVELS[::-1])
    return [alert for level in levels for alert in sorted(_ready(snapshot, level, now_us), key=_turn_of)]


def _turn_of(alert: RecordState) -> tuple[int, int, str]:
    return alert.values.get("tries") or 0, parse_time(alert.values["first_at"]), alert.id


def _ready(snapshot: Snapshot, level: AlertLevel, now_us: int) -> list[RecordState]:
    """Return alerts that are to be sent now, ``limits.QUERY_RECORDS`` or so at most, however many aren't."""
    where = (Condition("sent_at", "=", None), Condition("severity", "=", level))
    query = Query(ALERT, where, limit=limits.QUERY_RECORDS)
    ready: list[RecordState] = []
    while page := snapshot.find(query):
        ready += [state for state in page if _is_ready(state.values, now_us)]
        if len(page) < limits.QUERY_RECORDS or len(ready) >= limits.QUERY_RECORDS:
            break
        query = replace(query, after=filters.page_after(query, page[-1]))
    return ready


def _is_ready(values: Mapping[str, Any], now_us: int) -> bool:
    until = values.get("sending_until")
    return (values.get("tries") or 0) < limits.ALERT_TRIES and (until is None or parse_time(until) <= now_us)


def _sent_lately(snapshot: Snapshot, now_us: int) -> int:
    """Return how many messages were sent within the last hour, or are still being sent or tried again."""
    since = format_time((now_us - _HOUR_US) // SECOND_US * SECOND_US)
    sent = Query(
        ALERT, (Condition("sent_at", ">", since),), (Order("sent_at"),), limit=limits.QUERY_RECORDS, life="kept"
    )
    tried = Query(
        ALERT, (Condition("sent_at", "=", None), Condition("sending_until", ">", since)), limit=limits.QUERY_RECORDS
    )
    named = {state.values.get("sent_in") for query in (sent, tried) for state in snapshot.find(query)}
    return len(named - {None})  # One that was resolved, and is open again, is a new one.


def planned(due: Sequence[RecordState], room: int) -> list[Message]:
    """Return the messages to send: one for each alert while there is room, then a digest of what is left.

    What was tried before is tried again as the message that it was, and takes no room.
    """
    again: dict[str, list[RecordState]] = {}
    for alert in due:
        if (sent_in := alert.values.get("sent_in")) is not None:
            again.setdefault(sent_in, []).append(alert)
    fresh = [alert for alert in due if alert.values.get("sent_in") is None]
    return [*_planned(fresh, room), *(Message(tuple(alerts)) for alerts in again.values())]


def _planned(fresh: Sequence[RecordState], room: int) -> list[Message]:
    if room <= 0:
        return []
    if len(fresh) <= room:
        return [Message((alert,)) for alert in fresh]
    single = [Message((alert,)) for alert in fresh[: room - 1]]
    return [*single, Message(tuple(fresh[room - 1 :][: limits.ALERTS_IN_DIGEST]))]


# -- what messages say


def cloud_event(message: Message, source: str) -> CloudEvent:
    """Return a message for a webhook."""
    first = message.alerts[0]
    told = [_told(alert) for alert in message.alerts]
    is_digest = len(told) > 1
    return CloudEvent(
        id=message.id,
        source=source_of(source),
        type="comity.alerts.digest" if is_digest else "comity.alert",
        subject=f"{len(told)} alerts" if is_digest else first.values["subject"],
        at=max(alert.values["seen"] for alert in message.alerts),
        data={"alerts": told} if is_digest else told[0],
    )


def _told(alert: RecordState) -> dict[str, Any]:
    names = ("detector", "subject", "severity", "message", "evidence", "count", "first_at", "last_at")
    return {"alert": alert.id, **{name: alert.values.get(name) for name in names}}


def mail_of(message: Message, workspace: str, to: tuple[str, ...], at_us: int) -> Mail:
    """Return a message as a mail."""
    first = message.alerts[0].values
    if len(message.alerts) == 1:
        subject = f"[{workspace}] {first['severity']}: {first['detector']} on {first['subject']}"
    else:
        subject = f"[{workspace}] {len(message.alerts)} more alerts"
    text = "\n\n".join(_lines(alert) for alert in message.alerts)
    return Mail(message.id, to, subject, text, at_us)


def _lines(alert: RecordState) -> str:
    values = alert.values
    evidence = ", ".join(values.get("evidence") or ()) or "none"
    return "\n".join(
        [
            f"{values['severity']}: {values['detector']} on {values['subject']}",
            values["message"],
            f"Seen {values['count']} times, from {values['first_at']} to {values['last_at']}.",
            f"Evidence: {evidence}",
            f"Acknowledge it with: comity alerts ack {alert.id}",
        ]
    )
