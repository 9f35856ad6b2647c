"""The transitions that set and lift overrides, and what has run out."""

from __future__ import annotations

from comity.coordination import overrides
from comity.model.proposals import Emit
from comity.testing.manual_clock import START_US

SECOND_US = 1_000_000


def test_transitions_hold_only_what_is_given() -> None:
    change = overrides.setting("frozen", "o1", reason="why", expires=START_US, yields="refuse", record=None)
    assert change == Emit(
        "$override/o1", "frozen", {"yields": "refuse", "reason": "why", "expires_at": "2023-11-14T22:13:20Z"}
    )
    assert overrides.lifting("$override/o1", None).data == {}
