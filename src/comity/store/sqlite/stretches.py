"""Where names stand in the log: which stretches of it have events of a kind or a type, or commits of an agent.

A stretch is a run of commits. What is looked for within one is found by going through it, so
this is an index that costs a commit nothing while its names are in the stretch already, like
PostgreSQL's block range indexes (https://www.postgresql.org/docs/current/brin.html). Where
several things are looked for at once, only the stretches that have them all are gone through.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from comity.store.contract import Entry, Head
from comity.store.sqlite import rows

STRETCH_BITS: Final = 6
"""A stretch has 2**6 commits."""
PLACE_BITS: Final = STRETCH_BITS + 16
"""Of the number of a place, those that tell the places of one stretch from one another."""

COLUMNS: Final = ("what", "name", "stretch")
KIND: Final = "kind"
TYPE: Final = "type"
AGENT: Final = "agent"

Names = set[rows.Row]
"""Rows of COLUMNS."""


class Named:
    """Remember, as of one head, which names the last stretch of the log has: they need no row any more."""

    def __init__(self) -> None:
        self._head: Head | None = None
        self._names: Names = set()

    def begin(self, head: Head) -> None:
        """Forget what isn't of this very head: whoever else has moved it may have restored a backup."""
        if head is not self._head:
            self._head, self._names = head, set()

    def missing(self, entries: Iterable[Entry]) -> Names:
        """Return the names that commits behind the head have, but for those that are remembered."""
        return names_in(entries) - self._names

    def take(self, head: Head, names: Names) -> None:
        """Take the head that the log has got by commits, and what was missing for these."""
        self._head = head
        if names:  # Where a stretch begins they are all missing.
            last = head.revision >> STRETCH_BITS
            self._names = {row for row in self._names | names if row[2] == last}


def names_in(entries: Iterable[Entry]) -> Names:
    """Return the names that some commits have, by the stretches that they lie in."""
    names: Names = set()
    for entry in entries:
        stretch = entry.commit.revision >> STRETCH_BITS
        names.add((AGENT, entry.commit.agent, stretch))
        for event in entry.events:
            names.add((KIND, event.kind, stretch))
            names.add((TYPE, event.type, stretch))
    return names


def having(names: Sequence[tuple[str, str]], first: str, last: str) -> str:
    """Return the term that chooses the stretches between two places which have these names.

    A name comes with what it is of; it and the places are the parameters that they are bound to.
    """
    (what, name), *others = names
    bounds = f"s.stretch BETWEEN {first} >> {PLACE_BITS} AND {last} >> {PLACE_BITS}"
    terms = [f"s.{_of(what)} AND s.name = {name} AND {bounds}", *(_has_too(*other) for other in others)]
    return " AND ".join(terms)


def _has_too(what: str, name: str) -> str:
    return f"EXISTS (SELECT 1 FROM stretches AS o WHERE o.{_of(what)} AND o.name = {name} AND o.stretch = s.stretch)"


def within(column: str, first: str, last: str, bits: int = PLACE_BITS) -> str:
    """Return the term that holds for what is in a stretch and between two bounds, by its place or its revision."""
    start = f"s.stretch << {bits}"
    return f"{column} BETWEEN max({first}, {start}) AND min({last}, ({start}) + {(1 << bits) - 1})"


def leap_over(table: str, column: str, where: str = "1") -> str:
    """Return the beginning of a statement in which ``known`` holds each ``name`` that a column has.

    A seek for each, by leaps over the column's index: most names stand in many rows.
    """
    return (
        f"WITH RECURSIVE known (name) AS (SELECT min({column}) FROM {table} WHERE {where}"
        f" UNION ALL SELECT (SELECT min({column}) FROM {table} AS t WHERE {where} AND t.{column} > known.name)"
        " FROM known WHERE name IS NOT NULL)"
    )


def all_names(what: str) -> str:
    """Return the statement that gives all names of a kind of thing, in order."""
    return f"{leap_over('stretches', 'name', _of(what))} SELECT name FROM known WHERE name IS NOT NULL"


def last_places(what: str, column: str) -> str:
    """Return the statement that gives all names of a kind of thing, each with the last place where it stands."""
    stretch = f"SELECT max(stretch) AS stretch FROM stretches WHERE {_of(what)} AND name = known.name"
    place = (
        f"SELECT e.place FROM ({stretch}) AS s CROSS JOIN events AS e NOT INDEXED"
        f" WHERE e.{column} = known.name AND {within('e.place', '0', str(rows.LAST_PLACE))}"
        " ORDER BY e.place DESC LIMIT 1"
    )
    begin = leap_over("stretches", "name", _of(what))
    return f"{begin} SELECT name, ({place}) FROM known WHERE name IS NOT NULL"


def _of(what: str) -> str:
    return f"what = '{what}'"
