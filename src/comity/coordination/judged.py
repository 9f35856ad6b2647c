"""What was judged, as detectors look at it: commits and what made none, merged into one order (S38).

The order is that of store time, which never falls, and within one moment that of the
revisions judged on and of the places among all proposals ever judged. So a stretch of time
that was read once reads the same ever after, whoever reads it, live or later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import groupby
from typing import Any, Literal

import msgspec

from comity import limits
from comity.model.decisions import Finding
from comity.model.events import Answered, Commit, Event, EventPayload
from comity.model.proposals import Proposal
from comity.store.contract import AnsweredFilter, Snapshot

Outcome = Literal["committed", "refused", "pending"]


class Seen(msgspec.Struct, frozen=True, gc=False):
    """Be an event as a detector sees it. Without values, ``was`` and ``data`` once it is erased.

    ``was`` holds the former values of the fields that it changed, ``values`` all fields behind it.
    """

    event: str
    record: str
    kind: str
    type: str
    is_live: bool
    is_derived: bool
    was: dict[str, Any]
    values: dict[str, Any]


class Judged(msgspec.Struct, frozen=True):
    """Be one judged proposal: when, on which ``base`` revision, whose, what was found, what it did.

    ``proposal`` is None once it is erased. What made no commit has neither ``revision`` nor ``events``.
    """

    at: int
    base: int
    ordinal: int
    id: str
    agent: str
    outcome: Outcome
    proposal: Proposal | None
    findings: tuple[Finding, ...]
    revision: int | None = None
    events: tuple[Seen, ...] = ()

    @property
    def evidence(self) -> str:
        """Return by what it is found again: the address of its first event, or its proposal's id."""
        return self.events[0].event if self.events else self.id

    @property
    def action(self) -> str | None:
        """Return the action under which it was proposed."""
        return None if self.proposal is None else self.proposal.action


def judged_between(snapshot: Snapshot, after_us: int, until_us: int) -> Iterator[Judged]:
    """Yield what was judged after a time and up to another one, in order."""
    commits = (_of_commit(commit, events) for commit, events in _committed(snapshot, after_us, until_us))
    answers = map(_of_answer, answers_between(snapshot, after_us, until_us))
    return merge(_in_order(commits), _in_order(answers), key=_place_of)


def _committed(snapshot: Snapshot, after_us: int, until_us: int) -> Iterator[tuple[Commit, list[Event]]]:
    after = snapshot.revision_at(after_us)
    while page := snapshot.log(after, limits.HISTORY_PAGE):
        for commit, events in page:
            if commit.at > until_us:
                return
            yield commit, events
        after = page[-1][0].revision


def answers_between(snapshot: Snapshot, after_us: int, until_us: int) -> Iterator[Answered]:
    """Yield what made no commit after a time and up to another one, the oldest first.

    It is read page after page: a page begins with the moment at which the last one ended.
    """
    known: set[str] = set()
    since_us, limit = after_us + 1, limits.HISTORY_PAGE
    while True:
        chosen = AnsweredFilter(since_us=since_us, until_us=until_us, oldest_first=True, limit=limit)
        page = snapshot.answered(chosen)
        yield from (answered for answered in page if answered.proposal not in known)
        if len(page) < limit:
            return
        last_us = page[-1].at
        known = {answered.proposal for answered in page if answered.at == last_us}
        limit = limits.HISTORY_PAGE + len(known)
        since_us = last_us


def _in_order(judged: Iterable[Judged]) -> Iterator[Judged]:
    """Yield what is in order of time in full order."""
    for _, moment in groupby(judged, key=lambda one: one.at):
        yield from sorted(moment, key=_place_of)


def _place_of(judged: Judged) -> tuple[int, int, int, str]:
    return judged.at, judged.base, judged.ordinal, judged.id


def _of_commit(commit: Commit, events: Iterable[Event]) -> Judged:
    payload = commit.payload
    return Judged(
        at=commit.at,
        base=commit.revision - 1,
        ordinal=commit.ordinal,
        id=commit.proposal,
        agent=commit.agent,
        outcome="committed",
        proposal=None if payload is None else payload.proposal,
        findings=() if payload is None else payload.findings,
        revision=commit.revision,
        events=tuple(map(_seen, events)),
    )


def _seen(event: Event) -> Seen:
    payload = event.payload or EventPayload()
    return Seen(
        event=event.event_id,
        record=event.ref,
        kind=event.kind,
        type=event.type,
        is_live=event.life == "live",
        is_derived=bool(event.derived),
        was=payload.was,
        values=payload.values,
    )


def _of_answer(answered: Answered) -> Judged:
    payload = answered.payload
    return Judged(
        at=answered.at,
        base=answered.revision,
        ordinal=answered.ordinal,
        id=answered.proposal,
        agent=answered.agent,
        outcome=answered.outcome,
        proposal=None if payload is None else payload.proposal,
        findings=() if payload is None else payload.findings,
    )
