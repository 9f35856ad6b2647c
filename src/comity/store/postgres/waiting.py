"""Waiting for the head to move: one thread of a process looks, for all of them.

Whoever comes first looks at the head, at first often and then seldom; those who come later
wait for it, and when it leaves, one of them takes its place. A commit of this process wakes
all of them at once.
"""

from __future__ import annotations

import threading
from threading import get_ident
from typing import Final

FIRST_LOOK_S: Final = 0.001
LAST_LOOK_S: Final = 0.05
"""Between two looks at the head, the first and the longest: each is a question to the server."""


class Waiting:
    """Be where threads wait; whoever has moved the head, or seen it moved, tells it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._looking = 0
        self._revision = -1
        self.moves = 0
        """How often it was heard that the head has moved."""

    def pause(self, moves: int, looks: int, timeout_s: float) -> None:
        """Wait until it is time for the calling thread to look, after so many looks since so many moves."""
        with self._changed:
            if self.moves != moves:
                return
            if self._looking in (0, get_ident()):
                self._looking = get_ident()
                timeout_s = min(timeout_s, FIRST_LOOK_S * 2 ** min(looks, 20), LAST_LOOK_S)
            self._changed.wait(timeout_s)

    def saw(self, revision: int) -> None:
        """Tell those who wait of the revision that a look has found, if they don't know it."""
        if revision != self._revision:
            self._revision = revision
            self.tell()

    def tell(self) -> None:
        """Wake those who wait."""
        with self._changed:
            self.moves += 1
            self._changed.notify_all()

    def leave(self) -> None:
        """Let somebody else look, if the calling thread did."""
        with self._changed:
            if self._looking == get_ident():
                self._looking = 0
                self.moves += 1
                self._changed.notify_all()
