"""The scene of most benchmarks: customers with their accounts and plans, in Comity and by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import comity
from bench.by_hand import ByHand

DEFINITION = """
name = "bench"
undeclared = "allow"

[agents]
sales   = { role = "sales" }
support = { role = "support" }

[kinds.customer]
owner = ["sales", "support"]

[kinds.customer.fields]
name    = { type = "string", required = true, owner = "sales" }
status  = { enum = ["active", "at_risk", "churned"], owner = ["sales", "support"], event = "StatusChanged" }
health  = { enum = ["good", "bad"], owner = "support" }
value   = { type = "number", minimum = 0, owner = "sales" }
account = { type = "string", owner = "sales" }

[[kinds.customer.guards]]
name  = "churned is final"
check = "before.status != 'churned' || after.status == 'churned'"

[kinds.account]
owner = "sales"
fields.tier = { enum = ["basic", "gold"] }

[kinds.plan]
owner = "sales"
fields.open = { type = "boolean" }
"""
OWNERS = [
    ("customer", "name", "sales"),
    ("customer", "status", "sales"),
    ("customer", "status", "support"),
    ("customer", "health", "support"),
    ("customer", "value", "sales"),
    ("customer", "account", "sales"),
    ("account", "tier", "sales"),
    ("plan", "open", "sales"),
]
OTHER = {"active": "at_risk", "at_risk": "active"}


def records_of(count: int) -> dict[str, dict[str, Any]]:
    """Return that many customers, each with an account and a plan."""
    records: dict[str, dict[str, Any]] = {}
    for number in range(count):
        name = f"Customer {number}"
        records[f"customer/{number}"] = {"name": name, "status": "active", "value": number, "account": str(number)}
        records[f"account/{number}"] = {"tier": "gold" if number % 3 else "basic"}
        records[f"plan/{number}"] = {"open": True}
    return records


class Scene:
    """Hold both bases, with the same records."""

    def __init__(self, folder: Path, workspace: comity.Workspace, count: int) -> None:
        self.folder = folder
        self.workspace = workspace
        self.count = count

    def by_hand(self) -> ByHand:
        """Return a new connection to the hand-written base."""
        return ByHand(self.folder / "by_hand.db")


@contextmanager
def scene(folder: Path, count: int) -> Generator[Scene]:
    """Open both bases in a folder, filled."""
    folder.mkdir(parents=True)
    (folder / "comity.toml").write_text(DEFINITION, encoding="utf-8")
    records = records_of(count)
    by_hand = ByHand(folder / "by_hand.db")
    by_hand.prepare(records, OWNERS)
    by_hand.close()
    with comity.open(folder / "comity.db", definition=folder / "comity.toml") as workspace:
        asyncio.run(_fill(workspace, records))
        yield Scene(folder, workspace, count)


async def _fill(workspace: comity.Workspace, records: dict[str, dict[str, Any]]) -> None:
    sales = workspace.async_agent("sales")
    await asyncio.gather(*[sales.create(ref, fields) for ref, fields in records.items()])
