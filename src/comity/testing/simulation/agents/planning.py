"""Product: plans that wait until a customer is well again, requests that refer to customers, tidying up."""

from __future__ import annotations

from collections.abc import Sequence

from comity.testing.simulation.agents.acting import Actor, Task
from comity.testing.simulation.scheduling import Script


class Product(Actor):
    """Plan."""

    def tasks(self) -> Sequence[Task]:
        """Return what product does."""
        return self.plan, self.plan, self.plan, self.plan, self.file, self.tidy

    def plan(self) -> Script:
        """Change a roadmap, in line behind those who wait for the customer to be well again."""
        customer = self.customer()
        priority = 1 if self.chance.random() < 0.2 else 0
        intent = self.agent.intent("plan_feature", about=customer, priority=priority, if_held="queue")
        intent.get(customer, "roadmap")
        yield self.think(0.5, 6)
        intent.set(customer, roadmap=f"plan {self.number()}")
        yield from self.propose(intent)

    def file(self) -> Script:
        """File a request for a customer that is there."""
        intent = self.agent.intent("file_request")
        found = intent.find("customer", health="good")
        yield self.think(1, 8)
        if not found:
            intent.withdraw()
            return
        id = f"request/{self.number()}"
        intent.create(id, customer=found[0].id, title=f"Wish {self.number()}")
        yield from self.propose(intent)

    def tidy(self) -> Script:
        """Delete the oldest request."""
        intent = self.agent.intent("tidy")
        found = intent.find("request", limit=1)
        yield self.think(1, 8)
        if not found:
            intent.withdraw()
            return
        intent.delete(found[0].ref)
        yield from self.propose(intent)
