"""From a record's values to what CEL's runtime takes, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from functools import lru_cache, reduce
from typing import Any, Final, NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from comity import limits
from comity.clock import SECOND_US, parse_time
from comity.deciding.expressions.paths import Root
from comity.deciding.expressions.rewriting import Leaf
from comity.deciding.expressions.types import FieldType

Roots = Mapping[str, object]
Convert = Callable[[object], object]

TIMES_CACHED: Final = 4096
"""Of times read from texts, which costs more than all else here."""


class ExpressionFailed(Exception):
    """Tell that an expression gave no answer: what it guards must not pass.

    It stays inside: a gate makes a finding of it.
    """


class Binding(NamedTuple):
    """Be a leaf, ready to be bound: a plain tuple, because it is taken apart on each evaluation.

    ``key`` is None where the root as a whole is meant; ``steps`` lead on into an object.
    """

    variable: str
    root: str
    key: str | None
    steps: tuple[str, ...]
    convert: Convert
    takes_null: bool


def binding_of(leaf: Leaf, root: Root) -> Binding:
    """Return how a leaf is bound."""
    if len(leaf.path) == 1:
        convert = convert_of(leaf.type) if root.scalar is not None else _presence
        return Binding(leaf.variable, root.name, None, (), convert, True)
    steps = tuple(map(str, leaf.path[2:]))
    is_list = leaf.type.name == "list"
    return Binding(leaf.variable, root.name, root.key(str(leaf.path[1])), steps, convert_of(leaf.type), not is_list)


def bind(bindings: Iterable[Binding], roots: Roots) -> tuple[dict[str, object], int]:
    """Return the values of all leaves by their variables, and how many bytes of text these are.

    Raises ExpressionFailed beyond a bound.
    """
    data: dict[str, object] = {}
    size = 0
    for variable, root, key, steps, convert, takes_null in bindings:
        value: Any = roots.get(root)
        if key is not None and value is not None:
            value = value.get(key)
            if steps:
                value = reduce(_member, steps, value)
        if value is not None or not takes_null:
            try:
                value = convert(value)
            except ExpressionFailed as error:
                raise ExpressionFailed(f"{'.'.join((root, key or '', *steps)).strip('.')}: {error}") from None
            kind = type(value)
            if kind is str and value.isascii():
                size += len(value)
            elif kind is str or kind is list or kind is dict:
                size += text_bytes(value)
        data[variable] = value
    if size > limits.EXPRESSION_TEXT_BYTES:
        raise ExpressionFailed(f"it would look at more than {limits.EXPRESSION_TEXT_BYTES} bytes of text")
    return data, size


def _member(whole: object, key: str) -> object:
    if whole is None:
        return None
    if not isinstance(whole, dict):
        raise ExpressionFailed(f"{key!r} is looked up in what is no object")
    return whole.get(key)


def _presence(_: object) -> bool:
    return True


def convert_of(type_: FieldType) -> Convert:
    """Return what turns a value of a type into what the runtime takes."""
    if type_.name == "list":
        convert = plain if type_.item is None else convert_of(type_.item)
        return lambda value: convert_list(value, convert)
    if type_.name == "record":
        fields = tuple((name, convert_of(field), field.name == "list") for name, field in (type_.fields or {}).items())
        return lambda value: convert_record(value, fields)
    return _CONVERTERS.get(type_.name, plain)


def convert_record(value: object, fields: Iterable[tuple[str, Convert, bool]]) -> dict[str, object]:
    """Return a record out of a list with its fields converted; an absent list is empty, anything else absent null."""
    if not isinstance(value, Mapping):
        raise ExpressionFailed("a record was expected")
    given = ((name, value.get(name), convert, is_list) for name, convert, is_list in fields)
    return {name: convert(one) if one is not None or is_list else None for name, one, convert, is_list in given}


def convert_duration(value: object) -> Duration:
    """Return a span of time, given in microseconds."""
    if type(value) is not int:
        raise ExpressionFailed("a duration was expected")
    return Duration(seconds=value // SECOND_US, nanos=value % SECOND_US * 1000)


def convert_list(value: object, convert: Convert) -> list[object]:
    """Return a list with its elements converted; an absent one is empty."""
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        raise ExpressionFailed("a list was expected")
    if len(value) > limits.EXPRESSION_LIST_ITEMS:
        raise ExpressionFailed(f"a list has more than {limits.EXPRESSION_LIST_ITEMS} elements")
    return [None if item is None else convert(item) for item in value]


def convert_text(value: object) -> str:
    """Return a text, which the runtime would cut at U+0000."""
    if type(value) is not str:
        raise ExpressionFailed("a text was expected")
    if "\0" in value:
        raise ExpressionFailed("a text holds U+0000")
    return value


def convert_integer(value: object) -> int:
    """Return an integer, which beyond 64 bits the runtime would take for another type."""
    if type(value) is not int:
        raise ExpressionFailed("an integer was expected")
    if not limits.INTEGER_MIN <= value <= limits.INTEGER_MAX:
        raise ExpressionFailed("an integer doesn't fit in 64 bits")
    return value


def convert_number(value: object) -> float:
    """Return a number as a float."""
    if type(value) is not float and type(value) is not int:
        raise ExpressionFailed("a number was expected")
    number = float(value)
    if number - number != 0:
        raise ExpressionFailed("a number isn't finite")
    return number


def convert_boolean(value: object) -> bool:
    """Return true or false."""
    if value is not True and value is not False:
        raise ExpressionFailed("true or false was expected")
    return value


@lru_cache(TIMES_CACHED)
def convert_time(value: object) -> Timestamp:
    """Return a time, given as RFC 3339 or in microseconds."""
    if isinstance(value, str):
        try:
            value = parse_time(value)
        except ValueError:
            raise ExpressionFailed("a time was expected") from None
    if type(value) is not int:
        raise ExpressionFailed("a time was expected")
    return Timestamp(seconds=value // SECOND_US, nanos=value % SECOND_US * 1000)


def plain(value: object) -> object:
    """Return a value of no declared type; its lists and texts are bounded as others are."""
    if isinstance(value, str):
        return convert_text(value)
    if type(value) is int:
        return convert_integer(value)
    if type(value) is float:
        return convert_number(value)
    if isinstance(value, (list, tuple)):
        return convert_list(value, plain)
    if isinstance(value, dict):
        return convert_map(value)
    if value is None or type(value) is bool:
        return value
    raise ExpressionFailed(f"{type(value).__name__} is no JSON value")


def convert_map(value: object) -> dict[str, object]:
    """Return an object with its members converted."""
    if not isinstance(value, dict):
        raise ExpressionFailed("an object was expected")
    if len(value) > limits.EXPRESSION_LIST_ITEMS:
        raise ExpressionFailed(f"an object has more than {limits.EXPRESSION_LIST_ITEMS} members")
    return {convert_text(key): plain(item) for key, item in value.items()}


_CONVERTERS: Final[Mapping[str, Convert]] = {
    "string": convert_text,
    "integer": convert_integer,
    "number": convert_number,
    "boolean": convert_boolean,
    "time": convert_time,
    "duration": convert_duration,
    "map": convert_map,
}


EXACT: Final[Set[Convert]] = frozenset({convert_text, convert_integer, convert_boolean, _presence})
"""What gives values of one type each, of which two are equal to Python only if they are the same to the runtime."""


def text_bytes(value: object) -> int:
    """Return how many bytes of text a bound value holds, as UTF-8."""
    if isinstance(value, str):
        try:
            return len(value) if value.isascii() else len(value.encode())
        except UnicodeEncodeError:
            raise ExpressionFailed("a text holds a lone surrogate") from None
    if isinstance(value, list):
        return sum(map(text_bytes, value))
    if isinstance(value, dict):
        return sum(text_bytes(key) + text_bytes(item) for key, item in value.items())
    return 0
