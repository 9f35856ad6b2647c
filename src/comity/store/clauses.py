"""Pieces of SQL with the values bound to them, joined the same way whatever the dialect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec


class Clause(msgspec.Struct, frozen=True):
    """Be a piece of SQL with the values bound to its places."""

    sql: str
    values: tuple[Any, ...] = ()


def all_of(parts: Sequence[Clause]) -> Clause:
    """Return what holds where all parts do."""
    return Clause(" AND ".join(f"({part.sql})" for part in parts) or "TRUE", sum((part.values for part in parts), ()))


def any_of(parts: Sequence[Clause]) -> Clause:
    """Return what holds where one of the parts does."""
    return Clause(" OR ".join(f"({part.sql})" for part in parts) or "FALSE", sum((part.values for part in parts), ()))


def negated(part: Clause) -> Clause:
    """Return what holds where a part doesn't, or can't be told to."""
    return Clause(f"({part.sql}) IS NOT TRUE", part.values)


def after_prefix(start: str) -> str | None:
    """Return the least text behind all those that begin with ``start``, or None where there is none.

    >>> after_prefix("Ac")
    'Ad'
    """
    kept = start.rstrip("\U0010ffff")
    if not kept:
        return None
    last = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if last == 0xD800 else last)
