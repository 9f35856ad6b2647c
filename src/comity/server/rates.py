"""How much one agent may ask: a bucket of tokens each, filled at a steady rate."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

from comity.server.problems import Failure

MOST_KNOWN: Final = 10_000
"""Of agents whose bucket is remembered; of the others it is full."""


class Rates:
    """Count requests by whoever makes them (a token bucket each; Turner, *New Directions in Communications*, 1986)."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> None:
        """Take one token; raises Failure with 429 where none is left, saying when there will be."""
        now = self._clock()
        left, at = self._left.pop(who, (float(self._burst), now))
        left = min(float(self._burst), left + (now - at) * self._per_s)
        self._left[who] = (max(left - 1, 0.0) if left >= 1 else left, now)
        if len(self._left) > MOST_KNOWN:
            self._left.popitem(last=False)
        if left < 1:
            wait = math.ceil((1 - left) / self._per_s) if self._per_s else 60
            raise Failure(429, "too_many_requests", f"{who} asks too much: go on in {wait} s", retry="same")
