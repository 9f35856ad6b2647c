"""Field values: JSON, normalised so that equal things compare equal (S16), and frozen when handed out.

Refused everywhere, because some part of the system would see them differently: U+0000 and
lone surrogates in texts, integers outside 64 bits, NaN and infinities, nesting and lists
beyond :mod:`comity.limits`.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Set
from datetime import UTC, date, datetime
from typing import Any, Final, NoReturn

from comity import limits
from comity.clock import format_time, parse_time
from comity.model.hidden import KEY, Hidden

EXACT_FLOAT: Final = 2**53
UNWRITABLE: Final = "it stands for a value that was hidden from you, and can't be written back"


def normalise(value: object, depth: int = 0) -> Any:
    """Return the JSON value that stands for ``value``.

    Texts become NFC (Unicode TR15), integral floats become integers, times become RFC 3339
    in UTC, tuples and sets become lists (sets sorted). Raises ValueError with the reason.

    >>> normalise({"n": 2.0, "t": ("a", "b")})
    {'n': 2, 't': ['a', 'b']}
    """
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return normalise_text(value)
    if isinstance(value, int):
        if limits.INTEGER_MIN <= value <= limits.INTEGER_MAX:
            return int(value)
        raise ValueError("integers must fit in 64 bits")
    if isinstance(value, float):
        return _normalise_float(value)
    if depth >= limits.VALUE_DEPTH:
        raise ValueError(f"nested deeper than {limits.VALUE_DEPTH}")
    return _normalise_container(value, depth + 1)


def normalise_text(text: str) -> str:
    """Return a text as NFC; raises ValueError for U+0000 and lone surrogates."""
    if type(text) is not str:
        text = str.__str__(text)
    if text.isascii():
        if "\0" in text:
            raise ValueError("texts may not hold U+0000")
        return text
    if "\0" in text:
        raise ValueError("texts may not hold U+0000")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("texts may not hold lone surrogates") from None
    return unicodedata.normalize("NFC", text)


def _normalise_float(value: float) -> int | float:
    if not math.isfinite(value):
        raise ValueError("numbers must be finite")
    if value.is_integer() and abs(value) < EXACT_FLOAT:
        return int(value)
    return float(value)


def _normalise_container(value: object, depth: int) -> Any:
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("object keys must be texts")
        if KEY in value:
            raise ValueError(UNWRITABLE)
        if len(value) > limits.LIST_ITEMS:
            raise ValueError(f"objects may hold at most {limits.LIST_ITEMS} keys")
        return {normalise_text(key): normalise(item, depth) for key, item in value.items()}
    if isinstance(value, (list, tuple, Set)):
        if len(value) > limits.LIST_ITEMS:
            raise ValueError(f"lists may hold at most {limits.LIST_ITEMS} items")
        items = [normalise(item, depth) for item in value]
        return sorted(items, key=sort_key) if isinstance(value, Set) else items
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return format_time(parse_time(moment.isoformat()))
    if isinstance(value, date):
        return value.isoformat()
    raise ValueError(UNWRITABLE if isinstance(value, Hidden) else f"{type(value).__name__} is no JSON value")


def sort_key(value: Any) -> tuple[int, Any]:
    """Return a key under which any two field values are ordered: null, numbers, texts, the rest.

    It is the order of SQLite's own (https://www.sqlite.org/datatype3.html#sort_order);
    lists and objects count as null.
    """
    if isinstance(value, (bool, int, float)):
        return (1, value)
    if isinstance(value, str):
        return (2, value)
    return (0, 0)


def same(left: Any, right: Any) -> bool:
    """Tell whether two normalised values are equal, with booleans apart from numbers."""
    if type(left) is str and type(right) is str:
        return left == right
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return (type(left) is type(right) and left == right) or _same_number(left, right)


def _same_number(left: Any, right: Any) -> bool:
    return isinstance(left, (int, float)) and isinstance(right, (int, float)) and left == right


class FrozenDict(dict[str, Any]):
    """Be an object value that can be read, compared and serialised, and not changed."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("values handed out are immutable: set the field to a new value instead")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse  # type: ignore[assignment]

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return FrozenDict, (dict(self),)


def freeze(value: Any) -> Any:
    """Return a value that can't be changed: lists as tuples, objects as frozen dicts."""
    if isinstance(value, list):
        return tuple(freeze(item) for item in value)
    if isinstance(value, dict):
        return FrozenDict((key, freeze(item)) for key, item in value.items())
    return value
