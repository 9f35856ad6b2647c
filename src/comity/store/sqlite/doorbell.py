"""A doorbell between the processes of one machine: who waits for the head to move is rung by who moved it.

Beside the base lies a folder in which each handle that waits has a datagram socket. After
its COMMIT a process sends a byte to each of them. Nothing rests on it: a ring is a hint
that may come late, twice, or not at all, and whoever waits looks by itself now and then.
So nothing here ever fails or blocks its caller. A full socket has been rung already; one
that refuses belongs to a process that is gone, and whoever finds it so takes it away; and
where there are no such sockets, or the folder is somebody else's, nobody is rung.

Whether anybody listens is told by the folder's time of change, so that a process which is
alone pays one look at that for each commit.
"""

from __future__ import annotations

import os
import re
import select
import socket
import stat
import tempfile
import threading
import time
import weakref
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

ADDRESS_BYTES: Final = 103
"""Of a socket's path, at most; Linux would take some more."""
NAME_CHARS: Final = 20
_NAME: Final = re.compile(r"[0-9]{1,10}\.[0-9a-f]{8}\Z")
"""The process, for people, and chance: names of processes in other containers may be the same."""
_SETTLED_NS: Final = 1_000_000_000
"""How old a folder's time of change has to be until it tells all changes apart: clocks of file systems are coarse."""
_RING: Final = b"\0"

_open_bells: weakref.WeakSet[Doorbell] = weakref.WeakSet()


def folder_for(file: Path) -> Path | None:
    """Return the folder for the bells of a base: beside it, or where that is too long a path, a temporary one.

    None stands for a system without such sockets.
    """
    if not hasattr(socket, "AF_UNIX"):
        return None
    beside = file.with_name(file.name + "-bells")
    return beside if _is_short(beside) else _short_folder(file)


def _short_folder(file: Path) -> Path | None:
    """Return the folder that all who have a base find by what the file is, wherever it lies; None without a place."""
    try:
        found, place = file.stat(), Path(tempfile.gettempdir())
    except OSError:
        return None
    folder = place / f"comity-{os.geteuid()}-{found.st_dev:x}-{found.st_ino:x}"
    return folder if _is_short(folder) else None


def _is_short(folder: Path) -> bool:
    return len(os.fsencode(folder)) + 1 + NAME_CHARS <= ADDRESS_BYTES


class Doorbell:
    """Be the bell of one handle on a base, and the way to ring those of the others."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._own: _Bell | None = None
        self._sender: socket.socket | None = None
        self._opening = threading.Lock()
        self._looked: tuple[int, int] | None = None
        self._names: tuple[str, ...] = ()
        _open_bells.add(self)

    # -- being rung

    @property
    def is_there(self) -> bool:
        """Tell whether it can be rung."""
        return self._own is not None

    def hang(self) -> None:
        """Be there to be rung from now on, where that is possible."""
        if self._own is None and self._folder is not None:
            with suppress(OSError):
                self._own = _Bell(self._folder)

    def mend(self) -> None:
        """Hang it again where somebody has taken it away."""
        if self._own is not None and not self._own.path.exists():
            self._own.close()
            self._own = None
            self.hang()

    def hear(self, timeout_s: float) -> bool:
        """Wait until it is rung; return whether it was."""
        own = self._own
        return own is not None and own.hear(timeout_s)

    def wake(self) -> None:
        """Ring one's own."""
        if self._own is not None:
            self._own.wake()

    def close(self) -> None:
        """Take it away for good; the folder goes with the last one. A second call does nothing."""
        own, folder = self._own, self._folder
        with self._opening:
            self._own = self._folder = None
        if own is not None and folder is not None:
            own.close()
            with suppress(OSError):
                folder.rmdir()
        self.abandon()

    def abandon(self) -> None:
        """Let go of its sockets without a word to anybody: they are another process's."""
        own, self._own = self._own, None
        if own is not None:
            own.abandon()
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.close()

    # -- ringing

    def ring(self) -> None:
        """Ring all the others."""
        own = None if self._own is None else self._own.path.name
        for name in self._listeners():
            if name != own:
                self._ring(f"{self._folder}/{name}")

    def _listeners(self) -> tuple[str, ...]:
        if self._folder is None or not os.access(self._folder, os.F_OK):
            return ()
        try:
            found = os.lstat(self._folder)
            if not _is_private(found):
                return ()
            looked = (found.st_ino, found.st_mtime_ns)
            if looked != self._looked:
                self._names = tuple(name for name in os.listdir(self._folder) if _NAME.match(name))
                is_settled = time.time_ns() - found.st_mtime_ns > _SETTLED_NS
                self._looked = looked if is_settled else None
        except OSError:
            return ()
        return self._names

    def _ring(self, address: str) -> None:
        try:
            (self._sender or self._open_sender()).sendto(_RING, address)
        except ConnectionRefusedError:
            with suppress(OSError):
                os.unlink(address)
        except OSError:
            return

    def _open_sender(self) -> socket.socket:
        with self._opening:
            if self._folder is None:
                raise OSError("this doorbell was taken away")
            if self._sender is None:
                self._sender = _datagrams()
            return self._sender


class _Bell:
    """Be a socket in the folder that can be rung; raises OSError where there can be none."""

    def __init__(self, folder: Path) -> None:
        _make_private(folder)
        self.path = folder / f"{os.getpid()}.{os.urandom(4).hex()}"
        with ExitStack() as failed:
            self._socket = _datagrams()
            failed.callback(self._socket.close)
            self._socket.bind(os.fspath(self.path))
            self._waker = _datagrams()
            failed.callback(self._waker.close)
            self._waker.connect(os.fspath(self.path))
            failed.pop_all()
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def hear(self, timeout_s: float) -> bool:
        try:
            if not self._poll.poll(max(timeout_s, 0.0) * 1_000):
                return False
            while self._socket.recv(len(_RING)):
                pass
        except OSError:
            pass
        return True

    def wake(self) -> None:
        with suppress(OSError):
            self._waker.send(_RING)

    def close(self) -> None:
        with suppress(OSError):
            self.path.unlink()
        self.wake()  # Whoever still waits at it is told.
        self.abandon()

    def abandon(self) -> None:
        self._waker.close()
        self._socket.close()


def _datagrams() -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.setblocking(False)
    return made


def _make_private(folder: Path) -> None:
    """Make a folder for this user alone; raises PermissionError for one that others might put something into."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if not _is_private(folder.lstat()):
        raise PermissionError(f"{folder} is not this user's alone")


def _is_private(found: os.stat_result) -> bool:
    """Tell whether a folder is this user's alone: in another one, whoever put the bells there would say who is rung."""
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _abandon_bells() -> None:
    """Close what a fork has copied: else the parent would seem to be there beyond its death."""
    for bell in list(_open_bells):
        bell.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_bells)
