"""Store time: it never falls, and a jump of the wall clock neither expires nor revives anything (S6)."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from comity.clock import SECOND_US, StoreTime, SystemClock, format_age, format_time, parse_time
from comity.testing.manual_clock import START_US, ManualClock

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), st.floats(0, 10_000)),
        st.tuples(st.just("jump"), st.floats(-100_000, 100_000)),
        st.tuples(st.just("reboot"), st.just(0.0)),
    ),
    max_size=20,
)


def take(clock: ManualClock, step: tuple[str, float]) -> None:
    name, seconds = step
    clock.reboot() if name == "reboot" else getattr(clock, name)(seconds=seconds)


@given(STEPS)
def test_s6_store_time_never_falls(steps: list[tuple[str, float]]) -> None:
    clock = ManualClock()
    time = StoreTime().advance(clock)
    for step in steps:
        take(clock, step)
        later = time.advance(clock)
        assert later.now_us >= time.now_us
        time = later


@given(st.floats(-100_000, 100_000), st.floats(0, 1_000))
def test_s6_a_jump_of_the_wall_clock_moves_store_time_by_a_twentieth_at_most(jump: float, passed: float) -> None:
    clock = ManualClock()
    before = StoreTime().advance(clock)
    clock.jump(seconds=jump)
    clock.advance(seconds=passed)
    elapsed = before.advance(clock).now_us - before.now_us
    assert round(passed * SECOND_US) * 0.95 - 2 <= elapsed <= round(passed * SECOND_US) * 1.05 + 2


def test_s6_store_time_comes_back_to_the_wall_clock() -> None:
    clock = ManualClock()
    time = StoreTime().advance(clock)
    clock.jump(seconds=10)
    for _ in range(200):
        clock.advance(seconds=1)
        time = time.advance(clock)
    assert time.now_us == clock.wall_us()
    clock.jump(seconds=-10)
    for _ in range(200):
        clock.advance(seconds=1)
        time = time.advance(clock)
    assert time.now_us == clock.wall_us()


def test_s6_after_a_restart_the_wall_clock_counts_unless_it_fell_behind() -> None:
    clock = ManualClock()
    before = StoreTime().advance(clock)
    clock.jump(seconds=500)
    clock.reboot()
    assert before.advance(clock).now_us == START_US + 500 * SECOND_US
    clock.jump(seconds=-5_000)
    clock.reboot()
    assert before.advance(clock).now_us == before.now_us + 1


@given(st.integers(0, 253_402_300_799_999_999))
def test_times_are_written_so_that_they_can_be_read(us: int) -> None:
    assert parse_time(format_time(us)) == us


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T00:00:00", 0),
        ("1969-12-31T23:59:59Z", -SECOND_US),
        ("1970-01-02", 86_400 * SECOND_US),
    ],
)
def test_times(text: str, us: int) -> None:
    assert parse_time(text) == us


@pytest.mark.parametrize("text", ["", "yesterday", "25:00", "2024-13-01", "2024-02-30", "1e9", "²"])
def test_no_times(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_time(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (86_400, "1 d"),
        (10**6, "11 d"),
    ],
)
def test_ages_are_for_people(seconds: int, text: str) -> None:
    assert format_age(seconds * SECOND_US) == text


def test_the_machine_s_own_clocks() -> None:
    clock: Any = SystemClock()
    first, second = clock.boot_us(), clock.boot_us()
    assert first <= second
    assert clock.wall_us() > START_US
    assert clock.boot_id() == SystemClock().boot_id()
