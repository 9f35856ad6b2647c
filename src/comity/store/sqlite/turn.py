"""A fair turn between processes: first come, first served (S4).

SQLite alone gives its lock to whoever happens to poll at the right moment. Here a process
draws a ticket and waits until everyone with an earlier one is done. It is the ticket lock
of Reed and Kanodia ("Synchronization with eventcounts and sequencers", 1979), on locks that
the system takes back by itself from a process which dies, in whatever state, so that
nobody waits for it.

The locks are Linux's open-file-description locks: they exclude two handles within one
process as they do two processes. Where the system has none, a plain lock on the file takes
their place, which excludes but promises no order; Windows has neither, and leaves it to
SQLite's own lock, which stays the safety net everywhere.

A process that is stopped (SIGSTOP) in its turn keeps the others waiting until it goes on
or dies: it would keep SQLite's lock as well. They wait for ``limits.STORE_BUSY_S``.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from comity import limits
from comity.errors import StoreError, StoreUnavailable
from comity.store.sqlite.failures import translate
from comity.store.sqlite.lines import Line

if sys.platform == "win32":
    from comity.store.sqlite.lines import no_line as line_for
else:
    from comity.store.sqlite.posix_lines import line_for

_open_turns: weakref.WeakSet[Turn] = weakref.WeakSet()


class Turn:
    """Be a process's place in the line for one base. Enter it with ``with``.

    Threads of the process that enter it wait for one another. Raises StoreUnavailable if the
    turn doesn't come within ``limits.STORE_BUSY_S``, StoreError if a thread enters it twice,
    or a process that got it by a fork does.
    """

    def __init__(self, path: Path, line: Line | None = None) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        self._line = line or line_for(self._file)
        self._lock = threading.RLock()
        self._ticket = 0
        _open_turns.add(self)

    @property
    def is_fair(self) -> bool:
        """Tell whether the system lets processes stand in line; otherwise they only exclude one another."""
        return self._line.is_fair

    @property
    def is_open(self) -> bool:
        """Tell whether a turn can be got: it can't once this was closed, or copied into another process by a fork."""
        return self._file >= 0

    @property
    def is_mine(self) -> bool:
        """Tell whether the calling thread is in its turn."""
        return self._lock._is_owned()  # type: ignore[attr-defined, no-any-return]

    def __enter__(self) -> None:
        if self.is_mine:
            raise StoreError("this thread is in its turn already")
        try:
            if not self._lock.acquire(timeout=limits.STORE_BUSY_S):
                raise TimeoutError
            if self._file < 0:
                raise StoreError("this base is closed, or was opened before a fork")
            self._ticket = self._line.wait(self._file, limits.STORE_BUSY_S)
        except BaseException as failure:
            self.break_off()
            if isinstance(failure, TimeoutError):
                raise _too_long() from None
            if isinstance(failure, OSError):
                raise translate(failure) from failure
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._file >= 0:
                self._line.end(self._file, self._ticket)
        finally:
            self._lock.release()

    def break_off(self) -> None:
        """Give back what the calling thread has of a turn, however far its taking or giving back had come."""
        if self.is_mine:
            try:
                if self._file >= 0:
                    self._line.leave(self._file)
            finally:
                self._lock.release()

    def close(self) -> None:
        """Leave the line, once no other thread is in its turn. A second call does nothing."""
        with self.closing():
            pass

    @contextmanager
    def closing(self) -> Generator[None]:
        """Keep all other threads out of their turns, once none is in one; after the block nobody gets one any more."""
        with self._lock:
            try:
                yield
            finally:
                self.abandon()

    def abandon(self) -> None:
        """Close the file, whoever is in its turn."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def _too_long() -> StoreUnavailable:
    return StoreUnavailable(
        f"another writer has kept its turn at this file for {limits.STORE_BUSY_S:g} s: it may be stopped (SIGSTOP, a"
        " debugger), and goes on or ends by itself or by your hand; nothing was changed, try again"
    )


def _abandon_turns() -> None:
    """Close the files that a fork has copied: else the child keeps the parent's locks, even beyond its death."""
    for turn in list(_open_turns):
        turn.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_turns)
