"""Effects: a thousand e-mails are due; how fast they are released, delivered and told.

By hand it is a table as an outbox, and a worker that claims the next one, looks whether its
condition still holds, hands it over, and marks it as sent: a transaction before and one after each.
The receiver answers at once, so that nothing but the outbox is measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

import comity
from bench.by_hand import ByHand
from bench.measuring import Pair, Row, Sample, Sizes, rate_row
from comity.model.proposals import Effect, Proposal

ROUNDS: Final = 3
"""Enough, as each has a thousand deliveries, and an outbox to fill before."""
DEFINITION: Final = """
[agents]
sales = { role = "sales" }

[kinds.customer.fields]
status = { type = "string" }

[actions.upsell]
effects = ["email"]
[actions.care]

[effects.email]
kind  = "customer"
still = "customer.status == 'active'"
"""


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the row for many effects that are due at once, each to a customer of its own."""
    folder.mkdir(parents=True)
    rounds = [folder / str(number) for number in range(min(sizes.rounds, ROUNDS))]
    pairs = [Pair(_ours(place, sizes.queued), _by_hand(place, sizes.queued)) for place in rounds]
    row = rate_row("release and delivery of effects", f"{sizes.queued} due at once", pairs)
    yield msgspec.structs.replace(row, p99_ratio=None)


def _ours(folder: Path, count: int) -> Sample:
    folder.mkdir()
    (folder / "comity.toml").write_text(DEFINITION, encoding="utf-8")
    sent: list[str] = []
    with comity.open(folder / "comity.db", definition=folder / "comity.toml") as workspace:
        sales = workspace.agent("sales")
        with sales.intent("care") as intent:
            for number in range(count):
                intent.create(f"customer/{number}", status="active")
        for number in range(count):
            effect = Effect("email", f"customer/{number}", {"subject": "Hello"})
            sales.propose(Proposal(id=f"p{number}", effects=(effect,), action="upsell"))
        workspace.handle("email", lambda delivery: sent.append(delivery.key))
        begun, cpu = time.perf_counter(), time.process_time()
        workspace.run_effects()
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return _sample(len(set(sent)), count, seconds, cpu)


def _by_hand(folder: Path, count: int) -> Sample:
    hand = ByHand(folder / "by_hand.db")
    hand.prepare({f"customer/{number}": {"status": "active"} for number in range(count)}, ())
    hand.want([(f"customer/{number}", "Hello") for number in range(count)])
    sent: list[str] = []
    begun, cpu = time.perf_counter(), time.process_time()
    while (claimed := hand.claim_one(_is_active)) is not None:
        place, what = claimed
        sent.append(what)
        hand.finish_one(place)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    hand.close()
    return _sample(len(sent), count, seconds, cpu)


def _is_active(customer: dict[str, Any]) -> bool:
    return customer["status"] == "active"


def _sample(sent: int, count: int, seconds: float, cpu: float) -> Sample:
    if sent != count:
        raise RuntimeError(f"{count - sent} of {count} are lost")
    return Sample(((seconds / count,) * count,), (count,), seconds, cpu)
