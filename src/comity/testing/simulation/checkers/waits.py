"""Every wait ends: nothing is open at the end, and nothing was answered after its deadline (S31)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from comity.testing.histories import Fault
from comity.testing.simulation.checkers.past import Past, until_us

_TICKETS: Final = ("$queue", "$handoff", "$approval")
_OPEN: Final = (*_TICKETS, "$intent", "$lease", "$override", "$effect", "$workflow", "$task")
_LET_THROUGH: Final = frozenset({"released", "accepted", "approved"})
_ANSWERS: Final = frozenset({"released", "accepted", "approved", "declined", "denied"})


def check(past: Past) -> Iterator[Fault]:
    """Yield what waits still, though everybody left long ago, and what was answered too late."""
    for kind in _OPEN:
        for state in past.of_kind(kind, past.end):
            # What was put aside after too many tries waits for a person, visibly.
            if state.is_live and state.values.get("state") != "aside":
                yield Fault("never_ended", state.ref, f"still {state.values.get('state', 'open')} at the end")
    for commit, events in past.in_order():
        for event in events:
            if event.kind in _TICKETS and event.type in _ANSWERS:
                state = past.at((event.kind, event.id), commit.revision - 1)
                if until_us(state) <= commit.at:
                    yield Fault("answered_late", event.ref, f"{event.type} at {commit.revision}, after its deadline")
    yield from _unanswered(past)


def _unanswered(past: Past) -> Iterator[Fault]:
    """Yield proposals that all whom they waited for have let through, and that nevertheless aren't in the log."""
    states: dict[str, set[str]] = defaultdict(set)
    for kind in _TICKETS:
        for ticket in past.of_kind(kind, past.end):
            states[ticket.values["proposal"]].add(ticket.values["state"])
    for proposal, ended in states.items():
        if ended <= _LET_THROUGH and proposal not in past.by_proposal:
            yield Fault("answered_in_vain", proposal, f"it was {', '.join(sorted(ended))}, and isn't in the log")
