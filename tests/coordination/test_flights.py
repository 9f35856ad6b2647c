"""How many tries of effects one process makes at the same time."""

from __future__ import annotations

import pytest

from comity import limits
from comity.coordination.flights import Flight, Room


@pytest.mark.parametrize(
    ("going", "room"),
    [
        ([], limits.EFFECTS_AT_ONCE),
        ([Flight("one", "email", 10)], limits.EFFECTS_AT_ONCE - 1),
        ([Flight("late", "email", 1)], limits.EFFECTS_AT_ONCE - 1),
        ([Flight(f"c{number}", f"call {number}", 10) for number in range(limits.EFFECTS_IN_FLIGHT - 1)], 1),
        ([Flight(f"c{number}", f"call {number}", 10) for number in range(limits.EFFECTS_IN_FLIGHT)], 0),
        (
            [Flight(f"c{number}", f"call {number}", 1) for number in range(limits.EFFECTS_IN_FLIGHT)],
            limits.EFFECTS_AT_ONCE,
        ),
    ],
    ids=["nothing", "one", "one that is late", "all but one", "all", "all of them late"],
)
def test_there_is_room_for_each_effect_and_for_all_together(going: list[Flight], room: int) -> None:
    """What has outlasted its time takes room of its own effect alone."""
    found = Room(going, now_us=5)
    assert [found.take("email") for _ in range(room + 1)] == [True] * room + [False]
