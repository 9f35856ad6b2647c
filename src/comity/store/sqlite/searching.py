"""Searches of the log, as statements that go through no more of it than they must.

One record's events are found by an index; those of a kind, a type or an agent by the stretches
of the log that have them. Where several of each are asked for, the part of the log in question
is gone through in its own order: to merge what is found of each would take a sort of it all
before the first is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from comity.store.contract import EventFilter, LogFilter
from comity.store.sqlite import rows
from comity.store.sqlite.stretches import AGENT, KIND, STRETCH_BITS, TYPE, having, within

Values = tuple[str, ...]

FIRST: Final = "?1"
LAST: Final = "?2"
LIMIT: Final = "?3"
"""What every statement here is to be bound to before its own values: two places, both inclusive, and how many."""
MADE_BY: Final = "EXISTS (SELECT 1 FROM commits AS c WHERE c.revision = e.place >> 16 AND {})"


class _Search:
    """Gather the terms of a statement, the names that stretches are chosen by, and the values of both."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._names: list[tuple[str, str]] = []
        self._terms: list[str] = []

    def bind(self, value: str) -> str:
        """Return the parameter that a value is bound to."""
        self.values.append(value)
        return f"?{3 + len(self.values)}"

    def require(self, term: str, *values: str) -> None:
        """Take a term, with a ``{}`` for each of its values."""
        self._terms.append(term.format(*map(self.bind, values)))

    def stand(self, what: str, name: str) -> None:
        """Go through those stretches alone that have a name."""
        self._names.append((what, self.bind(name)))

    def statement(self, direction: str = "ASC") -> str:
        """Return the statement that gives the events in order."""
        if not self._names:
            between = f"e.place BETWEEN {FIRST} AND {LAST}"
            return self._select("events AS e", between, f"e.place {direction}")
        between = f"{having(self._names, FIRST, LAST)} AND {within('e.place', FIRST, LAST)}"
        order = f"s.stretch {direction}, e.place {direction}"
        return self._select("stretches AS s CROSS JOIN events AS e NOT INDEXED", between, order)

    def statement_by_commits(self, direction: str) -> str:
        """Return the statement that gives the events of commits, in order, for terms that are about these alone."""
        commits = within("c.revision", f"{FIRST} >> 16", f"{LAST} >> 16", STRETCH_BITS)
        events = f"e.place BETWEEN max({FIRST}, c.revision << 16) AND min({LAST}, (c.revision << 16) + 65535)"
        between = f"{having(self._names, FIRST, LAST)} AND {commits} AND {events}"
        order = f"s.stretch {direction}, c.revision {direction}, e.place {direction}"
        return self._select("stretches AS s CROSS JOIN commits AS c CROSS JOIN events AS e", between, order)

    def _select(self, tables: str, between: str, order: str) -> str:
        terms = " AND ".join([*self._terms, between])
        return f"SELECT {rows.EVENT} FROM {tables} WHERE {terms} ORDER BY {order} LIMIT {LIMIT}"


def events_chosen(chosen: EventFilter) -> tuple[str, Sequence[str | int]]:
    """Return the statement that gives the events chosen, and all of its values."""
    sql, values = _chosen(chosen.kind, chosen.id, chosen.type, chosen.agent, chosen.but_agent, chosen.newest_first)
    last = rows.LAST_PLACE if chosen.upto is None else rows.last_place(chosen.upto)
    return sql, (rows.first_place(chosen.after + 1), last, chosen.limit, *values)


@lru_cache(maxsize=256)
def _chosen(
    kind: str | None, id: str | None, type: str | None, agent: str | None, but_agent: str | None, newest_first: bool
) -> tuple[str, Values]:
    search, direction = _Search(), "DESC" if newest_first else "ASC"
    if kind is None and id is None and type is None and agent is not None and but_agent is None:
        search.stand(AGENT, agent)
        search.require("c.agent = {}", agent)
        return search.statement_by_commits(direction), tuple(search.values)
    for column, value in ((KIND, kind), ("id", id), (TYPE, type)):
        if value is not None:
            search.require(f"e.{column} = {{}}", value)
    if agent is not None:
        search.require(MADE_BY.format("c.agent = {}"), agent)
    if but_agent is not None:
        search.require(f"NOT {MADE_BY.format('c.agent = {}')}", but_agent)
    if id is None:
        for what, name in ((TYPE, type), (KIND, kind), (AGENT, agent)):
            if name is not None:
                search.stand(what, name)
    return search.statement(direction), tuple(search.values)


@lru_cache(maxsize=256)
def events_passing(chosen: LogFilter) -> tuple[str, Values]:
    """Return the statement that gives the events chosen in the order of the log, and its own values."""
    search = _Search()
    _require_among(search, "e.kind", chosen.kinds)
    _require_record(search, chosen)
    _require_among(search, "e.type", chosen.types)
    _require_commits(search, chosen)
    if len(chosen.records) != 1:
        for what, names in ((TYPE, chosen.types), (KIND, chosen.kinds), (AGENT, chosen.agents)):
            if len(names) == 1:
                search.stand(what, names[0])
    return search.statement(), tuple(search.values)


def _require_among(search: _Search, column: str, values: Values) -> None:
    """Require that a column has one of these values, if there are any."""
    if values:
        search.require(_among(column, values), *values)


def _among(column: str, values: Values) -> str:
    """Return what holds where a column has one of these values; the plus keeps an index out of it."""
    return f"{column} = {{}}" if len(values) == 1 else f"+{column} IN ({', '.join(['{}'] * len(values))})"


def _require_record(search: _Search, chosen: LogFilter) -> None:
    if len(chosen.records) == 1:
        search.require("e.kind = {} AND e.id = {}", *chosen.records[0])
    else:
        _require_among(search, "e.kind || '/' || e.id", tuple("/".join(ref) for ref in chosen.records))


def _require_commits(search: _Search, chosen: LogFilter) -> None:
    parts = [("c.agent", chosen.agents), ("c.action", chosen.actions)]
    terms = " AND ".join(_among(column, values) for column, values in parts if values)
    if terms:
        search.require(MADE_BY.format(terms), *chosen.agents, *chosen.actions)
