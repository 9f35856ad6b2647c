"""Kept connections: one exchange at a time each, as many as there are threads that ask at once."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from time import monotonic
from typing import Final

import msgspec

from comity import limits
from comity.errors import StoreError
from comity.remote.address import Address

Broken: Final = (OSError, HTTPException)
"""What an exchange raises whose connection failed."""


class Reply(msgspec.Struct, frozen=True, gc=False):
    """Be what a server answered: its status, the headers that matter, the body."""

    status: int
    media: str
    attended: str | None
    retry_after: str | None
    body: bytes


class NotSent(Exception):
    """Tell that a request can't have reached the server."""


class Wire:
    """Exchange requests and replies with a server, over connections that are kept while they are used."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self._idle: deque[tuple[HTTPConnection, float]] = deque()
        self._busy: set[HTTPConnection] = set()
        self._lock = threading.Lock()
        self.is_closed = False

    def __del__(self) -> None:
        # Whoever drops a session, as agents are dropped, leaves connections that nobody would close.
        if hasattr(self, "is_closed"):
            self.close()

    def exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        patience_s: float = 0.0,
        fresh: bool = False,
    ) -> Reply:
        """Return the reply to one request, asked once.

        ``patience_s`` is how long the server may wait before it answers, beside the timeout.
        A ``fresh`` connection is one that the server can't have closed meanwhile. Raises
        NotSent where none could be had, OSError or HTTPException where it failed on the way.
        """
        connection = self._take(fresh=fresh)
        try:
            _connected(connection).settimeout(self.timeout_s + patience_s)
            connection.request(method, self.address.path + path, body, dict(headers))
            response = connection.getresponse()
            reply = _read(response)
        except BaseException:
            connection.close()
            raise
        finally:
            with self._lock:
                self._busy.discard(connection)
        self._give_back(connection, response)
        return reply

    def _take(self, *, fresh: bool) -> HTTPConnection:
        """Return a connection that was used just now, or a new one."""
        with self._lock:
            if self.is_closed:
                raise StoreError("this workspace is closed")
            while self._idle and not fresh:
                connection, since = self._idle.pop()
                if monotonic() - since < limits.REMOTE_IDLE_S:
                    break
                connection.close()
            else:
                connection = self.address.connect(self.timeout_s)
            self._busy.add(connection)
            return connection

    def _give_back(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        if response.will_close:
            connection.close()
            return
        now = monotonic()
        with self._lock:
            while self._idle and now - self._idle[0][1] >= limits.REMOTE_IDLE_S:
                self._idle.popleft()[0].close()
            if not self.is_closed:
                self._idle.append((connection, now))
                return
        connection.close()

    def close(self) -> None:
        """Close what is idle; what is under way is answered, and closed then."""
        with self._lock:
            self.is_closed = True
            idle, self._idle = self._idle, deque()
        for connection, _ in idle:
            with contextlib.suppress(OSError):
                connection.close()

    def cut(self) -> None:
        """Close it, and what is under way, too: for what only waits."""
        self.close()
        with self._lock:
            waiting = [connection.sock for connection in self._busy]
        for sock in waiting:
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)


def _connected(connection: HTTPConnection) -> socket.socket:
    """Return the socket of a connection, opened if it isn't yet."""
    if connection.sock is None:
        try:
            connection.connect()
        except OSError as error:
            raise NotSent(str(error)) from error
    if connection.sock is None:
        raise NotSent("the connection was closed as it was opened")
    return connection.sock


def _read(response: HTTPResponse) -> Reply:
    body, header = response.read(), response.headers.get
    return Reply(response.status, header("content-type", ""), header("comity-attended"), header("retry-after"), body)
