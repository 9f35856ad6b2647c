"""Connections: how they are made, how one that broke is replaced, and who reads by which."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from comity import limits
from comity.errors import InvalidRequest, StoreError, StoreUnavailable
from comity.store.nesting import Nesting
from comity.store.postgres import arrays
from comity.store.postgres.address import Address
from comity.store.postgres.failures import DRIVER_ERRORS, translate, translating
from comity.store.postgres.rows import Row
from comity.store.postgres.snapshot import Connection, PostgresSnapshot, Site
from comity.store.recency import RecentHead

T = TypeVar("T")

BEGIN_SNAPSHOT: Final = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
WAKE_S: Final = 0.1
"""How long a wait for an answer may be deaf to Ctrl-C."""
FIRST_PAUSE_S: Final = 0.05
LAST_PAUSE_S: Final = 0.5
"""Before a server that can't be reached is tried again, the first and the longest."""
TRIES: Final = 2
"""Of a question: by a connection that may have broken while nobody used it, and by a new one."""


def options_of(address: Address) -> dict[str, Any]:
    """Return how every connection is set up, as far as the URL doesn't say; raises InvalidRequest for one that is none.

    Each statement outside of BEGIN is a transaction of its own.
    """
    try:
        given = conninfo_to_dict(address.server)
    except psycopg.ProgrammingError as problem:
        raise InvalidRequest(f"the URL of a database isn't one: {str(problem).strip()}") from None
    options = {name: value for name, value in _defaults().items() if name not in given}
    return options | {"autocommit": True} | ({} if address.prepares else {"prepare_threshold": None})


def _defaults() -> dict[str, Any]:
    """Return how a connection is made, and what has the machine notice that nothing gets through any more."""
    return {
        "connect_timeout": int(limits.STORE_CONNECT_S),
        "application_name": "comity",
        "tcp_user_timeout": int(limits.STORE_SILENCE_S * 1000),
        "keepalives_idle": int(limits.STORE_SILENCE_S / 2),
        "keepalives_interval": int(limits.STORE_SILENCE_S / 2),
        "keepalives_count": 2,
    }


class BoundedConnection(psycopg.Connection[Row]):
    """Be a connection that is given up once an answer hasn't come for ``limits.STORE_ANSWER_S``.

    The machine notices a network that loses everything; a server that is stopped, or a proxy
    that has lost what is behind it, acknowledges all the same, and is noticed here alone.
    """

    is_patient = False
    """Whether it waits without limit, for what takes as long as there is data."""

    @property
    def _longest_s(self) -> float | None:
        return None if self.is_patient else limits.STORE_ANSWER_S

    def wait(self, gen: PQGen[T], interval: float = WAKE_S, timeout: float | None = None) -> T:
        """Return what an exchange with the server gives; raises ConnectionTimeout once that has taken too long."""
        try:
            return super().wait(gen, interval, self._longest_s if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.closed or self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.close()
            raise psycopg.errors.ConnectionTimeout(
                f"the server left a statement unanswered for {limits.STORE_ANSWER_S:g} s"
            ) from None


@translating
def connect(address: Address) -> BoundedConnection:
    """Return a new connection."""
    connection = BoundedConnection.connect(address.server, **options_of(address))
    arrays.register(connection.adapters)
    return connection


@contextmanager
def patient(connection: Connection) -> Generator[None]:
    """Wait for a connection's answers without limit within the block."""
    assert isinstance(connection, BoundedConnection)
    connection.is_patient = True
    try:
        yield
    finally:
        connection.is_patient = False


def is_lost(connection: Connection) -> bool:
    """Tell whether a connection has broken."""
    return connection.closed or connection.broken


def reset(connection: Connection) -> None:
    """Undo what a connection has begun; one on which even that fails, or that has broken, is closed."""
    if is_lost(connection):
        connection.close()
        return
    if connection.info.transaction_status == TransactionStatus.IDLE:
        return
    try:
        connection.execute(b"ROLLBACK")
    except DRIVER_ERRORS:
        connection.close()


def patiently(attempt: Callable[[], T], is_hopeful: Callable[[], bool]) -> T:
    """Return what an attempt gives; while it fails for a server that can't be reached, and there is hope, try again.

    That goes on for ``limits.STORE_RECONNECT_S``.
    """
    until, pause = monotonic() + limits.STORE_RECONNECT_S, FIRST_PAUSE_S
    while True:
        try:
            return attempt()
        except StoreUnavailable:
            if not is_hopeful() or monotonic() + pause > until:
                raise
        sleep(pause)
        pause = min(2 * pause, LAST_PAUSE_S)


class Writer:
    """Be the one connection that writes commits, made anew when it has broken."""

    def __init__(self, address: Address, connection: Connection) -> None:
        self._address = address
        self._connection = connection

    @property
    def is_lost(self) -> bool:
        """Tell whether it has broken, and hasn't been made anew yet."""
        return is_lost(self._connection)

    def begin(self, start: Callable[[Connection], T]) -> T:
        """Return what ``start`` gives on a connection that is there; what it does must end with one that breaks."""

        def attempt() -> T:
            if self.is_lost:
                self._connection.close()
                self._connection = connect(self._address)
            return start(self._connection)

        return patiently(attempt, lambda: self.is_lost)

    def reset(self) -> None:
        """Undo what is left of what was begun."""
        reset(self._connection)

    def close(self) -> None:
        """Close it."""
        self._connection.close()


class Pool:
    """Lend connections to threads, no more than a number of them at once, and keep them for the next."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._idle: list[Connection] = []
        self._room = threading.BoundedSemaphore(address.connections)
        self._is_closed = False

    def take(self) -> Connection:
        """Return a connection, which may have broken while nobody used it."""
        if not self._room.acquire(timeout=limits.STORE_BUSY_S):
            raise StoreUnavailable(
                f"all {self._address.connections} connections that read are in use: let fewer threads read at once,"
                " or say connections=… in the URL"
            )
        try:
            if self._is_closed:
                raise StoreError("this base is closed")
            return self._idle.pop() if self._idle else patiently(lambda: connect(self._address), lambda: True)
        except BaseException:
            self._room.release()
            raise

    def give_back(self, connection: Connection) -> None:
        """Take a connection back; what was begun on it is undone."""
        reset(connection)
        if not is_lost(connection):
            self._idle.append(connection)
        self._room.release()
        if self._is_closed:  # Seen after the giving back, it is never missed.
            self.close()

    def close(self) -> None:
        """Close the connections that are idle; the others close as they come back."""
        self._is_closed = True
        self.forget()

    def forget(self) -> None:
        """Close the connections that are idle."""
        while self._idle:
            self._idle.pop().close()


class Readers(Nesting[Connection, PostgresSnapshot]):
    """Lend connections that read to threads, out of a pool."""

    def __init__(self, address: Address, site: Site, recent: RecentHead) -> None:
        super().__init__(recent)
        self._site = site
        self._pool = Pool(address)

    def begin(self) -> tuple[Connection, PostgresSnapshot]:
        """Return a connection and its snapshot."""
        return self._begin(self._open_snapshot)

    def end(self, by: Connection, snapshot: PostgresSnapshot) -> None:
        """End a snapshot, and give its connection back."""
        snapshot.end()
        self._pool.give_back(by)

    def give_up(self, by: Connection, snapshot: PostgresSnapshot) -> None:
        """End a snapshot; what is left on its connection is undone as it is given back."""
        self.end(by, snapshot)

    def _open_snapshot(self, connection: Connection) -> PostgresSnapshot:
        connection.execute(BEGIN_SNAPSHOT)
        snapshot = PostgresSnapshot(connection, self._site)
        snapshot.read_head()
        return snapshot

    @contextmanager
    def lent(self) -> Generator[Connection]:
        """Lend a connection outside of any transaction; what was begun on it is undone at the end."""
        connection = self._pool.take()
        try:
            yield connection
        finally:
            self._pool.give_back(connection)

    def ask(self, question: Callable[[Connection], T]) -> T:
        """Return the answer to a question that changes nothing, whichever connection still works."""
        connection, answer = self._begin(question)
        self._pool.give_back(connection)
        return answer

    def _begin(self, start: Callable[[Connection], T]) -> tuple[Connection, T]:
        """Return a connection and what ``start``, which changes nothing, gave on it.

        Where it breaks, those that are idle have as a rule broken too: they are put away, and a new one is made.
        """
        for left in range(TRIES - 1, -1, -1):
            connection = self._pool.take()
            try:
                return connection, start(connection)
            except BaseException as failure:
                can_try_again = left and isinstance(failure, (*DRIVER_ERRORS, StoreUnavailable)) and is_lost(connection)
                self._pool.give_back(connection)
                if not can_try_again:
                    raise translate(failure) if isinstance(failure, DRIVER_ERRORS) else failure from failure
                self._pool.forget()
        raise AssertionError

    def close(self) -> None:
        """Close the connections that are idle; the others close as they come back."""
        self._pool.close()
