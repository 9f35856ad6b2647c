"""The world in which a history is played: records, agents, a timeline, and what is planted."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any, Final

import msgspec

from comity.clock import SECOND_US
from comity.model.decisions import Decision
from comity.model.proposals import AnyChange, Proposal, Put, Set, Was
from comity.operations import Announce
from comity.testing.manual_clock import ManualClock
from comity.workspace import Agent, Workspace

DEFINITION: Final = """
[agents]
sales    = { role = "sales" }
support  = { role = "support" }
product  = { role = "product" }
billing  = { role = "billing" }
research = { role = "research" }
finance  = { role = "finance" }

[kinds.customer.fields]
status = { type = "string" }
note   = { type = "string" }
count  = { type = "integer", default = 0 }
parts  = { type = "integer", default = 1 }
price  = { type = "integer", owner = "finance" }

[actions.work]
[actions.other]
[actions.notify]
effects = ["email"]

[effects.email]
kind = "customer"
hold = "1h"

[[rules]]
name = "shares"
when = "agent.role == 'research' && 100 / customer.parts > 200"
then = "refuse"
mode = "enforce"
"""

AGENTS: Final = ("sales", "support", "product", "billing", "research")
RECORDS: Final = 60
"""Of customers in the world."""

_HOUR_S: Final = 3_600


class Planted(msgspec.Struct, frozen=True):
    """Be a pattern that stands in the log: of which detector, about what, from when until when."""

    detector: str
    subject: str
    first_us: int
    last_us: int


Step = Callable[[], object]


class World:
    """Play what happens, moment after moment, and remember what was planted."""

    def __init__(self, workspace: Workspace, clock: ManualClock, seed: int, duties: Callable[[], object]) -> None:
        self.workspace = workspace
        self._duties = duties
        self.clock = clock
        self.chance = Random(seed)
        self.planted: list[Planted] = []
        self._agents: dict[str, Agent] = {name: workspace.agent(name) for name in (*AGENTS, "finance")}
        self._numbers = count()
        self._due: list[tuple[float, int, Step]] = []
        self._now_s = 0.0
        self._seed = seed

    # -- playing

    def at(self, seconds: float, step: Step) -> None:
        """Have something happen at a time."""
        heapq.heappush(self._due, (seconds, next(self._numbers), step))

    def play(self) -> None:
        """Let everything happen, in order; duties are done now and then."""
        while self._due:
            seconds, _, step = heapq.heappop(self._due)
            if int(seconds) // 30 > int(self._now_s) // 30:
                self._duties()
            self.clock.advance(seconds=max(seconds - self._now_s, 0.0))
            self._now_s = max(seconds, self._now_s)
            step()

    @property
    def now_us(self) -> int:
        """Return the moment."""
        return self.clock.wall_us()

    def record(self) -> str:
        """Return a record of its own for something planted."""
        record = f"customer/p{next(self._numbers)}"
        self.make(record)
        return record

    def make(self, record: str) -> None:
        """Make a record."""
        self.propose("sales", Put(record, {"status": "a", "note": "n", "count": 0, "parts": 1}))

    def propose(self, agent: str, *changes: AnyChange, **terms: Any) -> Decision:
        """Return the decision on a proposal."""
        id = f"s{self._seed}-{next(self._numbers)}"
        given: dict[str, Any] = {"action": "work", **terms}
        return self._agents[agent].propose(Proposal(id=id, changes=changes, **given))

    def value(self, record: str, field: str) -> Any:
        """Return what a field holds now."""
        return self.workspace.get(record).get(field)

    def change(self, agent: str, record: str, value: Any, field: str = "status", **terms: Any) -> Decision:
        """Change a field having read it."""
        was = Was(record, {field: self.value(record, field)})
        return self.propose(agent, Set(record, {field: value}), reads=(was,), **terms)

    def agent(self, name: str) -> Agent:
        """Return an agent."""
        return self._agents[name]

    def announce(self, agent: str, *about: str, action: str = "work", ttl: str = "10m") -> str:
        """Announce an intent, and return its id."""
        id = f"i{self._seed}-{next(self._numbers)}"
        self._agents[agent].answer(Announce(intent=id, about=about, action=action, ttl=ttl))
        return id

    def stale(self, agent: str, record: str, field: str = "status") -> Decision:
        """Change a field on what it held once."""
        return self.propose(agent, Set(record, {field: "late"}), reads=(Was(record, {field: "long ago"}),))

    def others(self, *but: str) -> list[str]:
        """Return agents in any order, without some."""
        names = [name for name in AGENTS if name not in but]
        self.chance.shuffle(names)
        return names

    def plant(self, detector: str, subject: str, first_s: float, last_s: float) -> None:
        """Remember what was planted; seconds are those of the world."""
        begun_us = self.now_us - round(self._now_s * SECOND_US)
        span = (begun_us + round(moment * SECOND_US) for moment in (first_s, last_s))
        self.planted.append(Planted(detector, subject, *span))

    def steps(self, first_s: float, many: int, gap_s: tuple[float, float], step: Callable[[int], object]) -> float:
        """Have something happen so many times, with gaps between; return when the last one does."""
        moment = first_s
        for number in range(many):
            moment += self.chance.uniform(*gap_s) if number else 0.0
            self.at(moment, lambda number=number: step(number))
        return moment
