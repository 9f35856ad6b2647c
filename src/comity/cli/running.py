"""A process that only does duties: it releases what is due, delivers by webhook, and tells what is over."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from comity.cli import exits
from comity.cli.output import Output
from comity.cli.workspaces import Access, kept
from comity.model.texts import counted
from comity.workspace import Workspace

HELP: Final = "Do what is due by itself, such as delivering effects by webhook and carrying workflows on, until Ctrl-C."


def run(access: Access, output: Output) -> int:
    """Do duties until the process is interrupted or terminated; return the exit code."""
    with _stopping() as is_stopped, kept(access, output.warn) as workspace:
        output.tell({"workspace": workspace.url}, f"Doing what is due in {workspace.url}, until Ctrl-C.")
        is_stopped.wait()
        workspace.close()
        output.tell(*_report(workspace))
    return exits.OK


def _report(workspace: Workspace) -> tuple[dict[str, int], str]:
    """Return what a process did: as counts, and as a sentence."""
    done, steps = workspace.tally, workspace.steps_done
    counts = {"delivered": done.delivered, "failed": done.failed, "stopped": done.stopped, "steps": steps}
    effects = f"Effects: delivered {done.delivered}, failed {done.failed}, not let through {done.stopped}."
    return counts, f"{effects} Workflows: {counted(steps, 'step')} done or undone."


@contextmanager
def _stopping() -> Generator[threading.Event, None, None]:
    """Give what is set once somebody wants the process to end."""
    is_stopped = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, lambda *_: is_stopped.set())
        yield is_stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
