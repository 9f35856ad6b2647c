"""S37: a process killed amid an erasure leaves one that is whole, or is finished by whoever opens next."""

from __future__ import annotations

import os
import random
import select
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import comity

WORKER = Path(__file__).with_name("erasing_worker.py")
ROUNDS = 8
STEP = 1_000
"""Of the numbers of persons, from one child to the next."""


class Child:
    """Run the worker in a process of its own, and keep what it acknowledges."""

    def __init__(self, path: Path, first: int) -> None:
        self.pipe, writing = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-S", str(WORKER), str(path), str(first), str(writing)],
            pass_fds=(writing,), env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        os.close(writing)
        self.heard = b""

    def hear(self, least: int) -> None:
        """Listen until so much was acknowledged."""
        while self.heard.count(b"\n") < least:
            assert select.select([self.pipe], [], [], 60.0)[0], "the child says nothing"
            said = os.read(self.pipe, 65_536)
            assert said, "the child has died"
            self.heard += said

    def kill(self, wait_s: float) -> list[str]:
        """Kill it some moment later, and return the numbers of the persons whose erasure it acknowledged."""
        select.select([self.pipe], [], [], wait_s)
        self.process.kill()
        self.process.wait()
        while said := os.read(self.pipe, 65_536):
            self.heard += said
        os.close(self.pipe)
        whole = self.heard[: self.heard.rfind(b"\n") + 1].decode().splitlines()
        return [line.split()[1] for line in whole if line.startswith("erased")]


def leaks(folder: Path, numbers: Iterable[object]) -> list[object]:
    """Return the persons whose secret is in some file."""
    files = [file.read_bytes() for file in folder.iterdir()]
    return [number for number in numbers if any(f"secret{number}secret".encode() in data for data in files)]


@pytest.mark.slow
def test_s37_kill_9_in_a_loop_leaves_no_half_erasure(tmp_path: Path) -> None:
    path, chance = tmp_path / "b.db", random.Random(20_261)
    comity.open(path).close()
    for turn in range(ROUNDS):
        child = Child(path, turn * STEP)
        child.hear(chance.randint(1, 4))
        erased = child.kill(chance.random() * 0.03)
        assert leaks(tmp_path, erased) == []
        with comity.open(path) as workspace:
            assert workspace.verify().problems == ()
            check_last(workspace, tmp_path, turn * STEP + len(erased) + 1)


@pytest.mark.slow
def test_s37_processes_that_erase_at_once_get_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    comity.open(path).close()
    children = [Child(path, turn * STEP) for turn in range(3)]
    for child in children:
        child.hear(6)
    erased = [number for child in children for number in child.kill(0.0)]
    assert len(erased) >= 9
    with comity.open(path) as workspace:
        assert leaks(tmp_path, erased) == []
        assert workspace.verify().problems == ()


def check_last(workspace: comity.Workspace, folder: Path, number: int) -> None:
    """Look at the person whom the child didn't come to the end with: erased by now as a whole, or not at all."""
    record = workspace.get(f"person/p{number}")
    if record.is_erased:
        assert leaks(folder, [number]) == []
    elif record.version:
        assert record.text == f"secret{number}secret" * 50
