"""One run: a seed, a file, processes, agents, trouble; and at the end everything that was ever waited for."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, get_args

import msgspec

from comity.clock import SECOND_US, SystemClock
from comity.errors import ComityError
from comity.model.codec import encode
from comity.model.proposals import Caller
from comity.operations import ReadFeed, Verify
from comity.store.sqlite import SqliteStore
from comity.testing.faulty_store import Call, Fault, Side, fail
from comity.testing.histories import Log, read_log
from comity.testing.manual_clock import ManualClock
from comity.testing.simulation import scene
from comity.testing.simulation.agents.acting import Actor
from comity.testing.simulation.agents.overseeing import Human
from comity.testing.simulation.agents.planning import Product
from comity.testing.simulation.agents.selling import Sales
from comity.testing.simulation.agents.supporting import Support
from comity.testing.simulation.agents.tallying import Desk
from comity.testing.simulation.processes import Process
from comity.testing.simulation.scheduling import Crash, Scheduler, Script
from comity.testing.simulation.witness import Asked, Followed, Received, Renewed, Shown, Told, Witness

PROCESSES: Final[tuple[str, ...]] = ("one", "two", "three")
RUN_S: Final = 60
"""How long a run lasts, in seconds of its own clock."""
AFTERWARDS_S: Final = (5, 10, 20, 30, 30, 60, 60, 120, 300, 300, 600, 1_800, 1_800, 3_600)
"""In what steps time goes on when everybody has left: long enough for everything that waits to come to its end."""
_FLIGHT_S: Final = 60
"""How long an effect may take to be delivered at most."""

_CAST: Final[dict[str, type[Actor]]] = {"sales": Sales, "support": Support, "product": Product, "desk": Desk}
_CALLS: Final[tuple[Call, ...]] = ("turn", "batch", "append", "commit", "head", "snapshot", "keep", "note")
_SIDES: Final[tuple[Side, ...]] = get_args(Side)


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Be everything that is known of one run: what the checkers look at.

    ``happened`` counts what occurred, to see what a run has shown; ``digest`` is the same for
    two runs only if every byte of their logs and every answer was the same.
    """

    seed: int
    log: Log
    incarnation: str
    now_us: int
    asked: Sequence[Asked]
    shown: Sequence[Shown]
    told: Sequence[Told]
    renewed: Sequence[Renewed]
    received: Sequence[Received]
    followed: Sequence[Followed]
    happened: Counter[str]
    problems: tuple[str, ...]
    digest: str


class Play:
    """Play one run; :meth:`run` returns its history."""

    def __init__(self, seed: int, folder: Path, base: Path, key: str) -> None:
        self._seed = seed
        self._key = key
        self._path = folder / f"run-{seed}.db"
        shutil.copyfile(base, self._path)
        self._chance = random.Random(seed)
        self._clock = ManualClock()
        self._clock.advance(seconds=60)
        self._scheduler = Scheduler(self._clock)
        self._witness = Witness()
        self._witness.now_us = lambda: self._scheduler.now_us
        self._processes = {name: self._process(name) for name in PROCESSES}
        self._cursors: dict[str, str] = dict.fromkeys(PROCESSES, "start")
        self._problems: tuple[str, ...] = ()

    def _process(self, name: str) -> Process:
        return Process(name, self._path, self._clock, self._scheduler, self._chance, self._witness)

    def run(self, seconds: float = RUN_S) -> History:
        """Return what happened in so many seconds, and until nothing waited any more."""
        for name in PROCESSES:
            self._boot(name)
        self._scheduler.start(self._trouble(), "the world", 5)
        self._go_on(round(seconds * SECOND_US))
        self._drain()
        return self._history()

    def _go_on(self, until_us: int) -> None:
        going = True
        while going:
            try:
                going = self._scheduler.step(until_us)
            except Crash as crash:
                self._bury(crash.process)
        self._scheduler.pass_time(max(until_us - self._scheduler.now_us, 0))

    # -- processes

    def _boot(self, name: str) -> None:
        """Start a process with what runs in it: duties, a follower of the feed, its share of the agents."""
        process, number = self._processes[name], PROCESSES.index(name)
        process.boot(delivers=name != PROCESSES[-1])
        self._scheduler.start(self._duties(process), name, self._chance.uniform(0.5, 2))
        self._scheduler.start(self._follow(process), name, self._chance.uniform(1, 9))
        for place, (agent, role) in enumerate(scene.AGENTS.items()):
            if place % len(PROCESSES) == number:
                self._start(_CAST[role], Caller(agent), process)
        if number == 0:
            self._start(Human, Caller(scene.HUMAN, "key", self._key), process)

    def _start(self, cast: type[Actor], caller: Caller, process: Process) -> None:
        actor = cast(process.session(caller), self._witness, self._chance)
        self._scheduler.start(actor.work(), process.name, self._chance.uniform(0, 10))

    def _bury(self, name: str) -> None:
        """End a process that has died, and start it again after a while."""
        self._witness.happened["crash"] += 1
        self._scheduler.end(name)
        self._processes[name].bury()
        self._scheduler.start(self._restart(name), "the world", self._chance.uniform(1, 20))

    def _restart(self, name: str) -> Script:
        if not self._processes[name].is_up:
            self._boot(name)
        yield from ()

    def _duties(self, process: Process) -> Script:
        """Do what is due, every now and then; a store that fails is tried again later."""
        while process.engine is not None:
            try:
                process.engine.duties.run()
            except ComityError as error:
                self._witness.happened[f"duties: {type(error).__name__}"] += 1
            yield self._chance.uniform(1.5, 6)

    def _follow(self, process: Process) -> Script:
        """Follow the feed from where this follower was, through every crash."""
        session = process.session(Caller(f"follower {process.name}"))
        while True:
            try:
                page = session.call(ReadFeed(after=self._cursors[process.name], limit=self._chance.randint(1, 20)))
                self._cursors[process.name] = page.cursor
            except ComityError as error:
                self._witness.happened[f"feed: {type(error).__name__}"] += 1
            yield self._chance.uniform(1, 15)

    # -- trouble

    def _trouble(self) -> Script:
        """Have stores fail, processes die, and clocks jump."""
        while True:
            yield self._chance.expovariate(1 / 6)
            up = [process for process in self._processes.values() if process.is_up]
            roll = self._chance.random()
            if roll < 0.1:
                self._clock.jump(seconds=self._chance.uniform(-7_200, 7_200))
                self._witness.happened["clock jump"] += 1
            elif roll < 0.13:
                self._restart_machine(up)
            elif up:
                self._disturb(self._chance.choice(up), dies=roll > 0.7)

    def _disturb(self, process: Process, *, dies: bool) -> None:
        call, side = self._chance.choice(_CALLS), self._chance.choice(_SIDES)
        nth = self._chance.randint(1, 6)
        if process.store is not None:
            process.store.plan(Fault(call, side, nth, process.die if dies else self._fail))

    def _fail(self) -> None:
        self._witness.happened["fault"] += 1
        fail()

    def _restart_machine(self, up: Sequence[Process]) -> None:
        for process in up:
            self._bury(process.name)
        self._clock.reboot()
        self._witness.happened["reboot"] += 1

    # -- the end

    def _drain(self) -> None:
        """Let everybody leave, and time pass until nothing can wait any more; then read the feed to its end."""
        for name in (*PROCESSES, "the world"):
            self._scheduler.end(name)
        for process in self._processes.values():
            process.bury()
        last = self._process("last")
        last.boot(delivers=True)
        for seconds in AFTERWARDS_S:
            self._do_what_is_due(last)
            self._scheduler.pass_time(seconds * SECOND_US)
        self._do_what_is_due(last)
        for name in PROCESSES:
            self._read_to_end(last, name)
        self._problems = last.session(Caller("auditor")).call(Verify()).problems
        last.bury()

    def _do_what_is_due(self, last: Process) -> None:
        """Do duties until there are none; what is being delivered gets its time, and may kill the last process too."""
        while last.engine is not None and last.engine.duties.run():
            try:
                while last.engine.outbox.is_delivering():
                    self._scheduler.step(self._scheduler.now_us + _FLIGHT_S * SECOND_US)
            except Crash:
                self._scheduler.end(last.name)
                last.bury()
                last.boot(delivers=True)

    def _read_to_end(self, last: Process, name: str) -> None:
        session, left = last.session(Caller(f"follower {name}")), 1
        while left:
            page = session.call(ReadFeed(after=self._cursors[name], limit=100))
            self._cursors[name], left = page.cursor, page.left

    def _history(self) -> History:
        store = SqliteStore.open(str(self._path), clock=SystemClock())
        try:
            log, head = read_log(store), store.head()
        finally:
            store.close()
        witness = self._witness
        for state in log.records.values():
            if state.kind in ("$effect", "$workflow"):
                witness.happened[f"{state.kind} {state.values['state']}"] += 1
        return History(
            seed=self._seed,
            log=log,
            incarnation=head.incarnation,
            now_us=head.time.now_us,
            asked=witness.asked,
            shown=witness.shown,
            told=witness.told,
            renewed=witness.renewed,
            received=witness.received,
            followed=witness.followed,
            happened=witness.happened,
            problems=self._problems,
            digest=sha256(head.chain + encode(witness.asked) + encode(witness.received)).hexdigest(),
        )
