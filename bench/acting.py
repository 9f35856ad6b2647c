"""Acting: agents as scripts that think, wait for their turn and act, in real time or stepwise.

A job is a generator that yields what takes time; everything else it does at once. So the
same agents run in threads that really think, and under a manual clock that jumps from one
thought's end to the next, where 64 agents take no longer than what they write takes.
"""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import msgspec

from comity.testing.manual_clock import ManualClock

WAIT_S = 600.0
"""How long anybody waits for a turn before the run counts as broken."""


class Think(msgspec.Struct, frozen=True):
    """Be one run of a model."""

    seconds: float

    def perform(self) -> None:
        """Let the time pass."""
        time.sleep(self.seconds)


class Turn(msgspec.Struct, frozen=True):
    """Be a wait in line: ``wait`` takes how long, in whole seconds, and tells whether the turn has come.

    That can't be before ``ahead`` others have ended their jobs.
    """

    wait: Callable[[int], bool]
    ahead: int = 1

    def perform(self) -> None:
        """Wait as long as it takes."""
        if not self.wait(int(WAIT_S)):
            raise TimeoutError(f"no turn within {WAIT_S:g} s")


Script = Iterator[Think | Turn]
Job = Callable[[], Script]
"""Return the script of one job, which ends when its change is accepted."""


class Diary:
    """Keep what became of one agent's jobs.

    ``runs`` counts what was thought, ``calls`` what was asked of the base, ``conflicts`` what
    was refused as stale, ``repaired`` the changes of which that is true. ``waits`` holds for
    each job the seconds that it took beyond the one thought that it ended with; ``served``
    counts the jobs done in time.
    """

    def __init__(self) -> None:
        self.runs = 0
        self.calls = 0
        self.conflicts = 0
        self.repaired = 0
        self.served = 0
        self.waits: list[float] = []

    def work(self, job: Job, now: Callable[[], float], until: float) -> Script:
        """Yield the steps of job after job, at least one, until a moment; what is going on then is finished."""
        ended = -math.inf
        while ended < until:
            begun, thought, conflicts = now(), 0.0, self.conflicts
            for step in job():
                if isinstance(step, Think):
                    self.runs += 1
                    thought = step.seconds
                yield step
            ended = now()
            self.repaired += self.conflicts > conflicts
            self.waits.append(max(ended - begun - thought, 0.0))
            self.served += ended <= until


Actor = tuple[Diary, Job]
"""Be an agent: how it does a job, and where it keeps what became of it."""


def act_in_threads(actors: Sequence[Actor], seconds: float) -> None:
    """Have agents do their jobs for a while, each in a thread of its own that really thinks and waits."""
    gathered, failures = threading.Barrier(len(actors)), list[BaseException]()

    def act(diary: Diary, job: Job) -> None:
        gathered.wait()
        until = time.perf_counter() + seconds
        try:
            for step in diary.work(job, time.perf_counter, until):
                step.perform()
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=act, args=actor) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def act_stepwise(actors: Sequence[Actor], seconds: float, clock: ManualClock) -> None:
    """Have agents do their jobs for a while of a manual clock, always that one whose thought ends first."""
    _Steps(actors, seconds, clock).run()


class _Steps:
    """Be a run under a manual clock."""

    def __init__(self, actors: Sequence[Actor], seconds: float, clock: ManualClock) -> None:
        self._clock = clock
        self._begun_us = clock.boot_us()
        self._scripts = [diary.work(job, self._now, seconds) for diary, job in actors]
        self._thinking = [(0.0, number) for number in range(len(actors))]
        self._in_line: deque[tuple[int, int, Turn]] = deque()
        self._ended = 0

    def _now(self) -> float:
        return (self._clock.boot_us() - self._begun_us) / 1e6

    def run(self) -> None:
        """Go on until everybody has done the last job."""
        while self._thinking:
            end, number = heapq.heappop(self._thinking)
            self._clock.advance(seconds=max(end - self._now(), 0.0))
            self._go_on(number)
            self._ended += 1
            self._look()
        if self._in_line:
            raise TimeoutError(f"{len(self._in_line)} agents wait in line, and nobody is ahead of them")

    def _go_on(self, number: int) -> None:
        """Have an agent act until it thinks again, or has to wait."""
        for step in self._scripts[number]:
            if isinstance(step, Think):
                heapq.heappush(self._thinking, (self._now() + step.seconds, number))
                return
            if not step.wait(0):
                self._in_line.append((number, self._ended + step.ahead, step))
                return

    def _look(self) -> None:
        """Have those who wait look whether their turn may have come, in the order in which they began to."""
        for _ in range(len(self._in_line)):
            number, earliest, turn = self._in_line.popleft()
            if self._ended >= earliest and turn.wait(0):
                self._go_on(number)
            else:
                self._in_line.append((number, earliest, turn))
