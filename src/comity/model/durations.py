"""Spans of time as people write them: ``30s``, ``10m``, ``2h``, ``1d``."""

from __future__ import annotations

import re
from typing import Final

_SPAN: Final = re.compile(r"([0-9]{1,9})(s|m|h|d)\Z")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def parse_duration(text: str) -> int:
    """Return the seconds of a span; raises ValueError for anything else.

    >>> parse_duration("10m")
    600
    """
    found = _SPAN.match(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is no span of time: write 30s, 10m, 2h or 1d")
    return int(found[1]) * _SECONDS[found[2]]


def format_duration(seconds: int) -> str:
    """Return a span in the largest unit that says it exactly.

    >>> format_duration(600), format_duration(90), format_duration(0)
    ('10m', '90s', '0s')
    """
    for unit in ("d", "h", "m"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"
