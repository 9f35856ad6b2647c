"""Shapes of races: what each of several racers does, with a barrier between its look and its write.

All have read before anybody writes, and the writes then come at once. A shape names how many
may win, and what must hold in the end, whoever wins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

import comity
from comity.model.decisions import Decision

RACERS = 4


class Barrier(Protocol):
    """Be what all wait at until the last has come."""

    def wait(self) -> int:
        """Wait for the others."""
        ...


Racer = Callable[[comity.Agent, int, Barrier], Decision]


class Shape(msgspec.Struct, frozen=True):
    """Be a race: what is there before, what each racer does, how many win, what holds in the end."""

    name: str
    prepare: Callable[[comity.Agent], object]
    race: Racer
    winners: int
    holds: Callable[[comity.Agent], bool]


def _check_then_write(agent: comity.Agent, number: int, barrier: Barrier) -> Decision:
    """Take a free seat: a plain look, then a write that takes the look for granted."""
    intent = agent.intent("take")
    seat = intent.get("seat/1")
    barrier.wait()
    if seat.holder == "nobody":
        seat.holder = str(number)
    return intent.propose()


def _version_after_the_read(agent: comity.Agent, number: int, barrier: Barrier) -> Decision:
    """Add to what was read before, when newer versions could be looked up: what counts is what was seen."""
    intent = agent.intent("count")
    tally = intent.get("tally/1")
    seen = tally.count
    barrier.wait()
    agent.get("tally/1")
    tally.count = seen + 1
    return intent.propose()


def _phantom(agent: comity.Agent, number: int, barrier: Barrier) -> Decision:
    """Book a room that nobody has booked: what was read is that there was nothing."""
    intent = agent.intent("book")
    found = list(intent.find("booking", "room = 7"))
    barrier.wait()
    if not found:
        intent.create(f"booking/{number}", {"room": 7})
    return intent.propose()


def _write_skew(agent: comity.Agent, number: int, barrier: Barrier) -> Decision:
    """Go off call as somebody else is on: each writes a record of its own, having read the others'."""
    intent = agent.intent("leave")
    on_call = [one for one in range(RACERS) if intent.get(f"doctor/{one}").on_call]
    barrier.wait()
    if len(on_call) > 1:
        intent.get(f"doctor/{number}").on_call = False
    return intent.propose()


def _first_writer(agent: comity.Agent, number: int, barrier: Barrier) -> Decision:
    """Create a record that isn't there yet."""
    intent = agent.intent("make")
    intent.create("order/1", {"by": number})
    barrier.wait()
    return intent.propose()


def _additions(agent: comity.Agent, number: int, barrier: Barrier) -> Decision:
    """Add without a look: all win."""
    intent = agent.intent("add")
    intent.add("tally/2", count=1)
    barrier.wait()
    return intent.propose()


def _doctors(agent: comity.Agent) -> None:
    for number in range(RACERS):
        agent.create(f"doctor/{number}", {"on_call": True})


def _count(agent: comity.Agent, name: str) -> int:
    return agent.get(f"tally/{name}").count


SHAPES = [
    Shape(
        "check then write",
        lambda agent: agent.create("seat/1", {"holder": "nobody"}),
        _check_then_write,
        1,
        lambda agent: agent.get("seat/1").holder != "nobody",
    ),
    Shape(
        "version after the read",
        lambda agent: agent.create("tally/1", {"count": 0}),
        _version_after_the_read,
        1,
        lambda agent: _count(agent, "1") == 1,
    ),
    Shape(
        "phantom",
        lambda agent: agent.create("booking/none", {"room": 1}),
        _phantom,
        1,
        lambda agent: agent.count("booking", "room = 7") == 1,
    ),
    Shape("write skew", _doctors, _write_skew, 1, lambda agent: agent.count("doctor", "on_call = true") == RACERS - 1),
    Shape("first writer", lambda agent: None, _first_writer, 1, lambda agent: agent.get("order/1").exists),
    Shape(
        "additions",
        lambda agent: agent.create("tally/2", {"count": 0}),
        _additions,
        RACERS,
        lambda agent: _count(agent, "2") == RACERS,
    ),
]
