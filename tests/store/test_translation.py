"""Errors of a driver come out translated, and no others."""

from __future__ import annotations

import pytest

from comity.errors import StoreDamaged
from comity.store.translation import Translating

translating = Translating((ValueError, OSError), lambda failure: StoreDamaged(f"it is {failure}"))


@translating
def act(failure: Exception | None, *, answer: int = 1) -> int:
    """Answer, or fail."""
    if failure is not None:
        raise failure
    return answer


def test_what_is_returned_passes() -> None:
    assert act(None, answer=3) == 3
    assert (act.__name__, act.__doc__) == ("act", "Answer, or fail.")


@pytest.mark.parametrize("failure", [ValueError("x"), PermissionError("x")])
def test_errors_of_the_driver_are_translated(failure: Exception) -> None:
    with pytest.raises(StoreDamaged, match="it is x") as raised:
        act(failure)
    assert raised.value.__cause__ is failure


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError):
        act(KeyError("x"))
