"""Coordinated commits: ownership, freshness of three reads, a guard, a named event, hash, id; durable."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import comity
from bench.by_hand import ByHand, Stale
from bench.measuring import (
    Pair,
    Row,
    Sample,
    Sizes,
    Work,
    alternate,
    latency_rows,
    median,
    rate_row,
    run_tasks,
    run_threads,
)
from bench.scene import OTHER, Scene, scene

AIMS = {"1 thread": 0.8, "64 threads": 2.0, "64 async tasks": 3.0}
P99_AIM = 20.0
"""The hand-written p99 at 64, as a multiple of ours."""
LEAST_SHARE_AIM = 0.8
REASON = "bench"


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows for each number of threads, and for tasks of one event loop."""
    for callers in sizes.callers:
        with scene(folder / f"threads-{callers}", max(sizes.records, callers)) as place:
            pairs = _against_threads(place, callers, sizes, partial(_threads, place, callers, sizes.seconds))
        yield from rows_of(f"{callers} thread{'s' if callers > 1 else ''}", pairs, callers)
    with scene(folder / "tasks", max(sizes.records, sizes.tasks)) as place:
        pairs = _against_threads(place, sizes.tasks, sizes, partial(_tasks, place, sizes.tasks, sizes.seconds))
    yield from rows_of(f"{sizes.tasks} async tasks", pairs, sizes.tasks)


def rows_of(cell: str, pairs: Sequence[Pair], callers: int) -> Iterator[Row]:
    """Yield what pairs of samples come to."""
    yield rate_row("commit", cell, pairs, AIMS.get(cell))
    yield from latency_rows("commit", cell, pairs, P99_AIM if callers >= 64 else None)
    ours, hand = [pair.ours for pair in pairs], [pair.baseline for pair in pairs]
    cpu = [pair.baseline.cpu_us / pair.ours.cpu_us for pair in pairs]
    yield Row(
        "commit, CPU", cell, median([s.cpu_us for s in ours]), median([s.cpu_us for s in hand]), "µs CPU", median(cpu)
    )
    if callers > 1:
        yield _share_row("commit, the least served", cell, [s.least_share for s in ours], [s.least_share for s in hand])
        most = [s.most_share for s in ours]
        yield Row(
            "commit, the most served", cell, median(most), median([s.most_share for s in hand]), "of a fair share",
            median([1 / share for share in most]), aim=1 / 1.2,
        )  # fmt: skip


def _share_row(what: str, cell: str, ours: list[float], hand: list[float]) -> Row:
    """Return the comparison of the least share with a fair one: the ratio is the share itself."""
    share = median(ours)
    return Row(what, cell, share, median(hand), "of a fair share", share, aim=LEAST_SHARE_AIM)


def _against_threads(place: Scene, callers: int, sizes: Sizes, ours: Callable[[], Sample]) -> list[Pair]:
    with ExitStack() as stack:
        connections = [place.by_hand() for _ in range(callers)]
        for connection in connections:
            stack.callback(connection.close)
        works = [_hand_work(connection, number, callers, place) for number, connection in enumerate(connections)]
        return alternate(sizes.rounds, ours, lambda: run_threads(works, sizes.seconds))


# -- the job, ours


def _threads(place: Scene, callers: int, seconds: float) -> Sample:
    agent = place.workspace.agent("support")
    return run_threads([_work(agent, number, callers, place) for number in range(callers)], seconds)


def _work(agent: comity.Agent, number: int, callers: int, place: Scene) -> Work:
    customers = _customers(number, callers, place)

    return lambda: review(agent, customers)


def review(agent: comity.Agent, customers: Iterator[int]) -> None:
    """Do one whole job: read three records of the next customer, and change one of them."""
    key = next(customers)
    with agent.intent("review", about=f"customer/{key}", reason=REASON) as intent:
        customer = intent.get(f"customer/{key}")
        account, plan = intent.get(f"account/{key}"), intent.get(f"plan/{key}")
        if customer.name and account.tier and plan.open:
            customer.status = OTHER[customer.status]


def _tasks(place: Scene, callers: int, seconds: float) -> Sample:
    agent = place.workspace.async_agent("support")
    return run_tasks([_async_work(agent, number, callers, place) for number in range(callers)], seconds)


def _async_work(agent: comity.AsyncAgent, number: int, callers: int, place: Scene) -> Callable[[], Awaitable[None]]:
    customers = _customers(number, callers, place)

    async def work() -> None:
        key = next(customers)
        async with agent.intent("review", about=f"customer/{key}", reason=REASON) as intent:
            customer = await intent.get(f"customer/{key}")
            account, plan = await intent.get(f"account/{key}"), await intent.get(f"plan/{key}")
            if customer.name and account.tier and plan.open:
                customer.status = OTHER[customer.status]

    return work


def _customers(number: int, callers: int, place: Scene) -> Iterator[int]:
    """Yield a caller's own customers, for ever: nobody gets in another's way, so that only the path is measured."""
    return itertools.cycle(range(number, place.count, callers))


# -- the job, by hand


def _hand_work(connection: ByHand, number: int, callers: int, place: Scene) -> Work:
    customers = _customers(number, callers, place)

    def work() -> None:
        key = next(customers)
        while not _try_by_hand(connection, key):
            connection.retries += 1

    return work


def _try_by_hand(connection: ByHand, key: int) -> bool:
    ref = f"customer/{key}"
    version, customer = connection.get(ref)
    account_version, account = connection.get(f"account/{key}")
    plan_version, plan = connection.get(f"plan/{key}")
    if not (customer["name"] and account["tier"] and plan["open"]):
        return True
    reads = {ref: version, f"account/{key}": account_version, f"plan/{key}": plan_version}
    status = OTHER[customer["status"]]
    try:
        connection.commit("support", reads, ref, "status", status, _churned_is_final, "StatusChanged", REASON)
    except Stale:
        return False
    return True


def _churned_is_final(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return before["status"] != "churned" or after["status"] == "churned"
