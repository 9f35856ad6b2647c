"""Alerts: which are open, who takes care of them, and which the past would have raised."""

from __future__ import annotations

from comity import limits
from comity.clock import SECOND_US, format_time, parse_time
from comity.coordination.alerts import Alert
from comity.coordination.watching import scan
from comity.deciding.compile import load_definition
from comity.errors import InvalidRequest, LimitExceeded
from comity.model import refs
from comity.model.built_in import ALERT
from comity.model.decisions import Decision
from comity.model.filters import Condition, Query
from comity.model.proposals import Caller, Emit, Proposal
from comity.model.records import RecordState
from comity.operations import (
    AcknowledgeAlert,
    AlertAnswer,
    AlertsAnswer,
    ListAlerts,
    ResolveAlert,
    ScanAlerts,
    ScanAnswer,
)
from comity.store.contract import Snapshot
from comity.verbs import names
from comity.verbs.engine import Engine, Progress
from comity.verbs.spans import Span, span_since


def list_alerts(engine: Engine, caller: Caller, request: ListAlerts) -> AlertsAnswer:
    """Return the open alerts, or also the resolved ones, those last seen first.

    Raises NotFound, with the nearest name, for a detector or a subject that can't have any.
    """
    if not 0 < request.limit <= limits.ALERTS_PAGE:
        raise LimitExceeded(f"limit: between 1 and {limits.ALERTS_PAGE}")
    chosen = (("detector", request.detector), ("subject", request.subject))
    where = tuple(Condition(field, "=", value) for field, value in chosen if value is not None)
    query = Query(ALERT, where, limit=limits.ALERTS_PAGE, life="kept" if request.over else "live")
    with engine.store.snapshot() as snapshot:
        states = snapshot.find(query) if ALERT in snapshot.kinds() else []
        if not states:
            _check_names(engine, snapshot, request)
        now_us, revision = engine.coordinator.time_at(snapshot.head).now_us, snapshot.head.revision
    found = [answer_of(state, now_us) for state in sorted(states, key=lambda state: -state.values["seen"])]
    kept = [one for one in found if request.over or one.state != "resolved"]
    return AlertsAnswer(
        alerts=tuple(kept[: request.limit]),
        revision=revision,
        is_cut=len(kept) > request.limit or len(states) == limits.ALERTS_PAGE,
    )


def _check_names(engine: Engine, snapshot: Snapshot, request: ListAlerts) -> None:
    """Raise NotFound where nothing is found as what is asked for can't be: here, "none" must mean none."""
    if request.detector is not None:
        names.check_detector(request.detector)
    if request.subject is not None:
        names.check_suspected(snapshot, engine.coordinator.definition(snapshot), request.subject)


def answer_of(state: RecordState, now_us: int) -> AlertAnswer:
    """Return an alert as it is shown; one that wasn't seen for too long is resolved, told or not (S6)."""
    values = state.values
    is_over = state.is_live and parse_time(values["expires_at"]) <= now_us
    return AlertAnswer(
        alert=state.id,
        detector=values["detector"],
        subject=values["subject"],
        severity=values["severity"],
        state="resolved" if is_over else values["state"],
        message=values["message"],
        count=values["count"],
        first_at=values["first_at"],
        last_at=values["last_at"],
        evidence=tuple(values.get("evidence") or ()),
        acknowledged_by=values.get("acknowledged_by"),
        closed_by=values.get("closed_by"),
        answer=values.get("answer"),
        sent_at=values.get("sent_at"),
        error=values.get("error"),
    )


def acknowledge(engine: Engine, caller: Caller, request: AcknowledgeAlert) -> Decision:
    """Return the decision on acknowledging an alert; raises NotFound for one that never was."""
    return _answer(engine, caller, request.alert, "acknowledged", request.reason)


def resolve(engine: Engine, caller: Caller, request: ResolveAlert) -> Decision:
    """Return the decision on resolving an alert; raises NotFound for one that never was."""
    return _answer(engine, caller, request.alert, "resolved", request.reason)


def _answer(engine: Engine, caller: Caller, alert: str, event: str, reason: str | None) -> Decision:
    ref = alert if "/" in alert else f"{ALERT}/{alert}"
    if refs.split(ref)[0] != ALERT:
        raise InvalidRequest(f"{ref[:80]!r} is no alert: 'alerts list' shows them")
    with engine.store.snapshot() as snapshot:
        names.check_record(snapshot, engine.coordinator.definition(snapshot), refs.split(ref))
    change = Emit(ref, event, {"answer": reason} if reason else {})
    proposal = Proposal(id=engine.make_id(), changes=(change,), reason=reason)
    return engine.propose(proposal, caller, is_new=True)


def scan_alerts(engine: Engine, caller: Caller, request: ScanAlerts, progress: Progress | None = None) -> ScanAnswer:
    """Return which alerts the past would have raised; raises InvalidDefinition. Nothing is written."""
    with engine.store.snapshot() as snapshot:
        compiled = engine.coordinator.definition(snapshot)
        if request.source is not None:
            compiled = load_definition(request.source, compiled.number + 1, origin=request.origin)
        now_us = engine.coordinator.time_at(snapshot.head).now_us
        span = span_since(snapshot, request.since, now_us)
        told = None if progress is None else lambda done: progress(done, max(snapshot.head.judged, done))
        definition = compiled.definition.alerts
        scanned = scan(snapshot, definition, _behind(snapshot, span), now_us, progress=told)
        quiet_us = definition.quiet_s * SECOND_US
        cut = (
            ()
            if scanned.is_whole
            else (f"Only {limits.ALERT_SCAN:,} judged proposals were looked at, the first ones.",)
        )
        return ScanAnswer(
            alerts=tuple(_foreseen(alert, now_us - quiet_us) for alert in scanned.alerts),
            revision=snapshot.head.revision,
            judged=scanned.judged,
            since=None if request.since is None else format_time(span.since_us),
            cut=cut,
        )


def _behind(snapshot: Snapshot, span: Span) -> int:
    """Return the moment behind which a span begins: a time belongs to it, a revision doesn't."""
    commit = snapshot.commit(span.after)
    is_revision = commit is not None and commit.at == span.since_us
    return span.since_us if is_revision else max(span.since_us - 1, 0)


def _foreseen(alert: Alert, quiet_since_us: int) -> AlertAnswer:
    is_over = alert.is_over or alert.seen <= quiet_since_us
    return AlertAnswer(
        alert=alert.id,
        detector=alert.detector,
        subject=alert.subject,
        severity=alert.severity,
        state="resolved" if is_over else "raised",
        message=alert.message,
        count=alert.count,
        first_at=format_time(alert.first_at),
        last_at=format_time(alert.seen),
        evidence=alert.evidence,
    )
