"""Watching: detectors look at what was judged, live and over history, and alerts are raised (S38).

Live, any number of processes may watch. Each looks at the whole log by itself, a little
behind the head, so that what was refused, which is kept a little later, is there; an alert
is raised under an id that all of them come to, and happens once (S7). How far it was looked
is noted (S18): whoever begins looks at what was before to know what may still be going on,
and tells only what comes after.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from comity import limits
from comity.clock import SECOND_US, format_age
from comity.coordination.alerts import Alert, Ledger, known_alerts, telling
from comity.coordination.detectors import WAITING, Detector, Signal, made
from comity.coordination.duties import SYSTEM, step_id
from comity.coordination.host import Host
from comity.coordination.indexing import index
from comity.coordination.judged import Judged, judged_between
from comity.lane import Answer
from comity.model import filters
from comity.model.alerting import AlertsDefinition
from comity.model.built_in import ALERT
from comity.model.filters import Query
from comity.model.proposals import Proposal
from comity.model.records import RecordState
from comity.store.contract import Snapshot

TOPIC: Final = "alerts"
CURSOR: Final = "cursor"
CLOCK: Final = "clock_jump"
"""The detector that looks at no log."""

_log: Final = logging.getLogger("comity")
_HOUR_US: Final = 3_600 * SECOND_US


class Look:
    """Let detectors look at a stretch of the log after another, in order."""

    def __init__(self, definition: AlertsDefinition, after_us: int) -> None:
        self.detectors = made(definition.detectors)
        self.after_us = after_us

    @staticmethod
    def back_us(definition: AlertsDefinition) -> int:
        """Return how far back what was judged may matter to what is seen now."""
        return max((one.within_s for one in definition.detectors if one.enabled), default=0) * SECOND_US

    def begin(self, snapshot: Snapshot) -> None:
        """Take what was waiting at the moment behind which the look begins."""
        waiting = list(waiting_at(snapshot, snapshot.revision_at(self.after_us)))
        for detector in self.detectors:
            detector.begin(waiting, self.after_us)

    def go_on(self, snapshot: Snapshot, until_us: int, most: int) -> tuple[list[Signal], int]:
        """Return what is seen up to a moment, and at how many judged proposals was looked.

        After so many it ends earlier, at the end of a moment; ``after_us`` is how far it came.
        """
        signals: list[Signal] = []
        count, last_us = 0, self.after_us
        for judged in judged_between(snapshot, self.after_us, until_us):
            if count >= most and judged.at > last_us:
                self.after_us = last_us
                return signals, count
            count, last_us = count + 1, judged.at
            signals += self._take(judged)
        signals += self._pass_time(until_us)
        self.after_us = max(until_us, self.after_us)
        return signals, count

    def _take(self, judged: Judged) -> Iterator[Signal]:
        yield from self._pass_time(judged.at)
        for detector in self.detectors:
            yield from _asked(detector, judged)

    def _pass_time(self, now_us: int) -> Iterator[Signal]:
        for detector in self.detectors:
            yield from detector.pass_time(now_us)


def _asked(detector: Detector, judged: Judged) -> list[Signal]:
    """Return what a detector says; one that fails on a proposal doesn't keep the others from looking at it (S3)."""
    try:
        return list(detector.take(judged))
    except Exception as error:  # noqa: BLE001 - whatever a detector does, only what it would have said may be lost
        _log.warning("%s failed on %s: %s: %s", detector.definition.name, judged.id, type(error).__name__, error)
        return []


def waiting_at(snapshot: Snapshot, revision: int) -> Iterator[RecordState]:
    """Yield what was waiting as of a revision."""
    known = snapshot.kinds()
    for kind in WAITING:
        if kind not in known or not revision:
            continue
        query = Query(kind, limit=limits.QUERY_RECORDS)
        page = snapshot.find(query, revision=revision)
        while page:
            yield from page
            query = replace(query, after=filters.page_after(query, page[-1]))
            page = snapshot.find(query, revision=revision) if len(page) == limits.QUERY_RECORDS else []


class Watch:
    """Raise alerts in one workspace, live. Threads take turns; one that finds another at it does nothing."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._busy = threading.Lock()
        self._looked_us = 0
        self._begun: tuple[str, int] | None = None
        self._look = Look(AlertsDefinition(), 0)
        self._ledger = Ledger(AlertsDefinition())
        self._told_us = 0
        self._is_indexed = False

    def run(self) -> int:
        """Look at what was judged since; return at how much of it, or how many alerts were told."""
        if not self._busy.acquire(blocking=False):
            return 0
        try:
            return self._run()
        finally:
            self._busy.release()

    def _run(self) -> int:
        host = self._host
        with host.store.snapshot() as snapshot:
            now_us = host.coordinator.time_at(snapshot.head).now_us
            if now_us < self._looked_us + SECOND_US:
                return 0
            compiled = host.coordinator.definition(snapshot)
            definition, incarnation = compiled.definition.alerts, snapshot.head.incarnation
            kinds = snapshot.kinds()
            if self._begun != (incarnation, compiled.number):
                self._begin(snapshot, definition, now_us)
                self._begun = incarnation, compiled.number
            until_us = now_us - round(limits.ALERT_SETTLED_S * SECOND_US)
            signals, count = self._look.go_on(snapshot, until_us, limits.ALERT_BITE)
        if not self._is_indexed and ALERT in kinds:
            index(host.store, compiled.definition, kinds)
            self._is_indexed = True
        told = [signal for signal in signals if signal.at > self._told_us]
        answers = self._tell([*told, *self._clock(definition, now_us)], definition)
        if any(isinstance(answer, Exception) for answer in answers):
            self._begun = None  # What couldn't be told is looked at once more.
            return 0
        self._note(incarnation, count)
        if count < limits.ALERT_BITE:
            self._looked_us = now_us
        return count or len(answers)

    def _begin(self, snapshot: Snapshot, definition: AlertsDefinition, now_us: int) -> None:
        """Begin far enough before the moment from which on is told what is seen."""
        incarnation, _, noted = snapshot.noted(TOPIC, [CURSOR]).get(CURSOR, "").rpartition(":")
        is_known = incarnation == snapshot.head.incarnation and noted.isdecimal()
        self._told_us = int(noted) if is_known else now_us - round(limits.ALERT_SETTLED_S * SECOND_US) - 1
        self._ledger = Ledger(definition, known_alerts(snapshot, now_us))
        self._look = Look(definition, max(self._told_us - Look.back_us(definition), self._earliest(snapshot)))
        self._look.begin(snapshot)

    def _earliest(self, snapshot: Snapshot) -> int:
        """Return the moment before which isn't looked, however long ago the patterns may have begun."""
        commit = snapshot.commit(snapshot.revision_at(self._told_us) - limits.ALERT_LOOK_BACK)
        return 0 if commit is None else commit.at

    def _note(self, incarnation: str, count: int) -> None:
        if count and self._look.after_us > self._told_us:
            self._told_us = self._look.after_us
            self._host.store.note(TOPIC, {CURSOR: f"{incarnation}:{self._told_us}"})

    def _tell(self, signals: Iterable[Signal], definition: AlertsDefinition) -> list[Answer]:
        """Have what was seen told: each alert once, as the last signal left it."""
        changed, begun = fold(self._ledger, signals)
        proposals: list[Proposal] = []
        for alert in changed.values():
            change = telling(alert, is_new=alert.id in begun, quiet_s=definition.quiet_s)
            version = 0 if alert.id in begun else alert.seen
            proposals.append(Proposal(id=step_id(change, version), changes=(change,)))
        return self._host.propose_many(proposals, SYSTEM) if proposals else []

    def _clock(self, definition: AlertsDefinition, now_us: int) -> list[Signal]:
        """Return that the machine's clock is far from the workspace's time, unless it was told lately."""
        detector = next((one for one in definition.detectors if one.name == CLOCK and one.enabled), None)
        apart_us = self._host.clock.wall_us() - now_us
        if detector is None or abs(apart_us) <= detector.within_s * SECOND_US:
            return []
        last_us = self._ledger.last_seen(CLOCK, "clock")
        if last_us is not None and now_us - last_us < definition.quiet_s * SECOND_US // 2:
            return []
        where = "ahead of" if apart_us > 0 else "behind"
        message = (
            f"The machine's clock is {format_age(abs(apart_us))} {where} the workspace's time, which follows it"
            " slowly: nothing expires, and nothing comes back to life, by such a jump."
        )
        return [Signal(CLOCK, "clock", now_us // _HOUR_US * _HOUR_US, message)]


def fold(ledger: Ledger, signals: Iterable[Signal]) -> tuple[dict[str, Alert], set[str]]:
    """Return the alerts that signals changed, as the last of them left each, and which of them are new."""
    changed: dict[str, Alert] = {}
    begun: set[str] = set()
    for signal in signals:
        alert = ledger.take(signal)
        if alert is None:
            continue
        if alert.first_at == alert.seen and not alert.is_over:
            begun.add(alert.id)
        changed[alert.id] = alert
    return changed, begun


class Scanned(msgspec.Struct, frozen=True):
    """Be what a scan found, the first ones first; ``is_whole`` tells whether it came to its end."""

    alerts: tuple[Alert, ...]
    judged: int
    is_whole: bool


def scan(
    snapshot: Snapshot,
    definition: AlertsDefinition,
    since_us: int,
    until_us: int,
    most: int = limits.ALERT_SCAN,
    progress: Callable[[int], None] | None = None,
) -> Scanned:
    """Return the alerts that would have been raised behind a moment, up to another one.

    What was judged before is looked at too, as far back as it may matter to what is seen.
    """
    look = Look(definition, max(since_us - Look.back_us(definition), 0))
    look.begin(snapshot)
    ledger = Ledger(definition)
    raised: dict[str, Alert] = {}
    done = 0
    while look.after_us < until_us and done < most:
        signals, count = look.go_on(snapshot, until_us, min(most - done, limits.ALERT_BITE))
        changed, _ = fold(ledger, (signal for signal in signals if signal.at > since_us))
        raised |= changed
        done += count
        if progress is not None:
            progress(done)
    return Scanned(tuple(raised.values()), done, look.after_us >= until_us)
