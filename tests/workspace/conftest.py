"""One workspace on a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity.testing.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def base(tmp_path: Path, clock: ManualClock) -> Iterator[comity.Workspace]:
    with comity.open(tmp_path / "base.db", clock=clock) as made:
        yield made
