"""Queries as SQL, meaning exactly what :mod:`comity.model.filters` means in Python (S13).

What differs between JSON in SQLite and values in Python is settled here: ``json_extract``
gives lists and objects as texts and booleans as numbers, so a field is compared by its
*scalar* (null for lists and objects) and by its JSON type where numbers are meant.
Ranges are closed at the border between numbers and texts, so that an index can be used
for either. Only checked names become part of a statement; values are always bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from comity.model.filters import LIVES, RECORD_ID_FIELD, Condition, Order, Query, check_terms, cursor_of
from comity.model.refs import is_built_in
from comity.store.clauses import Clause, after_prefix, all_of, any_of, negated

Parameter = str | int | float | None

LEAST_TEXT: Final = "''"
_NUMBERS: Final = "('integer', 'real')"


class Source(msgspec.Struct, frozen=True):
    """Be where fields are found: a JSON column, the path to the fields in it, the column of ids."""

    column: str
    path: str
    id: str

    def place(self, field: str) -> Place:
        """Return where one field, of a checked name, is found."""
        if field == RECORD_ID_FIELD:
            return Place(self.id, "'text'", plain=f"+{self.id}")
        spot = f"{self.column}, '{self.path}.\"{field}\"'"
        kind = f"json_type({spot})"
        scalar = f"CASE WHEN {kind} IN ('array', 'object') THEN NULL ELSE json_extract({spot}) END"
        return Place(scalar, kind, spot=spot)


class Place(msgspec.Struct, frozen=True):
    """Be one field in SQL: its scalar (what indexes are on), its JSON type, and its spot in the JSON.

    ``plain`` is the scalar without a column's affinity, which would make 5 equal to '5'.
    """

    scalar: str
    type: str
    spot: str | None = None
    plain: str = ""

    def beside(self, value: Parameter) -> str:
        """Return the scalar fit to be compared with a value."""
        return self.scalar if isinstance(value, str) or not self.plain else self.plain


RECORDS: Final = Source('r."values"', "$", "r.id")
INDEXED: Final = Source('"values"', "$", "id")
EVENTS: Final = Source("e.payload", "$.values", "e.id")

OPEN: Final = " AND r.life = 'live' AND r.kind >= '$' AND r.kind < '%'"
"""What the index ``records_open`` covers, in the words that it was made with."""


def conditions(asked: Query, source: Source) -> Clause:
    """Return the SQL that holds where a query's life and conditions hold; the kind is the caller's to choose."""
    owner = source.id.partition(".")[0]
    lives = [Clause(f"{owner}.life = ?", (life,)) for life in LIVES[asked.life]]
    return all_of([*([any_of(lives)] if lives else []), *(_condition(condition, source) for condition in asked.where)])


def _condition(condition: Condition, source: Source) -> Clause:
    return _FORMS[condition.op](source.place(condition.field), condition.value)


def _equal(place: Place, value: Any) -> Clause:
    if value is None:
        return Clause(f"coalesce({place.type}, 'null') = 'null'")
    if isinstance(value, bool):
        return Clause(f"{place.beside(1)} = ? AND {place.type} = '{str(value).lower()}'", (int(value),))
    if isinstance(value, str):
        return Clause(f"{place.scalar} = ?", (value,))
    return Clause(f"{place.beside(value)} = ? AND {place.type} IN {_NUMBERS}", (value,))


def _among(place: Place, values: Sequence[Any]) -> Clause:
    texts = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    booleans = [_equal(place, value) for value in values if isinstance(value, bool)]
    parts = [Clause(f"{place.scalar} IN ({marks(texts)})", tuple(texts))] if texts else []
    if numbers:
        listed = f"{place.beside(0)} IN ({marks(numbers)}) AND {place.type} IN {_NUMBERS}"
        parts.append(Clause(listed, tuple(numbers)))
    return any_of([*parts, *booleans])


def marks(values: Sequence[object]) -> str:
    """Return a place for each of some values."""
    return ", ".join("?" * len(values))


def _compared(sign: str) -> Callable[[Place, Any], Clause]:
    def comparison(place: Place, value: Any) -> Clause:
        if isinstance(value, str):
            bound = "1" if sign in (">", ">=") else f"{place.scalar} >= {LEAST_TEXT}"
            return Clause(f"{place.scalar} {sign} ? AND {bound}", (value,))
        scalar = place.beside(value)
        return Clause(f"{scalar} {sign} ? AND {scalar} < {LEAST_TEXT} AND {place.type} IN {_NUMBERS}", (value,))

    return comparison


def _begins(place: Place, start: str) -> Clause:
    end = after_prefix(start)
    bounds = f"{place.scalar} >= ?" if end is None else f"{place.scalar} >= ? AND {place.scalar} < ?"
    return Clause(bounds, (start,) if end is None else (start, end))


def _holds_element(place: Place, value: Any) -> Clause:
    if place.spot is None:
        return Clause("0")
    element = _equal(Place("element.value", "element.type"), value)
    found = f"EXISTS (SELECT 1 FROM json_each({place.spot}) AS element WHERE {element.sql})"
    return Clause(f"{place.type} = 'array' AND {found}", element.values)


_FORMS: Final[dict[str, Callable[[Place, Any], Clause]]] = {
    "=": _equal,
    "!=": lambda place, value: negated(_equal(place, value)),
    "in": _among,
    "not in": lambda place, values: negated(_among(place, values)),
    "<": _compared("<"),
    "<=": _compared("<="),
    ">": _compared(">"),
    ">=": _compared(">="),
    "^=": _begins,
    "has": _holds_element,
}


def ordering(asked: Query, source: Source) -> str:
    """Return what stands behind ORDER BY."""
    parts = [_scalar(order, source) + (" DESC" if order.descending else "") for order in asked.order]
    return ", ".join([*parts, source.id])


def _scalar(order: Order, source: Source) -> str:
    return source.place(order.field).scalar


def page(asked: Query, source: Source) -> Clause:
    """Return the SQL that holds for records behind a query's cursor."""
    if asked.after is None:
        return Clause("1")
    values, last = cursor_of(asked)
    behind = Clause(f"{source.id} > ?", (last,))
    for order, value in reversed(list(zip(asked.order, values, strict=True))):
        behind = _behind(order, value, source, behind)
    return behind


def _behind(order: Order, value: Parameter, source: Source, ties: Clause) -> Clause:
    """Join "behind this value" and "at this value, and behind in what else it is ordered by".

    The first term of the conjunction follows from the rest; it is what an index can seek by.
    """
    scalar = _scalar(order, source)
    if source.id == scalar and not isinstance(value, str):
        return Clause("0" if order.descending else "1")
    tied = all_of([Clause(f"{scalar} IS ?", (value,)), ties])
    if value is None:
        return tied if order.descending else any_of([Clause(f"{scalar} IS NOT NULL"), tied])
    if order.descending:
        return any_of([Clause(f"{scalar} < ? OR {scalar} IS NULL", (value,)), tied])
    return all_of([Clause(f"{scalar} >= ?", (value,)), any_of([Clause(f"{scalar} > ?", (value,)), tied])])


class Statement(msgspec.Struct, frozen=True):
    """Be what chooses records: the SQL behind FROM, without order and limit, and its values."""

    source: Source
    clause: Clause


def choose_now(asked: Query, index: str | None = None) -> Statement:
    """Return what chooses the records that meet a query's conditions now, by way of an index if one is named.

    The kind, a checked name, is written out: only so can SQLite see that a declared index,
    which is partial, covers the query. So is what makes a record of a built-in kind open.
    """
    met = conditions(check_terms(asked), RECORDS)
    way = "" if index is None else f' INDEXED BY "{index}"'
    open_ = OPEN if is_built_in(asked.kind) and asked.life == "live" else ""
    sql = f"records AS r{way} WHERE r.kind = '{asked.kind}'{open_} AND {met.sql}"
    return Statement(RECORDS, Clause(sql, met.values))


def choose_at(asked: Query, last_place: int) -> Statement:
    """Return what chooses the last events of records whose after-images met a query's conditions then."""
    met = conditions(check_terms(asked), EVENTS)
    sql = (
        "records AS r CROSS JOIN events AS e ON e.place = (SELECT max(place) FROM events AS former"
        " WHERE former.kind = r.kind AND former.id = r.id AND former.place <= ?)"
        f" WHERE r.kind = ? AND {met.sql}"
    )
    return Statement(EVENTS, Clause(sql, (last_place, asked.kind, *met.values)))
