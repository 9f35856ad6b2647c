"""Values: what stands for what, what is the same, what is refused."""

from __future__ import annotations

import pickle
from datetime import date, datetime, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from comity import limits
from comity.model.codec import decode, encode
from comity.model.values import FrozenDict, freeze, normalise, same, sort_key


class Colour(StrEnum):
    RED = "red"


class OldColour(str, Enum):  # noqa: UP042 - the form that Python 3.10 knew
    RED = "red"


class Level(IntEnum):
    HIGH = 3


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(limits.INTEGER_MIN, limits.INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
CONTAINERS = (list, tuple, dict)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2.0, 2),
        (-0.0, 0),
        (2.5, 2.5),
        (1e300, 1e300),
        (float(2**53), float(2**53)),
        (True, True),
        ("e\u0301", "é"),
        ({"e\u0301": ["e\u0301"]}, {"é": ["é"]}),
        (("a", ("b",)), ["a", ["b"]]),
        pytest.param({"b", "a"}, ["a", "b"], id="a set"),
        (frozenset({3, 1}), [1, 3]),
        (FrozenDict(a=(1,)), {"a": [1]}),
        (datetime(2024, 5, 1, 11, 30, tzinfo=timezone(timedelta(hours=2))), "2024-05-01T09:30:00Z"),
        (datetime.fromisoformat("2024-05-01T09:30:00"), "2024-05-01T09:30:00Z"),
        (date(2024, 5, 1), "2024-05-01"),
        (Colour.RED, "red"),
        (OldColour.RED, "red"),
        (Level.HIGH, 3),
    ],
    ids=repr,
)
def test_s16_what_stands_for_what(value: Any, expected: Any) -> None:
    result = normalise(value)
    assert result == expected
    assert type(result) is type(expected)


@given(JSON)
def test_normalising_is_done_once_and_survives_the_wire(value: Any) -> None:
    normal = normalise(value)
    assert same(normalise(normal), normal)
    assert same(normalise(decode(encode(normal))), normal)
    assert same(normalise(freeze(normal)), normal)


@given(JSON, JSON)
def test_same_is_equality_of_what_is_kept(left: Any, right: Any) -> None:
    left, right = normalise(left), normalise(right)
    assert same(left, left)
    assert same(left, right) == same(right, left)
    if encode(left) == encode(right):
        assert same(left, right)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (False, 0, False),
        (None, False, False),
        (None, 0, False),
        ("1", 1, False),
        ([1], [True], False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ([], {}, False),
        ([1, 2], [2, 1], False),
        ("", None, False),
    ],
)
def test_what_is_the_same(left: Any, right: Any, expected: bool) -> None:
    assert same(left, right) is expected
    assert same([left], [right]) is expected


def nested(depth: int) -> Any:
    value: Any = 1
    for number in range(depth):
        value = [value] if number % 2 else {"k": value}
    return value


@pytest.mark.parametrize(
    ("name", "fits", "beyond"),
    [
        ("VALUE_DEPTH", nested(limits.VALUE_DEPTH), nested(limits.VALUE_DEPTH + 1)),
        ("LIST_ITEMS", [0] * limits.LIST_ITEMS, [0] * (limits.LIST_ITEMS + 1)),
        (
            "LIST_ITEMS",
            dict.fromkeys(map(str, range(limits.LIST_ITEMS))),
            dict.fromkeys(map(str, range(limits.LIST_ITEMS + 1))),
        ),
        ("INTEGER_MAX", limits.INTEGER_MAX, limits.INTEGER_MAX + 1),
        ("INTEGER_MIN", limits.INTEGER_MIN, limits.INTEGER_MIN - 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "…",
)
def test_limit(name: str, fits: Any, beyond: Any) -> None:
    assert normalise(fits) == fits
    with pytest.raises(ValueError, match=r"64 bits|at most|deeper"):
        normalise(beyond)


def test_what_goes_deeper_than_any_stack_is_refused_all_the_same() -> None:
    with pytest.raises(ValueError, match="deeper"):
        normalise(nested(100_000))


def test_values_are_ordered_as_sqlite_does() -> None:
    shuffled = ["b", 2, None, [1], 1.5, "a", True, {"k": 1}, -3]
    assert [sort_key(value) for value in sorted(shuffled, key=sort_key)] == sorted(map(sort_key, shuffled))
    assert sorted([3, "a", None, 1], key=sort_key) == [None, 1, 3, "a"]


@given(JSON)
def test_what_is_handed_out_cannot_be_changed(value: Any) -> None:
    frozen = freeze(normalise(value))
    assert decode(encode(frozen)) == decode(encode(normalise(value)))
    assert not isinstance(frozen, list)


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.update(a=2),
        lambda it: it.pop("a"),
        lambda it: it.clear(),
        lambda it: it.setdefault("b", 1),
        lambda it: it.__setitem__("a", 2),
        lambda it: it.__delitem__("a"),
        lambda it: it.popitem(),
        lambda it: it.__ior__({"b": 1}),
    ],
)
def test_a_frozen_object_refuses_every_change(change: Any) -> None:
    frozen = freeze({"a": 1})
    with pytest.raises(TypeError, match="immutable"):
        change(frozen)
    assert frozen == {"a": 1}
    assert pickle.loads(pickle.dumps(frozen)) == frozen
    assert hash(frozen) == hash(freeze({"a": 1}))
