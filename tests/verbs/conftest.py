"""Workspaces for the tests of verbs: on a file of their own, with a clock in the test's hands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import comity
from comity.testing.manual_clock import ManualClock

Open = Callable[..., comity.Workspace]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def open_base(tmp_path: Path, clock: ManualClock) -> Iterator[Open]:
    """Return a function that opens the one base, with a definition as text if given."""
    opened: list[comity.Workspace] = []

    def opening(source: str | None = None) -> comity.Workspace:
        definition = None
        if source is not None:
            definition = tmp_path / "comity.toml"
            definition.write_text(source, encoding="utf-8")
        opened.append(comity.open(tmp_path / "base.db", definition=definition, clock=clock))
        return opened[-1]

    yield opening
    for one in opened:
        one.close()


@pytest.fixture
def base(open_base: Open) -> comity.Workspace:
    return open_base()
