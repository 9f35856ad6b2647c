"""Fields: the form that values get, and what is wrong with values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity.clock import format_time
from comity.deciding.compile import CompiledField
from comity.deciding.fields import compile_field, normalise_time
from comity.model.definition import FieldDefinition
from comity.model.values import normalise


def field_of(**keywords: Any) -> CompiledField:
    ref = keywords.pop("ref", None)
    return compile_field(FieldDefinition(name="f", schema=keywords, ref=ref), ())


TIMES = {
    "2024-05-01T09:30:00Z": "2024-05-01T09:30:00Z",
    "2024-05-01t09:30:00z": "2024-05-01T09:30:00Z",
    "2024-05-01 09:30": "2024-05-01T09:30:00Z",
    "2024-05-01T11:30:00+02:00": "2024-05-01T09:30:00Z",
    "2024-01-01T00:30:00+01:00": "2023-12-31T23:30:00Z",
    "2024-05-01T09:30:00.500Z": "2024-05-01T09:30:00.5Z",
    "2024-05-01T09:30:00,000001Z": "2024-05-01T09:30:00.000001Z",
}


@pytest.mark.parametrize("text", TIMES)
def test_s16_times_have_one_form(text: str) -> None:
    assert field_of(format="date-time").normalise(text) == TIMES[text]
    assert normalise_time(text) == TIMES[text]


@pytest.mark.parametrize(
    "text", ["", "today", "2024-05-01", "2024-02-30 00:00", "2024-05-01T25:00Z", "20240501T0930", "9" * 100,
             "0999-01-01T00:00Z", "1000-01-01T00:00+01:00", "2024-05-01T09:30Z\n"]
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time such as|lies before"):
        field_of(format="date-time").normalise(text)


@given(st.integers(-30_000_000_000_000_000, 250_000_000_000_000_000))
def test_a_normal_time_stays_as_it_is(us: int) -> None:
    time = format_time(us)
    field = field_of(format="date-time")
    assert field.normalise(time) == normalise_time(time) == time
    assert field.problems(time) == []


def test_forms_reach_into_lists() -> None:
    times = field_of(type="array", items={"type": "string", "format": "date-time"})
    assert times.normalise(["2024-05-01 09:30"]) == ["2024-05-01T09:30:00Z"]
    assert field_of(type="array", ref="customer").normalise(["customer/acme", "initech", 7]) == ["acme", "initech", "7"]


def test_values_of_another_type_are_left_for_problems_to_tell() -> None:
    for field in (field_of(format="date-time"), field_of(ref="customer"), field_of(type="array", ref="customer")):
        for value in (True, 1.5, {"a": 1}):
            assert field.normalise(value) == value
            assert field.problems(value)


PROBLEMS: list[tuple[dict[str, Any], object, list[str]]] = [
    ({"type": "integer"}, 3, []),
    ({"type": "integer"}, None, []),
    ({"type": "integer"}, 1e300, ["integers must fit in 64 bits"]),
    ({"type": "integer"}, True, ['true is not of type "integer"']),
    ({"type": "array", "items": {"type": "integer"}}, [1, "x"], ['at [1]: "x" is not of type "integer"']),
    ({"enum": ["a", "b"]}, "c", ['"c" is none of "a", "b"']),
    ({"enum": ["ä"]}, "ö", ['"ö" is none of "ä"']),
    ({"type": "string", "minLength": 2, "pattern": "^a"}, "b", ['"b" is shorter than 2 characters', '"b" does not '
      'match "^a"']),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, {"a": 1}, ['at a: 1 is not of type "string"']),
    ({"format": "email"}, "a", ['"a" is not a "email"']),
    ({"format": "email"}, 3, ['3 is not of type "string"']),
    ({"format": "date-time"}, "2024-02-30T00:00:00Z", ['"2024-02-30T00:00:00Z" is not a "date-time"']),
    ({"ref": "customer"}, "acme", []),
    ({"ref": "customer"}, "a b", ["'a b' is no record id: letters, digits and any of _.:@+~=-, a letter or a digit "
      "first, at most 200 characters"]),
    ({"ref": "customer"}, 1.5, ['1.5 is not of type "string"']),
    ({}, {"any": ["thing"]}, []),
]  # fmt: skip


@pytest.mark.parametrize(("keywords", "value", "expected"), PROBLEMS)
def test_problems_are_told_in_words(keywords: dict[str, Any], value: object, expected: list[str]) -> None:
    assert sorted(field_of(**keywords).problems(value)) == sorted(expected)


def test_a_reference_to_another_kind_is_no_id() -> None:
    field = field_of(ref="customer")
    assert field.problems(field.normalise("ticket/7"))


def test_long_values_are_cut_in_messages() -> None:
    (problem,) = field_of(type="string", maxLength=3).problems("x" * 100_000)
    assert len(problem) < 250
    assert problem.endswith("is longer than 3 characters")


def test_patterns_take_linear_time() -> None:
    assert field_of(type="string", pattern="^(a+)+$").problems("a" * 50_000 + "b")


def test_enums_and_defaults_are_normalised_as_values_are() -> None:
    field = compile_field(
        FieldDefinition(
            name="f",
            schema={"format": "date-time", "enum": ["2024-01-01T01:00:00+01:00"]},
            default="2024-01-01 00:00",
        ),
        ("sales",),
    )
    assert field.default == "2024-01-01T00:00:00Z"
    assert field.problems(field.default) == []
    assert field.owners == {"sales"}


@given(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(), st.lists))
def test_any_value_is_judged(value: object) -> None:
    try:
        plain = normalise(value)
    except ValueError:
        return
    for keywords in ({"format": "date-time"}, {"ref": "c"}, {"type": "array", "ref": "c"}, {"type": "integer"}, {}):
        field = field_of(**keywords)
        try:
            normal = field.normalise(plain)
        except ValueError:
            continue
        assert field.normalise(normal) == normal
        assert isinstance(field.problems(normal), list)
