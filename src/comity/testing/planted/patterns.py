"""The patterns that are planted, each a little different every time, labelled as a person would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from comity.model.proposals import Add, Effect, Set
from comity.testing.planted.world import AGENTS, World


def _lost_update(world: World, at: float) -> None:
    """Have several agents write again and again over what others have changed."""
    record, agents = world.record(), world.others()
    many = world.chance.randint(4, 20)
    world.at(at, lambda: world.change(agents[0], record, "b"))
    last = world.steps(at + 1, many, (2, 150), lambda n: world.stale(agents[n % 3], record))
    world.plant("lost_update", record, at, last)


def _ping_pong(world: World, at: float) -> None:
    """Have two agents set a value back and forth."""
    record, (one, other) = world.record(), world.others()[:2]
    many = world.chance.randint(3, 14)
    gap = world.chance.choice((5.0, 30.0, 120.0, 240.0))
    last = world.steps(
        at, many, (gap, 1.6 * gap), lambda n: world.change((one, other)[n % 2], record, "ba"[n % 2], "note")
    )
    world.plant("ping_pong", f"{record}.note", at, last)


def _repeated_effect(world: World, at: float) -> None:
    """Have an effect wanted by agents who don't know that it is wanted already."""
    record, agents = world.record(), world.others()
    effect = Effect("email", target=record, once=f"welcome-{round(at)}")
    many = world.chance.randint(3, 6)
    last = world.steps(at, many, (1, 600), lambda n: world.propose(agents[n % 5], action="notify", effects=(effect,)))
    world.plant("repeated_effect", f"email {record}", at, last)


def _stuck_pending(world: World, at: float) -> None:
    """Have an offer that nobody answers for most of its life, if at all."""
    record = world.record()

    def offer() -> None:
        ttl = world.chance.choice((10, 20))
        decision = world.agent("sales").offer(record, price=9, was={"price": None}, ttl=f"{ttl}m", action="work")
        ticket = decision.ticket or ""
        world.plant("stuck_pending", ticket, at, at + ttl * 60)
        if world.chance.random() < 0.5:
            world.at(at + ttl * 60 * world.chance.uniform(0.45, 0.95), lambda: world.agent("finance").accept(ticket))

    world.at(at, offer)


def _blind_write(world: World, at: float) -> None:
    """Have an agent write without ever reading."""
    agent, record = world.chance.choice(AGENTS), world.record()
    many = world.chance.randint(4, 12)
    last = world.steps(
        at, many, (20, 700), lambda n: world.propose(agent, Set(f"customer/c{n}", {"note": f"{record}"}))
    )
    world.plant("blind_write", agent, at, last)


def _hot_record(world: World, at: float) -> None:
    """Have everybody at one record."""
    record = world.record()
    many = world.chance.randint(50, 160)
    last = world.steps(at, many, (0.05, 0.8), lambda n: world.propose(AGENTS[n % 5], Add(record, {"count": 1})))
    world.plant("hot_record", record, at, last)


def _starvation(world: World, at: float) -> None:
    """Have a slow agent refused again and again while others get through; its tries are lost updates too."""
    record, (slow, *quick) = world.record(), world.others()
    many = world.chance.randint(7, 18)

    def turn(number: int) -> None:
        world.change(quick[number % 4], record, f"q{number}")
        world.stale(slow, record)

    last = world.steps(at, many, (5, 40), turn)
    world.plant("starvation", f"{slow} on {record}", at, last)
    world.plant("lost_update", record, at, last)


def _plan_not_kept(world: World, at: float) -> None:
    """Have an agent announce one thing and do another."""
    agent, announced, other = world.chance.choice(AGENTS), world.record(), world.record()
    is_action = world.chance.random() < 0.5

    def act() -> None:
        intent = world.announce(agent, announced)
        record, action = (announced, "other") if is_action else (other, "work")
        world.change(agent, record, "z", intent=intent, action=action)

    world.at(at, act)
    world.plant("plan_not_kept", agent, at - 1, at + 1)


def _silent_intent(world: World, at: float) -> None:
    """Have an agent announce again and again what it doesn't do."""
    agent = world.chance.choice(AGENTS)
    many = world.chance.randint(2, 7)
    last = world.steps(at, many, (60, 700), lambda n: world.announce(agent, f"customer/c{n}", ttl="2m"))
    world.plant("silent_intent", agent, at, last + 180)


def _cascade_depth(world: World, at: float) -> None:
    """Have one thing lead to another without end."""
    last: list[str] = []

    def step(number: int) -> None:
        terms = {"cause": last[-1]} if last else {}
        agent = AGENTS[number % 5]
        made = world.change(agent, f"customer/c{number}", f"y{at}", **terms)
        last.extend(made.events[:1])
        if not made.is_committed:
            world.plant("cascade_depth", agent, at, at + 200)

    world.steps(at, 10, (1, 10), step)


def _cascade_loop(world: World, at: float) -> None:
    """Have two agents react to each other on one record without end."""
    record, pair = world.record(), world.others()[:2]
    last: list[str] = []

    def step(number: int) -> None:
        terms = {"cause": last[-1]} if last else {}
        last.extend(world.change(pair[number % 2], record, f"l{number}", **terms).events[:1])

    end = world.steps(at, 6, (1, 10), step)
    world.plant("cascade_loop", record, at, end)


def _failing_expression(world: World, at: float) -> None:
    """Have a rule meet a value that it can't be judged on."""
    record = world.record()
    world.at(at + 1, lambda: world.change("sales", record, 0, "parts"))
    many = world.chance.randint(2, 6)
    last = world.steps(at + 2, many, (5, 60), lambda n: world.change("research", record, f"f{n}"))
    world.plant("failing_expression", "rule.shares", at, last)


PATTERNS: Final[tuple[Callable[[World, float], None], ...]] = (
    _lost_update,
    _ping_pong,
    _repeated_effect,
    _stuck_pending,
    _blind_write,
    _hot_record,
    _starvation,
    _plan_not_kept,
    _silent_intent,
    _cascade_depth,
    _cascade_loop,
    _failing_expression,
)
