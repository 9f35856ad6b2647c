"""Connections that read, each within one snapshot of one thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import get_ident
from time import monotonic_ns
from types import TracebackType
from typing import Final

import apsw

from comity.errors import StoreError
from comity.store.contract import Head
from comity.store.recency import RecentHead
from comity.store.sqlite.failures import DRIVER_ERRORS, translate
from comity.store.sqlite.rows import head_of
from comity.store.sqlite.snapshot import SELECT_HEAD, SqliteSnapshot

ASK_VERSION: Final = "PRAGMA data_version"
"""Another number whenever any other connection, of this process or another, has changed the file."""


class Reader:
    """Be a connection that reads, and the head that it has seen."""

    __slots__ = ("_ask", "_head", "_version", "connection")

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self._ask = connection.cursor().execute
        self._version = -1
        self._head: Head | None = None

    def head(self) -> Head:
        """Return the head as the file has it now; one that nobody has moved since is read once.

        The number is asked for before the head: so a head may be newer than its number, never older.
        """
        # To the end of the answer (get): a question left open would hold its moment.
        version = self._ask(ASK_VERSION).get
        if self._head is None or version != self._version:
            self._head = head_of(self._ask(SELECT_HEAD).get)
            self._version = version
        return self._head

    def take(self, head: Head) -> None:
        """Take the head to which this very connection has moved the file: that leaves its number as it was."""
        self._head = head

    def forget(self) -> None:
        """Read the head anew when it is asked for again."""
        self._head = None


class _Reading:
    """Be what one thread has open: its snapshot, and how many blocks it is in."""

    __slots__ = ("depth", "reader", "snapshot")

    def __init__(self, reader: Reader, snapshot: SqliteSnapshot) -> None:
        self.reader = reader
        self.snapshot = snapshot
        self.depth = 1


class Readers:
    """Be the ``with`` block around the snapshot of whichever thread enters it.

    Connections are lent to threads, and kept for the next when they come back.
    """

    def __init__(self, connect: Callable[[], apsw.Connection], recent: RecentHead) -> None:
        self._connect = connect
        self._recent = recent
        self._idle: list[Reader] = []
        self._reading: dict[int, _Reading] = {}
        self._is_closed = False

    def __enter__(self) -> SqliteSnapshot:
        reading = self._reading.get(get_ident())
        if reading is not None:
            reading.depth += 1
            return reading.snapshot
        reader, asked_ns = self._take(), monotonic_ns()
        try:
            reader.connection.execute("BEGIN")
            snapshot = SqliteSnapshot.begun(reader.connection)
        except BaseException as failure:
            reader.connection.close()
            raise translate(failure) if isinstance(failure, DRIVER_ERRORS) else failure from failure
        self._reading[get_ident()] = _Reading(reader, snapshot)
        self._recent.take(snapshot.head, asked_ns)
        return snapshot

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        reading = self._reading[get_ident()]
        reading.depth -= 1
        if reading.depth:
            return
        del self._reading[get_ident()]
        reading.snapshot.end()
        try:
            reading.reader.connection.execute("COMMIT")
        except DRIVER_ERRORS as failure:
            reading.reader.connection.close()
            raise translate(failure) from failure
        self._give_back(reading.reader)

    @property
    def depth(self) -> int:
        """Return how many blocks of the calling thread share its snapshot; 0 where it has none."""
        reading = self._reading.get(get_ident())
        return 0 if reading is None else reading.depth

    def break_off(self, depth: int) -> None:
        """Go back to so many blocks of the calling thread; without any, its snapshot is given up."""
        reading = self._reading.get(get_ident())
        if reading is not None and reading.depth > depth:
            reading.depth = depth
            if not depth:
                del self._reading[get_ident()]
                reading.reader.connection.close()

    def head(self) -> Head:
        """Return the head as it is now, outside of any snapshot."""
        reader = self._take()
        try:
            head = reader.head()
        except DRIVER_ERRORS as failure:
            reader.connection.close()
            raise translate(failure) from failure
        self._give_back(reader)
        return head

    @contextmanager
    def connection(self) -> Generator[apsw.Connection]:
        """Lend a connection outside of any transaction."""
        reader = self._take()
        try:
            yield reader.connection
        finally:
            self._give_back(reader)

    def _take(self) -> Reader:
        if self._is_closed:
            raise StoreError("this base is closed")
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return Reader(self._connect())
        except DRIVER_ERRORS as failure:
            raise translate(failure) from failure

    def _give_back(self, reader: Reader) -> None:
        self._idle.append(reader)
        if self._is_closed:  # Seen after the giving back, it is never missed.
            self.close()

    def close(self) -> None:
        """Close the connections that are idle; the others close as their snapshots end."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().connection.close()
