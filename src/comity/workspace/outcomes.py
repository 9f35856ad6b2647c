"""Decisions as exceptions: what the short forms raise (S19)."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from comity.errors import Conflict, Pending, Refused, UnreadDecision
from comity.model.decisions import Decision


def raise_unless_committed(decision: Decision) -> Decision:
    """Return a committed decision; raise Conflict, Refused or Pending with any other."""
    if decision.is_committed:
        return decision
    if decision.outcome == "pending":
        raise Pending(decision)
    raise Conflict(decision) if decision.is_conflict else Refused(decision)


class ProposedDecision(Decision, dict=True, gc=True):
    """Be a decision that warns if it is dropped without a look at it (S19)."""

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            object.__getattribute__(self, "__dict__")["is_read"] = True
        return object.__getattribute__(self, name)

    def __repr__(self) -> str:
        object.__getattribute__(self, "__dict__")["is_read"] = True
        return super().__repr__()

    def __eq__(self, other: object) -> bool:
        object.__getattribute__(self, "__dict__")["is_read"] = True
        return isinstance(other, Decision) and all(
            getattr(self, name) == getattr(other, name) for name in Decision.__struct_fields__
        )

    __hash__ = None

    def __del__(self) -> None:
        if not self.__dict__.get("is_read") and not sys.is_finalizing():
            warnings.warn(
                "the answer of propose() was dropped unread: look at decision.outcome, or use 'with'",
                UnreadDecision,
                stacklevel=2,
            )


def proposed(decision: Decision) -> ProposedDecision:
    """Return a decision as one that wants to be looked at."""
    return ProposedDecision(**{name: getattr(decision, name) for name in Decision.__struct_fields__})
