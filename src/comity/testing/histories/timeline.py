"""The log as the checker reads it: every record at every revision."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from comity import limits
from comity.model.events import Commit, Event
from comity.model.records import RecordState
from comity.store.contract import Ref, Store


class Fault(msgspec.Struct, frozen=True, order=True):
    """Be one promise broken: which, how, and by the proposal or commit concerned."""

    code: str
    subject: str
    message: str

    def __str__(self) -> str:
        return f"{self.code} ({self.subject}): {self.message}"


class Log(msgspec.Struct, frozen=True):
    """Be what a store holds at the end: commits with their events, and the records."""

    entries: tuple[tuple[Commit, tuple[Event, ...]], ...]
    records: Mapping[Ref, RecordState]


def read_log(store: Store) -> Log:
    """Return the whole log of a store and its records, of one snapshot."""
    with store.snapshot() as snapshot:
        entries: list[tuple[Commit, tuple[Event, ...]]] = []
        after = 0
        while page := snapshot.log(after, limits.HISTORY_PAGE):
            entries.extend((commit, tuple(events)) for commit, events in page)
            after = page[-1][0].revision
        records = {(state.kind, state.id): state for state in snapshot.all_records()}
        return Log(tuple(entries), records)


class Timeline:
    """Know every record at every revision, by the after-images of the events."""

    def __init__(self, log: Log) -> None:
        self.commits = {commit.revision: commit for commit, _ in log.entries}
        self.events = {commit.revision: events for commit, events in log.entries}
        self.by_proposal = {commit.proposal: commit for commit, _ in log.entries}
        self.end = max(self.commits, default=0)
        self._revisions: dict[Ref, list[int]] = {}
        self._states: dict[Ref, list[RecordState]] = {}
        for _, events in log.entries:
            for event in events:
                self._take(event)

    def _take(self, event: Event) -> None:
        ref = (event.kind, event.id)
        revisions = self._revisions.setdefault(ref, [])
        states = self._states.setdefault(ref, [])
        if revisions and revisions[-1] == event.revision:
            states[-1] = event.after()
        else:
            revisions.append(event.revision)
            states.append(event.after())

    @property
    def refs(self) -> Sequence[Ref]:
        """Return the records that ever were."""
        return list(self._states)

    def at(self, ref: Ref, revision: int) -> RecordState:
        """Return a record as it was right after a revision."""
        place = bisect_right(self._revisions.get(ref, []), revision)
        return self._states[ref][place - 1] if place else RecordState(*ref)

    def of_kind(self, kind: str, revision: int) -> Iterator[RecordState]:
        """Yield the records of a kind as they were right after a revision."""
        for ref in self._states:
            if ref[0] == kind:
                yield self.at(ref, revision)

    def changed(self, revision: int, ref: Ref) -> frozenset[str]:
        """Return the fields of a record that a commit says it has changed."""
        events = [event for event in self.events.get(revision, ()) if (event.kind, event.id) == ref]
        return frozenset(name for event in events if event.payload for name in event.payload.was)
