"""Landings: what came of several tries, recorded together where it comes within a moment.

Each outcome is a commit, and commits that are proposed together share the sync. Whoever lands
first waits a moment for those still in the air, and has what has come by then recorded; a
handler that takes longer keeps nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_MOMENT_S: Final = 0.002
"""How long the first who lands waits for others: about what a commit takes."""


class _Landing(Generic[T]):
    """Be one outcome that is to be recorded."""

    __slots__ = ("is_done", "outcome")

    def __init__(self, outcome: T) -> None:
        self.outcome = outcome
        self.is_done = False


class Landings(Generic[T]):
    """Have outcomes recorded, by one of the threads that bring them; each waits until its own is."""

    def __init__(self, record: Callable[[Sequence[T]], None], expected: Callable[[], int]) -> None:
        self._record = record
        self._expected = expected
        self._changed = threading.Condition()
        self._landed: list[_Landing[T]] = []
        self._is_led = False

    def land(self, outcome: T) -> None:
        """Have an outcome recorded; raises what recording it raised, in the thread that did it."""
        landing = _Landing(outcome)
        with self._changed:
            self._landed.append(landing)
            self._changed.notify_all()
            self._changed.wait_for(lambda: landing.is_done or not self._is_led)
            if landing.is_done:
                return
            self._is_led = True
        taken: list[_Landing[T]] = []
        try:
            with self._changed:
                self._changed.wait_for(lambda: len(self._landed) >= self._expected(), _MOMENT_S)
                taken, self._landed = self._landed, []
            self._record([one.outcome for one in taken])
        finally:
            with self._changed:
                for one in taken:
                    one.is_done = True
                self._is_led = False
                self._changed.notify_all()
