"""Connections that read, each within one snapshot of one thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

import apsw

from comity.errors import StoreError
from comity.store.contract import Head
from comity.store.nesting import Nesting
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


class Readers(Nesting[Reader, SqliteSnapshot]):
    """Lend connections to threads, and keep them for the next when they come back."""

    def __init__(self, connect: Callable[[], apsw.Connection], recent: RecentHead) -> None:
        super().__init__(recent)
        self._connect = connect
        self._idle: list[Reader] = []
        self._is_closed = False

    def begin(self) -> tuple[Reader, SqliteSnapshot]:
        """Return a reader and its snapshot."""
        reader = self._take()
        try:
            reader.connection.execute("BEGIN")
            return reader, SqliteSnapshot.begun(reader.connection)
        except BaseException as failure:
            reader.connection.close()
            raise translate(failure) if isinstance(failure, DRIVER_ERRORS) else failure from failure

    def end(self, by: Reader, snapshot: SqliteSnapshot) -> None:
        """End a snapshot, and keep its reader for the next."""
        snapshot.end()
        try:
            by.connection.execute("COMMIT")
        except DRIVER_ERRORS as failure:
            by.connection.close()
            raise translate(failure) from failure
        self._give_back(by)

    def give_up(self, by: Reader, snapshot: SqliteSnapshot) -> None:
        """Close the connection of a snapshot."""
        by.connection.close()

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
