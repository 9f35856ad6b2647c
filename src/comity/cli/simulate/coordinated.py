"""The worlds with Comity: one definition, of which each world declares one part more than the one before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

import comity
from comity.cli.simulate.acts import Ending, State
from comity.cli.simulate.agents import AGENTS, OWNERS
from comity.clock import Clock
from comity.coordination.deliveries import Delivery
from comity.model.ids import Entropy
from comity.store.sqlite import SqliteStore
from comity.verbs.engine import Engine

Pattern = Literal["field reads", "ownership", "guards", "rules", "effect gate"]
PATTERNS: Final[tuple[Pattern, ...]] = ("field reads", "ownership", "guards", "rules", "effect gate")
HOLD_S: Final = 5

_AGENTS: Final = "\n".join(f'{name} = {{ role = "{role}" }}' for name, role in AGENTS.items())
_FIELDS: Final = {
    "status": 'enum = ["active", "at_risk"], default = "active"',
    "campaign": 'type = "string", default = ""',
    "contract": 'type = "integer", default = 0',
    "open_tickets": 'type = "integer", default = 0',
    "visits": 'type = "integer", default = 0',
    "roadmap": 'type = "string", default = ""',
}
_GUARDS: Final = """
[[kinds.customer.guards]]
name  = "a contract is worth something"
check = "after.contract >= 0"

[[kinds.customer.guards]]
name  = "tickets are counted"
check = "after.open_tickets >= 0"
"""
_RULES: Final = """
[[rules]]
name  = "support goes first"
when  = "action.name == 'send_upsell' && customer.open_tickets > 0"
then  = "defer"
to    = "support"
until = "customer.open_tickets == 0"
why   = "Support has an open ticket with this customer."
"""
_GATE: Final = f"""
[effects.email]
kind  = "customer"
hold  = "{HOLD_S}s"
still = "customer.status == 'active' && customer.open_tickets == 0"
"""


def definition(pattern: Pattern) -> str:
    """Return what a world declares: everything up to a pattern."""
    has = PATTERNS[: PATTERNS.index(pattern) + 1]
    fields = "\n".join(_field(name, terms, is_owned="ownership" in has) for name, terms in _FIELDS.items())
    parts = [
        f"[agents]\n{_AGENTS}\n\n[kinds.customer.fields]\n{fields}\n\n[kinds.request.fields]",
        'customer = { ref = "customer" }' if "guards" in has else 'customer = { type = "string" }',
        'title = { type = "string" }',
        _GUARDS if "guards" in has else "",
        _RULES if "rules" in has else "",
        _GATE if "effect gate" in has else "",
    ]
    return "\n".join(parts)


def _field(name: str, terms: str, *, is_owned: bool) -> str:
    owners = OWNERS.get(name) if is_owned else None
    owned = f", owner = {list(owners)}".replace("'", '"') if owners else ""
    return f"{name} = {{ {terms}{owned} }}"


class CoordinatedWorld:
    """Be a world on Comity."""

    def __init__(
        self, folder: Path, pattern: Pattern, clock: Clock, entropy: Entropy, post: Callable[[str], None]
    ) -> None:
        self.name = pattern
        self.has_gate = pattern == "effect gate"
        self.post = post
        stem = pattern.replace(" ", "-")
        source = folder / f"{stem}.toml"
        source.write_text(definition(pattern), encoding="utf-8")
        store = SqliteStore.open(str(folder / f"{stem}.db"), clock=clock, entropy=entropy)
        self._engine = Engine(store, stem, clock, entropy)
        self.workspace = comity.Workspace(self._engine)
        self.workspace.settle(source)
        if self.has_gate:
            self._engine.outbox.handle("email", self._deliver)
            self._engine.outbox.start_with(lambda name, work: work())

    def _deliver(self, delivery: Delivery) -> None:
        self.post(delivery.target or "")

    def desk(self, agent: str, role: str, action: str) -> CoordinatedDesk:
        """Return a desk for one action."""
        return CoordinatedDesk(self, self.workspace.agent(agent), action)

    def state(self, record: str) -> State:
        """Return a record as it is."""
        found = self.workspace.get(record)
        return dict(found) if found.exists else None

    def tick(self) -> None:
        """Do duties: release the letters whose time has come."""
        if self.has_gate:
            self._engine.duties.run()

    def close(self) -> None:
        """Close the workspace."""
        self.workspace.close()


class CoordinatedDesk:
    """Be a desk with an intent."""

    def __init__(self, world: CoordinatedWorld, agent: comity.Agent, action: str) -> None:
        self._world = world
        self._intent = agent.intent(action)
        self._letters: list[str] = []
        self._changes: list[Callable[[], None]] = []

    def look(self, record: str, *fields: str) -> dict[str, Any] | None:
        """Return the fields named: what is used of the record counts as read, that it exists in any case."""
        found = self._intent.get(record)
        return {name: found[name] for name in fields} if found.exists else None

    def customers(self) -> list[str]:
        """Return the customers that there are."""
        return [record.ref for record in self._world.workspace.find("customer", order="$id", limit=1_000)]

    def set(self, record: str, **fields: Any) -> None:
        """Mean to set fields."""
        self._changes.append(lambda: self._intent.set(record, fields))

    def add(self, record: str, **fields: int) -> None:
        """Mean to add to numbers."""
        self._changes.append(lambda: self._intent.add(record, fields))

    def create(self, record: str, **fields: Any) -> None:
        """Mean to make a record."""
        self._changes.append(lambda: self._intent.create(record, fields))

    def delete(self, record: str) -> None:
        """Mean to delete a record."""
        self._changes.append(lambda: self._intent.delete(record))

    def write_to(self, customer: str) -> None:
        """Want a letter sent: by the commit itself where there is a gate, else by the agent once it has committed."""
        if self._world.has_gate:
            self._changes.append(lambda: self._intent.effect("email", customer))
        else:
            self._letters.append(customer)

    def finish(self) -> Ending:
        """Propose it."""
        for change in self._changes:
            change()
        decision = self._intent.propose()
        if not decision.is_committed:
            return "conflict" if decision.is_conflict else "refused"
        for customer in self._letters:
            self._world.post(customer)
        return "done"
