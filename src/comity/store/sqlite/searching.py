"""Searches of the log, as statements that an index serves where a single thing is asked for.

Where several are, the stretch of the log in question is gone through in its own order:
to merge what an index has of each would take a sort of them all before the first is given.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from comity.store.contract import LogFilter
from comity.store.sqlite import rows
from comity.store.sqlite.queries import marks

Values = tuple[str, ...]

BEHIND: Final = "e.place > ? AND e.place <= ?"
MADE_BY: Final = "EXISTS (SELECT 1 FROM commits AS c WHERE c.revision = e.place >> 16 AND {})"


@lru_cache(maxsize=256)
def events_passing(chosen: LogFilter) -> tuple[str, Values]:
    """Return the statement that gives the events chosen, and its values.

    Behind these it is to be bound to two places, the first of which is left out, and to how many at most.
    """
    parts = [
        _among("e.kind", chosen.kinds),
        _records(chosen),
        _among("e.type", chosen.types),
        _commits(chosen),
    ]
    terms = " AND ".join([*(sql for sql, _ in parts if sql), BEHIND])
    values = tuple(value for _, given in parts for value in given)
    return f"SELECT {rows.EVENT} FROM events AS e WHERE {terms} ORDER BY e.place LIMIT ?", values


def _among(column: str, values: Values) -> tuple[str, Values]:
    """Return what holds where a column has one of these values; the plus keeps an index out of it."""
    if len(values) < 2:
        return (f"{column} = ?" if values else ""), values
    return f"+{column} IN ({marks(values)})", values


def _records(chosen: LogFilter) -> tuple[str, Values]:
    if len(chosen.records) == 1:
        return "e.kind = ? AND e.id = ?", chosen.records[0]
    return _among("e.kind || '/' || e.id", tuple("/".join(ref) for ref in chosen.records))


def _commits(chosen: LogFilter) -> tuple[str, Values]:
    parts = [_among("c.agent", chosen.agents), _among("c.action", chosen.actions)]
    terms = " AND ".join(sql for sql, _ in parts if sql)
    return (MADE_BY.format(terms) if terms else ""), tuple(value for _, given in parts for value in given)
