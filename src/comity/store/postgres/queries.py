"""Queries as SQL, meaning exactly what :mod:`comity.model.filters` means in Python (S13).

A field is compared by two columns that the schema's own functions make of its JSON: its
text, or its number (booleans are 0 and 1). Both are null for null, lists and objects. So
an order by the text and then the number, nulls first, is that of Python: null, numbers,
texts. Only checked names become part of a statement; values are always bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from comity.model.filters import LIVES, RECORD_ID_FIELD, Condition, Order, Query, check_terms, cursor_of
from comity.model.refs import is_built_in
from comity.store.clauses import Clause, after_prefix, all_of, any_of, negated
from comity.store.postgres.arrays import Texts

Parameter = str | int | float | None

_EXACT_LEAST: Final = -(2.0**63)
_EXACT_MOST: Final = 2.0**63


NEVER: Final = Clause("FALSE")


class Source(msgspec.Struct, frozen=True):
    """Be where fields are found: the expression of a JSON object that holds them, and the column of ids."""

    fields: str
    id: str

    def place(self, field: str) -> Place:
        """Return where one field, of a checked name, is found."""
        if field == RECORD_ID_FIELD:
            return Place(self.id, None, None)
        spot = f"({self.fields} -> '{field}')"
        return Place(*scalars(spot), spot)


def scalars(spot: str) -> tuple[str, str]:
    """Return the text and the number of a field: what is compared, ordered by, and indexed."""
    return f'({{s}}.text_of({spot}) COLLATE "C")', f"{{s}}.number_of({spot})"


class Place(msgspec.Struct, frozen=True):
    """Be one field in SQL: its text, its number, and its spot in the JSON; an id is only a text."""

    text: str
    number: str | None
    spot: str | None

    def is_of(self, type: str) -> str:
        """Return the SQL that holds where the field is of a JSON type."""
        return f"json_typeof({self.spot}) = '{type}'"


RECORDS: Final = Source('r."values"::json', "r.id")
INDEXED: Final = Source('"values"::json', "id")
EVENTS: Final = Source("(e.payload::json -> 'values')", "e.id")

OPEN: Final = " AND r.life = 'live' AND r.kind >= '$' AND r.kind < '%%'"
"""What the index ``records_open`` covers, in the words that it was made with."""


def numeric(value: float) -> Decimal:
    """Return a number as the schema's ``number_of`` reads it from JSON."""
    if isinstance(value, int):
        return Decimal(value)
    if value.is_integer() and _EXACT_LEAST <= value < _EXACT_MOST:
        return Decimal(int(value))
    return Decimal(repr(value))


def conditions(asked: Query, source: Source) -> Clause:
    """Return the SQL that holds where a query's life and conditions hold; the kind is the caller's to choose."""
    owner = source.id.partition(".")[0]
    lives = [Clause(f"{owner}.life = %s", (life,)) for life in LIVES[asked.life]]
    return all_of([*([any_of(lives)] if lives else []), *(_condition(condition, source) for condition in asked.where)])


def _condition(condition: Condition, source: Source) -> Clause:
    return _FORMS[condition.op](source.place(condition.field), condition.value)


def _equal(place: Place, value: Any) -> Clause:
    if isinstance(value, str):
        return Clause(f"{place.text} = %s", (value,))
    if place.spot is None:
        return NEVER
    if value is None:
        return Clause(f"coalesce(json_typeof({place.spot}), 'null') = 'null'")
    if isinstance(value, bool):
        return _numbers(place, "= %s", int(value), "boolean")
    return _numbers(place, "= %s", numeric(value), "number")


def _numbers(place: Place, compared: str, value: Any, type: str) -> Clause:
    """Return what holds where a field's number compares; that it has no text lets an index seek by both columns."""
    return Clause(f"{place.text} IS NULL AND {place.number} {compared} AND {place.is_of(type)}", (value,))


def _among(place: Place, values: Sequence[Any]) -> Clause:
    texts = [value for value in values if isinstance(value, str)]
    numbers = [numeric(value) for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    booleans = [_equal(place, value) for value in values if isinstance(value, bool)]
    parts = [Clause(f"{place.text} = ANY (%s)", (Texts(texts),))] if texts else []
    if numbers and place.spot is not None:
        parts.append(_numbers(place, "= ANY (%s::numeric[])", numbers, "number"))
    return any_of([*parts, *booleans])


def _compared(sign: str) -> Callable[[Place, Any], Clause]:
    def comparison(place: Place, value: Any) -> Clause:
        if isinstance(value, str):
            return Clause(f"{place.text} {sign} %s", (value,))
        return NEVER if place.spot is None else _numbers(place, f"{sign} %s", numeric(value), "number")

    return comparison


def _begins(place: Place, start: str) -> Clause:
    end = after_prefix(start)
    bounds = f"{place.text} >= %s" if end is None else f"{place.text} >= %s AND {place.text} < %s"
    return Clause(bounds, (start,) if end is None else (start, end))


def _holds_element(place: Place, value: Any) -> Clause:
    if place.spot is None:
        return NEVER
    element = _equal(Place(*scalars("element"), "element"), value)
    elements = f"json_array_elements(CASE WHEN {place.is_of('array')} THEN {place.spot} END)"
    return Clause(f"EXISTS (SELECT 1 FROM {elements} AS listed (element) WHERE {element.sql})", element.values)


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
    return ", ".join([*(part for order in asked.order for part in _ordered(order, source)), source.id])


def _ordered(order: Order, source: Source) -> list[str]:
    place = source.place(order.field)
    way = "DESC NULLS LAST" if order.descending else "NULLS FIRST"
    return [f"{column} {way}" for column in (place.text, place.number) if column is not None]


def page(asked: Query, source: Source) -> Clause:
    """Return the SQL that holds for records behind a query's cursor."""
    if asked.after is None:
        return Clause("TRUE")
    values, last = cursor_of(asked)
    behind = Clause(f"{source.id} > %s", (last,))
    for order, value in reversed(list(zip(asked.order, values, strict=True))):
        behind = _behind(order, value, source.place(order.field), behind)
    return behind


def _behind(order: Order, value: Parameter, place: Place, ties: Clause) -> Clause:
    """Join "behind this value" and "at this value, and behind in what else it is ordered by".

    A term that follows from the rest is put before a text's, so that an index can seek by it.
    """
    way = "<" if order.descending else ">"
    if isinstance(value, str):
        tied = any_of(
            [Clause(f"{place.text} {way} %s", (value,)), all_of([Clause(f"{place.text} = %s", (value,)), ties])]
        )
        if order.descending:
            return any_of([Clause(f"{place.text} IS NULL"), tied])
        return all_of([Clause(f"{place.text} >= %s", (value,)), tied])
    if place.number is None:
        return Clause("FALSE" if order.descending else "TRUE")
    none = Clause(f"{place.text} IS NULL AND {place.number} IS NULL")
    if value is None:
        tied = all_of([none, ties])
        return tied if order.descending else any_of([negated(none), tied])
    bound = (numeric(value),)
    tied = all_of([Clause(f"{place.number} = %s", bound), ties])
    past = Clause(f"{place.number} {way} %s", bound)
    return any_of([past, tied, none if order.descending else Clause(f"{place.text} IS NOT NULL")])


class Statement(msgspec.Struct, frozen=True):
    """Be what chooses records: the SQL behind FROM, without order and limit, and its values."""

    source: Source
    clause: Clause


def choose_now(asked: Query, workspace: str) -> Statement:
    """Return what chooses the records that meet a query's conditions now.

    The kind, a checked name, is written out: only so can it be seen that a declared index,
    which is partial, covers the query. So is what makes a record of a built-in kind open.
    """
    met = conditions(check_terms(asked), RECORDS)
    open_ = OPEN if is_built_in(asked.kind) and asked.life == "live" else ""
    sql = f"{{s}}.records AS r WHERE r.workspace = %s AND r.kind = '{asked.kind}'{open_} AND {met.sql}"
    return Statement(RECORDS, Clause(sql, (workspace, *met.values)))


def choose_at(asked: Query, workspace: str, revision: int) -> Statement:
    """Return what chooses the last events of records whose after-images met a query's conditions then."""
    met = conditions(check_terms(asked), EVENTS)
    sql = (
        "{s}.records AS r CROSS JOIN LATERAL (SELECT * FROM {s}.events AS former"
        " WHERE former.workspace = r.workspace AND former.kind = r.kind AND former.id = r.id"
        " AND former.revision <= %s ORDER BY former.revision DESC, former.ordinal DESC LIMIT 1) AS e"
        f" WHERE r.workspace = %s AND r.kind = '{asked.kind}' AND {met.sql}"
    )
    return Statement(EVENTS, Clause(sql, (revision, workspace, *met.values)))
