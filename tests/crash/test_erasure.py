"""S37: a process killed amid an erasure leaves one that is whole, or is finished by whoever opens next."""

from __future__ import annotations

import os
import random
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

import comity

WORKER = Path(__file__).with_name("erasing_worker.py")
ROUNDS = 8
STEP = 1_000
"""Of the numbers of persons, from one child to the next."""


def run_and_kill(path: Path, first: int, chance: random.Random) -> list[str]:
    """Have a child work, kill it some moment after it has begun to erase, and return what it acknowledged."""
    pipe, writing = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-S", str(WORKER), str(path), str(first), str(writing)],
        pass_fds=(writing,), env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    os.close(writing)
    heard, least = b"", chance.randint(1, 4)
    while heard.count(b"\n") < least:
        assert select.select([pipe], [], [], 60.0)[0], "the child says nothing"
        said = os.read(pipe, 65_536)
        assert said, "the child has died"
        heard += said
    select.select([pipe], [], [], chance.random() * 0.03)  # Some moment of what comes next.
    child.kill()
    child.wait()
    while said := os.read(pipe, 65_536):
        heard += said
    os.close(pipe)
    return heard[: heard.rfind(b"\n") + 1].decode().splitlines()


@pytest.mark.slow
def test_s37_kill_9_in_a_loop_leaves_no_half_erasure(tmp_path: Path) -> None:
    path, chance, begun = tmp_path / "b.db", random.Random(20_261), time.monotonic()
    comity.open(path).close()
    for turn in range(ROUNDS):
        acknowledged = run_and_kill(path, turn * STEP, chance)
        erased = [line.split()[1] for line in acknowledged if line.startswith("erased")]
        files = [file.read_bytes() for file in tmp_path.iterdir()]
        for number in erased:
            assert not any(f"secret{number}secret".encode() in data for data in files)
        with comity.open(path) as workspace:
            assert workspace.verify().problems == ()
            check_last(workspace, tmp_path, turn * STEP + len(erased) + 1)
    assert time.monotonic() - begun < 120


def check_last(workspace: comity.Workspace, folder: Path, number: int) -> None:
    """Look at the person whom the child didn't come to the end with: erased by now as a whole, or not at all."""
    record = workspace.get(f"person/p{number}")
    is_left = any(f"secret{number}secret".encode() in file.read_bytes() for file in folder.iterdir())
    if record.is_erased:
        assert not is_left
    elif record.version:
        assert record.text == f"secret{number}secret" * 50
