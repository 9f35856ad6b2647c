"""The queue: a thousand proposals wait for one condition; how fast they go once it holds.

By hand it is a table of what waits, and a worker that takes the head of the line, looks
whether the condition still holds, makes the change and takes it out, in a transaction each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

import comity
from bench.by_hand import ByHand
from bench.measuring import Pair, Row, Sample, Sizes, rate_row
from comity.model.proposals import Append, Proposal

ROUNDS: Final = 3
"""Enough, as each has a thousand releases, and a queue to fill before."""
BATCH: Final = 50
"""How many come at a time."""
DEFINITION: Final = """
[agents]
sales   = { role = "sales" }
support = { role = "support" }

[kinds.customer.fields]
campaigns    = { type = "array", items = { type = "string" } }
open_tickets = { type = "integer", default = 0 }

[actions.upsell]
kind = "outreach"
[actions.close]

[[rules]]
name  = "support goes first"
when  = "action.kind == 'outreach' && customer.open_tickets > 0"
then  = "queue"
to    = "support"
until = "customer.open_tickets == 0"
"""


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows for many who wait for one record, and for as many records."""
    folder.mkdir(parents=True)
    for cell, records in ((f"{sizes.queued} on one record", 1), (f"{sizes.queued} on as many records", sizes.queued)):
        rounds = [folder / f"{records} {number}" for number in range(min(sizes.rounds, ROUNDS))]
        pairs = [Pair(_ours(place, records, sizes), _by_hand(place, records, sizes)) for place in rounds]
        yield msgspec.structs.replace(rate_row("release of a queue", cell, pairs), p99_ratio=None)


def _ref(number: int, records: int) -> str:
    return f"customer/{number % records}"


def _ours(folder: Path, records: int, sizes: Sizes) -> Sample:
    """Return how long it takes from the condition to the last one's commit."""
    folder.mkdir()
    (folder / "comity.toml").write_text(DEFINITION, encoding="utf-8")
    with comity.open(folder / "comity.db", definition=folder / "comity.toml") as workspace:
        sales, support = workspace.agent("sales"), workspace.agent("support")
        with support.intent("close") as intent:
            for number in range(records):
                intent.create(f"customer/{number}", open_tickets=1, campaigns=[])
        waiting = [
            Proposal(id=f"p{n}", changes=(Append(_ref(n, records), {"campaigns": [f"c{n}"]}),), action="upsell")
            for n in range(sizes.queued)
        ]
        asyncio.run(_enqueue(workspace.async_agent("sales"), waiting))
        with support.intent("close") as intent:
            for number in range(records):
                intent.get(f"customer/{number}").set(open_tickets=0)
        begun, cpu = time.perf_counter(), time.process_time()
        while queued := workspace.queue(limit=1).queued:
            sales.wait(queued[0], "60s")
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        done = sum(len(workspace.get(f"customer/{number}").campaigns or ()) for number in range(records))
    if done != sizes.queued:
        raise RuntimeError(f"{sizes.queued - done} of {sizes.queued} are lost")
    return Sample(((seconds / done,) * done,), (done,), seconds, cpu)


async def _enqueue(sales: comity.AsyncAgent, waiting: Sequence[Proposal]) -> None:
    """Have proposals wait, in their order."""
    for start in range(0, len(waiting), BATCH):
        await asyncio.gather(*map(sales.propose, waiting[start : start + BATCH]))


# -- by hand


def _by_hand(folder: Path, records: int, sizes: Sizes) -> Sample:
    hand = ByHand(folder / "by_hand.db")
    customers = {f"customer/{number}": {"open_tickets": 0, "campaigns": []} for number in range(records)}
    hand.prepare(customers, ())
    hand.enqueue([(_ref(number, records), f"c{number}") for number in range(sizes.queued)])
    begun, cpu, done = time.perf_counter(), time.process_time(), 0
    while hand.release_one(_is_over, _join):
        done += 1
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    hand.close()
    return Sample(((seconds / done,) * done,), (done,), seconds, cpu)


def _is_over(customer: dict[str, Any]) -> bool:
    return customer["open_tickets"] == 0


def _join(customer: dict[str, Any], campaign: str) -> dict[str, Any]:
    return {**customer, "campaigns": [*customer["campaigns"], campaign]}
