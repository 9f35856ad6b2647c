"""Alerts, and what led to what: listing, acknowledging, resolving, scanning the past, tracing causes."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from comity.model.alerting import AlertLevel
from comity.model.texts import counted, listed, quote
from comity.operations.arguments import Answer, Limit, Reason, Request

AlertState = Literal["raised", "acknowledged", "resolved"]
Id = Annotated[str, Meta(description="the alert, as 'alerts list' shows it")]

_LINES: Final = 20
"""Of a list in the short text; the whole answer holds all of them."""


class ListAlerts(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List the alerts that are open, or also those that are resolved."""

    over: Annotated[bool, Meta(description="also those that are resolved")] = False
    detector: Annotated[str | None, Meta(description="of this detector only")] = None
    subject: Annotated[str | None, Meta(description="about this record, field, agent or ticket only")] = None
    limit: Limit = 100


class AcknowledgeAlert(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Say that you have seen an alert and take care of it."""

    alert: Id
    reason: Reason = None


class ResolveAlert(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Say that what an alert tells of is dealt with; it opens again if it is seen once more."""

    alert: Id
    reason: Reason = None


class ScanAlerts(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Show which alerts the past would have raised, under the thresholds in force or those of a file."""

    source: Annotated[str | None, Meta(description="a definition as TOML; the one in force, unless given")] = None
    origin: Annotated[str, Meta(description="what its lines are called in messages")] = "comity.toml"
    since: Annotated[
        int | str | None, Meta(description="after this revision, from this time on, or a span back from now such as 7d")
    ] = None


class AlertAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one alert: what a detector saw of which subject, how often, from when until when.

    ``evidence`` names events (as ``revision.ordinal``), proposals and tickets by which it can be
    seen, the latest ones. ``sent_at`` is None as long as it wasn't sent out.
    """

    alert: str
    detector: str
    subject: str
    severity: AlertLevel
    state: AlertState
    message: str
    count: int
    first_at: str
    last_at: str
    evidence: tuple[str, ...] = ()
    acknowledged_by: str | None = None
    closed_by: str | None = None
    answer: str | None = None
    sent_at: str | None = None
    error: str | None = None

    def __str__(self) -> str:
        said = f" {self.state} by {self.closed_by or self.acknowledged_by}" if self.state != "raised" else ""
        answer = f": {quote(self.answer)}" if self.answer else ""
        return (
            f"{self.severity} {self.alert}: {self.message} Seen {self.count} times, last {self.last_at}.{said}{answer}"
        )


class AlertsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be alerts, those last seen first. ``is_cut`` tells that there are more."""

    alerts: tuple[AlertAnswer, ...]
    revision: int
    is_cut: bool = False

    def __str__(self) -> str:
        head = (
            f"{counted(len(self.alerts), 'alert')}{' and more' if self.is_cut else ''}, as of revision {self.revision}"
        )
        return "\n".join([head, *_shown(self.alerts)])


class ScanAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be the alerts that the past would have raised, the first ones first; nothing was written.

    ``judged`` is at how many judged proposals it was looked. ``cut`` says in sentences what wasn't looked at.
    """

    alerts: tuple[AlertAnswer, ...]
    revision: int
    judged: int
    since: str | None = None
    cut: tuple[str, ...] = ()

    def __str__(self) -> str:
        since = f" since {self.since}" if self.since else ""
        head = f"{counted(len(self.alerts), 'alert')} in {counted(self.judged, 'judged proposal')}{since}"
        return "\n".join([head, *_shown(self.alerts), *(f"  {one}" for one in self.cut)])


def _shown(alerts: tuple[AlertAnswer, ...]) -> list[str]:
    lines = [f"  {alert}" for alert in alerts[:_LINES]]
    return lines + ([f"  and {len(alerts) - _LINES} more"] if len(alerts) > _LINES else [])


# -- causes


class Trace(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Show what led to an event, back to the root, and what it led to."""

    event: Annotated[str, Meta(description="the event, as revision.ordinal, such as 17.0")]


class TraceStep(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one commit of a trace. ``depth`` is how many commits led to it; ``event`` the one meant, or its first.

    ``more`` is how many of the commits that it led to aren't shown.
    """

    event: str
    depth: int
    revision: int
    at: str
    by: str
    action: str | None = None
    reason: str | None = None
    cause: str | None = None
    records: tuple[str, ...] = ()
    more: int = 0

    def __str__(self) -> str:
        action = f" ({self.action})" if self.action else ""
        why = f": {quote(self.reason)}" if self.reason else ""
        more = f" and {self.more} more things that it led to" if self.more else ""
        return f"{self.event} {listed(self.records, 3) or 'nothing'} by {self.by}{action} at {self.at}{why}{more}"


class TraceAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what led to an event and what it led to.

    ``depth`` is how many commits led to it. ``causes`` begins with the root; ``led_to`` is the
    tree below, each commit behind the one that led to it and behind all that its elder
    siblings led to. ``is_cut`` tells that the chain or the tree goes on.
    """

    step: TraceStep
    depth: int
    causes: tuple[TraceStep, ...] = ()
    led_to: tuple[TraceStep, ...] = ()
    is_cut: bool = False

    def __str__(self) -> str:
        steps = (*self.causes, self.step, *self.led_to)
        lines = [f"{'  ' * min(step.depth, _LINES)}{'> ' if step is self.step else ''}{step}" for step in steps]
        shown = lines[: 2 * _LINES]
        left = [f"and {len(lines) - len(shown)} more"] if len(lines) > len(shown) else []
        return "\n".join([*shown, *left])
