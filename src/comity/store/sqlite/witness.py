"""The witness: a small file beside a base that tells how far it had come, in which file.

A file can't tell by itself that it was put back from a copy, and its effects may have been
sent since that was taken. So whoever opens a base compares it with its witness: where commits
are missing that were seen, or others stand in their place, or where it is another file, as a
copied folder has, a new life begins (S1). It says nothing about a base to which no witness
came along.

What it says is never ahead of what is durable: it is written after a COMMIT, at most once a
second, and on closing. It isn't synced: an older one sees less, and never anything wrong.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final
from zlib import crc32

import msgspec

from comity.store.contract import Head, Snapshot

ENDING: Final = "-witness"
_PAUSE_S: Final = 1.0
_MOST_BYTES: Final = 512


class Seen(msgspec.Struct, frozen=True, gc=False):
    """Be how far a base had come: in which life and file, up to which commit."""

    incarnation: str
    revision: int
    chain: str
    file: int

    def contradicts(self, snapshot: Snapshot, file: int) -> bool:
        """Tell whether a base of the same life can't be the one that was seen."""
        head = snapshot.head
        if head.incarnation != self.incarnation:
            return False
        if self.file != file or head.revision < self.revision:
            return True
        commit = snapshot.commit(self.revision) if self.revision else None
        return commit is not None and commit.chain.hex() != self.chain


class Witness:
    """Keep the witness of one base."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._file = _opened(base.with_name(base.name + ENDING))
        self._last: Head | None = None
        self._noted_s = 0.0

    def contradicts(self, seen: Seen | None, snapshot: Snapshot) -> bool:
        """Tell whether a base isn't what was seen of it before, as it or its folder was put back from a copy."""
        return seen is not None and seen.contradicts(snapshot, self._number())

    def misses(self, head: Head) -> bool:
        """Tell whether commits are missing that this process has seen."""
        last = self._last
        return last is not None and head.revision < last.revision and head.incarnation == last.incarnation

    def note(self, head: Head, *, at_once: bool = False) -> None:
        """Take a head that is durable; it is written down now and then, or at once."""
        self._last = head
        now_s = monotonic()
        if self._file is None or (not at_once and now_s < self._noted_s + _PAUSE_S):
            return
        self._noted_s = now_s
        with suppress(OSError):  # A witness that can't be written sees less: no commit may fail for that.
            told = msgspec.json.encode(Seen(head.incarnation, head.revision, head.chain.hex(), self._number()))
            line = b"%08x %s\n" % (crc32(told), told)
            os.pwrite(self._file, line.ljust(_MOST_BYTES), 0)

    def seen(self) -> Seen | None:
        """Return what was written, unless it is no longer whole.

        All that it says was durable by then, so a base that is looked at afterwards must show it.
        """
        if self._file is None:
            return None
        with suppress(OSError, ValueError):
            digest, _, told = os.pread(self._file, _MOST_BYTES, 0).rstrip().partition(b" ")
            return msgspec.json.decode(told, type=Seen) if int(digest, 16) == crc32(told) else None
        return None

    def _number(self) -> int:
        """Return by which number the file system knows the base."""
        return self._base.stat().st_ino

    def close(self) -> None:
        """Release the file."""
        if self._file is not None:
            os.close(self._file)


def _opened(file: Path) -> int | None:
    """Return a descriptor of the witness; one to read by, or none, where no more is allowed: it sees less then."""
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        with suppress(OSError):
            return os.open(file, flags | getattr(os, "O_CLOEXEC", 0), 0o666)
    return None
