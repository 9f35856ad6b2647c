"""Hints that the head has moved, by ``NOTIFY`` and ``LISTEN``: they come at once, or not at all.

A batch that commits notifies the channel of its workspace, once, in its own statement, and
a process in which somebody waits listens by a connection of its own. Nothing rests on it: a
pooler may stand in between, or the server know no channels, and whoever waits looks at the
head by itself now and then.
"""

from __future__ import annotations

import hashlib
import selectors
import socket
from contextlib import suppress
from time import monotonic
from typing import Final

from comity.errors import StoreError, StoreUnavailable
from comity.store.postgres.address import Address
from comity.store.postgres.connections import BoundedConnection, connect
from comity.store.postgres.failures import DRIVER_ERRORS, translate

PAUSE_S: Final = 1.0
"""Before a connection that couldn't be made, or broke, is made anew."""
MISSED: Final = -1
"""What is heard where hints may have been missed."""


def channel_of(schema: str, workspace: str) -> str:
    """Return the channel on which commits of a workspace are told: names are cut off at 63 bytes."""
    return f"comity_{hashlib.sha256(f'{schema}.{workspace}'.encode()).hexdigest()[:32]}"


class Ear:
    """Be what one thread of a process waits at: for hints of the server, and for others of its process to wake it.

    One thread hears at a time; any may wake it.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._listening: BoundedConnection | None = None
        self._listening_fd = -1
        self._can_listen = address.notifies
        self._next_try = 0.0
        self._woken, self._waking = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for end in (self._woken, self._waking):
            end.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)

    def hear(self, timeout_s: float) -> int | None:
        """Wait until woken or hinted; return the last revision that was hinted at, or ``MISSED``.

        What can't be listened to is not heard, that is all: whoever waits looks by itself.
        """
        if self._can_listen and self._listening is None and monotonic() >= self._next_try:
            self._listen()
            return MISSED
        hinted = None
        for key, _ in self._selector.select(timeout_s):
            if key.fileobj is self._woken:
                self._drain()
            else:
                hinted = self._notified()
        return hinted

    def wake(self) -> None:
        """Have whoever hears go on at once."""
        with suppress(OSError):  # Full: it is woken already.
            self._waking.send(b"\0")

    def close(self) -> None:
        """Release everything, once nobody hears any more."""
        self._deafen()
        self._selector.close()
        self._woken.close()
        self._waking.close()

    def _listen(self) -> None:
        try:
            connection = connect(self._address)
            connection.execute(f"LISTEN {channel_of(self._address.schema, self._address.workspace)}".encode())
        except StoreUnavailable:
            self._next_try = monotonic() + PAUSE_S
        except (StoreError, *DRIVER_ERRORS) as failure:
            self._can_listen = isinstance(failure, DRIVER_ERRORS) and isinstance(translate(failure), StoreUnavailable)
            self._next_try = monotonic() + PAUSE_S
        else:
            self._listening, self._listening_fd = connection, connection.fileno()
            self._selector.register(self._listening_fd, selectors.EVENT_READ)

    def _notified(self) -> int | None:
        """Return the revision of the last notification that has come, or ``MISSED`` where the connection broke."""
        if self._listening is None:
            return None
        try:
            told = [note.payload for note in self._listening.notifies(timeout=0)]
        except DRIVER_ERRORS:
            self._deafen()
            return MISSED
        return int(told[-1]) if told and told[-1].isdecimal() else None

    def _deafen(self) -> None:
        if self._listening is not None:
            self._selector.unregister(self._listening_fd)  # A connection that has broken has none any more.
            self._listening.close()
            self._listening, self._next_try = None, monotonic() + PAUSE_S

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass
