"""What the agents do: the same code in every world.

An agent looks, thinks for a while, and acts on what it has seen. If what it relied on has
moved, it thinks again; whatever else stands in its way, it lets be.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from typing import Final

import msgspec

from comity.cli.simulate.acts import Desk, Ending

CUSTOMERS: Final = 8
ATTEMPTS: Final = 4
"""How often an agent thinks about one action at most."""

Task = Callable[[Desk, str, random.Random], Generator[float, None, bool]]
"""Be an action: each yield is a time to think in seconds; it returns whether there is anything to do."""


class Job(msgspec.Struct, frozen=True):
    """Be a sort of action: what it is called, how often it comes up, and how it is done."""

    action: str
    weight: int
    task: Task


def think(chance: random.Random) -> float:
    """Return how long a model runs."""
    return chance.uniform(2, 12)


def upsell(desk: Desk, customer: str, chance: random.Random) -> Generator[float, None, bool]:
    """Write to a customer who does well."""
    seen = desk.look(customer, "status", "campaign")
    yield think(chance)
    if seen is None or seen["status"] != "active":
        return False
    desk.set(customer, campaign=f"campaign {chance.randrange(10_000)}")
    desk.write_to(customer)
    return True


def reprice(desk: Desk, customer: str, chance: random.Random) -> Generator[float, None, bool]:
    """Raise what a customer pays."""
    seen = desk.look(customer, "contract")
    yield think(chance)
    if seen is None:
        return False
    desk.set(customer, contract=seen["contract"] + chance.randrange(1, 50))
    return True


def close_account(desk: Desk, customer: str, chance: random.Random) -> Generator[float, None, bool]:
    """Delete a customer with whom nothing is going on, and open the account of the next."""
    seen = desk.look(customer, "status", "open_tickets")
    yield think(chance)
    if seen is None or seen["open_tickets"] or seen["status"] != "active":
        return False
    desk.delete(customer)
    desk.create(f"customer/c{chance.randrange(10**9)}", **NEW)
    return True


def escalate(desk: Desk, customer: str, chance: random.Random) -> Generator[float, None, bool]:
    """Open a ticket for a customer in trouble."""
    seen = desk.look(customer, "status")
    yield think(chance) / 4
    if seen is None:
        return False
    desk.add(customer, open_tickets=1)
    if seen["status"] == "active":
        desk.set(customer, status="at_risk")
    return True


def take_call(desk: Desk, customer: str, chance: random.Random) -> Generator[float, None, bool]:
    """Open a ticket for a customer who only has a question."""
    if desk.look(customer) is None:
        return False
    yield think(chance) / 4
    desk.add(customer, open_tickets=1, visits=1)
    return True


def resolve(desk: Desk, customer: str, chance: random.Random) -> Generator[float, None, bool]:
    """Close a customer's tickets."""
    seen = desk.look(customer, "status", "open_tickets")
    yield think(chance)
    if seen is None or not seen["open_tickets"]:
        return False
    desk.set(customer, open_tickets=0, status="active")
    return True


def count_visit(desk: Desk, customer: str, chance: random.Random) -> Generator[float, None, bool]:
    """Count that a customer came by."""
    if desk.look(customer) is None:
        return False
    yield think(chance) / 4
    desk.add(customer, visits=1)
    return True


def file_request(desk: Desk, customer: str, chance: random.Random) -> Generator[float, None, bool]:
    """File what a customer wishes for."""
    if desk.look(customer) is None:
        return False
    yield think(chance)
    desk.create(f"request/r{chance.randrange(10**9)}", customer=customer.partition("/")[2], title="a wish")
    return True


def plan(desk: Desk, customer: str, chance: random.Random) -> Generator[float, None, bool]:
    """Plan what a customer gets next, as long as there is no crisis."""
    seen = desk.look(customer, "status", "roadmap")
    yield think(chance)
    if seen is None or seen["status"] != "active":
        return False
    desk.set(customer, roadmap=f"plan {chance.randrange(10_000)}")
    return True


def overstep(desk: Desk, customer: str, chance: random.Random) -> Generator[float, None, bool]:
    """Do somebody else's work: as models do, whatever their instructions say."""
    seen = desk.look(customer, "contract", "status")
    yield think(chance)
    if seen is None:
        return False
    desk.set(customer, contract=seen["contract"] // 2)
    return True


NEW: Final = {"campaign": "", "contract": 100}
"""What sales say of a new customer; the rest has its defaults."""

OWNERS: Final = {
    "status": ("support",),
    "open_tickets": ("support",),
    "campaign": ("sales",),
    "contract": ("sales",),
    "roadmap": ("product",),
}
"""Whose each field of a customer is. What isn't named is everybody's."""

JOBS: Final[dict[str, tuple[Job, ...]]] = {
    "sales": (
        Job("send_upsell", 6, upsell),
        Job("reprice", 3, reprice),
        Job("close_account", 1, close_account),
    ),
    "support": (
        Job("escalate", 2, escalate),
        Job("take_call", 3, take_call),
        Job("resolve", 4, resolve),
        Job("count_visit", 2, count_visit),
    ),
    "product": (
        Job("file_request", 4, file_request),
        Job("plan_feature", 4, plan),
        Job("count_visit", 1, count_visit),
        Job("overstep", 2, overstep),
    ),
}
AGENTS: Final = {f"{role}_{number}": role for role in JOBS for number in range(1, 6)}


def attempts(
    make_desk: Callable[[], Desk], job: Job, customer: str, chance: random.Random
) -> Generator[float, None, Ending | None]:
    """Do one action, thinking again if what it relied on has moved; return how it ended, None for nothing to do."""
    for _ in range(ATTEMPTS):
        desk = make_desk()
        is_to_act = yield from job.task(desk, customer, chance)
        if not is_to_act:
            return None
        ending = desk.finish()
        if ending != "conflict":
            return ending
    return "conflict"
