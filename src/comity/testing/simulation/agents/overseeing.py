"""The human: holds something still for a while, answers what waits for a person, and at times changes something."""

from __future__ import annotations

from collections.abc import Sequence

from comity.model.decisions import Decision
from comity.testing.simulation.agents.acting import Actor, Task
from comity.testing.simulation.scene import AGENTS
from comity.testing.simulation.scheduling import Script


class Human(Actor):
    """Oversee."""

    def tasks(self) -> Sequence[Task]:
        """Return what the human does."""
        return self.pin, self.pin_value, self.pause, self.freeze, self.approve, self.approve, self.approve, self.mend

    def _lift(self, override: Decision) -> Script:
        """Lift an override after a while, or leave it to expire."""
        yield self.think(5, 40)
        if self.chance.random() < 0.6:
            self.agent.lift(override, reason="done")

    def pin(self) -> Script:
        """Pin a customer, or one field."""
        field = self.chance.choice((None, "status", "campaign", "roadmap", "name"))
        yield self.think(0, 5)
        yields = "queue" if self.chance.random() < 0.3 else "refuse"
        yield from self._lift(self.agent.pin(self.customer(), field, reason="hands off", ttl="30s", yields=yields))

    def pin_value(self) -> Script:
        """Pin a customer's health to one value."""
        yield self.think(0, 5)
        value = self.chance.choice(("good", "poor"))
        yield from self._lift(self.agent.pin(self.customer(), "health", value=value, reason="so it is", ttl="30s"))

    def pause(self) -> Script:
        """Pause an agent, or a whole role."""
        whom = self.chance.choice((*AGENTS, "sales"))
        yield self.think(0, 5)
        yield from self._lift(self.agent.pause(whom, reason="take a rest", ttl="30s"))

    def freeze(self) -> Script:
        """Freeze everything, not for long."""
        yield self.think(0, 20)
        override = self.agent.freeze(reason="what is going on?", ttl="10s")
        yield self.think(1, 6)
        self.agent.lift(override, reason="nothing")

    def approve(self) -> Script:
        """Approve or deny the oldest question."""
        questions = self.agent.approvals().tickets
        if not questions:
            return
        yield self.think(1, 15)
        if self.chance.random() < 0.7:
            self.agent.approve(questions[0].ticket)
        else:
            self.agent.deny(questions[0].ticket, "too much")

    def mend(self) -> Script:
        """Change what belongs to nobody, whatever is pinned."""
        customer = self.customer()
        intent = self.agent.intent("oversee", about=customer)
        intent.get(customer, "name")
        yield self.think(1, 10)
        intent.set(customer, name=f"Mended {self.number()}")
        yield from self.propose(intent)
