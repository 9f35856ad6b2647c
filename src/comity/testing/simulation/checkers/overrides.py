"""Nothing against an override: what a human holds still nobody else changes, and no effect leaves against it (S24)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from comity.model.events import Commit, Event
from comity.model.records import RecordState
from comity.model.values import same
from comity.testing.histories import Fault
from comity.testing.simulation.checkers.past import Past, is_bound, until_us
from comity.testing.simulation.scene import AGENTS


def check(past: Past) -> Iterator[Fault]:
    """Yield writes and releases that an override forbade."""
    for commit, events in past.in_order():
        held = [one for one in past.before("$override", commit) if until_us(one) > commit.at]
        for override in held:
            if is_bound(commit):
                yield from _writes(override, commit, past)
            for event in events:
                if event.kind == "$effect" and event.type == "released":
                    yield from _release(override, event, commit, past)


def _writes(override: RecordState, commit: Commit, past: Past) -> Iterator[Fault]:
    values = override.values
    for event, changed in past.writes(commit):
        after = past.at((event.kind, event.id), commit.revision).values
        if _forbids(values, commit.agent, commit.role, commit.action) or _pins(values, event, changed, after):
            message = f"{commit.agent} wrote {event.ref} at {commit.revision}, against {override.ref}"
            yield Fault("against_override", commit.proposal, message)


def _forbids(values: dict[str, Any], agent: str, role: str, action: str | None) -> bool:
    """Tell whether an override forbids an agent, or under an action, to do anything at all."""
    match values["holds"]:
        case "workspace":
            return True
        case "agent":
            return values["agent"] in (agent, role)
        case "action":
            return values["action"] == action
        case _:
            return False


def _pins(values: dict[str, Any], event: Event, changed: frozenset[str], after: dict[str, Any]) -> bool:
    if values.get("record") != event.ref:
        return False
    field = values.get("field")
    if values["holds"] == "value":
        return field in changed and not same(after.get(field), values["value"])
    return field is None or field in changed


def _release(override: RecordState, event: Event, commit: Commit, past: Past) -> Iterator[Fault]:
    effect, values = past.at((event.kind, event.id), commit.revision).values, override.values
    agent = effect["agent"]
    is_pinned = values["holds"] == "record" and values["record"] == effect["target"]
    if is_pinned or _forbids(values, agent, AGENTS.get(agent, ""), effect.get("action")):
        message = f"{event.ref} was released at {commit.revision}, against {override.ref}"
        yield Fault("released_against_override", event.ref, message)
