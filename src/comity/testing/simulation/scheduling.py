"""One scheduler, one clock: whose turn it is and when, so that a run is the same each time."""

from __future__ import annotations

import heapq
from collections.abc import Generator
from itertools import count

from comity.clock import SECOND_US
from comity.testing.manual_clock import ManualClock

Script = Generator[float, None, None]
"""Be what somebody does: each yield is a time, in seconds, to think or to wait; nobody else acts in between."""


class Crash(BaseException):
    """Be the sudden end of a process: nothing that it was about to do is done any more."""

    def __init__(self, process: str) -> None:
        super().__init__(process)
        self.process = process


class Scheduler:
    """Give scripts their turns, in the order of time; time passes only between turns.

    ``now_us`` is the time since the run began. It goes on through whatever is done to the clock.
    """

    def __init__(self, clock: ManualClock) -> None:
        self.now_us = 0
        self._clock = clock
        self._numbers = count()
        self._turns: list[tuple[int, int]] = []
        self._scripts: dict[int, tuple[Script, str]] = {}

    def start(self, script: Script, process: str, delay_s: float = 0.0) -> None:
        """Have a script begin after a while; it ends with its process."""
        number = next(self._numbers)
        self._scripts[number] = script, process
        self._put(number, delay_s)

    def end(self, process: str) -> None:
        """End the scripts of a process, wherever they are."""
        for number, (script, owner) in list(self._scripts.items()):
            if owner == process:
                del self._scripts[number]
                script.close()

    def step(self, until_us: int) -> bool:
        """Give the next turn, unless it comes after a time; return whether there was one. Raises Crash."""
        while self._turns and self._turns[0][0] <= until_us:
            at_us, number = heapq.heappop(self._turns)
            if (found := self._scripts.get(number)) is not None:
                self.pass_time(at_us - self.now_us)
                self._give(number, found[0])
                return True
        return False

    def pass_time(self, span_us: int) -> None:
        """Let time go by."""
        self._clock.advance(seconds=span_us / SECOND_US)
        self.now_us += span_us

    def _give(self, number: int, script: Script) -> None:
        try:
            pause_s = next(script)
        except StopIteration:
            del self._scripts[number]
        else:
            self._put(number, pause_s)

    def _put(self, number: int, pause_s: float) -> None:
        # Of two turns of one moment that of the script which was there first comes first.
        heapq.heappush(self._turns, (self.now_us + round(pause_s * SECOND_US), number))
