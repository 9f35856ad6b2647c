"""Alerts: from the signals of detectors to what is raised, each pattern once, however often it shows.

Signals of one detector about one subject that follow each other within the quiet time are
one alert. Its id is made of the detector, the subject and the moment of the first of them,
so that every process, and every look back, comes to the same one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from comity import limits
from comity.clock import SECOND_US, format_time, parse_time
from comity.coordination.detectors import Signal
from comity.model import filters
from comity.model.alerting import AlertLevel, AlertsDefinition
from comity.model.built_in import ALERT
from comity.model.filters import Condition, Order, Query
from comity.model.proposals import Emit
from comity.model.records import RecordState
from comity.store.contract import Snapshot


class Alert(msgspec.Struct, frozen=True):
    """Be an alert as signals make it: what was seen, of which subject, how often, from when until when.

    ``is_over`` tells that what was seen has ended by itself.
    """

    id: str
    detector: str
    subject: str
    severity: AlertLevel
    message: str
    evidence: tuple[str, ...]
    count: int
    first_at: int
    seen: int
    is_over: bool = False

    @property
    def ref(self) -> str:
        """Return the address of its record."""
        return f"{ALERT}/{self.id}"


def alert_id(detector: str, subject: str, at: int) -> str:
    """Return the id that an alert has which was first seen at a time.

    >>> alert_id("ping_pong", "customer/acme.status", 0)
    'ping_pong-668b4feec4c25410'
    """
    return f"{detector}-{sha256(f'{detector}|{subject}|{at}'.encode()).hexdigest()[:16]}"


class Ledger:
    """Hold the alerts that signals may still add to, by what they are about."""

    def __init__(self, definition: AlertsDefinition, known: Iterable[Alert] = ()) -> None:
        self._quiet_us = definition.quiet_s * SECOND_US
        self._severities: Mapping[str, AlertLevel] = {one.name: one.severity for one in definition.detectors}
        self._alerts = {(alert.detector, alert.subject): alert for alert in known}
        self._prune_at = limits.ALERT_SUBJECTS

    def take(self, signal: Signal) -> Alert | None:
        """Return the alert that a signal makes of what is known; None where it tells nothing new."""
        key = (signal.detector, signal.subject)
        known = self._alerts.get(key)
        if known is not None and signal.at <= known.seen:
            return None
        if signal.is_over:
            alert = None if known is None or known.is_over else replace(known, is_over=True, seen=signal.at)
        elif known is None or signal.at - known.seen > self._quiet_us:
            alert = self._begin(signal)
        else:
            alert = _again(known, signal)
        if alert is not None:
            self._alerts[key] = alert
            self._prune(signal.at)
        return alert

    def last_seen(self, detector: str, subject: str) -> int | None:
        """Return when something was last seen, or None."""
        known = self._alerts.get((detector, subject))
        return None if known is None else known.seen

    def _begin(self, signal: Signal) -> Alert:
        return Alert(
            id=alert_id(signal.detector, signal.subject, signal.at),
            detector=signal.detector,
            subject=signal.subject,
            severity=self._severities.get(signal.detector, "warning"),
            message=_cut(signal.message),
            evidence=signal.evidence,
            count=signal.times,
            first_at=signal.at,
            seen=signal.at,
        )

    def _prune(self, now_us: int) -> None:
        """Forget what is over, as no signal can add to it any more, once there is much of it."""
        if len(self._alerts) > self._prune_at:
            oldest = now_us - self._quiet_us
            self._alerts = {key: alert for key, alert in self._alerts.items() if alert.seen >= oldest}
            self._prune_at = 2 * len(self._alerts) + limits.ALERT_SUBJECTS


def _again(known: Alert, signal: Signal) -> Alert:
    evidence = tuple(dict.fromkeys((*known.evidence, *signal.evidence)))[-limits.ALERT_EVIDENCE :]
    return replace(
        known,
        message=_cut(signal.message),
        evidence=evidence,
        count=known.count + 1,
        seen=signal.at,
        is_over=False,
    )


def _cut(message: str) -> str:
    most = limits.ALERT_MESSAGE_CHARS
    return message if len(message) <= most else message[: most - 1] + "…"


def telling(alert: Alert, *, is_new: bool, quiet_s: int) -> Emit:
    """Return the transition that tells an alert, anew or once more, or that it is over."""
    if alert.is_over and not is_new:
        return Emit(alert.ref, "settled", {"seen": alert.seen})
    told = {
        "message": alert.message,
        "evidence": list(alert.evidence),
        "count": alert.count,
        "last_at": format_time(alert.seen),
        "seen": alert.seen,
        "expires_at": format_time(alert.seen + quiet_s * SECOND_US),
    }
    if not is_new:
        return Emit(alert.ref, "repeated", told)
    named = {"detector": alert.detector, "subject": alert.subject, "severity": alert.severity}
    return Emit(alert.ref, "raised", {**named, **told, "first_at": format_time(alert.first_at)})


def alert_of(state: RecordState) -> Alert:
    """Return an alert as its record has it."""
    values = state.values
    return Alert(
        id=state.id,
        detector=values["detector"],
        subject=values["subject"],
        severity=values["severity"],
        message=values["message"],
        evidence=tuple(values.get("evidence") or ()),
        count=values["count"],
        first_at=parse_time(values["first_at"]),
        seen=values["seen"],
        is_over=not state.is_live,
    )


def known_alerts(snapshot: Snapshot, now_us: int) -> Iterator[Alert]:
    """Yield the alerts that a signal may still add to, resolved or not."""
    if ALERT not in snapshot.kinds():
        return
    # Times as texts differ in length: so the query takes a second more.
    since = format_time((now_us // SECOND_US - 1) * SECOND_US)
    query = Query(
        ALERT, (Condition("expires_at", ">=", since),), (Order("expires_at"),), limits.QUERY_RECORDS, life="kept"
    )
    page = snapshot.find(query)
    while page:
        yield from map(alert_of, page)
        query = replace(query, after=filters.page_after(query, page[-1]))
        page = snapshot.find(query) if len(page) == limits.QUERY_RECORDS else []
