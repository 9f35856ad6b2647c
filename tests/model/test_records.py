"""The state of a record."""

from __future__ import annotations

from typing import Any

import pytest

from comity.model.records import RecordState


@pytest.mark.parametrize(
    ("life", "is_live", "exists"),
    [("absent", False, False), ("live", True, True), ("archived", False, True), ("deleted", False, False)],
)
def test_lives(life: Any, is_live: bool, exists: bool) -> None:
    state = RecordState("task", "a", life=life)
    assert (state.ref, state.is_live, state.exists) == ("task/a", is_live, exists)


def test_a_record_that_never_was_shares_nothing_with_another() -> None:
    assert RecordState("a", "1").values is not RecordState("a", "2").values
    assert RecordState("a", "1") == RecordState("a", "1", 0, "absent", 0, 0, {}, {})
