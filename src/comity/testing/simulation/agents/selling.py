"""Sales: upsells with e-mails, prices, offers; and at times a write that isn't theirs, or that looks at nothing."""

from __future__ import annotations

from collections.abc import Sequence

from comity.testing.simulation.agents.acting import Actor, Task
from comity.testing.simulation.scheduling import Script


class Sales(Actor):
    """Sell."""

    def tasks(self) -> Sequence[Task]:
        """Return what sales do."""
        often = (self.upsell, self.upsell, self.upsell, self.upsell)
        return *often, self.price, self.offer, self.overwrite, self.trespass, self.renew, self.renew

    def upsell(self) -> Script:
        """Write to a customer who is doing well, at times with a plan that others can see."""
        customer = self.customer()
        intent = self.agent.intent("send_upsell", about=customer, announce=self.chance.random() < 0.3)
        acme = intent.get(customer)
        status, _ = acme.status, acme.campaign
        yield self.think(1, 15)
        if status != "active":
            intent.withdraw()
            return
        intent.set(customer, campaign=f"campaign {self.number()}")
        once = "this week" if self.chance.random() < 0.5 else None
        intent.effect("email", customer, subject=f"Letter {self.number()}", once=once)
        yield from self.propose(intent)

    def price(self) -> Script:
        """Change a contract; a large one needs an approval."""
        customer = self.customer()
        intent = self.agent.intent("price", about=customer)
        contract = intent.get(customer, "contract").contract or 0
        yield self.think(1, 10)
        large = 900 if self.chance.random() < 0.4 else 0
        intent.set(customer, contract=contract % 500 + self.chance.randrange(1, 200) + large)
        yield from self.propose(intent)

    def offer(self) -> Script:
        """Offer support to change what is theirs."""
        customer = self.customer()
        health = self.agent.get(customer).health
        yield self.think(1, 8)
        worse = "poor" if health == "good" else "good"
        decision = self.agent.offer(customer, health=worse, was={"health": health}, ttl="60s", action="hand_over")
        yield from self.wait_for(decision)

    def renew(self) -> Script:
        """Have a contract renewed, step by step, and at times think better of it."""
        number, customer = f"r{self.number()}", self.customer().partition("/")[2]
        run = self.agent.start("renew", customer=customer, number=number, key=number)
        yield self.think(2, 20)
        if self.chance.random() < 0.2:
            run.cancel(reason="not now")

    def overwrite(self) -> Script:
        """Write without a look at what is there."""
        yield self.think(0, 2)
        self.agent.set(self.customer(), campaign=f"blind {self.number()}", action="price")

    def trespass(self) -> Script:
        """Write what belongs to others."""
        customer = self.customer()
        intent = self.agent.intent("price", about=customer)
        intent.get(customer, "roadmap")
        yield self.think(0, 4)
        intent.set(customer, roadmap=f"sales say {self.number()}")
        yield from self.propose(intent)
