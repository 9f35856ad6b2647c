"""Time, as a parameter.

Nothing else in Comity asks the operating system for the time; everything that needs it is
handed a :class:`Clock`. Tests hand in a manual one.

Store time never falls (S6). It is the boot clock plus an offset that is kept with the
head of the log: a jump of the wall clock neither expires nor revives anything. The offset
is slewed towards the wall clock, by at most one part in twenty, as NTP does (RFC 5905).
All times are integers in microseconds since 1970-01-01T00:00:00Z.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec

SECOND_US: Final = 1_000_000
SLEW_DIVISOR: Final = 20


class Clock(Protocol):
    """Tell the time in the two ways that a machine knows it."""

    def wall_us(self) -> int:
        """Return the wall clock's time: may jump."""
        ...

    def boot_us(self) -> int:
        """Return the time since the machine started: never jumps."""
        ...

    def boot_id(self) -> str:
        """Return a name of this start of the machine."""
        ...


class SystemClock:
    """Read the machine's own clocks."""

    def __init__(self) -> None:
        self._source = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        path = Path("/proc/sys/kernel/random/boot_id")
        self._boot_id = path.read_text().strip() if path.exists() else "unnamed"

    def wall_us(self) -> int:
        """Return the wall clock's time."""
        return time.time_ns() // 1000

    def boot_us(self) -> int:
        """Return the time since the machine started."""
        return time.clock_gettime_ns(self._source) // 1000

    def boot_id(self) -> str:
        """Return the kernel's name of this start, where it has one."""
        return self._boot_id


class StoreTime(msgspec.Struct, frozen=True, gc=False):
    """Be the state of store time, kept with the head: when, on which boot, by which offset."""

    now_us: int = 0
    boot_id: str = ""
    boot_us: int = 0
    offset_us: int = 0

    def advance(self, clock: Clock) -> StoreTime:
        """Return the store time of this moment; never earlier than this one."""
        wall, boot, boot_id = clock.wall_us(), clock.boot_us(), clock.boot_id()
        if boot_id != self.boot_id or boot < self.boot_us:
            offset = max(wall, self.now_us + 1) - boot
            return StoreTime(boot + offset, boot_id, boot, offset)
        slew = (boot - self.boot_us) // SLEW_DIVISOR
        drift = wall - (boot + self.offset_us)
        offset = self.offset_us + max(-slew, min(slew, drift))
        return StoreTime(max(boot + offset, self.now_us), boot_id, boot, offset)


def format_time(us: int) -> str:
    """Return a time as RFC 3339 in UTC.

    >>> format_time(1_700_000_000_000_000)
    '2023-11-14T22:13:20Z'
    """
    moment = datetime.fromtimestamp(us // SECOND_US, UTC)
    fraction = us % SECOND_US
    tail = f".{fraction:06d}".rstrip("0") if fraction else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{tail}Z"


def parse_time(text: str) -> int:
    """Return the microseconds of an RFC 3339 time; without an offset it is taken as UTC.

    Raises ValueError for anything else.

    >>> parse_time("2023-11-14T22:13:20Z")
    1700000000000000
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND_US + delta.microseconds


def format_left(us: int) -> str:
    """Return how long is left, for people: to the nearest of what :func:`format_age` tells, as some of it is past.

    >>> format_left(599_990_000)
    '10 min'
    """
    unit_s = next((size for size in (86_400, 3_600, 60) if us >= (size - 1) * SECOND_US), 1)
    return format_age(us + unit_s * SECOND_US // 2)


def format_age(us: int) -> str:
    """Return a span for people: ``0 s``, ``12 s``, ``3 min``, ``2 h``, ``5 d``.

    >>> format_age(150_000_000)
    '2 min'
    """
    seconds = max(us, 0) // SECOND_US
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
