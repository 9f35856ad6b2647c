"""The clock in a test's hands, and store time by it."""

from __future__ import annotations

from comity.clock import SECOND_US, StoreTime
from comity.testing.manual_clock import START_US, ManualClock


def test_clocks_move_only_when_told() -> None:
    clock = ManualClock()
    clock.advance(seconds=1.5)
    clock.jump(seconds=-10)
    assert (clock.wall_us(), clock.boot_us(), clock.boot_id()) == (START_US - 8_500_000, 2_500_000, "boot-1")
    clock.reboot()
    assert (clock.wall_us(), clock.boot_us(), clock.boot_id()) == (START_US - 8_500_000, SECOND_US, "boot-2")


def test_s6_store_time_never_falls() -> None:
    clock = ManualClock()
    time = StoreTime().advance(clock)
    for step in (lambda: clock.jump(seconds=-3600), clock.reboot, lambda: clock.advance(seconds=1)):
        step()
        later = time.advance(clock)
        assert later.now_us >= time.now_us
        time = later
