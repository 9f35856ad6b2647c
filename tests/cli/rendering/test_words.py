"""Values as people read them."""

from __future__ import annotations

from typing import Any

import pytest

from comity.cli.rendering.words import arrow, value
from comity.model.hidden import Hidden


@pytest.mark.parametrize(
    ("found", "shown"),
    [(None, "-"), ("at risk", "at risk"), (3, "3"), ([1, "a"], '[1,"a"]'), (Hidden(("sales",)), "hidden")],
)
def test_value(found: Any, shown: str) -> None:
    assert str(value(found)) == shown


def test_a_change_to_a_hidden_value() -> None:
    assert str(arrow(None, Hidden(("sales",)))) == "- → hidden"
