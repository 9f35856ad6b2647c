"""The desk: what commutes and needs no read, and what is done under a lease, with a place in line."""

from __future__ import annotations

from collections.abc import Sequence

from comity.errors import Refused
from comity.testing.simulation.agents.acting import LOOKS, Actor, Task
from comity.testing.simulation.scheduling import Script
from comity.workspace import Intent
from comity.workspace.leasing import Lease


class Desk(Actor):
    """Count visits, keep tags and journals, and rename customers one at a time."""

    def tasks(self) -> Sequence[Task]:
        """Return what the desk does."""
        return self.tally, self.tally, self.tag, self.log, self.rename, self.rename, self.take_turns

    def tally(self) -> Script:
        """Count a visit."""
        yield self.think(0, 1)
        self.agent.add(self.customer(), visits=1, action="tally")

    def tag(self) -> Script:
        """Put a tag on a customer, or take one off."""
        customer, tag = self.customer(), f"tag {self.number() % 4}"
        yield self.think(0, 3)
        change = self.agent.include if self.chance.random() < 0.6 else self.agent.exclude
        change(customer, tags=[tag], action="tally")

    def log(self) -> Script:
        """Write into a customer's journal."""
        yield self.think(0, 1)
        self.agent.append(self.customer(), journal=[f"entry {self.number()}"], action="tally")

    def rename(self) -> Script:
        """Rename a customer under a lease; who thinks for too long holds it no longer, and writes all the same."""
        customer = self.customer()
        lease = self.agent.lease(
            customer,
            ttl="15s",
            wait="60s",
            fields=("name",) if self.chance.random() < 0.3 else (),
            priority=1 if self.chance.random() < 0.2 else 0,
        )
        yield from self._take(lease)
        if not lease.is_held:
            return
        intent = lease.intent("tally", about=customer)
        intent.get(customer, "name")
        yield self.think(1, 25)
        if self.chance.random() < 0.3:
            lease.renew("20s")
            yield self.think(1, 10)
        intent.set(customer, name=f"Name {self.number()}")
        yield from self.propose(intent)
        yield self.think(0, 2)
        lease.release()

    def _take(self, lease: Lease) -> Script:
        """Stand in line until the turn comes, or give the place up."""
        for _ in range(LOOKS):
            if lease.join().state == "held":
                return
            yield self.think(1, 5)
        lease.release()

    def take_turns(self) -> Script:
        """Announce that nobody else should act on a customer, and act when it is one's turn."""
        customer = self.customer()
        intent = self.agent.intent("tally", about=customer)
        intent.announce(plan="to rename it", ttl="60s", exclusive=True)
        try:
            yield from self._act_in_turn(intent, customer)
        except Refused:
            intent.withdraw()

    def _act_in_turn(self, intent: Intent, customer: str) -> Script:
        for _ in range(LOOKS):
            if intent.wait_for_turn(0):
                break
            yield self.think(1, 5)
        else:
            intent.withdraw()
            return
        intent.get(customer, "name")
        yield self.think(1, 10)
        intent.set(customer, name=f"Turn {self.number()}")
        decision = intent.propose()
        if not decision.is_committed:
            intent.withdraw()
