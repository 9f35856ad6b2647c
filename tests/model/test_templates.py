"""Texts with places for parameters."""

from __future__ import annotations

from typing import Any

import pytest

from comity.model.templates import fill, fill_text, places_in

PARAMS: dict[str, Any] = {"customer": "acme", "seats": 3, "gone": None}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("customer/{customer}", "customer/acme"),
        ("{customer} has {seats}", "acme has 3"),
        ("{{customer}}", "{customer}"),
        ("{{{customer}}}", "{acme}"),
        ("a { b }", "a { b }"),
        ("[{gone}]", "[]"),
    ],
)
def test_texts_are_filled(text: str, filled: str) -> None:
    assert fill_text(text, PARAMS) == filled


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("{seats}", 3),
        ("{gone}", None),
        (["{seats}", {"n": "{seats} of"}], [3, {"n": "3 of"}]),
        (7, 7),
        (True, True),
    ],
)
def test_a_text_that_is_nothing_else_becomes_the_value(value: Any, filled: Any) -> None:
    assert fill(value, PARAMS) == filled


def test_places_are_found_at_any_depth() -> None:
    assert sorted(places_in({"a": ["{x}", ("{y} {{z}}",)], "{k}": 1})) == ["x", "y"]
