"""Alerts, from the side of a handle, and what led to what."""

from __future__ import annotations

from comity.model.decisions import Decision
from comity.operations import (
    AcknowledgeAlert,
    AlertAnswer,
    AlertsAnswer,
    EventAnswer,
    ListAlerts,
    ResolveAlert,
    ScanAlerts,
    ScanAnswer,
    Trace,
    TraceAnswer,
)
from comity.workspace.changes import text_in
from comity.workspace.files import AnyPath, read_source
from comity.workspace.outcomes import raise_unless_committed
from comity.workspace.ruling import Since, moment_of_since
from comity.workspace.session import Session


class Alerting:
    """See what looks wrong, take care of it, and find out what led to it."""

    _session: Session

    def alerts(
        self, *, over: bool = False, detector: str | None = None, subject: str | None = None, limit: int = 100
    ) -> AlertsAnswer:
        """Return the open alerts, those last seen first; with ``over`` also the resolved ones. Prints well."""
        return self._session.call(ListAlerts(over=over, detector=detector, subject=subject, limit=limit))

    def acknowledge_alert(self, alert: str | AlertAnswer, *, reason: str | None = None) -> Decision:
        """Say that you have seen an alert and take care of it. For operators."""
        return raise_unless_committed(
            self._session.call(AcknowledgeAlert(alert=text_in("alert", alert), reason=reason))
        )

    def resolve_alert(self, alert: str | AlertAnswer, *, reason: str | None = None) -> Decision:
        """Say that what an alert tells of is dealt with; it opens again if it is seen once more. For operators."""
        return raise_unless_committed(self._session.call(ResolveAlert(alert=text_in("alert", alert), reason=reason)))

    def scan_alerts(self, definition: AnyPath | None = None, *, since: Since | None = None) -> ScanAnswer:
        """Return which alerts the past would have raised, under the thresholds in force or those of a file.

        Nothing is written. Raises InvalidDefinition with every problem of the file.
        """
        moment = moment_of_since(since)
        if definition is None:
            return self._session.call(ScanAlerts(since=moment))
        source, origin = read_source(definition)
        return self._session.call(ScanAlerts(source=source, origin=origin, since=moment))

    def trace(self, event: str | EventAnswer) -> TraceAnswer:
        """Return what led to an event, back to the root, and the tree of what it led to. Prints well."""
        return self._session.call(Trace(event=text_in("event", event)))
