"""Does something wait for too much of its life, is an effect put aside, or a workflow stuck?"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from comity import limits
from comity.clock import format_age, parse_time
from comity.coordination.detectors.detector import Detector, Signal
from comity.coordination.judged import Judged, Seen
from comity.model.alerting import DetectorDefinition
from comity.model.built_in import APPROVAL, EFFECT, HANDOFF, QUEUE, WORKFLOW
from comity.model.records import RecordState

WAITING: Final = (HANDOFF, APPROVAL, QUEUE, EFFECT, WORKFLOW)
"""The kinds of Comity's own whose open records are something that waits."""

_SPANS: Final = {EFFECT: ("release_at", "expires_at"), WORKFLOW: ("step_at", "deadline")}
"""From when until when a record of a kind waits, where that isn't from ``opened_at`` until ``expires_at``."""


class StuckPending(Detector):
    """Follow what waits, by the moment at which it will have waited for too long."""

    def __init__(self, definition: DetectorDefinition) -> None:
        super().__init__(definition)
        self._due: list[tuple[int, str]] = []
        self._waiting: dict[str, tuple[int, int]] = {}
        self._told: set[str] = set()

    def begin(self, tickets: Iterable[RecordState], now_us: int) -> None:
        """Take what was waiting at the moment at which looking begins."""
        for ticket in tickets:
            if ticket.kind != WORKFLOW or _is_kept_waiting(ticket.values):
                self._follow(ticket.ref, ticket.kind, ticket.values)
            elif ticket.values["state"] == "stuck":
                self._told.add(ticket.ref)

    def take(self, judged: Judged) -> Iterator[Signal]:
        """Look at what was judged next."""
        for event in judged.events:
            if event.kind not in WAITING:
                continue
            if event.kind == WORKFLOW:
                yield from self._take_run(event, judged.at)
            elif event.is_live and event.values.get("state") == "aside":
                error = event.values.get("error") or "no reason was kept"
                yield self._stuck(event.record, judged.at, f"{event.record} was put aside after its last try: {error}.")
            elif event.is_live and event.values.get("state") != "sending":
                self._follow(event.record, event.kind, event.values)
            else:
                yield from self._over(event.record, judged.at)

    def _take_run(self, event: Seen, at: int) -> Iterator[Signal]:
        """Look at what became of a run: one that is stuck is told at once, one that is kept waiting in time."""
        if event.is_live and event.values.get("state") == "stuck":
            why = event.values.get("why") or "no reason was kept"
            yield self._stuck(event.record, at, f"{event.record} is stuck going backwards: {why}")
        elif event.is_live and _is_kept_waiting(event.values):
            self._follow(event.record, WORKFLOW, event.values)
        else:
            yield from self._over(event.record, at)

    def pass_time(self, now_us: int) -> Iterator[Signal]:
        """Look at what has waited for too long by now."""
        while self._due and self._due[0][0] <= now_us:
            at, ticket = heapq.heappop(self._due)
            since, due = self._waiting.get(ticket, (0, 0))
            if due == at and ticket not in self._told:
                age = format_age(at - since)
                yield self._stuck(ticket, at, f"{ticket} has waited {age}, {self.definition.share} % of its time.")

    def _follow(self, ticket: str, kind: str, values: dict[str, Any]) -> None:
        since, expires = map(values.get, _SPANS.get(kind, ("opened_at", "expires_at")))
        if since is None or expires is None or len(self._waiting) >= limits.ALERT_SUBJECTS:
            return
        since_us = parse_time(since)
        due = since_us + (parse_time(expires) - since_us) * (self.definition.share or 100) // 100
        if self._waiting.get(ticket) != (since_us, due):
            self._waiting[ticket] = (since_us, due)
            heapq.heappush(self._due, (due, ticket))
            self._sweep()

    def _sweep(self) -> None:
        """Forget when those were due that wait no longer, once that is much."""
        if len(self._due) > 2 * len(self._waiting) + limits.ALERT_SUBJECTS:
            self._due = [(due, ticket) for ticket, (_, due) in self._waiting.items()]
            heapq.heapify(self._due)

    def _stuck(self, ticket: str, at: int, message: str) -> Signal:
        self._told.add(ticket)
        return self.signal(ticket, at, message[: limits.ALERT_MESSAGE_CHARS], (ticket,))

    def _over(self, ticket: str, at: int) -> Iterator[Signal]:
        """Tell that something waits no longer, where it was told that it does."""
        self._waiting.pop(ticket, None)
        if ticket in self._told:
            self._told.discard(ticket)
            yield Signal(self.definition.name, ticket, at, is_over=True)


def _is_kept_waiting(run: Mapping[str, Any]) -> bool:
    """Tell whether a run waits for others: not for a time that its step is to take."""
    is_resting = run.get("next_at") is not None and run.get("task") is None and run.get("ticket") is None
    return run.get("state") == "waiting" and not (is_resting and not run.get("tries"))
