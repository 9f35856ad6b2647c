"""A clock that goes when it is told to."""

from __future__ import annotations

from comity.clock import SECOND_US

START_US = 1_700_000_000 * SECOND_US
"""2023-11-14T22:13:20Z."""


class ManualClock:
    """Be a :class:`comity.clock.Clock` in the hands of a test.

    >>> clock = ManualClock()
    >>> clock.advance(seconds=2)
    >>> clock.wall_us() - START_US
    2000000
    """

    def __init__(self, wall_us: int = START_US, boot_us: int = SECOND_US) -> None:
        self._wall_us = wall_us
        self._boot_us = boot_us
        self._boots = 1

    def wall_us(self) -> int:
        """Return the wall clock's time."""
        return self._wall_us

    def boot_us(self) -> int:
        """Return the time since the machine "started"."""
        return self._boot_us

    def boot_id(self) -> str:
        """Return a name of this "start" of the machine."""
        return f"boot-{self._boots}"

    def advance(self, *, seconds: float) -> None:
        """Let time pass, as both clocks see it."""
        self._wall_us += round(seconds * SECOND_US)
        self._boot_us += round(seconds * SECOND_US)

    def jump(self, *, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator might."""
        self._wall_us += round(seconds * SECOND_US)

    def reboot(self) -> None:
        """Start the machine anew: the boot clock begins again under another name."""
        self._boots += 1
        self._boot_us = SECOND_US
