"""Waiting for the head to move: at the doorbell, which one thread does for all of its process.

Whoever comes first waits at the bell; those who come later wait for it, and when it leaves,
one of them takes its place. So a lone one who waits is woken by no other thread, and a
commit of this process wakes all of them at once.
"""

from __future__ import annotations

import threading
from threading import get_ident
from types import TracebackType
from typing import Final

from comity.store.sqlite.doorbell import Doorbell

FIRST_LOOK_S: Final = 0.002
LAST_LOOK_S: Final = 0.01
"""How long a wait without a bell sleeps between two looks at the head, which another process may have moved."""
NET_LOOK_S: Final = 0.05
"""The same with a bell: whoever moved the head may have died before it rang, or not have been allowed to."""


class Waiting:
    """Be the ``with`` block of each thread that waits; whoever has moved the head tells it."""

    def __init__(self, bell: Doorbell) -> None:
        self._bell = bell
        self._changed = threading.Condition()
        self._listeners = 0
        self._at_bell = 0
        self.moves = 0
        """How often it was heard that the head has moved."""

    def __enter__(self) -> None:
        with self._changed:
            self._listeners += 1
            self._bell.hang()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._listeners -= 1

    def longest_pause_s(self, looks: int) -> float:
        """Return how long to wait at most before the next look at the head, after so many."""
        return NET_LOOK_S if self._bell.is_there else min(FIRST_LOOK_S * 2**looks, LAST_LOOK_S)

    def pause(self, moves: int, timeout_s: float) -> None:
        """Wait until the head has moved since so many moves were counted, or the time is over."""
        is_rung = False
        try:
            if self._goes_to_bell(moves, timeout_s):
                is_rung = self._bell.hear(timeout_s)
        finally:
            if self._at_bell == get_ident():  # Wherever an interrupt may have struck.
                self._leave_bell(moves, is_rung=is_rung)

    def _goes_to_bell(self, moves: int, timeout_s: float) -> bool:
        """Take the place at the bell, or wait for who has it; tell whether it was taken."""
        with self._changed:
            if self.moves != moves:
                return False
            if self._at_bell or not self._bell.is_there:
                self._changed.wait(timeout_s)
                return False
            self._at_bell = get_ident()
            return True

    def _leave_bell(self, moves: int, *, is_rung: bool) -> None:
        with self._changed:
            self._at_bell = 0
            if is_rung and self.moves == moves:
                self.moves += 1
                self._changed.notify_all()
                return
            self._changed.notify()  # Somebody else goes to the bell.
            if not is_rung:
                self._bell.mend()

    def tell(self) -> None:
        """Wake those who wait, here and in other processes: who isn't among them yet has still to look at the head."""
        if self._listeners:
            self._tell_here()
        self._bell.ring()

    def _tell_here(self) -> None:
        with self._changed:
            self.moves += 1
            self._changed.notify_all()
            if self._at_bell:
                self._bell.wake()

    def close(self) -> None:
        """Wake those who wait, and take the bell away."""
        self._tell_here()
        with self._changed:
            self._bell.close()
