"""The verb itself: from a request to a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from comity import limits
from comity.clock import format_time
from comity.model import refs
from comity.model.proposals import Caller
from comity.model.texts import counted
from comity.operations.reporting import Report, ReportAnswer, Step
from comity.store.contract import Snapshot
from comity.verbs import names
from comity.verbs.engine import Engine
from comity.verbs.history import describe
from comity.verbs.report.counting import count_agents, count_checks
from comity.verbs.report.gathering import Gathered, Judged, Scope, gather
from comity.verbs.report.page import page_of
from comity.verbs.spans import span_since
from comity.verbs.transfer.files import resolved, written_whole

_EVENTS: Final = 20
"""Of one commit, on the timeline."""


def report(engine: Engine, caller: Caller, request: Report) -> ReportAnswer:
    """Return a report, and write it as a page where a file is named.

    Raises NotFound, with the nearest name, for a record or an agent that means nothing, and
    InvalidRequest for a file that can't be written.
    """
    with engine.store.snapshot() as snapshot:
        now_us = engine.coordinator.time_at(snapshot.head).now_us
        scope = _scope(snapshot, request, now_us)
        gathered = gather(snapshot, scope)
        if not gathered.judged:
            _check_names(engine, snapshot, request)
        compiled = engine.coordinator.definition(snapshot)
        answer = _answer(snapshot, scope, gathered, request, now_us, compiled.definition.name, compiled.number)
    if request.html is not None:
        with written_whole(resolved(request.html), engine.store.files()) as file:
            file.write(page_of(engine.shown(caller, answer)).encode())
    return answer


def _scope(snapshot: Snapshot, request: Report, now_us: int) -> Scope:
    record = None if request.record is None else "/".join(refs.split(request.record))
    span = span_since(snapshot, request.since, now_us)
    return Scope(record, request.agent, span.after, span.since_us)


def _check_names(engine: Engine, snapshot: Snapshot, request: Report) -> None:
    compiled = engine.coordinator.definition(snapshot)
    if request.record is not None:
        names.check_record(snapshot, compiled, refs.split(request.record))
    if request.agent is not None:
        names.check_agent(snapshot, compiled, request.agent)


def _answer(
    snapshot: Snapshot, scope: Scope, gathered: Gathered, request: Report, now_us: int, name: str, number: int
) -> ReportAnswer:
    judged = gathered.judged
    shown = [one for one in judged if one.commit is not None or one.outcome != "committed"]
    cut = list(gathered.cut)
    if len(shown) > limits.REPORT_STEPS:
        cut.append(f"The timeline shows the latest {limits.REPORT_STEPS:,} of {counted(len(shown), 'decision')}.")
    steps = tuple(_steps(snapshot, scope, shown[-limits.REPORT_STEPS :], cut))
    return ReportAnswer(
        workspace=name,
        until=format_time(now_us),
        revision=snapshot.head.revision,
        definition=number,
        record=scope.record,
        agent=scope.agent,
        since=format_time(scope.since_us) if request.since is not None else None,
        committed=sum(one.commit is not None for one in judged),
        stopped=sum(one.outcome != "committed" for one in judged),
        checks=count_checks(judged),
        agents=count_agents(judged),
        timeline=steps,
        cut=tuple(cut),
        html=request.html,
    )


def _steps(snapshot: Snapshot, scope: Scope, judged: Sequence[Judged], cut: list[str]) -> Iterator[Step]:
    is_cut = False
    for one in judged:
        commit = one.commit
        events = [] if commit is None else snapshot.events_of(commit.revision)
        told = [event for event in events if scope.record in (None, event.ref) or refs.is_built_in(event.kind)]
        told = told or events
        is_cut = is_cut or len(told) > _EVENTS
        yield Step(
            at=format_time(one.at),
            by=one.agent,
            outcome=one.outcome,
            proposal=one.proposal,
            revision=one.revision,
            known=None if commit is None else commit.known,
            action=one.action,
            reason=one.reason,
            cause=None if commit is None else commit.cause,
            records=one.records[:_EVENTS],
            events=() if commit is None else tuple([describe(event, commit) for event in told[:_EVENTS]]),
            findings=one.findings,
            is_erased=one.is_erased,
        )
    if is_cut:
        cut.append(f"Of large commits the timeline shows the first {_EVENTS} events.")
