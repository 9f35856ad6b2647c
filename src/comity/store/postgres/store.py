"""The store: which connection does what, and who may use it when."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from time import monotonic, monotonic_ns
from typing import Any, Final, NamedTuple

from msgspec import structs

from comity.clock import Clock
from comity.errors import StoreError, StoreUnavailable
from comity.model.events import Answered
from comity.model.ids import Entropy
from comity.store.contract import BatchLost, Emptying, Head, KeyRow, Scrubbed, Snapshot
from comity.store.migrations import Migration
from comity.store.postgres import indexes, rows
from comity.store.postgres.address import Address
from comity.store.postgres.arrays import Texts
from comity.store.postgres.batch import WITHOUT_SYNC, PostgresBatch, keeping
from comity.store.postgres.clock import DatabaseClock
from comity.store.postgres.connections import Readers, Writer, connect, patient
from comity.store.postgres.erasing import SCRUBBED, VACUUM, emptying_statements
from comity.store.postgres.failures import DRIVER_ERRORS, translate, translating
from comity.store.postgres.hints import channel_of
from comity.store.postgres.opening import check_server, has_workspace, pending, prepare
from comity.store.postgres.retention import DROP_PENDING, DROP_SETTLED
from comity.store.postgres.snapshot import SELECT_HEAD, Connection, in_schema
from comity.store.postgres.waiting import Waiting
from comity.store.recency import RecentHead, recent_head_of

SELECT_TIME: Final = f"SELECT {rows.CLOCK}".encode()
PUT_NOTES: Final = (
    f"WITH {WITHOUT_SYNC}, gone AS (DELETE FROM {{s}}.bookkeeping WHERE workspace = %s AND topic = %s"
    " AND name = ANY (%s)) INSERT INTO {s}.bookkeeping (workspace, topic, name, value)"
    " SELECT %s, %s, line.* FROM unsynced CROSS JOIN unnest(%s, %s) AS line WHERE TRUE"
    " ON CONFLICT (workspace, topic, name) DO UPDATE SET value = excluded.value"
)
FIRST_NOTE: Final = (
    f"WITH {WITHOUT_SYNC} INSERT INTO {{s}}.bookkeeping (workspace, topic, name, value)"
    " SELECT %s, %s, %s, %s FROM unsynced ON CONFLICT (workspace, topic, name) DO NOTHING"
)
NEXT_NOTE: Final = (
    f"WITH {WITHOUT_SYNC} UPDATE {{s}}.bookkeeping SET value = %s FROM unsynced"
    " WHERE workspace = %s AND topic = %s AND name = %s AND value = %s"
)
LAST_NOTE: Final = (
    f"WITH {WITHOUT_SYNC} DELETE FROM {{s}}.bookkeeping USING unsynced"
    " WHERE workspace = %s AND topic = %s AND name = %s AND value = %s"
)
HAS_NOTE: Final = "SELECT 1 FROM {s}.bookkeeping WHERE workspace = %s AND topic = %s AND name = %s"
PUT_KEY: Final = (
    f"INSERT INTO {{s}}.keys (workspace, {rows.KEY}) VALUES (%s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (workspace, key) DO UPDATE SET agent = excluded.agent, digest = excluded.digest,"
    " created_at = excluded.created_at, expires_at = excluded.expires_at"
)
BELIEVED_S: Final = 1.0
"""How long a head is believed to be where this process left it; then it is looked at first."""
TRIES: Final = 5
"""Of a small statement that the server undid because it got in the way of another one."""


LOST: Final = (
    "commits of the workspace %s that this process has seen are lost: a new life begins,"
    " in which leases must be acquired anew and effects that are pending wait for a human"
)
_log: Final = logging.getLogger("comity")


class Left(NamedTuple):
    """Be where the head was left, whether it was found where it had been left before, and until when it is believed."""

    head: Head
    is_undisturbed: bool
    until: float


class PostgresStore:
    """Keep one workspace in a schema of a database. Threads may share it; a process that forked opens its own.

    One connection writes commits; a pool of others reads and keeps. At most one thread of a
    process writes commits at a time. A process that is alone with a workspace decides on the
    head as it left it, and the one statement of its batch finds it there; where others commit
    too, the row of the head is what they wait at, in the order in which PostgreSQL lets them.
    """

    def __init__(self, address: Address, connection: Connection, clock: Clock | None, entropy: Entropy) -> None:
        self.schema = address.schema
        self.workspace = address.workspace
        self.channel = channel_of(address.schema, address.workspace) if address.notifies else None
        self.database_clock = DatabaseClock()
        self.goes_by_database = clock is None
        self.clock: Clock = clock or self.database_clock
        self._entropy = entropy
        self._writer = Writer(address, connection)
        self._recent = recent_head_of((address.server, address.schema, address.workspace))
        self._readers = Readers(address, self, self._recent)
        self._writing = threading.Lock()
        self._batching = 0
        self._left: Left | None = None
        self._waiting = Waiting(address)
        self._pid = os.getpid()
        self._is_open = True

    @classmethod
    @translating
    def open(cls, url: str, *, clock: Clock | None = None, entropy: Entropy = os.urandom) -> PostgresStore:
        """Open a workspace, or begin one, named by ``entropy``, where there is none yet.

        Unless a clock is given, store time is that of the database. Raises InvalidRequest
        for a URL that is none, StoreUnavailable for a server that can't be reached,
        StoreUnsupported for one, or a schema, that can't be worked with.
        """
        address = Address.of(url)
        with ExitStack() as failed:
            connection = connect(address)
            failed.callback(connection.close)
            check_server(connection)
            store = cls(address, connection, clock, entropy)
            failed.callback(store.close)
            store.database_clock.take(connection.execute(SELECT_TIME).fetchall()[0][0])
            prepare(connection, address, store.clock, entropy)
            failed.pop_all()
            return store

    @classmethod
    @translating
    def is_there(cls, url: str) -> bool:
        """Tell whether the workspace of a URL is there; nothing is made. Raises as :meth:`open` does."""
        address = Address.of(url)
        with connect(address) as connection:
            return has_workspace(connection, address)

    @classmethod
    @translating
    def steps_left(cls, url: str) -> tuple[Migration, ...]:
        """Return the steps that the schema of a URL has yet to take; none is taken. Raises as :meth:`open` does."""
        address = Address.of(url)
        with connect(address) as connection:
            return pending(connection, address.schema)

    def _check(self) -> None:
        if self._pid != os.getpid():
            raise StoreError("this base was opened before a fork: open it anew in the new process")
        if not self._is_open:
            raise StoreError("this base is closed")

    def _check_free(self) -> None:
        self._check()
        if self._batching == threading.get_ident():
            raise StoreError("this thread holds the head: write through its batch, and leave that first")

    def turn(self) -> AbstractContextManager[None]:
        """Return at once: processes wait at the row of the head, and the server lets them go on in order (S4)."""
        self._check_free()
        return nullcontext()

    def batch(self) -> AbstractContextManager[PostgresBatch]:
        """Take the head. Leaving the block commits what was appended; an exception undoes it."""
        self._check_free()
        return self._batch()

    @contextmanager
    def _batch(self) -> Generator[PostgresBatch]:
        with self._writing:
            self._check()
            self._batching = threading.get_ident()
            left = self._left
            self._left = None if left is None else left._replace(is_undisturbed=False)
            try:
                batch = self._writer.begin(lambda connection: self._begun(connection, left))
                with self._losing():
                    yield batch
                asked_ns = monotonic_ns()
                batch.finish()
                self._leave(batch, left)
                self._recent.take(batch.head, asked_ns)
            finally:
                self._batching = 0
                self._writer.reset()
        if batch.has_appended:
            self._waiting.tell()

    @contextmanager
    def _losing(self) -> Generator[None]:
        """Have a batch decided again whose connection breaks before anything could be committed."""
        try:
            yield
        except StoreUnavailable as failure:
            if not self._writer.is_lost:
                raise
            raise BatchLost(str(failure)) from failure

    def _begun(self, connection: Connection, left: Left | None) -> PostgresBatch:
        """Return a batch: on the head where this process left it, if nobody else moved it lately."""
        if left is not None and left.is_undisturbed and monotonic() < left.until:
            return PostgresBatch(connection, self, left.head)
        batch = PostgresBatch(connection, self, None)
        batch.hold()
        if left is not None and batch.misses(left.head):
            _log.warning(LOST, self.workspace)
            batch.begin_life(self._entropy(16).hex())
        return batch

    def _leave(self, batch: PostgresBatch, left: Left | None) -> None:
        """Remember where the head was left; whoever has been disturbed holds it first the next time."""
        is_undisturbed = left is None or batch.began_at.is_same_place(left.head)
        self._left = Left(batch.head, is_undisturbed, monotonic() + BELIEVED_S)
        batch.end()

    def head(self) -> Head:
        """Return the head as it is now."""
        self._check()
        asked_ns = monotonic_ns()
        row = self._readers.ask(lambda connection: self._one(connection, SELECT_HEAD, (self.workspace,)))
        if row is None:
            raise StoreError(f"there is no workspace {self.workspace!r} any more")
        self.database_clock.take(row[-1])
        head = rows.head_of(row)
        self._recent.take(head, asked_ns)
        return head

    def recent_head(self) -> Head:
        """Return the head as it is now, or was a moment ago; without a look at the server while it is that young."""
        self._check()
        return self._recent.recall() or self.head()

    def _one(self, connection: Connection, sql: str, values: Sequence[Any]) -> rows.Row | None:
        return connection.execute(in_schema(sql, self.schema), values, binary=True).fetchone()

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Open a consistent read. Nested calls of one thread share the outer one."""
        self._check()
        return self._readers.reading()

    def keep(self, head: Head, answers: Sequence[Answered]) -> None:
        """Keep answers that made no commit: visible to all at once, without a sync of their own (S2)."""
        self._run(*keeping(self, head, answers))
        left = self._left
        if left is not None and left.head.judged <= head.judged and left.head.time.now_us <= head.time.now_us:
            self._left = left._replace(head=structs.replace(left.head, judged=head.judged, time=head.time))

    def note(self, topic: str, entries: Mapping[str, str | None]) -> None:
        """Keep bookkeeping, outside the log (S18): visible to all at once, without a sync of its own; None forgets."""
        kept = {name: value for name, value in sorted(entries.items()) if value is not None}
        gone = [name for name in sorted(entries) if name not in kept]
        topical = (self.workspace, topic)
        self._run(PUT_NOTES, [*topical, Texts(gone), *topical, Texts(list(kept)), Texts(list(kept.values()))])

    def exchange(self, topic: str, name: str, was: str | None, now: str | None) -> bool:
        """Keep bookkeeping in place of what is expected there, None being nothing; return whether just that was there.

        Raises StoreError within a batch.
        """
        place = (self.workspace, topic, name)
        if was is None:
            return self._run(FIRST_NOTE, [*place, now]) == 1 if now is not None else self._run(HAS_NOTE, place) == 0
        if now is None:
            return self._run(LAST_NOTE, [*place, was]) == 1
        return self._run(NEXT_NOTE, [now, *place, was]) == 1

    def put_key(self, row: KeyRow) -> None:
        """Keep the hash of a key, durably."""
        self._run(PUT_KEY, (self.workspace, *rows.key_row(row)))

    def _run(self, sql: str, values: Sequence[Any]) -> int:
        """Run one statement, a transaction of its own, and return of how many rows it tells."""
        self._check_free()
        for left in range(TRIES - 1, -1, -1):
            with self._readers.lent() as connection:
                try:
                    return connection.execute(in_schema(sql, self.schema), values, binary=True).rowcount
                except DRIVER_ERRORS as failure:
                    translated = translate(failure)
                    if not left or not isinstance(translated, BatchLost):
                        raise translated from failure
        raise AssertionError

    def wait(self, revision: int, timeout_s: float) -> bool:
        """Wait until the head is past a revision; return whether it is.

        Commits of this process wake at once; one thread for all of them hears of those of others, and looks.
        """
        until, looks, seen = monotonic() + timeout_s, 0, -1
        try:
            while True:
                moves = self._waiting.moves
                looks = 0 if moves != seen else looks + 1
                seen = moves
                found = self.head().revision
                self._waiting.saw(found)
                if found > revision:
                    return True
                if (left := until - monotonic()) <= 0:
                    return False
                self._waiting.pause(moves, looks, left)
        finally:
            self._waiting.leave()

    @translating
    def empty(self, emptying: Emptying) -> None:
        """Empty payloads and salts, durably, all or nothing; what is empty already stays so."""
        self._check_free()
        with self._readers.lent() as connection, connection.transaction():
            for sql, values in emptying_statements(self.workspace, emptying):
                connection.execute(in_schema(sql, self.schema), values, binary=True)

    def drop_answers(self, settled_before_us: int, pending_before_us: int, most: int) -> int:
        """Drop answers of before a store time, the oldest first, at most so many of each sort; return how many."""
        place = (self.workspace, self.workspace)
        settled = self._run(DROP_SETTLED, (*place, settled_before_us, most))
        return settled + self._run(DROP_PENDING, (*place, pending_before_us, most))

    @translating
    def scrub(self, wait_s: float, *, rewrite: bool = True) -> Scrubbed:
        """Have the server give up the dead rows of what was emptied; it is told what is beyond that."""
        self._check_free()
        with self._readers.lent() as connection, patient(connection):
            connection.execute(in_schema(VACUUM, self.schema))
        return SCRUBBED

    @translating
    def index(self, wanted: Mapping[str, Sequence[Sequence[str]]]) -> None:
        """Have exactly these indexes: per kind, lists of fields."""
        self._check_free()
        statements = indexes.statements_for(wanted)
        with self._readers.lent() as connection:
            if indexes.declared(connection, self.schema, self.workspace) == statements.keys():
                return
            with patient(connection), connection.transaction():
                indexes.declare(connection, self.schema, self.workspace, wanted)

    def files(self) -> tuple[Path, ...]:
        """Return no files: a database has none that a caller could name."""
        return ()

    def close(self) -> None:
        """Release everything, once no thread writes. A second call does nothing."""
        if not self._is_open or self._pid != os.getpid():
            return
        self._check_free()
        self._is_open = False
        with self._writing:
            self._recent = RecentHead()  # Whoever still asks is refused, not answered from memory.
            self._waiting.close()
            self._readers.close()
            self._writer.close()
