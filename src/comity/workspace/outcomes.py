"""Decisions as exceptions: what the short forms raise (S19)."""

from __future__ import annotations

from comity.errors import Conflict, Pending, Refused
from comity.model.decisions import Decision


def raise_unless_committed(decision: Decision) -> Decision:
    """Return a committed decision; raise Conflict, Refused or Pending with any other."""
    if decision.is_committed:
        return decision
    if decision.outcome == "pending":
        raise Pending(decision)
    raise Conflict(decision) if decision.is_conflict else Refused(decision)
