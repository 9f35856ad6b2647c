"""Lines are fair: nobody goes ahead of somebody who came first for the same (S32, S33)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from comity import limits
from comity.clock import SECOND_US, parse_time
from comity.model.events import Commit, Event
from comity.model.records import RecordState
from comity.testing.histories import Fault
from comity.testing.simulation.checkers.past import Past, overlap, proposal_of, until_us
from comity.testing.simulation.scene import AGENTS

CLAIM_US: Final = limits.CLAIM_S * SECOND_US
Place = Mapping[str, Any]

_QUEUED_ACTION: Final = "plan_feature"
"""The action under which the agents of the scene queue; of one action all on a record compete."""


def check(past: Past) -> Iterator[Fault]:
    """Yield who went ahead of somebody that had waited for longer."""
    for commit, events in past.in_order():
        if commit.action == _QUEUED_ACTION:
            yield from _queue(commit, past)
        for event in events:
            if event.kind == "$lease" and event.type in ("taken", "claimed"):
                yield from _lease(event, commit, past)


# -- proposals that wait for their turn


def _queue(commit: Commit, past: Past) -> Iterator[Fault]:
    subjects = {event.ref for event, _ in past.writes(commit)}
    own = past.at(("$queue", commit.proposal), commit.revision - 1)
    mine = _rank(own) if own.is_live else (-proposal_of(commit).priority, commit.revision)
    for other in past.before("$queue", commit):
        is_same = other.values.get("action") == _QUEUED_ACTION and subjects & set(other.values["subjects"])
        if is_same and other.id != own.id and _may_go(other, commit, past) and _rank(other) < mine:
            message = f"{commit.agent} went ahead of {other.values['agent']} at {commit.revision} ({other.ref})"
            yield Fault("overtaken", commit.proposal, message)


def _may_go(ticket: RecordState, commit: Commit, past: Past) -> bool:
    """Tell whether somebody waits still, and could go: who is paused holds nobody up."""
    paused = {one.values.get("agent") for one in past.before("$override", commit) if until_us(one) > commit.at}
    agent = ticket.values["agent"]
    return until_us(ticket) > commit.at and not paused & {agent, AGENTS[agent]}


def _rank(ticket: RecordState) -> tuple[int, int]:
    """Return whose turn comes first: of higher priority, then who came first."""
    return -ticket.values["priority"], ticket.born


# -- leases


def _lease(event: Event, commit: Commit, past: Past) -> Iterator[Fault]:
    assert event.payload is not None
    before: list[Place] = past.at((event.kind, event.id), commit.revision - 1).values.get("line") or []
    hold = event.payload.data["hold"]
    now: list[Place] = past.at((event.kind, event.id), commit.revision).values["line"]
    mine = next(place for place in now if place["hold"] == hold)
    turns: dict[str, int] = {}
    for other in _in_turn(before):
        if other["hold"] == hold or (event.type == "taken" and _before(mine, other)):
            return
        turns[other["hold"]] = _turn_us(other, before, turns)
        waits = other.get("claimed") is None and parse_time(other["deadline"]) > commit.at
        if waits and turns[other["hold"]] + CLAIM_US > commit.at and overlap(mine, other):
            message = f"{mine['agent']} went ahead of {other['agent']} at {commit.revision}"
            yield Fault("overtaken", event.ref, message)


def _in_turn(line: list[Place]) -> list[Place]:
    """Return places in the order of their turns: holders, then the higher priority, then who came first."""
    return sorted(line, key=lambda place: (place.get("claimed") is None, -place.get("priority", 0)))


def _before(one: Place, other: Place) -> bool:
    """Tell whether one who has just come goes before one who waits."""
    return other.get("claimed") is None and one.get("priority", 0) > other.get("priority", 0)


def _turn_us(place: Place, line: list[Place], turns: Mapping[str, int]) -> int:
    """Return since when it is somebody's turn: when those ahead have ended, or have let theirs go by."""
    if place.get("claimed") is not None:
        return parse_time(place["expires_at"]) - CLAIM_US
    if place.get("turn_at") is not None:
        return parse_time(place["turn_at"])
    ahead = [turns[one["hold"]] + CLAIM_US for one in line if one["hold"] in turns and overlap(one, place)]
    return max([parse_time(place["joined_at"]), *ahead])
