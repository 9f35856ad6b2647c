"""Support: escalations and their end, care, answers to offers."""

from __future__ import annotations

from collections.abc import Sequence

from comity.testing.simulation.agents.acting import Actor, Task
from comity.testing.simulation.scheduling import Script


class Support(Actor):
    """Help."""

    def tasks(self) -> Sequence[Task]:
        """Return what support does."""
        return (
            self.escalate,
            self.resolve,
            self.resolve,
            self.care,
            self.answer,
            self.answer,
            self.do_task,
            self.do_task,
        )

    def escalate(self) -> Script:
        """Open a ticket, after which the customer is at risk."""
        customer = self.customer()
        intent = self.agent.intent("escalate", about=customer)
        intent.get(customer, "status", "health")
        yield self.think(0.5, 6)
        intent.set(customer, status="at_risk", health="poor")
        intent.add(customer, open_tickets=1)
        yield from self.propose(intent)

    def resolve(self) -> Script:
        """Close all tickets of a customer, who is fine again."""
        customer = self.customer()
        intent = self.agent.intent("resolve", about=customer, announce=self.chance.random() < 0.2)
        acme = intent.get(customer)
        tickets, status, _ = acme.open_tickets, acme.status, acme.health
        yield self.think(0.5, 6)
        if not tickets and status == "active":
            intent.withdraw()
            return
        intent.set(customer, status="active", health="good", open_tickets=0)
        yield from self.propose(intent)

    def care(self) -> Script:
        """See how a customer is, and note it."""
        customer = self.customer()
        intent = self.agent.intent("care", about=customer)
        health = intent.get(customer, "health").health
        yield self.think(1, 8)
        intent.set(customer, health="poor" if health == "good" else "good")
        yield from self.propose(intent)

    def do_task(self) -> Script:
        """Do the oldest task that a workflow has given."""
        tasks = self.agent.tasks().tasks
        if not tasks:
            return
        yield self.think(1, 8)
        if self.chance.random() < 0.8:
            self.agent.finish_task(tasks[0], answer="they stay")
        else:
            self.agent.fail_task(tasks[0], answer="they leave")

    def answer(self) -> Script:
        """Answer the oldest offer."""
        offers = self.agent.offers(to="support").tickets
        if not offers:
            return
        yield self.think(1, 10)
        if self.chance.random() < 0.7:
            self.agent.accept(offers[0].ticket)
        else:
            self.agent.decline(offers[0].ticket, "not now")
