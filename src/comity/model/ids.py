"""Ids that callers make: UUIDs of version 7, so that they sort by time (RFC 9562)."""

from __future__ import annotations

from typing import Final, Protocol

from comity.clock import Clock

_VARIANT: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
"""The digit in which the variant stands, by the random one that is in its place."""


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
    random = entropy(10).hex()
    time = f"{clock.wall_us() // 1000 & (1 << 48) - 1:012x}"
    return f"{time[:8]}-{time[8:]}-7{random[:3]}-{_VARIANT[random[3]]}{random[4:7]}-{random[7:19]}"
