"""Replaying: a log read from one store and written to another, up to a revision, with what belongs to it.

Through the contract alone, so that it doesn't matter what the stores keep it in. Every commit
goes over with its hash, so that :func:`comity.verbs.verifying.audit` finds whether
it is the same log. What is bookkeeping comes along where it tells who wants to be told of
what; read sets and the like belong to the present of the base that is left behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from comity.coordination import consumers
from comity.coordination.judged import answers_between
from comity.coordination.watches import topic_of
from comity.deciding.fold import replay
from comity.deciding.tickets import WAITS_OF
from comity.model import filters
from comity.model.events import Answered, Commit, Event
from comity.model.filters import Condition, Query
from comity.store.contract import Entry, Head, Snapshot, Store
from comity.verbs.engine import Progress
from comity.verbs.portions import AT_ONCE

Log = Sequence[tuple[Commit, list[Event]]]


def replay_upto(source: Snapshot, target: Store, revision: int, progress: Progress | None = None) -> None:
    """Write a log up to a revision into a store that has none; its incarnation stays its own.

    ``progress`` is told the commits done, and how many there are.
    """
    replay_log(source, target, revision, progress)
    replay_aside(source, target, revision)
    for topic in (consumers.TOPIC, *map(topic_of, source.agents())):
        target.note(topic, source.noted(topic))


def replay_log(source: Snapshot, target: Store, revision: int, progress: Progress | None = None) -> None:
    """Write a log up to a revision into a store that has none of it, or its beginning: a page is a batch."""
    after = target.head().revision
    while after < revision:
        page = source.log(after, min(AT_ONCE, revision - after))
        _append(target, source.head, page, ())
        after = page[-1][0].revision
        if progress is not None:
            progress(after, revision)


def replay_aside(source: Snapshot, target: Store, revision: int) -> None:
    """Write what was answered up to a revision without a commit, and the hashes of the keys that there were then."""
    last = source.commit(revision)
    for answers in _in_portions(_answers_upto(source, revision)):
        _append(target, source.head, (), answers)
    cut_us = last.at if last is not None else 0
    for key in source.keys(agent=None):
        if key.created_at <= cut_us:
            target.put_key(key)


def _append(target: Store, told: Head, page: Log, answers: Sequence[Answered]) -> None:
    with target.turn(), target.batch() as batch:
        head = batch.head
        if page:
            head = replace(head, revision=page[-1][0].revision, chain=page[-1][0].chain)
        head = replace(head, judged=told.judged, time=told.time)
        states = replay(event for _, events in page for event in events)
        entries = [Entry(commit, tuple(events)) for commit, events in page]
        batch.append(head, entries, list(states.values()), answers)


def _answers_upto(source: Snapshot, revision: int) -> Iterator[Answered]:
    """Yield what was answered without a commit up to a revision; what waited then waits again."""
    for answered in answers_between(source, -1, source.head.time.now_us):
        if answered.revision <= revision:
            yield answered
    for kind in filter(source.kinds().__contains__, WAITS_OF):
        yield from _waiting(source, kind, revision)


def _waiting(source: Snapshot, kind: str, revision: int) -> Iterator[Answered]:
    """Yield what waited at a revision under a ticket, and was refused later, as it was answered then."""
    query = Query(kind, (Condition("state", "=", "waiting"),), limit=AT_ONCE)
    while page := source.find(query, revision=revision):
        stored = source.answers([ticket.values["proposal"] for ticket in page])
        for answered in stored.values():
            if isinstance(answered, Answered) and answered.revision > revision:
                yield replace(answered, outcome="pending", revision=revision)
        query = replace(query, after=filters.page_after(query, page[-1]))


def _in_portions(answers: Iterator[Answered]) -> Iterator[list[Answered]]:
    portion: list[Answered] = []
    for answered in answers:
        portion.append(answered)
        if len(portion) == AT_ONCE:
            yield portion
            portion = []
    if portion:
        yield portion
