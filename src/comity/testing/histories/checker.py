"""The verdict on a history: every check, over every proposal."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from comity.model import refs
from comity.model.decisions import Decision
from comity.model.proposals import Proposal
from comity.model.values import same
from comity.testing.histories.commits import check_commit, check_effect, check_log
from comity.testing.histories.journal import Attempt
from comity.testing.histories.refusals import check_refusal, is_judged
from comity.testing.histories.timeline import Fault, Log, Timeline


class Verdict(msgspec.Struct, frozen=True):
    """Be what became of a history.

    ``outcomes`` counts the answers (``unknown`` where none came), ``refusals`` the codes of
    refusals, and ``unjudged`` those of them that only a definition could justify.
    """

    faults: tuple[Fault, ...]
    proposals: int
    commits: int
    outcomes: dict[str, int]
    refusals: dict[str, int]
    unjudged: dict[str, int]

    @property
    def is_clean(self) -> bool:
        """Tell whether every promise was kept."""
        return not self.faults


class _Case(msgspec.Struct, frozen=True):
    """Be one id: all attempts under it are the same attempt (S7)."""

    proposal: Proposal
    invoked_us: int
    answered_us: int | None
    decision: Decision | None

    @property
    def revision(self) -> int | None:
        """Return the revision of its commit, as far as it was acknowledged and has one."""
        decision = self.decision
        return decision.revision if decision is not None and decision.is_committed and decision.events else None


def check_history(attempts: Sequence[Attempt], log: Log, *, since: int = 0) -> Verdict:
    """Return the verdict on what clients recorded, beside the log that it led to.

    ``since`` is the revision up to which others than these clients prepared the base: what
    is behind it must all have been proposed by them.
    """
    timeline = Timeline(log)
    cases, faults = _cases(attempts)
    faults.extend(check_log(log, timeline))
    faults.extend(_check_commits(cases, timeline, since))
    faults.extend(_check_answers(cases, timeline))
    faults.extend(_check_order(list(cases.values()), timeline))
    faults.extend(_check_sights(attempts, timeline))
    codes = Counter(
        finding.code for case in cases.values() if case.decision is not None for finding in case.decision.refusals
    )
    return Verdict(
        faults=tuple(sorted(set(faults))),
        proposals=len(cases),
        commits=timeline.end - since,
        outcomes=dict(Counter(case.decision.outcome if case.decision else "unknown" for case in cases.values())),
        refusals=dict(codes),
        unjudged={code: count for code, count in codes.items() if not is_judged(code)},
    )


# -- one id, one attempt


def _cases(attempts: Iterable[Attempt]) -> tuple[dict[str, _Case], list[Fault]]:
    by_id: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_id.setdefault(attempt.proposal.id, []).append(attempt)
    faults = [fault for id, repeats in by_id.items() for fault in _check_repeats(id, repeats)]
    return {id: _case(repeats) for id, repeats in by_id.items()}, faults


def _case(repeats: list[Attempt]) -> _Case:
    first = min(repeats, key=lambda attempt: attempt.invoked_us)
    answered = [attempt for attempt in repeats if attempt.answered_us is not None]
    earliest = min(answered, key=lambda attempt: attempt.answered_us or 0, default=None)
    return _Case(
        first.proposal,
        first.invoked_us,
        earliest.answered_us if earliest else None,
        earliest.decision if earliest else None,
    )


def _check_repeats(id: str, repeats: list[Attempt]) -> Iterator[Fault]:
    answers = {
        (one.decision.outcome, one.decision.revision, one.decision.events)
        for one in repeats
        if one.decision is not None
    }
    if len(answers) > 1:
        yield Fault("repeat_differs", id, f"one id was answered in {len(answers)} ways: {sorted(answers)}")


# -- the log against the proposals


def _check_commits(cases: dict[str, _Case], timeline: Timeline, since: int) -> Iterator[Fault]:
    for revision, commit in timeline.commits.items():
        if revision <= since:
            continue
        case = cases.get(commit.proposal)
        if case is None:
            yield Fault("ghost_commit", commit.proposal, f"commit {revision} was proposed by nobody")
            continue
        yield from check_commit(commit, case.proposal, timeline)
        if case.decision is not None and not case.decision.is_committed:
            yield Fault(
                "refused_committed", commit.proposal, f"answered {case.decision.outcome}, and is commit {revision}"
            )


def _check_answers(cases: dict[str, _Case], timeline: Timeline) -> Iterator[Fault]:
    for id, case in cases.items():
        decision = case.decision
        if decision is None:
            continue
        if decision.outcome == "refused":
            for complaint in check_refusal(case.proposal, decision, timeline):
                yield Fault("unjustified_refusal", id, complaint)
        elif decision.is_committed:
            yield from _check_acknowledged(id, case.proposal, decision, timeline)


def _check_acknowledged(id: str, proposal: Proposal, decision: Decision, timeline: Timeline) -> Iterator[Fault]:
    if not decision.events:
        yield from check_effect(proposal, timeline, decision.revision, decision.revision)
        return
    commit = timeline.by_proposal.get(id)
    if commit is None or commit.revision != decision.revision:
        found = "isn't in the log" if commit is None else f"is commit {commit.revision} there"
        yield Fault("lost_commit", id, f"acknowledged as commit {decision.revision}, {found}")
        return
    events = timeline.events[commit.revision]
    if tuple(event.event_id for event in events) != decision.events:
        yield Fault("half_done", id, f"acknowledged with events {decision.events}, the log has {len(events)}")
    if {event.ref: event.version for event in events} != decision.records:
        yield Fault("half_done", id, f"acknowledged with versions {decision.records}, the log has others")


# -- the clock


def _check_order(cases: list[_Case], timeline: Timeline) -> Iterator[Fault]:
    """Yield what was decided in another order than the clock shows (strict serializability)."""
    answered = sorted(
        (case.answered_us, case.revision)
        for case in cases
        if case.answered_us is not None and case.revision is not None
    )
    times = [at for at, _ in answered]
    highest = list(_running_highest(revision for _, revision in answered))
    invoked = {case.proposal.id: case.invoked_us for case in cases}
    starts = _latest_starts(invoked, timeline)
    for case in cases:
        revision = case.revision or (case.decision.revision if case.decision else None)
        if revision is None or case.answered_us is None:
            continue
        place = bisect_right(times, case.invoked_us - 1)
        least = highest[place - 1] + (case.revision is not None) if place else 0
        if revision < least:
            message = f"decided at {revision}, though commit {highest[place - 1]} was acknowledged before it was asked"
            yield Fault("order_inverted", case.proposal.id, message)
        if starts[min(revision, timeline.end)] > case.answered_us:
            message = f"decided at {revision}, on a commit that was proposed only after its answer"
            yield Fault("order_inverted", case.proposal.id, message)


def _running_highest(revisions: Iterable[int]) -> Iterator[int]:
    highest = 0
    for revision in revisions:
        highest = max(highest, revision)
        yield highest


def _latest_starts(invoked: dict[str, int], timeline: Timeline) -> list[int]:
    """Return, per revision, when the last of the proposals up to there was first asked."""
    starts = [0]
    for revision in range(1, timeline.end + 1):
        commit = timeline.commits.get(revision)
        starts.append(max(starts[-1], invoked.get(commit.proposal, 0) if commit else 0))
    return starts


# -- what clients were shown


def _check_sights(attempts: Sequence[Attempt], timeline: Timeline) -> Iterator[Fault]:
    """Yield reads that show what never was, and clients whose world went backwards (S5)."""
    latest: dict[str, int] = {}
    for attempt in sorted(attempts, key=lambda one: one.invoked_us):
        for sight in attempt.sights:
            if sight.revision < latest.get(attempt.client, 0):
                message = f"{sight.record} at {sight.revision}, after {latest[attempt.client]} had been seen"
                yield Fault("read_backwards", attempt.client, message)
            latest[attempt.client] = max(latest.get(attempt.client, 0), sight.revision)
            state = timeline.at(refs.split(sight.record), sight.revision)
            shown = state.values if state.life in ("live", "archived") else {}
            differing = [name for name, value in sight.values.items() if not same(value, shown.get(name))]
            if differing or (state.life, state.version) != (sight.life, sight.version):
                message = f"{sight.record} at {sight.revision} was never so: {differing or sight.life}"
                yield Fault("false_read", attempt.client, message)
        if attempt.decision is not None and attempt.decision.is_committed:
            latest[attempt.client] = max(latest.get(attempt.client, 0), attempt.decision.revision)
