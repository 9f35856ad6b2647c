"""Verifying: replay the log, compare with the records, check the chain (S37)."""

from __future__ import annotations

from comity.deciding.fold import replay
from comity.deciding.readers import Readers, told
from comity.errors import InvalidRequest
from comity.model import codec
from comity.model.events import Commit, Event, also_of
from comity.model.proposals import Caller
from comity.model.records import ERASED, LIFE, RecordState
from comity.operations import Verify, VerifyAnswer
from comity.store.contract import Snapshot
from comity.verbs.engine import Engine, Progress
from comity.verbs.portions import AT_ONCE

_MOST_PROBLEMS = 100
Ref = tuple[str, str]


def verify(engine: Engine, caller: Caller, request: Verify, progress: Progress | None = None) -> VerifyAnswer:
    """Return whether log, chain and records agree, and name what doesn't."""
    with engine.store.snapshot() as snapshot:
        readers = engine.coordinator.definition(snapshot).readers
        return audit(snapshot, request.head, progress, readers=readers)


def audit(
    snapshot: Snapshot,
    outside_head: str | None = None,
    progress: Progress | None = None,
    *,
    readers: Readers | None = None,
) -> VerifyAnswer:
    """Return the same of a snapshot of any store, and whether it goes on from a head that was kept outside.

    Values that have ``readers`` aren't quoted (S39).
    """
    audit = _Audit(snapshot, readers)
    if outside_head is not None:
        audit.check_outside_head(outside_head)
    audit.replay_log(progress)
    audit.compare_records()
    head = snapshot.head
    return VerifyAnswer(
        is_clean=not audit.problems,
        revision=head.revision,
        commits=audit.commits,
        events=audit.events,
        records=len(audit.states),
        erased=audit.erased,
        head=f"{head.revision}:{head.chain.hex()}",
        problems=tuple(audit.problems),
    )


class _Audit:
    """Go through the log once, holding the state that it leads to."""

    def __init__(self, snapshot: Snapshot, readers: Readers | None) -> None:
        self._snapshot = snapshot
        self._readers = readers
        self._chain = codec.GENESIS
        self._last: Commit | None = None
        self.states: dict[Ref, RecordState] = {}
        self.problems: list[str] = []
        self.commits = 0
        self.events = 0
        self.erased = 0
        self._blank: set[Ref] = set()
        self._emptied: list[tuple[str, int, frozenset[Ref], bool]] = []
        self._erasures: dict[Ref, int] = {}
        self._also: dict[int, int] = {}

    def note(self, problem: str) -> None:
        """Take a problem, up to a number of them."""
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)

    def check_outside_head(self, text: str) -> None:
        """Compare with a head that was kept elsewhere: a cut or rewritten tail shows."""
        revision, colon, chain = text.partition(":")
        if not colon or not revision.isdecimal() or len(revision) > 18:
            raise InvalidRequest(f"head: {text[:40]!r} is no 'revision:hash', as verify prints it")
        if int(revision) == 0:
            return
        commit = self._snapshot.commit(int(revision))
        if commit is None:
            self.note(
                f"the log was cut: it should reach revision {revision}, and ends at {self._snapshot.head.revision}"
            )
        elif commit.chain.hex() != chain:
            self.note(f"the log was rewritten: commit {revision} isn't the one whose head was kept")

    def replay_log(self, progress: Progress | None) -> None:
        """Check every commit and every event, in order."""
        head = self._snapshot.head
        after = 0
        while page := self._snapshot.log(after, AT_ONCE):
            for commit, events in page:
                self._check_commit(commit, events)
            after = page[-1][0].revision
            if progress is not None:
                progress(after, head.revision)
        if after != head.revision:
            self.note(f"the head says revision {head.revision}, the log ends at {after}")
        elif self._chain != head.chain:
            self.note("the head's hash isn't that of the last commit")
        stray = self._snapshot.statistics().events - self.events
        if stray > 0:
            self.note(f"{stray} events belong to no commit")
        self._check_erasures()

    def _check_erasures(self) -> None:
        """Note what was emptied without a later event that says so, of the same record or naming that very commit."""
        for what, revision, about, is_commit in self._emptied:
            is_named = is_commit and self._also.get(revision, 0) > revision
            if not is_named and not any(self._erasures.get(ref, 0) > revision for ref in about):
                self.note(f"{what}: its contents are gone, and no event says that they were erased")

    def _check_commit(self, commit: Commit, events: list[Event]) -> None:
        expected = (self._last.revision if self._last else 0) + 1
        if commit.revision != expected:
            self.note(f"revision {expected} is missing: after it comes {commit.revision}")
        if self._last is not None and (commit.at < self._last.at or commit.ordinal <= self._last.ordinal):
            self.note(f"commit {commit.revision}: its time or its ordinal falls behind the commit before")
        self._chain = codec.chain(self._chain, commit, events)
        if self._chain != commit.chain:
            self.note(f"commit {commit.revision}: its hash isn't that of its contents and the chain before")
            self._chain = commit.chain
        what, about = f"commit {commit.revision}", frozenset((event.kind, event.id) for event in events)
        if self._is_emptied(what, commit.salt, commit.payload_bytes, commit.digest):
            self._emptied.append((what, commit.revision, about, True))
        for event in events:
            self._check_event(event)
        self._last = commit
        self.commits += 1

    def _check_event(self, event: Event) -> None:
        self.events += 1
        what = f"event {event.event_id}"
        ref = (event.kind, event.id)
        if event.type == ERASED:
            self._erasures[ref] = event.revision
            self._also.update(dict.fromkeys(also_of(event), event.revision))
        is_blank = self._is_emptied(what, event.salt, event.payload_bytes, event.digest)
        if is_blank:
            self._emptied.append((what, event.revision, frozenset({ref}), False))
        before = self.states.get(ref) or RecordState(*ref)
        if event.version != before.version + 1:
            self.note(f"{what}: {event.ref} goes from version {before.version} to {event.version}")
        if ref not in self._blank:
            self._check_former(what, event, before)
        (self._blank.add if is_blank else self._blank.discard)(ref)
        self.states.update(replay([event]))

    def _check_former(self, what: str, event: Event, before: RecordState) -> None:
        payload = event.payload
        for name, former in payload.was.items() if payload is not None else ():
            seen = before.life if name == LIFE else before.values.get(name)
            if before.life != "deleted" and before.version and seen != former:
                says, was = (told(self._readers, event.kind, name, value) for value in (former, seen))
                self.note(f"{what}: says that {name} was {says}, and it was {was}")

    def _is_emptied(self, what: str, salt: bytes | None, payload: bytes | None, digest: bytes) -> bool:
        if payload is None or salt is None:
            self.erased += 1
            return True
        if codec.payload_digest(salt, payload) != digest:
            self.note(f"{what}: its contents aren't those that were committed")
        return False

    def compare_records(self) -> None:
        """Compare the records as stored with those that the log leads to."""
        left = dict(self.states)
        for stored in self._snapshot.all_records():
            folded = left.pop((stored.kind, stored.id), None)
            if folded is None:
                self.note(f"{stored.ref} is stored, and no event made it")
            elif folded != stored:
                self.note(f"{stored.ref} is stored otherwise than its events say")
        for folded in left.values():
            self.note(f"{folded.ref} is missing: its events say that it is there")
