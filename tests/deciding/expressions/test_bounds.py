"""Every bound, with what lies just within and just beyond it; and what is made to be slow."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from comity import limits
from comity.deciding.expressions import Environment, ExpressionFailed
from comity.errors import InvalidExpression

REFUSED_WITHIN_S = 2.0
"""Of this thread's own CPU: what else the machine does doesn't count."""


def _text(chars: int) -> str:
    return f"'{'x' * (chars - 8)}' != ''"


def test_the_length_of_an_expression(environment: Environment, change: dict[str, object]) -> None:
    assert len(_text(limits.EXPRESSION_CHARS)) == limits.EXPRESSION_CHARS
    assert environment.guard("customer", _text(limits.EXPRESSION_CHARS)).holds(change)
    with pytest.raises(InvalidExpression, match="longer than 4000 characters"):
        environment.guard("customer", _text(limits.EXPRESSION_CHARS + 1))


def test_the_length_of_an_agents_expression(environment: Environment, subjects: dict[str, object]) -> None:
    assert environment.assumption(_text(limits.AGENT_EXPRESSION_CHARS)).holds(subjects)
    with pytest.raises(InvalidExpression, match="longer than 500 characters"):
        environment.assumption(_text(limits.AGENT_EXPRESSION_CHARS + 1))


@pytest.mark.parametrize("loop", ["all(t, true)", "exists(t, true)", "map(t, t) == []", "filter(t, true) == []"])
def test_an_agents_expression_holds_no_loop(environment: Environment, loop: str) -> None:
    with pytest.raises(InvalidExpression, match="an assumption holds no loops"):
        environment.assumption(f"customer.tags.{loop}")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("after.tags.all(x, after.tags.all(y, after.tags.all(z, true)))", "loops may be nested 2 deep"),
        ("after.tags.all(x, after.tags.all(y, x.contains(y)))", "contains() stands outside of nested loops"),
        ("after.tags.all(x, after.name.contains(after.name))", "contains() in a loop looks for"),
        ("after.tags.all(x, after.tags.all(y, x + y != ''))", "nested loops add numbers and times"),
        ("after.tags.all(x, after.tags.all(y, after.tags + [x] != []))", "nested loops"),
        ("after.tags.all(x, after.tags.all(y, after.tags == after.tags))", "nested loops compare no lists"),
        ("after.lines.all(x, after.lines.all(y, x.a == y.a))", "one side must have a known simple type"),
        ("after.tags.all(x, after.tags.all(y, x in after.tags))", "nested loops look only into lists written out"),
        ("after.tags.all(x, x.matches('a'))", "matches() stands outside of loops"),
        ("after.name.matches(after.name)", "the pattern of matches() is a text written out"),
        ("matches(after.name, after.name)", "the pattern of matches() is a text written out"),
        (f"after.name.matches('{'a' * (limits.PATTERN_CHARS + 1)}')", "at most 100 characters"),
        ("after.name.matches('a{2}')", "no counted repetition"),
        ("after.seen.getHours(after.name) == 1", "a time zone is a text written out"),
        ("after.tags.all(before, true)", "'before' is taken"),
    ],
)
def test_what_would_be_slow_is_refused(environment: Environment, source: str, message: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        environment.guard("customer", source)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "after.tags.all(x, after.tags.all(y, x == y || x != y))",
        "after.tags.all(x, after.name.contains(x) || !after.name.contains(x))",
        "after.tags.all(x, !x.contains('long'))",
        "after.tags.all(x, [1, 2].all(y, y + size(x) > 1 && x in ['a', 'b']))",
        "after.tags.map(x, after.tags.map(y, y)).size() == 2",
        f"!after.name.matches('{'a' * limits.PATTERN_CHARS}')",
    ],
)
def test_what_is_quick_is_not(environment: Environment, change: dict[str, object], source: str) -> None:
    assert environment.guard("customer", source).holds(change)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tags": ["a"] * (limits.EXPRESSION_LIST_ITEMS + 1)}, "after.tags: a list has more than 1000 elements"),
        ({"extra": {str(n): n for n in range(1001)}}, "after.extra: an object has more than 1000 members"),
        ({"extra": [["a"] * 1001]}, "after.extra: a list has more than 1000 elements"),
        ({"name": "x" * (limits.EXPRESSION_TEXT_BYTES + 1)}, "more than 65536 bytes of text"),
        ({"name": "é" * (limits.EXPRESSION_TEXT_BYTES // 2 + 1)}, "more than 65536 bytes of text"),
        ({"name": "x" * 40_000, "status": "x" * 40_000}, "more than 65536 bytes of text"),
        ({"tags": ["x" * 1_000] * 66}, "more than 65536 bytes of text"),
        ({"extra": {"a": ["x" * 66_000]}}, "more than 65536 bytes of text"),
        ({"name": "a\0b"}, "after.name: a text holds U+0000"),
        ({"extra": {"a\0": 1}}, "after.extra: a text holds U+0000"),
        ({"name": "\ud800"}, "a lone surrogate"),
        ({"extra": 2**63}, "after.extra: an integer doesn't fit in 64 bits"),
        ({"extra": -(2**63) - 1}, "after.extra: an integer doesn't fit in 64 bits"),
        ({"open_tickets": 2**63}, "after.open_tickets: an integer doesn't fit in 64 bits"),
        ({"rate": float("nan")}, "after.rate: a number isn't finite"),
        ({"rate": float("inf")}, "after.rate: a number isn't finite"),
        ({"extra": float("nan")}, "after.extra: a number isn't finite"),
        ({"open_tickets": "1"}, "after.open_tickets: an integer was expected"),
        ({"open_tickets": True}, "after.open_tickets: an integer was expected"),
        ({"rate": "1"}, "after.rate: a number was expected"),
        ({"vip": 1}, "after.vip: true or false was expected"),
        ({"name": 1}, "after.name: a text was expected"),
        ({"seen": "yesterday"}, "after.seen: a time was expected"),
        ({"seen": 1.5}, "after.seen: a time was expected"),
        ({"tags": "a"}, "after.tags: a list was expected"),
        ({"extra": object()}, "after.extra: object is no JSON value"),
    ],
)
def test_values_out_of_bounds_fail_closed(
    environment: Environment, change: dict[str, object], values: dict[str, object], message: str
) -> None:
    source = (
        "size(after.name) >= 0 && has(after.status) && after.tags != ['?'] && after.extra != 1 && after.rate > 0 "
        "&& after.open_tickets > 0 && after.vip != false && after.seen > timestamp(0)"
    )
    compiled = environment.guard("customer", source)
    good = dict(change)
    assert compiled.holds(good)
    after = good["after"]
    assert isinstance(after, dict)
    with pytest.raises(ExpressionFailed) as caught:
        compiled.holds({**good, "after": {**after, **values}})
    assert message in str(caught.value)


@pytest.mark.parametrize("values", [{"tags": ["a"] * 1000}, {"name": "x" * 65_000}, {"extra": 2**63 - 1}, {"rate": 5}])
def test_values_within_bounds_are_judged(
    environment: Environment, change: dict[str, object], values: dict[str, object]
) -> None:
    after = change["after"]
    assert isinstance(after, dict)
    compiled = environment.guard("customer", "size(after.tags) + size(after.name) > 0 && after.extra != 1")
    assert compiled.holds({**change, "after": {**after, **values}})


def test_a_loop_beyond_the_rounds_that_cel_allows_fails_closed(
    environment: Environment, change: dict[str, object]
) -> None:
    compiled = environment.guard("customer", "after.tags.all(x, after.tags.all(y, x == y))")
    with pytest.raises(ExpressionFailed, match="Iteration budget exceeded"):
        compiled.holds({**change, "after": {"tags": ["a"] * 1000}})


HOSTILE: dict[str, Callable[[], str]] = {
    "a long sum": lambda: "+".join(["1"] * 1990) + " > 1",
    "parentheses": lambda: "(" * 1900 + "true" + ")" * 1900,
    "lists": lambda: "[" * 1900 + "1" + "]" * 1900,
    "calls": lambda: "size(" * 600 + "'a'" + ")" * 600,
    "selects": lambda: "after.extra" + ".a" * 1900 + " == 1",
    "ternaries": lambda: "true ? true : " * 280 + "true",
    "indexes": lambda: "after.extra" + "[0]" * 1200 + " == 1",
    "macros": lambda: "after.tags" + ".map(x, x)" * 390 + " == []",
    "loops in loops": lambda: "[1].all(x, " * 300 + "true" + ")" * 300,
    "an unknown name after another": lambda: " && ".join(f"r{n}.a == 1" for n in range(280)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_expressions_are_refused_soon(environment: Environment, name: str) -> None:
    start = time.thread_time()
    with pytest.raises(InvalidExpression):
        environment.guard("customer", HOSTILE[name]())
    assert time.thread_time() - start < REFUSED_WITHIN_S


WIDE: dict[str, Callable[[], str]] = {
    "equalities in equalities": lambda: "(after.extra == 1) == (" * 29 + "true" + ")" * 29,
    "many conditions": lambda: " || ".join(["after.extra == 1"] * 200),
    "many negations": lambda: "!" * 3_900 + "true",
    "long paths of elements": lambda: f"after.lines.all(v, {' && '.join(['v' + '.a' * 14 + ' == 1'] * 80)})",
    "a long list": lambda: f"[{','.join(['1'] * 1_900)}].size() > 0",
    "defaults in defaults": lambda: "default(after.seats, " * 14 + "1" + ")" * 14 + " == 1",
}


@pytest.mark.parametrize("name", WIDE)
def test_wide_expressions_are_compiled_soon(environment: Environment, name: str) -> None:
    start = time.thread_time()
    environment.guard("customer", WIDE[name]())
    assert time.thread_time() - start < REFUSED_WITHIN_S


SLOW: dict[str, tuple[str, dict[str, object]]] = {
    "a search for almost what is there": (
        "after.tags.all(t, !after.name.contains(t))",
        {"name": "a" * 32_000, "tags": ["a" * 16_000 + "b"]},
    ),
    "a pattern of many ways": ("after.name.matches('(a?)*(a?)*(a|b|ab)*(x+x+)+y$') == false", {"name": "ab" * 32_000}),
    "membership for each": ("after.tags.all(t, t in after.tags)", {"tags": [f"t{n}" for n in range(1_000)]}),
    "lists for each": ("after.tags.all(t, after.tags == after.tags)", {"tags": [f"t{n}" for n in range(1_000)]}),
    "sums for each": (
        "after.tags.map(t, t + after.name).size() == 1000",
        {"name": "a" * 30_000, "tags": ["a"] * 1_000},
    ),
}


@pytest.mark.parametrize("name", SLOW)
def test_the_worst_values_are_judged_soon(environment: Environment, name: str) -> None:
    source, after = SLOW[name]
    compiled = environment.guard("customer", source)
    start = time.thread_time()
    assert compiled.holds({"after": after})
    assert time.thread_time() - start < REFUSED_WITHIN_S
