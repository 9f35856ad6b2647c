"""What every store must do, at the level of meaning.

A store keeps, per workspace: the *log* (commits and their events, append-only), the
*records* that the log folds to, the *answers* to proposals that made no commit, the *head*,
and the hashes of keys. It decides nothing and knows no definition.

Promises, all checked by :mod:`comity.testing.store_contract`:

- :meth:`Store.batch` takes the head: whoever else appends before it is left, in any process, has
  it raise :class:`BatchLost`, with nothing of it there, at the latest when it is left. A store
  may rule that out by keeping the others waiting, and does so if the same batch is tried again.
- :meth:`Batch.append` is all or nothing, durable when the ``with`` block has been left.
- :meth:`Store.snapshot` is consistent: all its answers are of one revision.
- Driver errors come out as the :class:`comity.errors.StoreError` tree and nothing else.
- Only :meth:`Store.batch` can add to the log, and no method can change what is in it, but for
  :meth:`Store.empty`, which takes contents out of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

import msgspec

from comity.clock import StoreTime
from comity.errors import StoreUnavailable
from comity.model.events import Answered, Commit, Event
from comity.model.filters import Query
from comity.model.records import RecordState

Ref = tuple[str, str]
"""Kind and id of a record."""
DEFAULT_WORKSPACE: Final = "main"
"""What a workspace is called where several are kept together, unless its url says otherwise."""


class BatchLost(StoreUnavailable):
    """Tell that nothing of a batch was appended, as the head isn't where it was believed to be: decide it again."""


class Head(msgspec.Struct, frozen=True, gc=False):
    """Be the end of the log.

    ``incarnation`` names this life of the base; ``chain`` is the hash of the last commit;
    ``judged`` counts the proposals judged so far (S38); ``time`` is store time.
    """

    incarnation: str
    revision: int
    chain: bytes
    judged: int
    time: StoreTime

    def is_same_place(self, other: Head) -> bool:
        """Tell whether nothing was committed between the two."""
        return self is other or (
            self.revision == other.revision and self.chain == other.chain and self.incarnation == other.incarnation
        )


class EventFilter(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Choose events. Bounds are revisions: ``after`` exclusive, ``upto`` inclusive; ``but_agent`` is left out."""

    kind: str | None = None
    id: str | None = None
    agent: str | None = None
    but_agent: str | None = None
    type: str | None = None
    after: int = 0
    upto: int | None = None
    newest_first: bool = False
    limit: int = 100


class LogFilter(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Choose events by several of each: or-ed inside one, and-ed across; what is empty lets everything pass."""

    kinds: tuple[str, ...] = ()
    records: tuple[Ref, ...] = ()
    types: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


class AnsweredFilter(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Choose answers that made no commit. ``since_us`` and ``until_us`` are store time, both inclusive."""

    agent: str | None = None
    outcome: str | None = None
    since_us: int = 0
    until_us: int | None = None
    oldest_first: bool = False
    limit: int = 100


class KeyRow(msgspec.Struct, frozen=True, gc=False):
    """Be a key as it is kept: the SHA-256 of its secret, never the secret."""

    key: str
    agent: str
    digest: bytes
    created_at: int
    expires_at: int | None


class Statistics(msgspec.Struct, frozen=True, gc=False):
    """Be counts and sizes of a workspace."""

    records: dict[str, int]
    commits: int
    events: int
    answers: int
    bytes: int


class Emptying(msgspec.Struct, frozen=True, gc=False):
    """Be what is to lose its payload and salt (S37): commits, events by revision and ordinal, answers by proposal."""

    commits: tuple[int, ...] = ()
    events: tuple[tuple[int, int], ...] = ()
    answers: tuple[str, ...] = ()


class Scrubbed(msgspec.Struct, frozen=True, gc=False):
    """Be whether what was emptied is gone from the store's own files, and in words what may still hold it."""

    is_done: bool
    left: str = ""


class Snapshot(Protocol):
    """Read a workspace as it was at one moment."""

    @property
    def head(self) -> Head:
        """Return the head that all answers belong to."""
        ...

    def records(self, refs: Sequence[Ref]) -> dict[Ref, RecordState]:
        """Return the records named, without those that never were."""
        ...

    def records_at(self, refs: Sequence[Ref], revision: int) -> dict[Ref, RecordState]:
        """Return the records as of a revision, without those that weren't yet. One seek each."""
        ...

    def find(self, query: Query, *, revision: int | None = None) -> list[RecordState]:
        """Return the records that meet a query, now or as of a revision, in its order, at most ``query.limit``."""
        ...

    def count(self, query: Query, *, revision: int | None = None) -> int:
        """Return how many records meet a query's conditions; its limit and cursor don't count."""
        ...

    def all_records(self, kind: str | None = None) -> Iterator[RecordState]:
        """Yield every record, deleted ones included, by kind and id."""
        ...

    def changed_since(self, revision: int, limit: int) -> list[RecordState]:
        """Return the records changed after a revision, at most ``limit``, by kind and id."""
        ...

    def kinds(self) -> dict[str, int]:
        """Return each kind that has or had records, with the revision of its last change."""
        ...

    def agents(self) -> list[str]:
        """Return the agents who ever proposed anything, by name, as far as the answer is still kept."""
        ...

    def event_types(self) -> list[str]:
        """Return the types of the events that ever happened, by name."""
        ...

    def commit(self, revision: int) -> Commit | None:
        """Return one commit, or None."""
        ...

    def commits_of(self, revisions: Sequence[int]) -> dict[int, Commit]:
        """Return the commits of these revisions, without those that aren't there."""
        ...

    def commits(self, after: int, limit: int) -> list[Commit]:
        """Return the commits after a revision, in order."""
        ...

    def revision_at(self, at_us: int) -> int:
        """Return the revision of the last commit at or before a time; 0 if there is none."""
        ...

    def events(self, chosen: EventFilter) -> list[Event]:
        """Return the events chosen, in order of revision and ordinal."""
        ...

    def event(self, revision: int, ordinal: int) -> Event | None:
        """Return one event, or None."""
        ...

    def events_of(self, revision: int) -> list[Event]:
        """Return the events of one commit, in order."""
        ...

    def log(self, after: int, limit: int) -> list[tuple[Commit, list[Event]]]:
        """Return whole commits after a revision, in order, each with its events."""
        ...

    def search_log(self, chosen: LogFilter, after: int, upto: int) -> Iterator[Event]:
        """Yield the events chosen of the commits behind one revision, up to another, in order; few are in memory."""
        ...

    def answers(self, proposals: Sequence[str]) -> dict[str, Commit | Answered]:
        """Return what was answered under these ids, without those that are new."""
        ...

    def answered(self, chosen: AnsweredFilter) -> list[Answered]:
        """Return the answers chosen that made no commit, newest first unless asked otherwise."""
        ...

    def keys(self, agent: str | None = None) -> list[KeyRow]:
        """Return the keys kept, of one agent or of all."""
        ...

    def key(self, key: str) -> KeyRow | None:
        """Return one key by its id, or None."""
        ...

    def noted(self, topic: str, names: Sequence[str] | None = None) -> dict[str, str]:
        """Return the bookkeeping of a topic, all of it or under these names, without those that never were."""
        ...

    def topics(self) -> list[str]:
        """Return the topics that have bookkeeping, by name."""
        ...

    def caused_by(self, revision: int, ordinal: int | None, limit: int) -> list[Commit]:
        """Return the commits that name an event, or with None any of a commit, as their cause, in order."""
        ...

    def statistics(self) -> Statistics:
        """Return counts and sizes."""
        ...


class Entry(msgspec.Struct, frozen=True, gc=False):
    """Be one commit to append, with its events."""

    commit: Commit
    events: tuple[Event, ...]


class Batch(Snapshot, Protocol):
    """Hold the head: read what is there, append once, then leave the ``with`` block."""

    def append(
        self, head: Head, entries: Sequence[Entry], records: Sequence[RecordState], answers: Sequence[Answered]
    ) -> None:
        """Append commits and answers, put the records that they fold to, move the head."""
        ...


class Store(Protocol):
    """Keep one workspace."""

    def turn(self) -> AbstractContextManager[None]:
        """Wait for this process's turn at the head: first come, first served among processes (S4)."""
        ...

    def batch(self) -> AbstractContextManager[Batch]:
        """Take the head. Leaving the block commits what was appended; an exception undoes it."""
        ...

    def head(self) -> Head:
        """Return the head as it is now."""
        ...

    def recent_head(self) -> Head:
        """Return the head as it is now, or as it was ``limits.HEAD_AGE_S`` ago at most.

        It is never older than one that this process has been shown, in whichever way, nor than
        what this process has committed (S5). Its time, and the count of the judged, may be.
        """
        ...

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Open a consistent read. Nested calls of one thread share the outer one."""
        ...

    def keep(self, head: Head, answers: Sequence[Answered]) -> None:
        """Keep answers that made no commit: visible to all at once, without a sync of their own (S2).

        As new ones are kept, here or with a batch, the oldest are dropped: those of more than
        ``limits.ANSWERS_KEPT_DAYS`` of store time ago, and ``limits.WAIT_DAYS`` later those of
        what waited (S7).

        Of ``head`` the count of the judged and the time that the answers tell are kept, each
        unless a later one is kept already: time told in a refusal outlives the handle (S6).
        """
        ...

    def note(self, topic: str, entries: Mapping[str, str | None]) -> None:
        """Keep bookkeeping, outside the log (S18): visible to all at once, without a sync of its own; None forgets."""
        ...

    def exchange(self, topic: str, name: str, was: str | None, now: str | None) -> bool:
        """Keep bookkeeping in place of what is expected there, None being nothing; return whether just that was there.

        Nobody can come in between: of several who expect the same, one succeeds.
        """
        ...

    def wait(self, revision: int, timeout_s: float) -> bool:
        """Wait until the head is past a revision; return whether it is. A hint may come late, never be lost."""
        ...

    def put_key(self, row: KeyRow) -> None:
        """Keep the hash of a key, durably."""
        ...

    def empty(self, emptying: Emptying) -> None:
        """Empty payloads and salts, durably, all or nothing; what is empty already stays so.

        It is for carrying out an erasure that is in the log: raises StoreError, by the schema itself, for
        a commit or an event that no later ``$erased`` event is about, or names.
        """
        ...

    def drop_answers(self, settled_before_us: int, pending_before_us: int, most: int) -> int:
        """Drop answers of before a store time, the oldest first, at most so many of each sort; return how many."""
        ...

    def scrub(self, wait_s: float, *, rewrite: bool = True) -> Scrubbed:
        """Have the bytes of what was emptied, replaced or dropped be gone from the files; wait so long for readers.

        A store says what it can't reach. It may keep writers waiting. Without ``rewrite`` it only
        goes on with what an earlier call has left to the readers.
        """
        ...

    def index(self, wanted: Mapping[str, Sequence[Sequence[str]]]) -> None:
        """Have exactly these indexes: per kind, lists of fields."""
        ...

    def files(self) -> tuple[Path, ...]:
        """Return the files that are the store's own, resolved, there or not yet: nobody else may write them."""
        ...

    def close(self) -> None:
        """Release everything. A second call does nothing."""
        ...
