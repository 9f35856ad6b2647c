"""Overrides: the transitions that set them, lift them, and tell that they are over."""

from __future__ import annotations

from typing import Any

from comity.clock import format_time
from comity.deciding.overrides import Yields
from comity.model.built_in import OVERRIDE
from comity.model.proposals import Emit


def setting(event: str, id: str, *, reason: str, expires: int, yields: Yields, **held: Any) -> Emit:
    """Return the transition that begins an override; ``held`` says what it holds, None standing for nothing."""
    given = {name: value for name, value in held.items() if value is not None}
    terms = {"yields": yields, "reason": reason, "expires_at": format_time(expires)}
    return Emit(f"{OVERRIDE}/{id}", event, {**given, **terms})


def lifting(ref: str, answer: str | None) -> Emit:
    """Return the transition that ends an override before its time."""
    return Emit(ref, "lifted", {} if answer is None else {"answer": answer})
