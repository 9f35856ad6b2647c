"""Loading what a command needs, and running it: nothing at all where only the version is asked for."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module

from comity import __version__


def run(words: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    if list(words) == ["--version"]:
        sys.stdout.write(f"{__version__}\n")
        return 0
    with _interrupts_held_back():
        app = import_module("comity.cli.app")
    return int(app.main(words))


@contextmanager
def _interrupts_held_back() -> Generator[None]:
    """Raise KeyboardInterrupt for an interrupt (Ctrl-C) when the block is over.

    One that strikes within an import may be swallowed there, or come out as another error.
    Whoever has a way of their own with interrupts keeps it.
    """
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    struck: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: struck.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if struck:
        raise KeyboardInterrupt
