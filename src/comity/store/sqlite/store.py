"""The store: which connection does what, and who may use it when."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from time import monotonic, monotonic_ns
from typing import Final

import apsw
import msgspec
from msgspec.structs import astuple

from comity.clock import Clock
from comity.errors import StoreDamaged, StoreError
from comity.model.events import Answered
from comity.model.ids import Entropy
from comity.store.contract import Emptying, Head, KeyRow, Scrubbed, Snapshot
from comity.store.recency import RecentHead, recent_head_of
from comity.store.sqlite import indexes, rows, witness
from comity.store.sqlite.batch import INSERT_ANSWER, SqliteBatch, put_rows
from comity.store.sqlite.doorbell import Doorbell, folder_for
from comity.store.sqlite.erasing import empty, truncate_log, write_anew
from comity.store.sqlite.failures import DRIVER_ERRORS, translate, translating
from comity.store.sqlite.opening import (
    CACHE_KIB,
    READER_CACHE_KIB,
    check_library,
    check_owner,
    check_path,
    connect,
    dispense_with_triggers,
    is_up_to_date,
    prepare,
)
from comity.store.sqlite.readers import Reader, Readers
from comity.store.sqlite.retention import drop_answers, drop_old_answers
from comity.store.sqlite.stretches import Named
from comity.store.sqlite.turn import Turn
from comity.store.sqlite.waiting import Waiting
from comity.store.sqlite.witness import Witness

KEEP_TIME = "UPDATE head SET (now_us, boot_id, boot_us, offset_us) = (?, ?, ?, ?) WHERE now_us < ?"
KEEP_JUDGED = "UPDATE head SET judged = max(judged, ?)"
ASKED_WRITER: Final = 8
"""How often after a commit its own connection is asked for the head, which it needn't read again.

Whoever comes later asks a reader: each asking pushes a prepared statement of the writer's out of APSW's cache.
"""
OWN_ENDINGS = ("", "-wal", "-shm", "-journal", "-turn", "-bells", witness.ENDING)
"""Of the names of a base's files: its own, those that SQLite puts beside it, the line, the doorbells, the witness."""
PUT_NOTE = "INSERT OR REPLACE INTO bookkeeping (topic, name, value) VALUES (?, ?, ?)"
SELECT_NOTE = "SELECT value FROM bookkeeping WHERE topic = ? AND name = ?"
DROP_NOTE = "DELETE FROM bookkeeping WHERE topic = ? AND name = ?"
RESTORED: Final = (
    "%s was put back from a copy, as its witness or this process tells: a new life begins,"
    " and effects that were pending wait for a human"
)
BEGIN_LIFE = "UPDATE head SET incarnation = ?"
PUT_KEY = f"INSERT OR REPLACE INTO keys ({rows.KEY}) VALUES (?, ?, ?, ?, ?)"


_log: Final = logging.getLogger("comity")


class SqliteStore:
    """Keep one workspace in one file. Threads may share it; a process that forked opens its own.

    One connection writes commits with a full sync; one keeps answers without a sync of
    its own; readers have one each. At most one thread of a process writes at a time, and
    it is this lock, not SQLite's polling, that the others wait at. Who needs the turn and
    this lock takes the turn first; whoever has waited for either looks whether it is open.
    """

    def __init__(
        self, file: Path, writer: apsw.Connection, keeper: apsw.Connection, turn: Turn, entropy: Entropy
    ) -> None:
        self._path = file
        self._writer = writer
        self._written = Reader(writer)
        self._named = Named()
        self._keeper = keeper
        found = file.stat()
        self._recent = recent_head_of((found.st_dev, found.st_ino))
        self._readers = Readers(lambda: connect(file, "FULL", READER_CACHE_KIB), self._recent)
        self._turn = turn
        self._writing = threading.Lock()
        self._batching = 0
        self._waiting = Waiting(Doorbell(folder_for(file)))
        self._witness = Witness(file)
        self._entropy = entropy
        self._asked_writer = 0
        self._is_open = True

    @classmethod
    @translating
    def open(cls, path: str, *, clock: Clock, entropy: Entropy = os.urandom) -> SqliteStore:
        """Open a base, or make one where there is no file yet, named by ``entropy``.

        Raises StoreUnsupported for a library, a file system or a schema that can't be
        worked with, StoreDamaged for a file that is no Comity base.
        """
        check_library(apsw.sqlite_lib_version())
        file = check_path(path)
        with ExitStack() as failed:
            writer = connect(file, "FULL", CACHE_KIB)
            failed.callback(writer.close)
            check_owner(writer, file)
            turn = Turn(file.with_name(file.name + "-turn"))
            failed.callback(turn.close)
            if not is_up_to_date(writer):
                with turn:
                    prepare(writer, file, clock, entropy)
            dispense_with_triggers(writer)
            store = cls(file, writer, connect(file, "NORMAL", READER_CACHE_KIB), turn, entropy)
            failed.pop_all()
        with suppress(StoreDamaged):  # What is damaged shows to whoever reads it: the rest can still be saved.
            store.hear_witness()
        return store

    def hear_witness(self) -> None:
        """Begin a new life where the base was put back from a copy, as its witness tells (S1)."""
        seen = self._witness.seen()
        with self.snapshot() as snapshot:
            is_another, head = self._witness.contradicts(seen, snapshot), snapshot.head
        if is_another:
            _log.warning(RESTORED, self._path.name)
            self.begin_life(head.incarnation)
        else:
            self._witness.note(head, at_once=True)

    @translating
    def begin_life(self, former: str) -> Head:
        """Have the base begin a new life, unless its former one has ended already; return its head."""
        with self._write_in_turn(self._writer):
            head, asked_ns = self._written.head(), monotonic_ns()
            if head.incarnation == former:
                head = self._begin_life(head)
        self._written.forget()
        self._recent.take(head, asked_ns)
        self._witness.note(head, at_once=True)
        return head

    def _begin_life(self, head: Head) -> Head:
        """Give the base another incarnation, within the transaction that the caller holds."""
        begun = msgspec.structs.replace(head, incarnation=self._entropy(16).hex())
        self._writer.execute(BEGIN_LIFE, (begun.incarnation,))
        return begun

    def _go_on_from(self, head: Head) -> Head:
        """Return the head to go on from: in a new life, where commits are missing that this process has seen (S1)."""
        if not self._witness.misses(head):
            return head
        _log.warning(RESTORED, self._path.name)
        return self._begin_life(head)

    def _check(self) -> None:
        if not self._is_open:
            raise StoreError("this base is closed")
        if not self._turn.is_open:
            raise StoreError("this base was opened before a fork: open it anew in the new process")

    def _check_free(self) -> None:
        if self._batching == threading.get_ident():
            raise StoreError("this thread holds the head: write through its batch, and leave that first")

    def turn(self) -> AbstractContextManager[None]:
        """Wait for this process's turn at the head: first come, first served among processes (S4)."""
        self._check()
        if self._turn.is_mine:
            raise StoreError("this thread is in its turn already")
        self._check_free()
        return self._stand_in_line()

    @contextmanager
    def _stand_in_line(self) -> Generator[None]:
        try:
            with self._turn:
                yield
        finally:
            self._turn.break_off()  # An interrupt may have struck the giving back.

    def batch(self) -> AbstractContextManager[SqliteBatch]:
        """Take the head. Leaving the block commits what was appended; an exception undoes it."""
        self._check()
        return self._batch()

    @contextmanager
    def _batch(self) -> Generator[SqliteBatch]:
        with self._write(self._writer):
            head = self._go_on_from(self._written.head())
            self._named.begin(head)
            batch = SqliteBatch(self._writer, head, self._named)
            try:
                yield batch
            finally:
                batch.end()
            self._written.forget()
            asked_ns = monotonic_ns()
            execute_translated(self._writer, "COMMIT")
            self._written.take(batch.head)
            self._recent.take(batch.head, asked_ns)
            self._named.take(batch.head, batch.names)
            self._witness.note(batch.head)
            self._asked_writer = 0
        self._waiting.tell()

    @contextmanager
    def _write(self, connection: apsw.Connection) -> Generator[None]:
        """Hold a write transaction: what the block did is committed as it ends, if it wasn't before, or undone."""
        self._check_free()
        with self._writing:
            self._check()
            self._batching = threading.get_ident()
            try:
                execute_translated(connection, "BEGIN IMMEDIATE")
                yield
                if connection.in_transaction:
                    execute_translated(connection, "COMMIT")
            except BaseException:
                _undo(connection)
                raise
            finally:
                self._batching = 0

    def head(self) -> Head:
        """Return the head as it is now."""
        asked_ns = monotonic_ns()
        head = self._look()
        self._recent.take(head, asked_ns)
        return head

    def _look(self) -> Head:
        if self._asked_writer >= ASKED_WRITER or self._writing.locked():
            self._check()
            return self._readers.head()
        with self._writing:
            self._check()
            self._asked_writer += 1
            try:
                return self._written.head()
            except DRIVER_ERRORS as failure:
                raise translate(failure) from failure

    def recent_head(self) -> Head:
        """Return the head as it is now, or as it was a moment ago, to the knowledge of this process."""
        return self._recent.recall() or self.head()

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Open a consistent read. Nested calls of one thread share the outer one."""
        self._check()
        return self._readers.reading()

    @translating
    def keep(self, head: Head, answers: Sequence[Answered]) -> None:
        """Keep answers that made no commit: visible to all at once, without a sync of their own (S2)."""
        with self._write_in_turn(self._keeper):
            put_rows(self._keeper, INSERT_ANSWER, [astuple(answer) for answer in answers])
            drop_old_answers(self._keeper, head.time.now_us, len(answers))
            self._keeper.execute(KEEP_TIME, (*rows.time_row(head.time), head.time.now_us))
            self._keeper.execute(KEEP_JUDGED, (head.judged,))

    @translating
    def note(self, topic: str, entries: Mapping[str, str | None]) -> None:
        """Keep bookkeeping, outside the log (S18): visible to all at once, without a sync of its own; None forgets."""
        with self._write_in_turn(self._keeper):
            for name, value in entries.items():
                self._put_note(topic, name, value)

    @translating
    def exchange(self, topic: str, name: str, was: str | None, now: str | None) -> bool:
        """Keep bookkeeping in place of what is expected there, None being nothing; return whether just that was there.

        Raises StoreError within a batch.
        """
        with self._write_in_turn(self._keeper):
            found = self._keeper.execute(SELECT_NOTE, (topic, name)).fetchone()
            if (None if found is None else found[0]) != was:
                return False
            self._put_note(topic, name, now)
            return True

    def _put_note(self, topic: str, name: str, value: str | None) -> None:
        if value is None:
            self._keeper.execute(DROP_NOTE, (topic, name))
        else:
            self._keeper.execute(PUT_NOTE, (topic, name, value))

    def wait(self, revision: int, timeout_s: float) -> bool:
        """Wait until the head is past a revision; return whether it is.

        Commits of this process wake at once, and so do those of others that can ring; the rest are looked for.
        """
        self._check()
        until, looks = monotonic() + timeout_s, 0
        with self._waiting:
            while True:
                moves = self._waiting.moves
                if self.head().revision > revision:
                    return True
                if (left := until - monotonic()) <= 0:
                    return False
                self._waiting.pause(moves, min(self._waiting.longest_pause_s(looks), left))
                looks += 1

    @translating
    def put_key(self, row: KeyRow) -> None:
        """Keep the hash of a key, durably."""
        with self._write_in_turn(self._writer):
            self._writer.execute(PUT_KEY, rows.key_row(row))

    @translating
    def empty(self, emptying: Emptying) -> None:
        """Empty payloads and salts, durably, all or nothing; what is empty already stays so."""
        self._check()
        with closing(connect(self._path, "FULL", READER_CACHE_KIB)) as guarded, self._write_in_turn(guarded):
            empty(guarded, emptying)  # The triggers look at each row, as they do with everybody.

    @translating
    def drop_answers(self, settled_before_us: int, pending_before_us: int, most: int) -> int:
        """Drop answers of before a store time, the oldest first, at most so many of each sort; return how many."""
        with self._write_in_turn(self._keeper):
            return drop_answers(self._keeper, settled_before_us, pending_before_us, most)

    @translating
    def scrub(self, wait_s: float, *, rewrite: bool = True) -> Scrubbed:
        """Write the file anew, and the write-ahead log into it, which ends empty; wait so long for readers.

        Writers wait while the file is written, readers don't.
        """
        self._check()
        with closing(connect(self._path, "FULL", READER_CACHE_KIB)) as connection:
            if rewrite:
                with self.turn(), self._writing:
                    write_anew(connection)
            return truncate_log(connection, self._path.name, wait_s)

    @translating
    def index(self, wanted: Mapping[str, Sequence[Sequence[str]]]) -> None:
        """Have exactly these indexes: per kind, lists of fields."""
        self._check()
        with self._readers.connection() as reader:
            if indexes.is_declared(reader, wanted):
                return
        with self._write_in_turn(self._writer):
            indexes.declare(self._writer, wanted)

    def files(self) -> tuple[Path, ...]:
        """Return the files that are the store's own, resolved, there or not yet: nobody else may write them."""
        return tuple(self._path.with_name(self._path.name + ending) for ending in OWN_ENDINGS)

    @contextmanager
    def _write_in_turn(self, connection: apsw.Connection) -> Generator[None]:
        self._check()
        with nullcontext() if self._turn.is_mine else self.turn(), self._write(connection):
            yield

    @translating
    def close(self) -> None:
        """Release everything, once no thread writes; one that waits to is refused. A second call does nothing."""
        if not self._is_open or not self._turn.is_open:
            return
        self._check_free()
        self._is_open = False
        self._recent = RecentHead()  # Whoever still asks is refused, not answered from memory.
        with self._turn.closing(), self._writing:
            self._waiting.close()
            with suppress(*DRIVER_ERRORS):
                self._witness.note(self._written.head(), at_once=True)
            self._witness.close()
            self._readers.close()
            self._keeper.close()
            self._writer.close()


def execute_translated(connection: apsw.Connection, sql: str) -> None:
    """Run one statement without values and answers."""
    try:
        connection.execute(sql)
    except DRIVER_ERRORS as failure:
        raise translate(failure) from failure


def _undo(connection: apsw.Connection) -> None:
    """Undo what a transaction did; SQLite may have done so by itself (a full disk, say)."""
    if connection.in_transaction:
        execute_translated(connection, "ROLLBACK")
