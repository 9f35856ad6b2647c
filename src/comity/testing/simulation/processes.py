"""Processes: several engines on one file, each of which can die at any moment and start again."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from comity.coordination.deliveries import Delivery
from comity.errors import Undeliverable
from comity.model.proposals import Caller
from comity.store.sqlite import SqliteStore
from comity.testing.faulty_store import FaultyStore
from comity.testing.manual_clock import ManualClock
from comity.testing.simulation.scheduling import Crash, Scheduler, Script
from comity.testing.simulation.witness import Witness, WitnessedSession
from comity.verbs.engine import Engine


class Process:
    """Be one process on the file. While it is up it has an engine, behind a store that can be made to fail."""

    def __init__(
        self, name: str, path: Path, clock: ManualClock, scheduler: Scheduler, chance: random.Random, witness: Witness
    ) -> None:
        self.name = name
        self._path = path
        self._clock = clock
        self._scheduler = scheduler
        self._chance = chance
        self._witness = witness
        self._base: SqliteStore | None = None
        self.store: FaultyStore | None = None
        self.engine: Engine | None = None

    @property
    def is_up(self) -> bool:
        """Tell whether it runs."""
        return self.engine is not None

    def boot(self, *, delivers: bool) -> Engine:
        """Start it; if it ``delivers``, effects are sent from here."""
        entropy = random.Random(self._chance.getrandbits(64)).randbytes
        self._base = SqliteStore.open(str(self._path), clock=self._clock, entropy=entropy)
        self.store = FaultyStore(self._base)
        self.engine = engine = Engine(self.store, self._path.name, self._clock, entropy)
        engine.outbox.start_with(self._start_later)
        if delivers:
            engine.outbox.handle("email", self._send)
        return engine

    def session(self, caller: Caller) -> WitnessedSession:
        """Return a session of an agent in this process, which is up."""
        assert self.engine is not None
        return WitnessedSession(self.engine, caller, self._witness)

    def die(self) -> None:
        """End it at once, from within: whatever it is at is broken off here."""
        raise Crash(self.name)

    def bury(self) -> None:
        """Let go of what the dead process held, as the operating system does."""
        if self._base is not None:
            self._base.close()
        self._base = self.store = self.engine = None

    def close(self) -> None:
        """End it in good order."""
        if self.engine is not None:
            self.engine.close()
        self._base = self.store = self.engine = None

    def _start_later(self, name: str, work: Callable[[], None]) -> None:
        """Do some work after a while, unless the process dies before; now and then that is too late."""
        delay_s = self._chance.uniform(20, 60) if self._chance.random() < 0.1 else self._chance.uniform(0.1, 2)
        self._scheduler.start(_once(work), self.name, delay_s)

    def _send(self, delivery: Delivery) -> str:
        """Send an effect to a receiver that can't always be reached, or heard."""
        roll = self._chance.random()
        if roll < 0.05:
            self.die()
        if roll < 0.12:
            raise ConnectionError("no way to the receiver")
        if roll < 0.14:
            raise Undeliverable("the receiver doesn't know this customer")
        self._witness.receive(delivery)
        if roll < 0.22:
            raise TimeoutError("the receiver was not heard")
        if roll < 0.27:
            self.die()
        return "sent"


def _once(work: Callable[[], None]) -> Script:
    """Be a script with one step."""
    work()
    yield from ()
