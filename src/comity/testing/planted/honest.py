"""Honest work, and harmless likenesses of what is planted: what no alert should be raised for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from comity.model.proposals import Add, Effect, Set
from comity.testing.planted.world import AGENTS, RECORDS, World


def work(world: World, hours: float, per_minute: int) -> None:
    """Have agents do honest work all the time."""
    chance, moment = world.chance, 0.0
    while moment < hours * 3_600:
        moment += chance.expovariate(per_minute / 60)
        world.at(moment, partial(_one, world, chance.random()))
    for likeness in LIKENESSES:
        for _ in range(max(round(hours * 2), 1)):
            likeness(world, chance.uniform(60.0, hours * 2_500))


def _one(world: World, kind: float) -> None:
    chance = world.chance
    agent, record = chance.choice(AGENTS), f"customer/c{chance.randrange(RECORDS)}"
    value = f"v{chance.randrange(50)}"
    if kind < 0.70:
        world.change(agent, record, value, chance.choice(("status", "note")))
    elif kind < 0.85:
        world.propose(agent, Add(record, {"count": 1}))
    elif kind < 0.88:  # A conflict, as they come, and its repair.
        world.stale(agent, record)
        world.change(agent, record, value)
    elif kind < 0.882:
        world.propose(agent, Set(record, {"note": "unread"}))
    elif kind < 0.884:  # Forgotten.
        world.announce(agent, record)
    elif kind < 0.94:
        world.change(agent, record, value, intent=world.announce(agent, record))
    else:
        made = world.change(agent, record, value)
        if made.events:
            world.change(world.others(agent)[0], f"customer/c{chance.randrange(RECORDS)}", "w", cause=made.events[0])


def _corrected(world: World, at: float) -> None:
    """Have a value set back once, and once more after an hour's thought."""
    record, (one, other) = world.record(), world.others()[:2]
    world.at(at, lambda: world.change(one, record, "b"))
    world.at(at + 40, lambda: world.change(other, record, "a"))
    world.at(at + 700, lambda: world.change(one, record, "b"))


def _counted(world: World, at: float) -> None:
    """Have many count something up and down: that commutes."""
    record = world.record()
    world.steps(at, 12, (1, 20), lambda n: world.propose(AGENTS[n % 2], Add(record, {"count": 1 if n % 2 else -1})))


def _toggled(world: World, at: float) -> None:
    """Have one agent switch a value of its own to and fro."""
    record, agent = world.record(), world.others()[0]
    world.steps(at, 10, (5, 30), lambda n: world.change(agent, record, "ab"[n % 2]))


def _contended(world: World, at: float) -> None:
    """Have a few conflicts on one record, which end."""
    record, agents = world.record(), world.others()
    world.steps(at, world.chance.randint(2, 5), (5, 120), lambda n: world.stale(agents[n], record))
    world.at(at + 200, lambda: world.change(agents[0], record, "b"))


def _answered(world: World, at: float) -> None:
    """Have an offer answered, soon or after a while."""
    record = world.record()
    ticket: list[str] = []

    def offer() -> None:
        decision = world.agent("sales").offer(record, price=7, was={"price": None}, ttl="30m", action="work")
        ticket.append(decision.ticket or "")

    world.at(at, offer)
    world.at(at + world.chance.uniform(20, 950), lambda: world.agent("finance").accept(ticket[0]))


def _cascading(world: World, at: float) -> None:
    """Have one thing lead to another, and end in time."""
    last: list[str] = []

    def step(number: int) -> None:
        terms = {"cause": last[-1]} if last else {}
        last.extend(world.change(AGENTS[number % 5], f"customer/c{number}", f"x{at}", **terms).events[:1])

    world.steps(at, 5, (1, 10), step)


def _notified(world: World, at: float) -> None:
    """Have each of several customers notified once."""
    for number in range(5):
        record = f"customer/c{number}"
        effect = Effect("email", target=record, once=f"{at}-{number}")
        world.at(at + number, lambda e=effect: world.propose("sales", action="notify", effects=(e,)))


LIKENESSES: Final[tuple[Callable[[World, float], None], ...]] = (
    _corrected,
    _counted,
    _toggled,
    _contended,
    _answered,
    _cascading,
    _notified,
)
