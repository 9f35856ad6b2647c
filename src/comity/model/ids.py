"""Ids that callers make: UUIDs of version 7, so that they sort by time (RFC 9562)."""

from __future__ import annotations

from typing import Protocol

from comity.clock import Clock


class Entropy(Protocol):
    """Return that many random bytes; ``os.urandom`` is one."""

    def __call__(self, size: int, /) -> bytes:
        """Return ``size`` random bytes."""
        ...


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
