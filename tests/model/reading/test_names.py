"""Names, and the nearest one."""

from __future__ import annotations

import pytest

from comity.model.reading import nearest
from comity.model.reading.names import problem_of_name


@pytest.mark.parametrize(
    ("name", "choices", "expected"),
    [
        ("custmer", ["customer", "ticket"], "customer"),
        ("CUSTOMER", ["customer"], "customer"),
        ("x", ["customer"], None),
        ("customer", [], None),
        ("c" * 10_000, ["customer"], None),
    ],
)
def test_the_nearest_name_is_suggested(name: str, choices: list[str], expected: str | None) -> None:
    assert nearest(name, choices) == expected


@pytest.mark.parametrize(
    ("name", "what", "is_right"),
    [
        ("task-item", "kind", True),
        ("task-item", "field", False),
        ("a" * 64, "field", True),
        ("a" * 65, "field", False),
        ("churned is final", "name", True),
        ("two\nlines", "name", False),
        ("a@b.c", "agent", True),
        ("-a", "agent", False),
        ("comity", "agent", False),
        ("comity", "role", True),
        ("status\n", "field", False),
    ],
)
def test_names_have_the_form_of_what_they_name(name: str, what: str, is_right: bool) -> None:
    assert (problem_of_name(name, what) is None) == is_right
