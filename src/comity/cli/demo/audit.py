"""The trail that the coordinated run leaves in its base: events, refusals, and whether all of it holds together."""

from __future__ import annotations

from pathlib import Path

import msgspec

import comity
from comity.model.refs import is_built_in
from comity.operations import EffectAnswer, EventAnswer, Refusal

_MOST = 1000


class Audit(msgspec.Struct, frozen=True):
    """Be what the log says, and what became of effects; ``verified`` tells that log, records and hash chain agree."""

    events: tuple[EventAnswer, ...]
    refusals: tuple[Refusal, ...]
    verified: bool
    effects: tuple[EffectAnswer, ...] = ()


def read_audit(base: Path) -> Audit:
    """Return the trail in a base, oldest first."""
    with comity.open(base) as ws:
        events = ws.history(oldest_first=True, limit=_MOST).events
        refusals = ws.refusals(limit=_MOST).refusals
        return Audit(
            tuple(event for event in events if not is_built_in(event.record)),
            refusals[::-1],
            ws.verify().is_clean,
            ws.effects(state="all").effects,
        )
