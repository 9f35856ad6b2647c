"""Looking up the decisions that a report is about, within bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from comity import limits
from comity.clock import format_time
from comity.deciding.effects import ref_of
from comity.model import refs
from comity.model.decisions import Finding
from comity.model.events import Answered, Commit
from comity.model.proposals import Emit, Proposal
from comity.model.texts import counted
from comity.store.contract import AnsweredFilter, EventFilter, Snapshot


class Scope(msgspec.Struct, frozen=True):
    """Be what a report is about: ``after`` is a revision, ``since_us`` the same moment in store time."""

    record: str | None = None
    agent: str | None = None
    after: int = 0
    since_us: int = 0


class Judged(msgspec.Struct, frozen=True):
    """Be one decision as a report sees it. ``touched`` names the records that it is about in any way."""

    at: int
    revision: int
    ordinal: int
    agent: str
    outcome: Literal["committed", "refused", "pending"]
    proposal: str
    action: str | None = None
    reason: str | None = None
    intent: str | None = None
    is_repair: bool = False
    records: tuple[str, ...] = ()
    touched: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()
    commit: Commit | None = None
    is_erased: bool = False


class Gathered(msgspec.Struct, frozen=True):
    """Be the decisions found, the oldest first, and in sentences what was left out."""

    judged: tuple[Judged, ...]
    cut: tuple[str, ...] = ()


def gather(snapshot: Snapshot, scope: Scope) -> Gathered:
    """Return the decisions that a report is about."""
    first = max(scope.after, snapshot.head.revision - limits.REPORT_DECISIONS)
    answered = snapshot.answered(
        AnsweredFilter(agent=scope.agent, since_us=scope.since_us, limit=limits.REPORT_DECISIONS + 1)
    )
    earlier = _earlier(snapshot, scope, first) if first > scope.after else []
    kept = answered[: limits.REPORT_DECISIONS]
    found = [*map(_of_commit, earlier), *map(_of_commit, _commits_after(snapshot, first)), *map(_of_answer, kept)]
    chosen = tuple(_chosen(sorted(found, key=lambda one: (one.at, one.ordinal)), scope))
    cut = [_cut_commits(snapshot, scope, first)] if first > scope.after else []
    if len(answered) > len(kept):
        since = format_time(kept[-1].at)
        cut.append(f"Of what made no commit only the latest {len(kept):,} answers were looked at, those since {since}.")
    return Gathered(chosen, tuple(cut))


def _cut_commits(snapshot: Snapshot, scope: Scope, first: int) -> str:
    commit = snapshot.commit(first)
    since = f" (before {format_time(commit.at)})" if commit is not None else ""
    span = f"Of the {counted(first - scope.after, 'commit')} up to revision {first}{since}"
    if scope.agent is not None or scope.record is not None:
        whose = f"by {scope.agent}" if scope.record is None else f"that changed {scope.record}"
        return f"{span} only those {whose} were looked at, at most {limits.REPORT_DECISIONS:,} of them."
    return f"{span} none was looked at; a later --since has everything looked at."


def _commits_after(snapshot: Snapshot, first: int) -> Iterator[Commit]:
    after = first
    while page := snapshot.commits(after, limits.HISTORY_PAGE):
        yield from page
        after = page[-1].revision


def _earlier(snapshot: Snapshot, scope: Scope, upto: int) -> list[Commit]:
    """Return the commits before those looked at one by one that an index can find: of a record, or by an agent."""
    if scope.record is None and scope.agent is None:
        return []
    kind, _, name = (scope.record or "").partition("/")
    revisions: dict[int, None] = {}
    while upto > scope.after and len(revisions) < limits.REPORT_DECISIONS:
        chosen = EventFilter(
            kind=kind or None,
            id=name or None,
            agent=scope.agent,
            after=scope.after,
            upto=upto,
            newest_first=True,
            limit=limits.HISTORY_PAGE,
        )
        page = snapshot.events(chosen)
        revisions.update((event.revision, None) for event in page)
        if len(page) < limits.HISTORY_PAGE:
            break
        upto = page[-1].revision - 1
    return list(snapshot.commits_of(list(revisions)[: limits.REPORT_DECISIONS]).values())


def _chosen(judged: Iterable[Judged], scope: Scope) -> Iterator[Judged]:
    """Yield the decisions within the scope; what became of a record's overrides and tickets belongs to it."""
    related = {scope.record} if scope.record is not None else set[str]()
    for one in judged:
        if scope.agent is not None and one.agent != scope.agent:
            continue
        if scope.record is not None:
            if not related & one.touched:
                continue
            if scope.record in one.touched:
                related.update(record for record in one.records if refs.is_built_in(record))
        yield one


def _of_commit(commit: Commit) -> Judged:
    payload = commit.payload
    described = {} if payload is None else _described(payload.proposal, payload.findings)
    return Judged(
        at=commit.at,
        revision=commit.revision,
        ordinal=commit.ordinal,
        agent=commit.agent,
        outcome="committed",
        proposal=commit.proposal,
        commit=commit,
        is_erased=payload is None,
        **described,
    )


def _of_answer(answered: Answered) -> Judged:
    payload = answered.payload
    described = {} if payload is None else _described(payload.proposal, payload.findings)
    return Judged(
        at=answered.at,
        revision=answered.revision,
        ordinal=answered.ordinal,
        agent=answered.agent,
        outcome=answered.outcome,
        proposal=answered.proposal,
        is_erased=payload is None,
        **described,
    )


def _described(proposal: Proposal, findings: tuple[Finding, ...]) -> dict[str, Any]:
    effects = ("/".join(ref_of(effect, proposal)) for effect in proposal.effects)
    records = tuple(dict.fromkeys((*(change.record for change in proposal.changes), *effects)))
    subjects = (finding.subject for finding in findings if finding.subject is not None)
    return {
        "action": proposal.action,
        "reason": proposal.reason,
        "intent": proposal.intent,
        "is_repair": proposal.accept is not None,
        "records": records,
        "touched": frozenset({*records, *proposal.about, *_named_in(proposal), *map(refs.record_of, subjects)}),
        "findings": findings,
    }


def _named_in(proposal: Proposal) -> Iterator[str]:
    """Yield the records that transitions of Comity's own kinds name, and those that effects concern."""
    yield from (effect.target for effect in proposal.effects if effect.target is not None)
    for change in proposal.changes:
        if isinstance(change, Emit) and refs.is_built_in(change.record):
            named = [change.data.get("record"), *(change.data.get("subjects") or ()), *(change.data.get("about") or ())]
            yield from (one for one in named if isinstance(one, str))
