"""Names."""

from __future__ import annotations

import pytest

from comity.deciding.expressions import RESERVED_NAMES, protobuf_key, variable_name


@pytest.mark.parametrize(("kind", "name"), [("customer", "customer"), ("task-item", "task_item"), ("a-b-c", "a_b_c")])
def test_kinds_are_written_with_underscores(kind: str, name: str) -> None:
    assert variable_name(kind) == name


@pytest.mark.parametrize(
    ("one", "other", "collide"),
    [("open_tickets", "openTickets", True), ("a-b", "a_b", True), ("Ab", "aB", True), ("ab", "ac", False)],
)
def test_names_that_differ_only_in_case_and_underscores_collide(one: str, other: str, collide: bool) -> None:
    assert (protobuf_key(one) == protobuf_key(other)) is collide


@pytest.mark.parametrize("name", ["before", "now", "related", "int", "google", "in", "while", "agent"])
def test_roots_and_words_of_cel_are_reserved(name: str) -> None:
    assert name in RESERVED_NAMES


@pytest.mark.parametrize("name", ["customer", "ticket", "duration", "timestamp", "size", "id"])
def test_others_are_free(name: str) -> None:
    assert name not in RESERVED_NAMES
