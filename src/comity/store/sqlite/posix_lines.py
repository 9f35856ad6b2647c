"""Lines on the locks of POSIX systems; only to be imported where there are any.

A ticket is the number of a byte of the file, behind the counter that numbers are drawn
from. It is locked exclusively from the drawing to the end of the turn, so waiting for
one's turn is to wait until no earlier byte is locked. The bytes lie beyond the end of the
file and take no room. The turn itself is a byte as well: who finds it free and nobody in
line takes it without a ticket, which is the usual case and costs two calls to the system.

Who waits looks again and again: the system would wake it, but knows no deadline, and
nobody is to wait for ever for a process that is stopped in its turn. A thread that waits
in one's place was tried: it costs more turns than looking does.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from typing import Final

from comity.store.sqlite.lines import SELDOM_S, Line, wait_until

_FLOCK: Final = struct.Struct("@hhqqi0q")
_COUNTER: Final = struct.Struct("<Q")
_FIRST: Final = 4096
"""The offset of ticket 0; the counter lies before it."""
_TURN: Final = 64
"""The offset of the byte that is locked during a turn."""
_NO_TICKET: Final = -1
_TO_THE_END: Final = 0
"""As a length: every byte from the start on."""


def _flock(kind: int, start: int, length: int = 1) -> bytes:
    """Return what tells the system which bytes to lock, and how."""
    return _FLOCK.pack(kind, os.SEEK_SET, start, length, 0)


_TAKE_TURN: Final = _flock(fcntl.F_WRLCK, _TURN)
_END_TURN: Final = _flock(fcntl.F_UNLCK, _TURN)
_ALL_TICKETS: Final = _flock(fcntl.F_RDLCK, _FIRST, _TO_THE_END)


class TicketLine:
    """Be a line in order of tickets, on open-file-description locks."""

    is_fair = True

    def wait(self, file: int, patience_s: float) -> int:
        """Draw a ticket, wait until all earlier ones are done, and return it."""
        if self._is_free(file):
            return _NO_TICKET
        left_s = wait_until(lambda: _takes(file, _flock(fcntl.F_WRLCK, 0)), patience_s)
        ticket = self._draw(file)
        left_s = wait_until(lambda: self._are_done(file, ticket - 1), left_s, SELDOM_S)
        wait_until(lambda: self._are_done(file, ticket) and _takes(file, _TAKE_TURN), left_s)
        return ticket

    def _is_free(self, file: int) -> bool:
        """Take the turn if nobody has it and nobody waits for it; those who wait are never overtaken."""
        if not _takes(file, _TAKE_TURN):
            return False
        if _is_unlocked(file, _ALL_TICKETS):
            return True
        _lock(file, _END_TURN)
        return False

    def _draw(self, file: int) -> int:
        """Return the next number, its ticket locked; the counter is ours, and free for the next one afterwards."""
        drawn = os.pread(file, _COUNTER.size, 0)
        ticket = int(_COUNTER.unpack(drawn)[0]) if len(drawn) == _COUNTER.size else 0
        _lock(file, _flock(fcntl.F_WRLCK, _FIRST + ticket))
        os.pwrite(file, _COUNTER.pack(ticket + 1), 0)
        _lock(file, _flock(fcntl.F_UNLCK, 0))
        return ticket

    def _are_done(self, file: int, ticket: int) -> bool:
        """Tell whether all tickets before this one are done."""
        return ticket <= 0 or _is_unlocked(file, _flock(fcntl.F_RDLCK, _FIRST, ticket))

    def end(self, file: int, ticket: int) -> None:
        """End one's turn."""
        _lock(file, _END_TURN)
        if ticket != _NO_TICKET:
            _lock(file, _flock(fcntl.F_UNLCK, _FIRST + ticket))

    def leave(self, file: int) -> None:
        """Give every lock back, wherever the drawing or the waiting was broken off (Ctrl-C, say)."""
        _lock(file, _flock(fcntl.F_UNLCK, 0, _TO_THE_END))


def _takes(file: int, flock: bytes) -> bool:
    """Take a lock if nobody has it; tell whether it was taken."""
    try:
        _lock(file, flock)
    except BlockingIOError:
        return False
    return True


def _is_unlocked(file: int, flock: bytes) -> bool:
    """Tell whether nobody else holds a lock that would exclude this one."""
    first = fcntl.fcntl(file, fcntl.F_OFD_GETLK, flock)
    return bool(_FLOCK.unpack(first)[0] == fcntl.F_UNLCK)


def _lock(file: int, flock: bytes) -> None:
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, flock)


class PlainLine:
    """Be a plain lock on the file: one at a time, in no order."""

    is_fair = False

    def wait(self, file: int, patience_s: float) -> int:
        """Wait until nobody else has the lock."""
        wait_until(lambda: self._is_free(file), patience_s)
        return 0

    def _is_free(self, file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def end(self, file: int, ticket: int) -> None:
        """Give the lock back; all tickets are the same."""
        self.leave(file)

    def leave(self, file: int) -> None:
        """Give the lock back, if it was got."""
        fcntl.flock(file, fcntl.LOCK_UN)


def line_for(file: int) -> Line:
    """Return the best line that the system offers on a file, tried out: kernels may lack what their headers name."""
    if sys.platform != "linux":
        return PlainLine()
    tickets = TicketLine()
    try:
        tickets.leave(file)
    except OSError:
        return PlainLine()
    return tickets
