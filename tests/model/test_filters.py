"""Filters: what texts state, what is refused and with which advice, what conditions mean, how pages join."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity import limits
from comity.errors import InvalidQuery, InvalidRequest, LimitExceeded
from comity.model.filters import (
    Condition,
    Operator,
    Order,
    Query,
    check_query,
    fields_of,
    holds,
    matches,
    page_after,
    parse_condition,
    parse_order,
    query,
    select,
    sort_key,
)
from comity.testing.samples import state

STATED = [
    ("status = active", ("status", "=", "active")),
    ("  status=active  ", ("status", "=", "active")),
    ("open_tickets > 0", ("open_tickets", ">", 0)),
    ("open_tickets>0", ("open_tickets", ">", 0)),
    ("n<=-1.5", ("n", "<=", -1.5)),
    ("n >= 2.0", ("n", ">=", 2)),
    ("n<9223372036854775807", ("n", "<", 2**63 - 1)),
    ('tier in ["a","b"]', ("tier", "in", ["a", "b"])),
    ("tier in a,b", ("tier", "in", ["a", "b"])),
    ('tier in "a,b", 3 ,true', ("tier", "in", ["a,b", 3, True])),
    ("tier in []", ("tier", "in", [])),
    ("status not in lost,won", ("status", "not in", ["lost", "won"])),
    ("status not   in lost", ("status", "not in", ["lost"])),
    ("name ^= Ac", ("name", "^=", "Ac")),
    ("tags has vip", ("tags", "has", "vip")),
    ("x = null", ("x", "=", None)),
    ("x != null", ("x", "!=", None)),
    ("x = true", ("x", "=", True)),
    (r'x != "quoted \" text"', ("x", "!=", 'quoted " text')),
    ("due < 2026-01-02T10:00:00Z", ("due", "<", "2026-01-02T10:00:00Z")),
    ("zip = 01234", ("zip", "=", "01234")),
    ("mail = a.b@c.de", ("mail", "=", "a.b@c.de")),
    ("$id ^= ac", ("$id", "^=", "ac")),
    ("index = 1", ("index", "=", 1)),
    ("inbox=1", ("inbox", "=", 1)),
    ("hash = 1", ("hash", "=", 1)),
    ('name = "Cafe\u0301"', ("name", "=", "Caf\u00e9")),
]

MISSTATED = [
    ("", "write a condition such as"),
    ("status", "write a condition such as"),
    ("status active", "write a condition such as"),
    ("xin 3", "write a condition such as"),
    ("address.city = Ulm", "write a condition such as"),
    ("$version = 1", "write a condition such as"),
    ("status = ", "has no value"),
    ("status in", "has no value"),
    ("tier in a,,b", "has no value"),
    ("status == active", "equal is written ="),
    ("status <> lost", "not equal !="),
    ("name = Acme Corp", "in double quotes"),
    ("name = 'Acme'", "in double quotes"),
    ('name = "Acme', "in double quotes"),
    ("a = 1 and b = 2", "in double quotes"),
    ("x = True", "write true"),
    ("x = None", "write null"),
    ("x = 1e400", "finite"),
    ("x = 9223372036854775808", "64 bits"),
    ("x < null", "can't hold"),
    ("x < true", "can't hold"),
    ("x ^= 3", "in double quotes"),
    ("x = [1]", "takes a text, a number"),
    ("x has {}", "takes a text, a number"),
    ("x in 1,null", "x = null apart"),
    ("x in 1,{}", "takes a text, a number"),
    ('x = "\\u0000"', "U+0000"),
    (f"{'x' * 65} = 1", "is no field"),
]


@pytest.mark.parametrize(("text", "expected"), STATED)
def test_condition_is_understood(text: str, expected: tuple[str, Operator, Any]) -> None:
    parsed = parse_condition(text)
    assert parsed == Condition(*expected)
    assert type(parsed.value) is type(expected[2])


@pytest.mark.parametrize(("text", "advice"), MISSTATED)
def test_condition_is_refused_with_advice(text: str, advice: str) -> None:
    with pytest.raises(InvalidQuery, match=advice.replace("+", r"\+")):
        parse_condition(text)


@given(
    st.text(max_size=40)
    | st.from_regex(r"[a-z]{1,3} ?(=|!=|<|in|has|\^=) ?[\[\]\"\\a-z0-9,.{}-]{0,12}", fullmatch=True)
)
def test_any_text_is_a_condition_or_an_invalid_request(text: str) -> None:
    with suppress(InvalidRequest):
        check_query(Query("customer", (parse_condition(text),)))


SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.text("abc\U0001f600\ud7ff", max_size=3)


@given(SCALARS)
def test_json_of_any_value_is_that_value(value: object) -> None:
    assert parse_condition(f"x = {json.dumps(value)}") == query("k", Condition("x", "=", value)).where[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("due", Order("due")), ("-due", Order("due", True)), (" -$id ", Order("$id", True))],
)
def test_order_is_understood(text: str, expected: Order) -> None:
    assert parse_order(text) == expected


@pytest.mark.parametrize("text", ["", "-", "--due", "a.b", "due desc", "$version", "+due"])
def test_order_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuery):
        parse_order(text)


def test_query_collects_what_is_given() -> None:
    asked = query(
        "customer", "n>0", Condition("t", "has", "x"), order="-n,t", limit=5, life="any", status="active", kind=1
    )
    assert asked == Query(
        "customer",
        (
            Condition("n", ">", 0),
            Condition("t", "has", "x"),
            Condition("status", "=", "active"),
            Condition("kind", "=", 1),
        ),
        (Order("n", True), Order("t")),
        5,
        life="any",
    )
    assert fields_of(asked) == {"n", "t", "status", "kind"}
    assert fields_of(query("customer", "$id=a", order="$id")) == frozenset()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"limit": 0}, InvalidQuery),
        ({"limit": limits.QUERY_RECORDS + 1}, LimitExceeded),
        ({"order": ["a"] * (limits.ORDERS_PER_QUERY + 1)}, LimitExceeded),
        ({"life": "absent"}, InvalidQuery),
        ({"status": ["a", "b"]}, InvalidQuery),
        ({"after": "!"}, InvalidQuery),
        ({"x": object()}, InvalidQuery),
        ({"x": float("nan")}, InvalidQuery),
    ],
)
def test_query_is_refused(arguments: dict[str, Any], error: type[InvalidRequest]) -> None:
    with pytest.raises(error):
        query("customer", **arguments)


def test_bounds_of_conditions() -> None:
    most = ["x=1"] * limits.CONDITIONS_PER_QUERY
    query("customer", *most)
    with pytest.raises(LimitExceeded):
        query("customer", *most, "x=1")
    query("customer", Condition("x", "in", list(range(limits.VALUES_PER_MEMBERSHIP))))
    with pytest.raises(LimitExceeded):
        query("customer", Condition("x", "in", list(range(limits.VALUES_PER_MEMBERSHIP + 1))))
    with pytest.raises(LimitExceeded):
        parse_condition("x = " + "a" * limits.FILTER_CHARS)


@pytest.mark.parametrize("kind", ["", "a b", "x'; DROP TABLE records; --", "k" * 65])
def test_kind_must_be_one(kind: str) -> None:
    with pytest.raises(InvalidQuery):
        query(kind)


@pytest.mark.parametrize("field", ["", "a'b", 'a"', "$life", "é", "a.b", "x" * 65])
def test_fields_of_a_query_from_elsewhere_are_checked(field: str) -> None:
    with pytest.raises(InvalidQuery):
        check_query(Query("customer", (Condition(field, "=", 1),)))
    with pytest.raises(InvalidQuery):
        check_query(Query("customer", order=(Order(field),)))


# one row: the condition, the values for which it holds; all others of EVERY must not
EVERY: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    2,
    2.5,
    "",
    "1",
    "a",
    "ab",
    "b",
    "\U0001f600",
    [],
    [1],
    ["a", None],
    {"a": 1},
]

MEANINGS: list[tuple[str, list[Any]]] = [
    ("x = null", [None]),
    ("x != null", EVERY[1:]),
    ("x = 1", [1]),
    ("x = true", [True]),
    ('x = "1"', ["1"]),
    ("x != 1", [value for value in EVERY if value is not EVERY[4]]),
    ("x in 1,a", [1, "a"]),
    ("x in []", []),
    ("x not in 1,a", [value for value in EVERY if value is not EVERY[4] and value != "a"]),
    ("x > 0", [1, 2, 2.5]),
    ("x >= 1", [1, 2, 2.5]),
    ("x < 2.5", [0, 1, 2]),
    ("x <= a", ["", "1", "a"]),
    ("x > a", ["ab", "b", "\U0001f600"]),
    ("x ^= a", ["a", "ab"]),
    ('x ^= ""', ["", "1", "a", "ab", "b", "\U0001f600"]),
    ("x has 1", [[1]]),
    ("x has a", [["a", None]]),
    ("x has true", []),
]


@pytest.mark.parametrize(("text", "expected"), MEANINGS)
def test_s13_condition_means(text: str, expected: list[Any]) -> None:
    condition = parse_condition(text)
    held = [value for value in EVERY if holds(condition, value)]
    assert [repr(value) for value in held] == [repr(value) for value in expected]


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        ("live", ["live"]),
        ("archived", ["archived"]),
        ("deleted", ["deleted"]),
        ("any", ["live", "archived", "deleted"]),
    ],
)
def test_life_is_a_condition(life: Any, expected: list[str]) -> None:
    lives: list[Any] = ["absent", "live", "archived", "deleted"]
    met = [one for one in lives if matches(query("customer", life=life), state("customer/a", life=one))]
    assert met == expected
    assert not matches(query("ticket", life=life), state("customer/a"))


def test_s13_order_is_null_numbers_texts_and_ties_by_id() -> None:
    values = [None, [1], True, 2, -1.5, "b", "a", 1]
    states = [state(f"k/r{number}", {"x": value}) for number, value in enumerate(values)]
    up = sorted(states, key=lambda one: sort_key(query("k", order="x"), one))
    down = sorted(states, key=lambda one: sort_key(query("k", order="-x"), one))
    assert [one.id for one in up] == ["r0", "r1", "r4", "r2", "r7", "r3", "r6", "r5"]
    assert [one.id for one in down] == ["r5", "r6", "r3", "r2", "r7", "r4", "r0", "r1"]


def test_pages_join_without_gap_or_repeat() -> None:
    states = [state(f"k/r{number:02}", {"x": number % 3, "y": [None, "a", True][number % 3]}) for number in range(20)]
    for order in ("", "x", "-x,y", "y,-x", "-$id"):
        whole = select(query("k", order=order), states)
        asked, found = query("k", order=order, limit=6), []
        while page := select(asked, states):
            found += page
            asked = query("k", order=order, limit=6, after=page_after(asked, page[-1]))
        assert found == whole
        assert len(whole) == 20


def cursor_with(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "after",
    [
        "",
        "a",
        "ä",
        "bm9uc2Vuc2U",
        cursor_with([]),
        cursor_with([[["x", False]], [1], "no id"]),
        cursor_with([[["x", False]], [], "a"]),
        cursor_with([[["x", True]], [1], "a"]),
        cursor_with([[["x", False]], [[1]], "a"]),
        cursor_with([[["x", False]], [2**70], "a"]),
        cursor_with([[["x", False]], [1], "a", 1]),
    ],
)
def test_cursor_of_another_page_is_refused(after: str) -> None:
    with pytest.raises(InvalidQuery, match="cursor"):
        query("k", order="x", after=after)
