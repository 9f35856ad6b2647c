"""The clock of the database, as a process sees it between two answers (S6)."""

from __future__ import annotations

import time
from typing import Final

DATABASE: Final = "database"
"""The name of the one "start" that a database's clock is counted from: it is never started anew."""


class DatabaseClock:
    """Be a :class:`comity.clock.Clock` that goes as the database's does, never ahead of it.

    Each answer that tells the time sets it; in between it goes by the machine's own steady
    clock. An answer is older when it arrives than when it was made, so this clock is behind
    the database's by the way of the latest one, and no machine's wall clock counts.
    """

    def __init__(self) -> None:
        self._source = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        self._behind_us = 0

    def take(self, database_us: int) -> None:
        """Go by the time that an answer has just told."""
        self._behind_us = database_us - self._steady_us()

    def wall_us(self) -> int:
        """Return the database's time."""
        return self._steady_us() + self._behind_us

    def boot_us(self) -> int:
        """Return the same: of the database no steadier clock is known."""
        return self.wall_us()

    def boot_id(self) -> str:
        """Return the name that is the same for every process of a workspace."""
        return DATABASE

    def _steady_us(self) -> int:
        return time.clock_gettime_ns(self._source) // 1000
