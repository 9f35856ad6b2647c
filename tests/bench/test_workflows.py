"""The benchmark of workflows does the same number of steps on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import workflows


@pytest.mark.parametrize("runs", [1, 3])
def test_both_sides_do_every_step(tmp_path: Path, runs: int) -> None:
    for number, side in enumerate((workflows._ours, workflows._by_hand)):
        folder = tmp_path / f"{number}"
        if side is workflows._by_hand:
            folder.mkdir()
        sample = side(folder, runs)
        assert sum(sample.done) == runs * workflows.STEPS
        assert sample.rate > 0
