"""Flights: what one process is delivering at this moment, and how much more it may.

A handler can't be stopped from outside. So what runs longer than its time is given up: another
try may follow, and its thread is left to itself. It goes on taking room of its own effect
alone, so that a handler which hangs ends up with none, while the others go on.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator

from comity import limits
from comity.clock import SECOND_US, Clock

_LOOK_S = 0.05
"""How often who waits looks whether what it waits for has outlasted its time."""


class Flight:
    """Be one try that is going on: of which effect, until when it may be."""

    __slots__ = ("effect", "is_told", "name", "until_us")

    def __init__(self, name: str, effect: str, until_us: int) -> None:
        self.name = name
        self.effect = effect
        self.until_us = until_us
        self.is_told = False


class Room:
    """Count down how many more may be begun: of each effect, and of all that are still in their time."""

    def __init__(self, flights: list[Flight], now_us: int) -> None:
        self._taken = Counter(flight.effect for flight in flights)
        self._left = limits.EFFECTS_IN_FLIGHT - sum(flight.until_us > now_us for flight in flights)

    def has(self, effect: str) -> bool:
        """Tell whether one more of an effect may be begun."""
        return self._left > 0 and self._taken[effect] < limits.EFFECTS_AT_ONCE

    def take(self, effect: str) -> bool:
        """Take room for one more of an effect; tell whether there was any."""
        if not self.has(effect):
            return False
        self._left -= 1
        self._taken[effect] += 1
        return True


class Flights:
    """Know what is being delivered by one process. Any thread may ask, begin and end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._going: dict[Flight, None] = {}
        self._landed = threading.Condition()

    def begin(self, name: str, effect: str, timeout_s: int) -> Flight:
        """Return a new flight."""
        flight = Flight(name, effect, self._clock.boot_us() + timeout_s * SECOND_US)
        with self._landed:
            self._going[flight] = None
        return flight

    def end(self, flight: Flight) -> None:
        """Take a flight off."""
        with self._landed:
            self._going.pop(flight, None)
            self._landed.notify_all()

    def names(self) -> list[str]:
        """Return what is being delivered, also what has outlasted its time."""
        return [flight.name for flight in list(self._going)]

    def room(self) -> Room:
        """Return how many more may be begun."""
        return Room(list(self._going), self._clock.boot_us())

    def is_any_in_time(self) -> bool:
        """Tell whether anything is being delivered that may still end in its time."""
        now_us = self._clock.boot_us()
        return any(flight.until_us > now_us for flight in list(self._going))

    def hanging(self, effect: str) -> int:
        """Return how many of an effect have outlasted their time, and still run."""
        return sum(flight.effect == effect for flight in self._late())

    def newly_late(self) -> Iterator[Flight]:
        """Yield, once each, what has outlasted its time."""
        for flight in self._late():
            if not flight.is_told:
                flight.is_told = True
                yield flight

    def _late(self) -> list[Flight]:
        now_us = self._clock.boot_us()
        return [flight for flight in list(self._going) if flight.until_us <= now_us]

    def settle(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing is being delivered any more; tell whether that came in time."""
        with self._landed:
            return self._landed.wait_for(lambda: not self._going, timeout_s)

    def wait_in_time(self) -> None:
        """Wait until nothing is being delivered any more that is still in its time."""
        self._wait(self.is_any_in_time)

    def _wait(self, is_going: Callable[[], bool]) -> None:
        with self._landed:
            while is_going():
                self._landed.wait(_LOOK_S)
