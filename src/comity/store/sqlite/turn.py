"""A fair turn between processes: first come, first served (S4).

SQLite alone gives its lock to whoever happens to poll at the right moment. Here a process
draws a ticket and waits until everyone with an earlier one is done. A ticket is the number
of a byte in a file beside the base, behind the counter that numbers are drawn from. It is
locked exclusively from the drawing to the end of the turn, so waiting for one's turn is to
wait until no earlier byte is locked. It is the ticket lock of Reed and Kanodia
("Synchronization with eventcounts and sequencers", 1979), on locks that the system takes
back by itself from a process which dies, in whatever state, so that nobody waits for it.
The bytes lie beyond the end of the file and take no room.

The locks are Linux's open-file-description locks: they exclude two handles within one
process as they do two processes. Elsewhere a plain lock on the file takes their place,
which excludes but promises no order. SQLite's own lock stays the safety net either way.

A process that is stopped (SIGSTOP) in its turn keeps the others waiting until it goes on
or dies: it would keep SQLite's lock as well.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import Final

from comity.errors import StoreError
from comity.store.sqlite.failures import translate

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

IS_FAIR: Final = sys.platform == "linux" and fcntl is not None and hasattr(fcntl, "F_OFD_SETLKW")

_FLOCK: Final = struct.Struct("@hhqqi0q")
_COUNTER: Final = struct.Struct("<Q")
_FIRST: Final = 4096
"""The offset of ticket 0; the counter lies before it."""
_TO_THE_END: Final = 0
"""As a length: every byte from the start on."""

_open_turns: weakref.WeakSet[Turn] = weakref.WeakSet()


class Turn:
    """Be a process's place in the line for one base. Enter it with ``with``.

    Threads of the process that enter it wait for one another. Raises StoreError if a
    thread enters it twice, or a process that got it by a fork does.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._lock = threading.Lock()
        self._holder = 0
        self._ticket = 0
        _open_turns.add(self)

    @property
    def is_mine(self) -> bool:
        """Tell whether the calling thread is in its turn."""
        return self._holder == threading.get_ident()

    def __enter__(self) -> None:
        if self.is_mine:
            raise StoreError("this thread is in its turn already")
        self._lock.acquire()
        if self._file < 0:
            self._lock.release()
            raise StoreError("this base is closed, or was opened before a fork")
        try:
            self._ticket = _wait_for_turn(self._file)
            self._holder = threading.get_ident()
        except BaseException as failure:
            _leave_line(self._file)
            self._lock.release()
            if isinstance(failure, OSError):
                raise translate(failure) from failure
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if self._file >= 0:
                _end_turn(self._file, self._ticket)
        finally:
            self._holder = 0
            self._lock.release()

    def close(self) -> None:
        """Leave the line, once no thread is in its turn. A second call does nothing."""
        if self.is_mine:
            self.abandon()
            return
        with self._lock:
            self.abandon()

    def abandon(self) -> None:
        """Close the file, whoever is in its turn."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def _abandon_turns() -> None:
    """Close the files that a fork has copied: else the child keeps the parent's locks, even beyond its death."""
    for turn in list(_open_turns):
        turn.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_turns)


if IS_FAIR:

    def _lock(file: int, kind: int, start: int, length: int = 1, *, wait: bool = True) -> bytes:
        command = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_GETLK
        return fcntl.fcntl(file, command, _FLOCK.pack(kind, os.SEEK_SET, start, length, 0))

    def _wait_for_turn(file: int) -> int:
        """Draw a ticket, wait until all earlier ones are done, and return it."""
        ticket = _draw_ticket(file)
        if ticket and not _are_done(file, ticket):
            _lock(file, fcntl.F_RDLCK, _FIRST + ticket - 1)
            _lock(file, fcntl.F_RDLCK, _FIRST, ticket)
            _lock(file, fcntl.F_UNLCK, _FIRST, ticket)
        return ticket

    def _draw_ticket(file: int) -> int:
        _lock(file, fcntl.F_WRLCK, 0)
        drawn = os.pread(file, _COUNTER.size, 0)
        ticket = _COUNTER.unpack(drawn)[0] if len(drawn) == _COUNTER.size else 0
        _lock(file, fcntl.F_WRLCK, _FIRST + ticket)
        os.pwrite(file, _COUNTER.pack(ticket + 1), 0)
        _lock(file, fcntl.F_UNLCK, 0)
        return ticket

    def _are_done(file: int, ticket: int) -> bool:
        """Tell whether nobody holds an earlier ticket: the usual case, for one call to the system."""
        return _FLOCK.unpack(_lock(file, fcntl.F_RDLCK, _FIRST, ticket, wait=False))[0] == fcntl.F_UNLCK

    def _end_turn(file: int, ticket: int) -> None:
        _lock(file, fcntl.F_UNLCK, _FIRST + ticket)

    def _leave_line(file: int) -> None:
        """Give every lock back, wherever the drawing or the waiting was broken off (Ctrl-C, say)."""
        _lock(file, fcntl.F_UNLCK, 0, _TO_THE_END)

elif fcntl is not None:

    def _wait_for_turn(file: int) -> int:
        fcntl.flock(file, fcntl.LOCK_EX)
        return 0

    def _end_turn(file: int, ticket: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)

    def _leave_line(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)

else:

    def _wait_for_turn(file: int) -> int:
        return 0

    def _end_turn(file: int, ticket: int) -> None:
        pass

    def _leave_line(file: int) -> None:
        pass
