"""Other processes, and other threads that are held up where a test wants them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable

from comity.workspace.opening import Workspace

DEADLINE_S = 60
"""More than anything here takes, however slow the machine is."""


def run_process(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=surroundings, timeout=DEADLINE_S, check=False)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something has happened in another thread."""
    pause = threading.Event()
    for _ in range(DEADLINE_S * 500):
        if condition():
            return
        pause.wait(0.002)
    raise AssertionError("it didn't happen in time")


class Stall:
    """Hold the leader of the lane in the store until told to go on."""

    def __init__(self, outcome: BaseException | None = None) -> None:
        self.outcome = outcome
        self.entered = threading.Event()
        self.go = threading.Event()

    def __call__(self) -> None:
        self.entered.set()
        assert self.go.wait(DEADLINE_S)
        if self.outcome is not None:
            raise self.outcome


def waiting(workspace: Workspace) -> int:
    return len(workspace._engine.lane._waiting)


def start(work: Callable[[], object], results: list[object]) -> threading.Thread:
    """Run in a thread, and keep what it returned or raised."""

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - it is looked at by the test
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread
