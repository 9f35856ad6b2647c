"""How long to wait before the next try: exponentially longer, and spread, so that many don't come at once."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from comity import limits

_FRACTIONS: Final = 2**64
_LONGEST_STEP: Final = 40
"""From which try on doubling makes no difference any more, whatever the bounds."""


def delay_s(attempt: int, key: str) -> float:
    """Return the seconds to wait after the try ``attempt`` (1, 2, 3 …) of what ``key`` names.

    Anything between 0 and a bound that doubles with each try, "full jitter" as in
    "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015), but drawn from the key:
    every process comes to the same result.

    >>> delay_s(3, "a") == delay_s(3, "a") <= 4 * limits.RETRY_FIRST_S
    True
    """
    most = min(limits.RETRY_FIRST_S * 2 ** min(attempt - 1, _LONGEST_STEP), limits.RETRY_MOST_S)
    drawn = int.from_bytes(sha256(f"{key}:{attempt}".encode()).digest()[:8])
    return most * drawn / _FRACTIONS
