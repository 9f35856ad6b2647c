"""Does the history justify what a refusal says?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from comity.model import proposals, refs
from comity.model.decisions import Decision, Finding, Moved
from comity.model.proposals import Proposal, QueryRead, Read
from comity.model.records import LIFE, Life, RecordState
from comity.model.values import same
from comity.testing.histories.commits import last_seen, overwritten, seen_at, stale
from comity.testing.histories.folding import expect
from comity.testing.histories.timeline import Timeline

Complaints = Iterator[str]
Judge = Callable[[Finding, Proposal, Decision, Timeline], Complaints]


def _changed(finding: Finding, proposal: Proposal, decision: Decision, timeline: Timeline) -> Complaints:
    """Say what a freshness refusal claims that the log doesn't show."""
    if not finding.moved:
        yield "it names no field that moved"
    for moved in finding.moved:
        yield from _moved(moved, proposal, decision, timeline)


def _moved(moved: Moved, proposal: Proposal, decision: Decision, timeline: Timeline) -> Complaints:
    ref, name = refs.split(moved.record), moved.field
    now = timeline.at(ref, decision.revision)
    value = _shown(now, name)
    if not same(value, moved.now):
        yield f"{moved.record}.{name} was {value!r} at {decision.revision}, not {moved.now!r}"
    seen = list(_seen_values(proposal, moved, timeline))
    if not any(same(one, moved.was) for one, _ in seen):
        yield f"nobody saw {moved.record}.{name} as {moved.was!r}"
    if same(moved.was, moved.now) and all(born == now.born for _, born in seen):
        yield f"{moved.record}.{name} is said to have moved, and is {moved.now!r} as before"
    yield from _authored(moved, timeline)


def _shown(state: RecordState, name: str) -> object:
    """Return a field as a reader is shown it: a record that is gone shows nothing but its life."""
    if name == LIFE:
        return state.life
    return state.values.get(name) if state.exists else None


def _seen_values(proposal: Proposal, moved: Moved, timeline: Timeline) -> Iterator[tuple[object, int]]:
    """Yield the values that a proposal's reads of a field stand for, and the birth of the record then."""
    ref = refs.split(moved.record)
    for read in proposal.reads:
        if isinstance(read, QueryRead) or read.record != moved.record:
            continue
        if isinstance(read, Read):
            past = timeline.at(ref, seen_at(read, proposal))
            yield _shown(past, moved.field), past.born
        elif moved.field in read.values:
            yield read.values[moved.field], 0


def _authored(moved: Moved, timeline: Timeline) -> Complaints:
    """Say where the event that is named as the cause isn't one of that field by that agent."""
    revision, _ = refs.parse_event_id(moved.event)
    commit = timeline.commits.get(revision)
    if commit is None or commit.agent != moved.by:
        yield f"event {moved.event} isn't by {moved.by}"
    elif not {moved.field, LIFE} & timeline.changed(revision, refs.split(moved.record)):
        yield f"event {moved.event} didn't change {moved.record}.{moved.field}"


def _query(finding: Finding, proposal: Proposal, decision: Decision, timeline: Timeline) -> Complaints:
    searches = [read for read in proposal.reads if isinstance(read, QueryRead) and read.query.kind == finding.subject]
    if any(True for read in searches for _ in stale(read, proposal, timeline, decision.revision)):
        return
    yield f"the search for {finding.subject} finds the same at {decision.revision}"


def _blind(finding: Finding, proposal: Proposal, decision: Decision, timeline: Timeline) -> Complaints:
    record = finding.subject or ""
    before = timeline.at(refs.split(record), decision.revision)
    written = {
        name
        for change in proposal.changes
        if change.record == record
        for name in (before.values if isinstance(change, (proposals.Delete, proposals.Archive)) else ())
    }
    written |= {name for change in proposal.changes if change.record == record for name in overwritten(change, before)}
    if before.life != "live":
        yield f"{record} was {before.life} at {decision.revision}: there was nothing to overwrite"
    elif all(last_seen(proposal, record, name, decision.revision) is not None for name in written):
        yield f"everything that it overwrites of {record} had been read: {sorted(written)}"


def _life(*lives: Life) -> Judge:
    """Return the judge of a refusal for a record's life: at the head, or by the proposal's own earlier changes."""

    def judge(finding: Finding, proposal: Proposal, decision: Decision, timeline: Timeline) -> Complaints:
        record = finding.subject or ""
        state = timeline.at(refs.split(record), decision.revision)
        own = [change for change in proposal.changes if change.record == record]
        if not any(expect(state, own[:count]).life in lives for count in range(len(own) + 1)):
            yield f"{record} was {state.life} at {decision.revision}"

    return judge


_JUDGES: Final[dict[str, Judge]] = {
    "freshness.changed": _changed,
    "freshness.query_changed": _query,
    "freshness.blind_write": _blind,
    "integrity.exists": _life("live", "archived"),
    "integrity.missing": _life("absent"),
    "integrity.archived": _life("archived"),
    "integrity.deleted": _life("deleted"),
}


def is_judged(code: str) -> bool:
    """Tell whether a finding can be held against the history; others depend on the definition."""
    return code in _JUDGES


def check_refusal(proposal: Proposal, decision: Decision, timeline: Timeline) -> Iterator[str]:
    """Yield, in words, what a refusal claims and the history doesn't show."""
    if not decision.refusals:
        yield "it was refused without a finding"
    for finding in decision.refusals:
        judge = _JUDGES.get(finding.code)
        for complaint in judge(finding, proposal, decision, timeline) if judge else ():
            yield f"{finding.code}: {complaint}"
