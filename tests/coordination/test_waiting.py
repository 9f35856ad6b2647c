"""Waiting until a look finds what was waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.coordination.waiting import watch
from comity.testing.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def base(tmp_path: Path, clock: ManualClock) -> Iterator[comity.Workspace]:
    with comity.open(tmp_path / "base.db", clock=clock) as made:
        yield made


def test_with_no_time_it_looks_once(base: comity.Workspace) -> None:
    looks: list[int] = []
    assert watch(base._engine, lambda: looks.append(1), bool, 0) is None
    assert len(looks) == 1


def test_it_ends_though_the_clock_stands_still(base: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WAIT_LOOK_S", 0.01)
    looks: list[int] = []
    assert watch(base._engine, lambda: len(looks), bool, 0.05) == 0


def test_it_ends_once_the_time_has_passed_by_the_clock(base: comity.Workspace, clock: ManualClock) -> None:
    def look() -> int:
        clock.advance(seconds=20)
        base.agent("ann").add("task/a", n=1) if base.get("task/a").exists else base.agent("ann").put("task/a", n=0)
        return 0

    assert watch(base._engine, look, bool, 60) == 0
    assert base.get("task/a").n <= 3


def test_a_commit_wakes_it(base: comity.Workspace) -> None:
    seen = threading.Event()

    def look() -> bool:
        seen.set()
        return base.get("task/a").exists

    def write() -> None:
        assert seen.wait(60)
        base.agent("ann").put("task/a", n=1)

    thread = threading.Thread(target=write)
    thread.start()
    assert watch(base._engine, look, bool, 30) is True
    thread.join()
