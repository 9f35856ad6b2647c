"""Turns come in the order of time, nobody acts in between, and who has died acts no more."""

from __future__ import annotations

import pytest

from comity.clock import SECOND_US
from comity.testing.manual_clock import ManualClock
from comity.testing.simulation.scheduling import Crash, Scheduler, Script


def acting(said: list[str], name: str, *pauses: float) -> Script:
    """Say one's name at every turn, and think in between."""
    for pause in pauses:
        said.append(name)
        yield pause
    said.append(name)


def play(scheduler: Scheduler, seconds: float) -> None:
    while scheduler.step(round(seconds * SECOND_US)):
        pass


def test_turns_come_in_the_order_of_time() -> None:
    said: list[str] = []
    scheduler = Scheduler(ManualClock())
    scheduler.start(acting(said, "slow", 5, 5), "one")
    scheduler.start(acting(said, "quick", 2, 2, 2), "two", 1)
    play(scheduler, 20)
    assert said == ["slow", "quick", "quick", "slow", "quick", "quick", "slow"]


def test_of_two_at_one_moment_the_earlier_script_comes_first() -> None:
    said: list[str] = []
    scheduler = Scheduler(ManualClock())
    for name in ("a", "b", "c"):
        scheduler.start(acting(said, name, 1), "one")
    play(scheduler, 5)
    assert said == ["a", "b", "c", "a", "b", "c"]


def test_time_passes_between_turns_alone_and_the_clock_may_jump() -> None:
    clock = ManualClock()
    scheduler, begun = Scheduler(clock), clock.boot_us()
    scheduler.start(acting([], "one", 3), "one", 2)
    assert scheduler.step(10 * SECOND_US)
    assert (scheduler.now_us, clock.boot_us() - begun) == (2 * SECOND_US, 2 * SECOND_US)
    clock.reboot()
    assert scheduler.step(10 * SECOND_US)
    assert scheduler.now_us == 5 * SECOND_US
    assert not scheduler.step(10 * SECOND_US)


def test_what_comes_later_waits() -> None:
    said: list[str] = []
    scheduler = Scheduler(ManualClock())
    scheduler.start(acting(said, "later"), "one", 9)
    assert not scheduler.step(5 * SECOND_US)
    assert said == []


def test_scripts_end_with_their_process() -> None:
    said: list[str] = []
    scheduler = Scheduler(ManualClock())
    scheduler.start(acting(said, "dead", 1, 1), "one")
    scheduler.start(acting(said, "alive", 1, 1), "two")
    scheduler.step(SECOND_US)
    scheduler.end("one")
    play(scheduler, 10)
    assert said == ["dead", "alive", "alive", "alive"]


def test_a_crash_rises_to_whoever_plays() -> None:
    def dying() -> Script:
        yield 1
        raise Crash("one")

    scheduler = Scheduler(ManualClock())
    scheduler.start(dying(), "one")
    with pytest.raises(Crash, match="one"):
        play(scheduler, 5)
    scheduler.end("one")
    assert not scheduler.step(10 * SECOND_US)
