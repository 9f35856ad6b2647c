"""Outcomes that come within a moment are recorded together; who is slow keeps nobody."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from comity.coordination import landings
from comity.coordination.landings import Landings


def land_all(landing: Landings[int], numbers: Sequence[int]) -> None:
    threads = [threading.Thread(target=landing.land, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_what_lands_while_others_are_expected_is_recorded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landings, "_MOMENT_S", 20.0)
    recorded: list[list[int]] = []
    land_all(Landings(lambda given: recorded.append(sorted(given)), lambda: 5), range(5))
    assert recorded == [[0, 1, 2, 3, 4]]


def test_who_is_still_in_the_air_keeps_nobody() -> None:
    recorded: list[int] = []
    land_all(Landings(recorded.extend, lambda: 100), range(5))
    assert sorted(recorded) == [0, 1, 2, 3, 4]


def test_one_alone_is_recorded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landings, "_MOMENT_S", 1e6)
    recorded: list[int] = []
    Landings(recorded.extend, lambda: 1).land(7)
    assert recorded == [7]


def test_what_can_not_be_recorded_lets_the_next_one_lead() -> None:
    recorded: list[int] = []

    def record(given: Sequence[int]) -> None:
        if 1 in given:
            raise OSError("no room")
        recorded.extend(given)

    landing = Landings(record, lambda: 1)
    with pytest.raises(OSError, match="no room"):
        landing.land(1)
    landing.land(2)
    assert recorded == [2]
