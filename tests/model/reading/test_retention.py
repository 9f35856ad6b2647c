"""``[retention]``."""

from __future__ import annotations

import pytest

from comity import limits
from comity.errors import InvalidDefinition
from comity.model.reading import read_definition


def test_answers_are_kept_for_a_time() -> None:
    assert read_definition("").retention.answers_s == limits.ANSWERS_KEPT_DAYS * 86_400
    assert read_definition('[retention]\nanswers = "45d"').retention.answers_s == 45 * 86_400


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ('answers = "29d"', "at least 30d"),
        ('answers = "91d"', "is longer than"),
        ("answers = 45", "must be a span"),
        ('refusals = "45d"', "unknown key 'refusals'"),
    ],
)
def test_s07_it_is_longer_than_a_deadline_may_lie_ahead_and_bounded(given: str, problem: str) -> None:
    with pytest.raises(InvalidDefinition, match=problem):
        read_definition(f"[retention]\n{given}")
