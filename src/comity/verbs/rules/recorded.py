"""Looking up what was decided, in the order in which it was judged (S38), within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import Literal

import msgspec

from comity import limits
from comity.clock import format_time
from comity.model.decisions import Finding
from comity.model.events import Answered, Commit
from comity.model.proposals import Proposal
from comity.model.texts import counted
from comity.store.contract import AnsweredFilter, Snapshot
from comity.verbs.spans import Span


class Recorded(msgspec.Struct, frozen=True):
    """Be one decision: what was proposed, on which state and when it was judged, what came of it.

    ``base`` is the revision that it was judged on. ``commit`` is None where it made none; then
    who proposed is known by name only. ``proposal`` is None once its content is erased.
    """

    base: int
    ordinal: int
    at: int
    agent: str
    definition: int
    id: str
    content: bytes
    outcome: Literal["committed", "refused", "pending"]
    proposal: Proposal | None
    findings: tuple[Finding, ...]
    commit: Commit | None = None


class Record(msgspec.Struct, frozen=True):
    """Be where the decisions of a span are found: the commits after ``first``, and the answers that made none.

    ``cut`` says in sentences what is left out.
    """

    first: int
    answered: tuple[Answered, ...]
    count: int
    cut: tuple[str, ...]


def look_up(snapshot: Snapshot, span: Span) -> Record:
    """Return where the decisions of a span are found: the latest of them, where there are too many."""
    most = limits.BACKTEST_DECISIONS
    first = max(span.after, snapshot.head.revision - most)
    found = snapshot.answered(AnsweredFilter(since_us=span.since_us, limit=most + 1))
    kept = found[:most]
    cut: list[str] = []
    if first > span.after:
        cut.append(f"Of {counted(snapshot.head.revision - span.after, 'commit')} only the latest {most:,} were judged.")
    if len(found) > most:
        since = format_time(kept[-1].at)
        cut.append(f"Of what made no commit only the latest {most:,} answers were judged, those since {since}.")
    kept.reverse()
    return Record(first, tuple(kept), snapshot.head.revision - first + len(kept), tuple(cut))


def decisions(snapshot: Snapshot, record: Record) -> Iterator[Recorded]:
    """Yield the decisions, in the order in which they were judged."""
    commits = map(_of_commit, _commits_after(snapshot, record.first))
    yield from merge(commits, map(_of_answer, record.answered), key=lambda one: one.ordinal)


def _commits_after(snapshot: Snapshot, after: int) -> Iterator[Commit]:
    while page := snapshot.commits(after, limits.HISTORY_PAGE):
        yield from page
        after = page[-1].revision


def _of_commit(commit: Commit) -> Recorded:
    payload = commit.payload
    return Recorded(
        base=commit.revision - 1,
        ordinal=commit.ordinal,
        at=commit.at,
        agent=commit.agent,
        definition=commit.definition,
        id=commit.proposal,
        content=commit.content,
        outcome="committed",
        proposal=None if payload is None else payload.proposal,
        findings=() if payload is None else payload.findings,
        commit=commit,
    )


def _of_answer(answered: Answered) -> Recorded:
    payload = answered.payload
    return Recorded(
        base=answered.revision,
        ordinal=answered.ordinal,
        at=answered.at,
        agent=answered.agent,
        definition=answered.definition,
        id=answered.proposal,
        content=answered.content,
        outcome=answered.outcome,
        proposal=None if payload is None else payload.proposal,
        findings=() if payload is None else payload.findings,
    )
