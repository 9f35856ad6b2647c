"""The processes of a run, and whose turn it is."""

from __future__ import annotations

import os
import select
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from comity.cli.demo.script import Cue
from comity.cli.demo.worlds import WORLDS

PATIENCE_S: Final = 60.0
"""How long a process may take for its start or for one turn."""


class StageError(Exception):
    """Tell that one of the demo's own processes failed."""


def play(world: str, folder: Path) -> None:
    """Play the whole script in one world: each agent a process of its own, all at once on one base.

    Raises StageError where an agent fails, or the folder can't be written.
    """
    try:
        folder.mkdir()
        WORLDS[world].prepare(folder)
        with ExitStack() as stack:
            agents = {
                name: stack.enter_context(_process(player.__module__, name, folder))
                for name, player in WORLDS[world].cast.items()
            }
            _follow_script(WORLDS[world].script, agents)
    except (OSError, sqlite3.Error) as error:
        raise StageError(str(error)) from error


def _follow_script(script: Sequence[Cue], agents: Mapping[str, _Process]) -> None:
    for agent in agents.values():
        agent.expect("ready")
    for scene, name, step in script:
        agents[name].take_turn(step, scene)


class _Process:
    def __init__(self, name: str, process: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
        self._name = name
        self._process = process
        self._complaints = complaints

    def take_turn(self, step: str, scene: str) -> None:
        """Have the agent do something, and wait until it is done."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # What became of the agent is told by what it says next: nothing.
            self._process.stdin.write(f"{step}\t{scene}\n".encode())
            self._process.stdin.flush()
        self.expect("done")

    def expect(self, word: str) -> None:
        """Wait for the agent's word; raise StageError with what it said instead."""
        assert self._process.stdout is not None
        is_ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
        said = self._process.stdout.readline().decode().strip() if is_ready else "nothing"
        if said != word:
            raise StageError(f"{self._name} should say {word!r}\n{self._complaint()}")

    def leave(self) -> None:
        """Let the agent close its base and end; raise StageError if it can't."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._process.wait(PATIENCE_S):
            raise StageError(f"{self._name} couldn't leave\n{self._complaint()}")

    def _complaint(self) -> str:
        self._complaints.seek(0)
        return self._complaints.read().decode(errors="replace")


@contextmanager
def _process(module: str, name: str, folder: Path) -> Generator[_Process]:
    """Start an agent; at the end, let it close its base and leave."""
    command = [sys.executable, "-m", "comity.cli.demo.agents", module, name, str(folder)]
    with tempfile.TemporaryFile() as complaints:
        environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=environment
        )
        with process:
            try:
                agent = _Process(name, process, complaints)
                yield agent
                agent.leave()
            finally:
                process.kill()
