"""No text, and no well-formed expression, does anything but compile or be refused; and what compiles is right.

Well-formed expressions are built together with their meaning, told in plain Python: typed
numbers, absent values, evaluation from left to right. What the nullness check lets through
must then never meet an absent value, and must give exactly what its meaning gives.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from comity.deciding.expressions import Environment, Expression, ExpressionFailed, FieldType
from comity.errors import InvalidExpression

Value = int | float | bool | None
Values = dict[str, Value]
Meaning = Callable[[Values], Value]


class AbsentUsed(Exception):
    """Tell that something absent was computed with."""


class NoAnswer(Exception):
    """Tell that arithmetic gave no answer."""


class Term(NamedTuple):
    """Be an expression as text, with its type and its meaning."""

    text: str
    type: str
    meaning: Meaning


FIELDS = {
    "a": FieldType("integer", nullable=False),
    "b": FieldType("integer"),
    "d": FieldType("number", nullable=False),
    "e": FieldType("number"),
    "x": FieldType("any"),
}
TYPES = {"a": "int", "b": "int", "d": "double", "e": "double", "x": "dyn"}
ENVIRONMENT = Environment({"r": FIELDS})

INTEGERS = st.sampled_from([0, 1, 2, 3, 7, 2**62, 2**63 - 1])
FLOATS = st.sampled_from([0.0, 0.5, 1.0, 2.5, 1e300])


def needed(value: Value) -> Value:
    if value is None:
        raise AbsentUsed
    return value


def number(value: Value) -> int | float:
    found = needed(value)
    assert found is not None
    return found


def bounded(value: int | float) -> int | float:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise NoAnswer
    if not math.isfinite(value):
        raise NoAnswer
    return value


def cast(value: int | float, type_: str) -> int | float:
    return float(value) if type_ == "double" else value


def alike(left: int | float, right: int | float) -> tuple[int | float, int | float]:
    """Return two numbers as CEL compares them: an integer with a float as floats."""
    return (float(left), float(right)) if isinstance(left, float) or isinstance(right, float) else (left, right)


def divide(left: int | float, right: int | float, type_: str) -> int | float:
    if right == 0:
        raise NoAnswer
    if isinstance(left, int) and isinstance(right, int):
        exact = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return exact if type_ == "int" or exact * right == left else left / right
    return left / right


OPERATIONS: dict[str, Callable[[int | float, int | float], int | float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
}
COMPARISONS: dict[str, Callable[[int | float, int | float], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def sum_type(left: Term, right: Term) -> str:
    types = {left.type, right.type}
    return next((type_ for type_ in ("double", "dyn") if type_ in types), "int")


def choice_type(left: Term, right: Term) -> str:
    types = {left.type, right.type}
    return next((type_ for type_ in ("dyn", "double") if type_ in types), "int")


def field(name: str) -> Term:
    return Term(f"r.{name}", TYPES[name], lambda values: values[name])


def calculate(left: Term, operator: str, right: Term) -> Term:
    type_ = sum_type(left, right)

    def meaning(values: Values) -> Value:
        first, second = number(left.meaning(values)), number(right.meaning(values))
        if operator == "/":
            return bounded(divide(first, second, type_))
        try:
            return bounded(OPERATIONS[operator](first, second))
        except OverflowError:
            raise NoAnswer from None

    return Term(f"({left.text} {operator} {right.text})", type_, meaning)


def otherwise(name: str, instead: Term) -> Term:
    given_ = field(name)
    type_ = choice_type(given_, instead)

    def meaning(values: Values) -> Value:
        value = values[name] if values[name] is not None else instead.meaning(values)
        return value if value is None else cast(number(value), type_)

    return Term(f"default(r.{name}, {instead.text})", type_, meaning)


def choose(condition: Term, yes: Term, no: Term) -> Term:
    type_ = choice_type(yes, no)

    def meaning(values: Values) -> Value:
        value = yes.meaning(values) if needed(condition.meaning(values)) else no.meaning(values)
        return value if value is None else cast(number(value), type_)

    return Term(f"({condition.text} ? {yes.text} : {no.text})", type_, meaning)


def compare(left: Term, operator: str, right: Term) -> Term:
    def meaning(values: Values) -> Value:
        return COMPARISONS[operator](*alike(number(left.meaning(values)), number(right.meaning(values))))

    return Term(f"{left.text} {operator} {right.text}", "bool", meaning)


def equate(left: Term, operator: str, right: Term) -> Term:
    def meaning(values: Values) -> Value:
        first, second = left.meaning(values), right.meaning(values)
        if first is not None and second is not None:
            first, second = alike(first, second)
        return (first == second) is (operator == "==")

    return Term(f"{left.text} {operator} {right.text}", "bool", meaning)


def presence(name: str, form: str) -> Term:
    texts = {"has": f"has(r.{name})", "!=": f"r.{name} != null", "==": f"r.{name} == null", "flip": f"null != r.{name}"}
    return Term(texts[form], "bool", lambda values: (values[name] is None) is (form == "=="))


def member(left: Term, options: list[int]) -> Term:
    return Term(f"{left.text} in {options}", "bool", lambda values: left.meaning(values) in options)


def both(left: Term, right: Term) -> Term:
    def meaning(values: Values) -> Value:
        return needed(left.meaning(values)) and needed(right.meaning(values))

    return Term(f"({left.text} && {right.text})", "bool", meaning)


def either(left: Term, right: Term) -> Term:
    def meaning(values: Values) -> Value:
        return needed(left.meaning(values)) or needed(right.meaning(values))

    return Term(f"({left.text} || {right.text})", "bool", meaning)


def negate(term: Term) -> Term:
    return Term(f"!({term.text})", "bool", lambda values: not needed(term.meaning(values)))


names = st.sampled_from(sorted(FIELDS))
leaves = (
    names.map(field)
    | INTEGERS.map(lambda value: Term(str(value), "int", lambda _: value))
    | FLOATS.map(lambda value: Term(repr(value), "double", lambda _: value))
)
numbers = st.deferred(
    lambda: (
        leaves
        | st.builds(calculate, numbers, st.sampled_from("+-*/"), numbers)
        | st.builds(otherwise, names, numbers)
        | st.builds(choose, conditions, numbers, numbers)
    )
)
conditions = st.deferred(
    lambda: (
        st.builds(presence, names, st.sampled_from(["has", "!=", "==", "flip"]))
        | st.builds(compare, numbers, st.sampled_from(sorted(COMPARISONS)), numbers)
        | st.builds(equate, numbers, st.sampled_from(["==", "!="]), numbers)
        | st.builds(member, numbers, st.lists(st.integers(0, 7), min_size=1, max_size=3))
        | st.builds(both, conditions, conditions)
        | st.builds(either, conditions, conditions)
        | st.builds(negate, conditions)
    )
)
given_integers = INTEGERS | st.integers(-8, 8)
given_floats = FLOATS | st.sampled_from([-0.5, -3.0])
rows = st.fixed_dictionaries(
    {
        "a": given_integers,
        "b": st.none() | given_integers,
        "d": given_floats,
        "e": st.none() | given_floats,
        "x": st.none() | given_integers | given_floats,
    }
)


def expected(term: Term, values: Values) -> Value | type[NoAnswer]:
    try:
        return term.meaning(values)
    except NoAnswer:
        return NoAnswer


def check_refusal(term: Term, error: InvalidExpression) -> None:
    """Well-formed expressions are refused for what may be absent, and for their size."""
    assert any(word in str(error) for word in ("absent", "null", "too deeply", "longer than")), term.text


@given(conditions, rows)
def test_what_compiles_means_what_it_says(term: Term, values: Values) -> None:
    try:
        compiled = ENVIRONMENT.assumption(term.text)
    except InvalidExpression as error:
        check_refusal(term, error)
        return
    meant = expected(term, values)  # that it raises no AbsentUsed is half of what is tested here
    if meant is NoAnswer:
        with pytest.raises(ExpressionFailed):
            compiled.holds({"r": values})
    else:
        assert compiled.holds({"r": values}) is meant


@given(numbers, rows)
def test_what_is_computed_is_what_it_says(term: Term, values: Values) -> None:
    try:
        compiled = ENVIRONMENT.consequence("r", {}, term.text.replace("r.", "record."), FieldType("any"))
    except InvalidExpression as error:
        check_refusal(term, error)
        return
    meant = expected(term, values)
    if meant is NoAnswer:
        with pytest.raises(ExpressionFailed):
            compiled.value({"record": values})
    else:
        assert compiled.value({"record": values}) == meant


def compiles_or_is_refused(source: str) -> None:
    for compile_ in (
        ENVIRONMENT.assumption,
        lambda text: ENVIRONMENT.guard("r", text),
        lambda text: ENVIRONMENT.consequence("r", {}, text, FieldType("any")),
    ):
        try:
            compiled = compile_(source)
        except InvalidExpression:
            continue
        try:
            compiled.value({})
        except ExpressionFailed:
            continue


@given(st.text(max_size=60))
@example("\0")
@example("\ud800")
@example("// only a comment")
@example("`a`.b")
@example("r.`a b` == 1")
@example("r?.a")
@example("[?r.a]")
@example("{?'a': r.a}")
@example("r[?'a']")
@example("cel.bind(x, 1, x == 1)")
@example("@result == 1")
@example("__result__ == 1")
@example("has(r)")
@example("has(r['a'])")
@example("r.all(x, true)")
@example("r.map(x, x)")
@example("int")
@example("type")
@example("dyn")
@example("google")
@example("_+_(1, 2)")
@example("'a'.'b'")
def test_texts(source: str) -> None:
    compiles_or_is_refused(source)


NAMES = "r.a r.b r.x u.y before.a after.a after.x record.x event.at agent.role action.effects now x"
LITERALS = "null true false 0 1 2.5 1u 'a' b'a' [0] ['a']"
SIGNS = "( ) [ ] { } , : ? . + - * / % ! < <= == != >= && || in .a"
CALLS = "has( default( size( type( dyn( string( int( duration( timestamp( .matches( .contains( .getHours("
LOOPS = ".all(x, .exists(x, .map(x, .filter(x, //"
TOKENS = st.sampled_from(" ".join([NAMES, LITERALS, SIGNS, CALLS, LOOPS]).replace("(x, ", "(x,").split())


@given(st.lists(TOKENS, max_size=14).map(" ".join))
def test_heaps_of_tokens(source: str) -> None:
    compiles_or_is_refused(source)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
JUDGED = [
    ENVIRONMENT.assumption("u.a != null && u.b != null && u.a + u.b > u.a * u.b - u.a / u.b"),
    ENVIRONMENT.assumption("has(u.a) && size(u.a) > 1 && u.a[0] == u.b"),
    ENVIRONMENT.assumption("u.a.b.c == u.b.c || u.a in [u.b] || has(u.b) && u.a in u.b"),
    ENVIRONMENT.assumption("default(u.a, 1) == default(u.b, 'x') && -default(u.a, 1) < 1"),
    ENVIRONMENT.assumption("has(u.a) && timestamp(u.a) < now && duration(u.a) > duration('1s')"),
    ENVIRONMENT.assumption("default(u.a, '').matches('^a*$') && double(default(u.b, 0)) > 1.0"),
]


@given(st.sampled_from(JUDGED), VALUES, VALUES)
def test_any_values(compiled: Expression, first: object, second: object) -> None:
    with contextlib.suppress(ExpressionFailed):
        assert compiled.holds({"u": {"a": first, "b": second}, "now": 0}) in (True, False)
