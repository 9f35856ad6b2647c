"""What all agents share: they think, propose, wait for what is pending, and ask again what got no answer."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from comity.errors import NotCommitted, OutcomeUnknown, StoreError
from comity.model.decisions import Decision
from comity.testing.simulation.scene import CUSTOMERS
from comity.testing.simulation.scheduling import Script
from comity.testing.simulation.witness import Witness, WitnessedSession
from comity.workspace import Agent, Intent

Task = Callable[[], Script]

LOOKS: Final = 25
"""How often somebody looks after what is pending before it is left alone."""


class Actor:
    """Be one agent in one process, from its start until the process dies."""

    def __init__(self, session: WitnessedSession, witness: Witness, chance: random.Random) -> None:
        self.session = session
        self.agent = Agent(session)
        self.witness = witness
        self.chance = chance

    def tasks(self) -> Sequence[Task]:
        """Return what this role does; one that is named twice is done twice as often."""
        return ()

    def work(self) -> Script:
        """Do one thing after the other, for ever."""
        while True:
            yield self.think(1, 18)
            yield from self._ask_again()
            try:
                yield from self.chance.choice(self.tasks())()
            except (NotCommitted, StoreError, OutcomeUnknown):
                continue

    def think(self, least_s: float, most_s: float) -> float:
        """Return a time to think."""
        return self.chance.uniform(least_s, most_s)

    def customer(self) -> str:
        """Return some customer; the first are the busiest."""
        return self.chance.choice((*CUSTOMERS, CUSTOMERS[0], CUSTOMERS[0]))

    def number(self) -> int:
        """Return a number that makes a value another one each time."""
        return self.chance.randrange(1_000_000)

    def propose(self, intent: Intent) -> Script:
        """Propose an intent; where something moved, at times insist, having seen it; wait for what is pending."""
        decision = intent.propose()
        if decision.is_conflict and self.chance.random() < 0.5:
            yield self.think(1, 5)
            decision = intent.propose(accept=decision.revision)
        yield from self.wait_for(decision)

    def wait_for(self, decision: Decision) -> Script:
        """Look after what is pending until it is decided, or for a while."""
        for _ in range(LOOKS):
            if not decision.is_pending:
                return
            yield self.think(4, 12)
            decision = self.agent.wait(decision, 0)

    def _ask_again(self) -> Script:
        """Ask what became of proposals whose answer was lost: the same id is the same attempt (S7)."""
        for proposal in list(self.witness.unanswered.get(self.agent.name, {}).values()):
            yield self.think(0.5, 3)
            try:
                self.session.propose(proposal)
            except (StoreError, OutcomeUnknown):
                continue
