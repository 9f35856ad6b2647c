"""One run: the agents take turns on one simulated clock, and everything that they do is written down."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Generator
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from comity.cli.simulate.acts import Act, Change, Desk, Ending, Letter, Look, Run, State, World
from comity.cli.simulate.agents import AGENTS, CUSTOMERS, JOBS, NEW, attempts
from comity.cli.simulate.coordinated import HOLD_S, PATTERNS, CoordinatedWorld, Pattern
from comity.cli.simulate.plain import PlainWorld
from comity.clock import SECOND_US

START_US: Final = 1_700_000_000 * SECOND_US
WORLDS: Final = ("none", "versions", *PATTERNS)
"""The worlds, in the order in which the patterns are switched on."""
_WRITING_S: Final = (1.0, 8.0)
"""How long an agent takes to write a letter once it has saved that it will: another run of its model."""

Steps = Generator[float, None, None]


class StageClock:
    """Be a clock that shows the time of the stage."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def wall_us(self) -> int:
        """Return the time of day."""
        return START_US + round(self.now_s * SECOND_US)

    def boot_us(self) -> int:
        """Return the time since the stage was set."""
        return SECOND_US + round(self.now_s * SECOND_US)

    def boot_id(self) -> str:
        """Return the name of the only start there is."""
        return "stage"


class Stage:
    """Be where one world is acted in."""

    def __init__(self, name: str, folder: Path, seed: int, actions: int, tell: Callable[[], None]) -> None:
        self._seed = seed
        self._actions = actions
        self._tell = tell
        self._clock = StageClock()
        self._numbers = count()
        self._turns: list[tuple[float, int, Steps]] = []
        self._mail = random.Random(f"{seed} mail")
        self.acts: list[Act] = []
        self.letters: list[Letter] = []
        self.thoughts = 0
        self.endings: Counter[str] = Counter()
        self.world_s = 0.0
        self.world = self._open(name, folder)

    def _open(self, name: str, folder: Path) -> World:
        pattern: Pattern | None = next((one for one in PATTERNS if one == name), None)
        if pattern is None:
            return PlainWorld(folder, has_versions=name == "versions", post=self._write_letter)
        entropy = random.Random(f"{self._seed} {name}").randbytes
        post = self._leave if pattern == "effect gate" else self._write_letter
        return CoordinatedWorld(folder, pattern, self._clock, entropy, post)

    def run(self) -> Run:
        """Return what happened."""
        customers = [f"customer/c{number}" for number in range(CUSTOMERS)]
        opening = self.world.desk("sales_1", "sales", "open_account")
        for customer in customers:
            opening.create(customer, **NEW)
        opening.finish()
        start = {customer: self.world.state(customer) for customer in customers}
        for place, (agent, role) in enumerate(AGENTS.items()):
            share = len(range(place, self._actions, len(AGENTS)))
            self._start(self._work(agent, role, share), 0.0)
        self._start(self._tick(), 0.0)
        self._play()
        self.world.close()
        return Run(
            world=self.world.name,
            start=start,
            acts=tuple(self.acts),
            letters=tuple(self.letters),
            asked=self._actions,
            thoughts=self.thoughts,
            endings=dict(self.endings),
            world_s=self.world_s,
        )

    # -- turns

    def _start(self, steps: Steps, delay_s: float) -> None:
        heapq.heappush(self._turns, (self._clock.now_s + delay_s, next(self._numbers), steps))

    def _play(self) -> None:
        while self._turns:
            at_s, _, steps = heapq.heappop(self._turns)
            self._clock.now_s = at_s
            pause_s = next(steps, None)
            if pause_s is not None:
                self._start(steps, pause_s)

    def _work(self, agent: str, role: str, share: int) -> Steps:
        """Do one action after the other; which ones hangs on the seed and the agent alone."""
        chance = random.Random(f"{self._seed} {agent}")
        jobs = JOBS[role]
        for _ in range(share):
            yield chance.uniform(0, 6)
            [job] = chance.choices(jobs, [job.weight for job in jobs])
            own, place = random.Random(chance.getrandbits(64)), chance.random() ** 2
            customers = self.world.desk(agent, role, job.action).customers()
            customer = customers[int(place * len(customers))] if customers else "customer/nobody"

            def make_desk(action: str = job.action) -> Desk:
                self.thoughts += 1
                return Witness(self, agent, role, action)

            ending = yield from attempts(make_desk, job, customer, own)
            self.endings[ending or "nothing to do"] += 1
            self._tell()

    def _tick(self) -> Steps:
        """Have the world do what is due, until nobody acts any more and every hold is over."""
        left = HOLD_S + 3
        while left:
            self.time(self.world.tick)
            yield 1.0
            left = HOLD_S + 3 if len(self._turns) else left - 1

    # -- letters

    def _write_letter(self, customer: str) -> None:
        """Have an agent write a letter, now that it has saved that it will: that takes a while."""
        self._start(self._post(customer), self._mail.uniform(*_WRITING_S))

    def _post(self, customer: str) -> Steps:
        self._leave(customer)
        yield from ()

    def _leave(self, customer: str) -> None:
        self.letters.append(Letter(customer, len(self.acts)))

    def time(self, work: Callable[[], Any]) -> Any:
        """Return what some work of the world's returns, adding to the time that it took."""
        begun = perf_counter()
        try:
            return work()
        finally:
            self.world_s += perf_counter() - begun


class Witness:
    """Be a desk at which everything is written down."""

    def __init__(self, stage: Stage, agent: str, role: str, action: str) -> None:
        self._stage = stage
        self._who = agent, role, action
        self._desk: Desk = stage.time(lambda: stage.world.desk(agent, role, action))
        self._looks: list[Look] = []
        self._changes: list[Change] = []

    def look(self, record: str, *fields: str) -> dict[str, Any] | None:
        """Return fields of a record, and note them."""
        seen = self._stage.time(lambda: self._desk.look(record, *fields))
        if seen is not None:
            self._looks.append(Look(record, seen, len(self._stage.acts)))
        return seen

    def customers(self) -> list[str]:
        """Return the customers that there are."""
        return self._desk.customers()

    def set(self, record: str, **fields: Any) -> None:
        """Mean to set fields."""
        self._changes.append(Change("set", record, fields))
        self._desk.set(record, **fields)

    def add(self, record: str, **fields: int) -> None:
        """Mean to add to numbers."""
        self._changes.append(Change("add", record, fields))
        self._desk.add(record, **fields)

    def create(self, record: str, **fields: Any) -> None:
        """Mean to make a record."""
        self._changes.append(Change("create", record, fields))
        self._desk.create(record, **fields)

    def delete(self, record: str) -> None:
        """Mean to delete a record."""
        self._changes.append(Change("delete", record))
        self._desk.delete(record)

    def write_to(self, customer: str) -> None:
        """Mean to send a letter."""
        self._desk.write_to(customer)

    def finish(self) -> Ending:
        """Do what was meant, and note what became of it."""
        before = self._states()
        ending: Ending = self._stage.time(self._desk.finish)
        if ending == "done":
            agent, role, action = self._who
            act = Act(
                agent=agent,
                role=role,
                action=action,
                looks=tuple(self._looks),
                changes=tuple(self._changes),
                before=before,
                after=self._states(),
            )
            self._stage.acts.append(act)
        return ending

    def _states(self) -> dict[str, State]:
        return {change.record: self._stage.world.state(change.record) for change in self._changes}
