"""Ids that callers make: UUIDs of version 7, so that they sort by time (RFC 9562)."""

from __future__ import annotations

import threading
from typing import Protocol

from comity.clock import Clock


class Entropy(Protocol):
    """Return that many random bytes; ``os.urandom`` is one."""

    def __call__(self, size: int, /) -> bytes:
        """Return ``size`` random bytes."""
        ...


class EntropyPool:
    """Give out random bytes that were asked for in large pieces: each asking is a call to the system.

    Threads may share it; a process that forked must not go on with it.
    """

    def __init__(self, source: Entropy, piece: int = 4096) -> None:
        self._source = source
        self._piece = piece
        self._bytes = b""
        self._used = 0
        self._lock = threading.Lock()

    def __call__(self, size: int, /) -> bytes:
        """Return ``size`` random bytes, never the same ones twice."""
        with self._lock:
            start, end = self._used, self._used + size
            if end > len(self._bytes):
                self._bytes = self._source(max(self._piece, size))
                start, end = 0, size
            self._used = end
            return self._bytes[start:end]


def make_id(clock: Clock, entropy: Entropy) -> str:
    """Return a new UUIDv7 as text.

    >>> from comity.clock import SystemClock
    >>> import os
    >>> len(make_id(SystemClock(), os.urandom))
    36
    """
    random = int.from_bytes(entropy(10), "big")
    high = (clock.wall_us() // 1000 & (1 << 48) - 1) << 16 | 0x7000 | random >> 68 & 0xFFF
    low = 0x8000_0000_0000_0000 | random & (1 << 62) - 1
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
