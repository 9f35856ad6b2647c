"""Queries: filters, order and pages over the records of one kind.

A filter means the same in SQL and in Python (S13): texts compare by code point (which is
the order of their UTF-8 bytes), numbers as numbers, booleans are no numbers, and values of
different types are never equal and never before one another. An empty field is null:
``= null`` and ``!= null`` ask for it, ``!=`` and ``not in`` hold for it, and nothing else does.
"""

from __future__ import annotations

import base64
import operator
import re
from collections.abc import Callable, Iterable, Sequence, Set
from typing import Any, Final, Literal, cast, get_args

import msgspec

from comity import limits
from comity.errors import InvalidQuery, LimitExceeded
from comity.model.records import Life, RecordState
from comity.model.refs import KIND, NAME, RECORD_ID
from comity.model.values import normalise, same
from comity.model.values import sort_key as value_key

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "in", "not in", "^=", "has"]
"""``^=`` is "begins with", ``has`` is "the list holds this element"."""

LifeFilter = Literal["live", "archived", "deleted", "kept", "any"]
"""``kept`` is what is live or archived: records of Comity's own have values then, and none once they were erased."""
LIVES: Final[dict[LifeFilter, tuple[Life, ...]]] = {
    "live": ("live",),
    "archived": ("archived",),
    "deleted": ("deleted",),
    "kept": ("live", "archived"),
    "any": (),
}
"""The lives that pass, of records that ever were; all if none is named."""


class Condition(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Be one condition on one field; ``value`` is a list for ``in`` and ``not in``."""

    field: str
    op: Operator
    value: Any


class Order(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Be one field to order by. Empty ones come first, or last when ``descending``."""

    field: str
    descending: bool = False


class Query(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Ask for the records of a kind that meet all conditions.

    Without ``order`` records come by id; ties are broken by id. ``after`` is the cursor
    that the page before gave. ``$id`` may stand for a field: the record's own id.
    """

    kind: str
    where: tuple[Condition, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int = limits.QUERY_RECORDS_DEFAULT
    after: str | None = None
    life: LifeFilter = "live"


RECORD_ID_FIELD: Final = "$id"
EXAMPLE: Final = "write a condition such as status = active, open_tickets > 0, tier in a,b or tags has vip"

_FIELD = r"(\$id\b|[A-Za-z][A-Za-z0-9_]*)"
_SIGN = r"(\s*(?:!=|<=|>=|\^=|=|<|>)|\s+(?:not\s+in|in|has)\b)"
_CONDITION: Final = re.compile(rf"\s*{_FIELD}{_SIGN}\s*(.*?)\s*\Z", re.DOTALL)
_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?\Z")
_ITEM: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^",]*)\s*(,|\Z)', re.DOTALL)
_BARE: Final = re.compile(r"[^\s\"'\[\]{}(),=<>!^]+\Z")
_FOREIGN: Final = {"True": "true", "False": "false", "None": "null", "NULL": "null"}
_OPERATORS: Final = frozenset(get_args(Operator))
_LIVES: Final = frozenset(get_args(LifeFilter))
_MEMBERSHIPS: Final = ("in", "not in")
_COMPARISONS: Final = ("<", "<=", ">", ">=")


# From what callers write to a query


def query(
    kind: str,
    /,
    *filters: str | Condition,
    order: str | Sequence[str | Order] = (),
    limit: int = limits.QUERY_RECORDS_DEFAULT,
    after: str | None = None,
    life: LifeFilter = "live",
    **equals: object,
) -> Query:
    """Return the query that texts, conditions and ``field=value`` pairs describe.

    ``order`` is one text such as ``"-due_date,name"`` or a sequence. Raises InvalidQuery
    with what would be right, and LimitExceeded for what is over a bound.

    >>> query("customer", "open_tickets>0", status="active", order="-open_tickets", limit=10).where
    (Condition(field='open_tickets', op='>', value=0), Condition(field='status', op='=', value='active'))
    """
    where = [parse_condition(given) if isinstance(given, str) else given for given in filters]
    where += [Condition(field, "=", value) for field, value in equals.items()]
    parts = order.split(",") if isinstance(order, str) and order else order
    orders = [parse_order(given) if isinstance(given, str) else given for given in parts]
    return check_query(Query(kind, tuple(where), tuple(orders), limit, after, life))


def check_query(asked: Query) -> Query:
    """Return a caller's query with its values normalised; raises InvalidQuery or LimitExceeded."""
    _check_bounds(asked)
    return check_terms(asked)


def check_terms(asked: Query) -> Query:
    """Return the query with its values normalised, however large; raises InvalidQuery or LimitExceeded.

    What is asked from inside, such as who refers to a record, has bounds of its own.
    """
    if len(asked.kind) > limits.NAME_CHARS or not KIND.match(asked.kind):
        raise InvalidQuery(f"{asked.kind[:80]!r} is no kind: letters, digits, '_' and '-', a letter first")
    if asked.life not in _LIVES:
        raise InvalidQuery(f"life is one of {', '.join(sorted(_LIVES))}, not {asked.life!r:.40}")
    for order in asked.order:
        _check_field(order.field)
    checked = msgspec.structs.replace(asked, where=tuple(check_condition(condition) for condition in asked.where))
    if checked.after is not None:
        _read_cursor(checked)
    return checked


def _check_bounds(asked: Query) -> None:
    if len(asked.where) > limits.CONDITIONS_PER_QUERY:
        raise LimitExceeded(f"a query may have at most {limits.CONDITIONS_PER_QUERY} conditions")
    if len(asked.order) > limits.ORDERS_PER_QUERY:
        raise LimitExceeded(f"a query may be ordered by at most {limits.ORDERS_PER_QUERY} fields")
    if asked.limit < 1:
        raise InvalidQuery("limit must be at least 1")
    if asked.limit > limits.QUERY_RECORDS:
        raise LimitExceeded(f"limit may be at most {limits.QUERY_RECORDS}; take the rest page by page")


def _check_field(field: str) -> str:
    if field == RECORD_ID_FIELD or (len(field) <= limits.NAME_CHARS and NAME.match(field)):
        return field
    if "." in field:
        raise InvalidQuery(f"{field[:80]!r} goes into a value: only whole fields can be asked for")
    raise InvalidQuery(f"{field[:80]!r} is no field: letters, digits and '_', a letter first; or $id")


def check_condition(condition: Condition) -> Condition:
    """Return a condition with its value normalised; raises InvalidQuery or LimitExceeded."""
    _check_field(condition.field)
    if condition.op not in _OPERATORS:
        raise InvalidQuery(f"{condition.op!r} is no operator: {EXAMPLE}")
    return Condition(condition.field, condition.op, _check_value(condition))


def _check_value(condition: Condition) -> Any:
    op, value = condition.op, condition.value
    if op in _MEMBERSHIPS:
        return _check_members(condition)
    value = _check_scalar(condition, value)
    if value is None and op not in ("=", "!="):
        raise InvalidQuery(f"{condition.field} {op} null can't hold: only = null and != null ask for empty fields")
    if op == "^=" and not isinstance(value, str):
        raise InvalidQuery(f"{condition.field} ^= asks how a text begins: put the value in double quotes")
    if op in _COMPARISONS and isinstance(value, bool):
        raise InvalidQuery(f"{condition.field} {op} {str(value).lower()} can't hold: ask = true or = false")
    return value


def _check_members(condition: Condition) -> list[Any]:
    value = condition.value
    if not isinstance(value, (list, tuple, Set)):
        raise InvalidQuery(f'{condition.field} {condition.op} needs a list: write a,b or ["a", "b"]')
    if len(value) > limits.VALUES_PER_MEMBERSHIP:
        raise LimitExceeded(f"{condition.op} may list at most {limits.VALUES_PER_MEMBERSHIP} values")
    members = [_check_scalar(condition, item) for item in value]
    if None in members:
        raise InvalidQuery(f"{condition.field} {condition.op} can't list null: ask {condition.field} = null apart")
    return members


def _check_scalar(condition: Condition, value: object) -> Any:
    try:
        plain = normalise(value)
    except ValueError as problem:
        raise InvalidQuery(f"{condition.field} {condition.op}: {problem}") from None
    if isinstance(plain, (list, dict)):
        hint = "use in for one of several, has for an element of a list"
        raise InvalidQuery(f"{condition.field} {condition.op} takes a text, a number, true, false or null; {hint}")
    return plain


def parse_condition(text: str) -> Condition:
    """Return the condition that a text states; raises InvalidQuery with what would be right.

    The value is JSON, or one bare word that is taken as a text; ``in`` takes several, with
    or without brackets.

    >>> parse_condition("tier in a,b")
    Condition(field='tier', op='in', value=['a', 'b'])
    """
    if len(text) > limits.FILTER_CHARS:
        raise LimitExceeded(f"a condition may have at most {limits.FILTER_CHARS} characters")
    found = _CONDITION.match(text)
    if found is None:
        raise InvalidQuery(f"{_quote(text)} is no condition: {EXAMPLE}")
    field, sign, value = found.groups()
    op = " ".join(sign.split())
    if value[:1] in ("=", ">", "~"):
        raise InvalidQuery(f"{_quote(text)}: equal is written =, not equal !=")
    parsed = _parse_members(text, value) if op in _MEMBERSHIPS else _parse_value(text, value)
    return check_condition(Condition(field, cast("Operator", op), parsed))


def _parse_members(text: str, value: str) -> Any:
    if value.startswith("["):
        return _parse_value(text, value)
    items: list[Any] = []
    place, more = 0, ","
    while more:
        found = _ITEM.match(value, place)
        if found is None:
            raise InvalidQuery(f'{_quote(text)}: the list isn\'t well formed; write a,b or ["a", "b"]')
        items.append(_parse_value(text, found[1].strip()))
        place, more = found.end(), found[2]
    return items


def _parse_value(text: str, value: str) -> Any:
    if not value:
        raise InvalidQuery(f"{_quote(text)} has no value: {EXAMPLE}")
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        pass
    if _NUMBER.match(value):
        raise InvalidQuery(f"{_quote(text)}: numbers must be finite")
    if value in _FOREIGN:
        raise InvalidQuery(f"{_quote(text)}: write {_FOREIGN[value]}, or put the text in double quotes")
    if not _BARE.match(value):
        raise InvalidQuery(f"{_quote(text)}: put a text that isn't one plain word in double quotes")
    return value


def _quote(text: str) -> str:
    return repr(text if len(text) <= limits.QUOTE_CHARS else text[: limits.QUOTE_CHARS] + "…")


def parse_order(text: str) -> Order:
    """Return the order that a field's name states, descending with a ``-`` before it.

    >>> parse_order("-due_date")
    Order(field='due_date', descending=True)
    """
    name = text.strip()
    return Order(_check_field(name.removeprefix("-")), name.startswith("-"))


# What a query means


def matches(asked: Query, state: RecordState) -> bool:
    """Tell whether a record meets all conditions of a query, whatever its page."""
    if state.kind != asked.kind or state.life == "absent":
        return False
    if LIVES[asked.life] and state.life not in LIVES[asked.life]:
        return False
    return all(holds(condition, _field_of(state, condition.field)) for condition in asked.where)


def holds(condition: Condition, value: Any) -> bool:
    """Tell whether a field's value meets a condition."""
    return _HOLDS[condition.op](value, condition.value)


def _field_of(state: RecordState, field: str) -> Any:
    return state.id if field == RECORD_ID_FIELD else state.values.get(field)


def _is_among(value: Any, members: list[Any]) -> bool:
    return any(same(value, member) for member in members)


def _comparing(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def comparison(value: Any, bound: Any) -> bool:
        if isinstance(value, str) or isinstance(bound, str):
            return isinstance(value, str) and isinstance(bound, str) and compare(value, bound)
        return isinstance(value, (int, float)) and not isinstance(value, bool) and compare(value, bound)

    return comparison


_HOLDS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": same,
    "!=": lambda value, other: not same(value, other),
    "in": _is_among,
    "not in": lambda value, members: not _is_among(value, members),
    "<": _comparing(operator.lt),
    "<=": _comparing(operator.le),
    ">": _comparing(operator.gt),
    ">=": _comparing(operator.ge),
    "^=": lambda value, start: isinstance(value, str) and value.startswith(start),
    "has": lambda value, element: isinstance(value, (list, tuple)) and _is_among(element, list(value)),
}


class _Reversed:
    """Be a sort key that orders the other way round."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(self.key == other.key)

    __hash__ = None  # type: ignore[assignment]


def sort_key(asked: Query, state: RecordState) -> tuple[Any, ...]:
    """Return a key that brings records into the order of a query, ties by id."""
    return _key_of(asked, [_field_of(state, order.field) for order in asked.order], state.id)


def _key_of(asked: Query, values: Sequence[Any], name: str) -> tuple[Any, ...]:
    keys = (value_key(value) for value in values)
    directed = (_Reversed(key) if order.descending else key for order, key in zip(asked.order, keys, strict=True))
    return (*directed, name)


def select(asked: Query, states: Iterable[RecordState]) -> list[RecordState]:
    """Return the page of a query over records at hand: what ``find`` gives over stored ones."""
    found = sorted((state for state in states if matches(asked, state)), key=lambda state: sort_key(asked, state))
    if asked.after is not None:
        start = _key_of(asked, *cursor_of(asked))
        found = [state for state in found if start < sort_key(asked, state)]
    return found[: asked.limit]


def fields_of(asked: Query) -> frozenset[str]:
    """Return the fields that a query is filtered or ordered by; ``$id`` never changes and is none."""
    return frozenset(part.field for part in (*asked.where, *asked.order)) - {RECORD_ID_FIELD}


# Pages


class _Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    order: tuple[Order, ...]
    values: tuple[int | float | str | None, ...]
    id: str


_decode_cursor = msgspec.json.Decoder(_Cursor).decode


def page_after(asked: Query, state: RecordState) -> str:
    """Return the cursor of the page that follows a record: give it as ``after``."""
    values = tuple(_place_of(_field_of(state, order.field)) for order in asked.order)
    raw = msgspec.json.encode(_Cursor(asked.order, values, state.id))
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _place_of(value: Any) -> int | float | str | None:
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, (int, float, str)) else None


def cursor_of(asked: Query) -> tuple[tuple[int | float | str | None, ...], str]:
    """Return the place that a query's cursor names: the values ordered by, and the id."""
    cursor = _read_cursor(asked)
    return cursor.values, cursor.id


def _read_cursor(asked: Query) -> _Cursor:
    text = asked.after or ""
    try:
        cursor = _decode_cursor(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        normalise(cursor.values)
    except (ValueError, msgspec.DecodeError):
        raise InvalidQuery("this cursor isn't one that a page gave: take the first page without it") from None
    if cursor.order != asked.order or len(cursor.values) != len(asked.order):
        raise InvalidQuery("this cursor belongs to another order: keep the order from page to page")
    if len(cursor.id) > limits.RECORD_ID_CHARS or not RECORD_ID.match(cursor.id):
        raise InvalidQuery("this cursor isn't one that a page gave: take the first page without it")
    return cursor
