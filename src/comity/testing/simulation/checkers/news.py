"""News complete: what others did to the records that matter to an intent is told with its next answer (S17)."""

from __future__ import annotations

from collections.abc import Iterator

from comity.model import refs
from comity.model.events import Event
from comity.testing.histories import Fault
from comity.testing.simulation.checkers.past import Past
from comity.testing.simulation.witness import Told


def check(past: Past) -> Iterator[Fault]:
    """Yield changes by others of which somebody should have been told, and wasn't."""
    for told in past.history.told:
        items = {(item.record, name) for item in told.news.items for name in item.now} if told.news else set()
        is_cut = told.news is not None and told.news.more > 0
        for event, name in _expected(told, past):
            if (event.ref, name) not in items and not is_cut:
                message = f"not told at {told.until} that {event.ref}.{name} had changed (event {event.event_id})"
                yield Fault("not_told", told.agent, message)


def _expected(told: Told, past: Past) -> Iterator[tuple[Event, str]]:
    """Yield for each field that moved since the last answer its last change, if that was another agent's."""
    last: dict[tuple[str, str], Event] = {}
    for revision in range(told.since + 1, told.until + 1):
        for event in past.events[revision]:
            if event.ref in told.known and event.version > told.known[event.ref] and event.payload is not None:
                last.update({(event.ref, name): event for name in event.payload.was})
    for (_, name), event in last.items():
        if past.commits[event.revision].agent != told.agent and not refs.is_built_in(event.kind):
            yield event, name
