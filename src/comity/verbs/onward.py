"""Saying who goes on with what a caller has set off, where this process does no duties."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from comity.model.decisions import NOTHING_NEXT, Decision
from comity.verbs.engine import Engine

ONWARD: Final = "It is carried on by a process that does duties, such as comity run: this one does none."


def onward(engine: Engine) -> str | None:
    """Return who carries workflows on, or None where this process does."""
    return None if engine.does_duties else ONWARD


def told(engine: Engine, decision: Decision) -> Decision:
    """Return a decision that tells also who carries on what it set off."""
    if not decision.is_committed or engine.does_duties:
        return decision
    return replace(decision, next=f"{NOTHING_NEXT} {ONWARD}")
