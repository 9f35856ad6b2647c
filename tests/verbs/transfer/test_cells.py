from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity.model.values import normalise, same
from comity.verbs.transfer.cells import Column, guess, read_cell, spells_value, write_cell

VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("cell", "column", "value"),
    [
        ("", "text", None),
        ("", "typed", None),
        ("12", "text", "12"),
        ("12", "typed", 12),
        ("-0.50", "typed", -0.5),
        ("007", "typed", "007"),
        ("+1", "typed", "+1"),
        ("1e5", "typed", "1e5"),
        ("1e300", "typed", 1e300),
        ("9223372036854775807", "typed", 2**63 - 1),
        ("9223372036854775808", "typed", "9223372036854775808"),
        ("TRUE", "typed", True),
        ("false", "typed", False),
        ("NaN", "typed", "NaN"),
        ("null", "typed", "null"),
        ('["a",1]', "typed", ["a", 1]),
        ("[a]", "typed", "[a]"),
        ('{"a":null}', "typed", {"a": None}),
        ('"12"', "typed", "12"),
        ('"said"', "text", '"said"'),
        ('""', "text", ""),
        ("[" * 100_000, "typed", "[" * 100_000),
    ],
)
def test_what_a_cell_means(cell: str, column: Column, value: Any) -> None:
    assert same(read_cell(cell, column), value)


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        (["1", "2.5", ""], "typed"),
        (["1", "01"], "text"),
        (["true", "no"], "text"),
        (["2024-05-01"], "text"),
        (["", ""], "typed"),
    ],
)
def test_one_cell_that_spells_no_value_makes_a_column_of_texts(cells: list[str], column: Column) -> None:
    assert guess(cells) == column


@given(VALUES)
def test_a_typed_column_gives_back_every_value(value: Any) -> None:
    plain = normalise(value)
    assert same(read_cell(write_cell(plain, "typed"), "typed"), plain)


@given(
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(['""', '"a"', '"\\"1\\""', '"\\""', "1", "true"])
)
def test_a_text_column_gives_back_every_text(text: str) -> None:
    cell = write_cell(text, "text")
    assert cell
    assert read_cell(cell, "text") == text
    assert cell == text or spells_value(cell)
