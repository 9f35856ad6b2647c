"""Searches of the log, as statements that follow the index of the narrowest thing asked for."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from comity.store.contract import EventFilter, LogFilter
from comity.store.postgres import rows
from comity.store.postgres.arrays import Texts

Values = tuple[Any, ...]

SELECT_EVENTS: Final = f"SELECT {rows.EVENT} FROM {{s}}.events AS e WHERE e.workspace = %s"
SELECT_EVENTS_OF_AGENT: Final = (
    f"SELECT {rows.EVENT} FROM {{s}}.commits AS c JOIN {{s}}.events AS e USING (workspace, revision)"
    " WHERE c.workspace = %s AND c.agent = %s"
)
BEHIND: Final = "(e.revision, e.ordinal) > (%s, %s) AND e.revision <= %s"
MADE_BY: Final = (
    "EXISTS (SELECT 1 FROM {{s}}.commits AS c WHERE c.workspace = e.workspace AND c.revision = e.revision AND {})"
)


def events_chosen(chosen: EventFilter, workspace: str) -> tuple[str, Values]:
    """Return the statement that gives the events that a filter chooses, and its values.

    Events of one record, one type or one kind are found by their own index, and their
    agent is looked up; those of an agent alone are found by way of the agent's commits.
    """
    wanted = (("kind", chosen.kind), ("id", chosen.id), ("type", chosen.type))
    narrow = [(f"e.{column} = %s", value) for column, value in wanted if value is not None]
    bounds: list[tuple[str, Any]] = [("e.revision > %s", rows.bounded(chosen.after))]
    if chosen.upto is not None:
        bounds.append(("e.revision <= %s", rows.bounded(chosen.upto)))
    if chosen.agent is not None and chosen.but_agent is None and not narrow:
        return _select(SELECT_EVENTS_OF_AGENT, (workspace, chosen.agent), bounds, chosen)
    made = [(MADE_BY.format("c.agent = %s"), chosen.agent)] if chosen.agent is not None else []
    if chosen.but_agent is not None:
        made.append((f"NOT {MADE_BY.format('c.agent = %s')}", chosen.but_agent))
    return _select(SELECT_EVENTS, (workspace,), [*narrow, *bounds, *made], chosen)


def _select(found: str, first: Values, terms: list[tuple[str, Any]], chosen: EventFilter) -> tuple[str, Values]:
    way = "DESC" if chosen.newest_first else "ASC"
    where = " AND ".join(term for term, _ in terms)
    sql = f"{found} AND {where} ORDER BY e.revision {way}, e.ordinal {way} LIMIT %s"
    return sql, (*first, *(value for _, value in terms), chosen.limit)


@lru_cache(maxsize=256)
def events_passing(chosen: LogFilter) -> tuple[str, Values]:
    """Return the statement that gives the events a search lets pass, and its values.

    Before these it is to be bound to the workspace, behind them to a revision and an
    ordinal, which are left out, to the last revision, and to how many at most.
    """
    parts = [
        _among("e.kind", chosen.kinds),
        _records(chosen),
        _among("e.type", chosen.types),
        _commits(chosen),
    ]
    terms = " AND ".join([*(sql for sql, _ in parts if sql), BEHIND])
    values = tuple(value for _, given in parts for value in given)
    return f"{SELECT_EVENTS} AND {terms} ORDER BY e.revision, e.ordinal LIMIT %s", values


def _among(column: str, values: tuple[str, ...]) -> tuple[str, Values]:
    if not values:
        return "", ()
    return (f"{column} = %s", values) if len(values) == 1 else (f"{column} = ANY (%s)", (Texts(values),))


def _records(chosen: LogFilter) -> tuple[str, Values]:
    if len(chosen.records) < 2:
        return ("e.kind = %s AND e.id = %s", chosen.records[0]) if chosen.records else ("", ())
    kinds, ids = zip(*chosen.records, strict=True)
    return "(e.kind, e.id) IN (SELECT * FROM unnest(%s, %s))", (Texts(kinds), Texts(ids))


def _commits(chosen: LogFilter) -> tuple[str, Values]:
    parts = [_among("c.agent", chosen.agents), _among("c.action", chosen.actions)]
    terms = " AND ".join(sql for sql, _ in parts if sql)
    return (MADE_BY.format(terms) if terms else ""), tuple(value for _, given in parts for value in given)
