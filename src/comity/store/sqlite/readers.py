"""Connections that read, each within one snapshot of one thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import get_ident
from types import TracebackType

import apsw

from comity.errors import StoreError
from comity.store.contract import Head
from comity.store.sqlite.failures import DRIVER_ERRORS, translate
from comity.store.sqlite.rows import Row, head_of
from comity.store.sqlite.snapshot import SELECT_HEAD, SqliteSnapshot


class _Reading:
    """Be what one thread has open: its snapshot, and how many blocks it is in."""

    __slots__ = ("connection", "depth", "snapshot")

    def __init__(self, connection: apsw.Connection, snapshot: SqliteSnapshot) -> None:
        self.connection = connection
        self.snapshot = snapshot
        self.depth = 1


class Readers:
    """Be the ``with`` block around the snapshot of whichever thread enters it.

    Connections are lent to threads, and kept for the next when they come back.
    """

    def __init__(self, connect: Callable[[], apsw.Connection]) -> None:
        self._connect = connect
        self._idle: list[apsw.Connection] = []
        self._reading: dict[int, _Reading] = {}
        self._latest: tuple[Row, Head] | None = None
        self._is_closed = False

    def __enter__(self) -> SqliteSnapshot:
        reading = self._reading.get(get_ident())
        if reading is not None:
            reading.depth += 1
            return reading.snapshot
        connection = self._take()
        try:
            connection.execute("BEGIN")
            snapshot = SqliteSnapshot.begun(connection)
        except BaseException as failure:
            connection.close()
            raise translate(failure) if isinstance(failure, DRIVER_ERRORS) else failure from failure
        self._reading[get_ident()] = _Reading(connection, snapshot)
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
            reading.connection.execute("COMMIT")
        except DRIVER_ERRORS as failure:
            reading.connection.close()
            raise translate(failure) from failure
        self._give_back(reading.connection)

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
                reading.connection.close()

    def head(self) -> Head:
        """Return the head as it is now, outside of any snapshot."""
        connection = self._idle.pop() if self._idle else self._take()
        try:
            row = next(connection.execute(SELECT_HEAD))
        except DRIVER_ERRORS as failure:
            connection.close()
            raise translate(failure) from failure
        self._idle.append(connection)
        if self._is_closed:
            self.close()
        latest = self._latest
        if latest is not None and latest[0] == row:
            return latest[1]
        head = head_of(row)
        self._latest = (row, head)
        return head

    @contextmanager
    def connection(self) -> Generator[apsw.Connection]:
        """Lend a connection outside of any transaction."""
        connection = self._take()
        try:
            yield connection
        finally:
            self._give_back(connection)

    def _take(self) -> apsw.Connection:
        if self._is_closed:
            raise StoreError("this base is closed")
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return self._connect()
        except DRIVER_ERRORS as failure:
            raise translate(failure) from failure

    def _give_back(self, connection: apsw.Connection) -> None:
        if self._is_closed:
            connection.close()
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """Close the connections that are idle; the others close as their snapshots end."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()
