"""Ways for processes to stand in line on a file, and none at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

OFTEN_S: Final = 0.000_05
"""Between two looks of one who is next: a turn takes about as long as a sync."""
SELDOM_S: Final = 0.000_4
"""Between two looks of one who isn't."""
LONGEST_S: Final = 0.01
PACE: Final = 128
"""The part of what was waited so far that is waited again before the next look."""


def wait_until(is_done: Callable[[], bool], patience_s: float, pause_s: float = OFTEN_S) -> float:
    """Return once something is done, with what is left of the patience; raises TimeoutError when there is none."""
    waited = 0.0
    while not is_done():
        if waited >= patience_s:
            raise TimeoutError
        pause = min(max(waited / PACE, pause_s), LONGEST_S)
        time.sleep(pause)
        waited += pause
    return patience_s - waited


class Line(Protocol):
    """Be a way to stand in line on a file."""

    @property
    def is_fair(self) -> bool:
        """Tell whether first come is first served."""
        ...

    def wait(self, file: int, patience_s: float) -> int:
        """Wait for one's turn and return the ticket that was drawn for it; raises TimeoutError where it is too long."""
        ...

    def end(self, file: int, ticket: int) -> None:
        """End one's turn."""
        ...

    def leave(self, file: int) -> None:
        """Give back whatever is held."""
        ...


class NoLine:
    """Be no line at all: whoever gets SQLite's lock has its turn."""

    is_fair = False

    def wait(self, file: int, patience_s: float) -> int:
        """Return at once."""
        return 0

    def end(self, file: int, ticket: int) -> None:
        """Do nothing."""

    def leave(self, file: int) -> None:
        """Do nothing."""


def no_line(file: int) -> Line:
    """Return no line, for systems without ``fcntl``."""
    return NoLine()
