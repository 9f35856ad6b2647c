"""Waiting for the head to move: one thread of a process looks, for all of them.

Whoever comes first looks at the head whenever a hint comes, and without one at first often
and then seldom; those who come later wait for it, and when it leaves, one of them takes its
place. A commit of this process wakes all of them at once.
"""

from __future__ import annotations

import threading
from threading import get_ident
from time import monotonic
from typing import Final

from comity.store.postgres.address import Address
from comity.store.postgres.hints import MISSED, Ear

FIRST_LOOK_S: Final = 0.001
LAST_LOOK_S: Final = 0.05
"""Between two looks at the head, the first and the longest: each is a question to the server."""
HINTED_LOOK_S: Final = 0.5
"""The longest while hints come, as they did for the last commits."""


class Waiting:
    """Be where threads wait; whoever has moved the head, or seen it moved, tells it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._changed = threading.Condition()
        self._ear: Ear | None = None
        self._looking = 0
        self._is_hearing = False
        self._revision = -1
        self._is_hinted = False
        self._is_overdue = False
        self._is_closed = False
        self.moves = 0
        """How often it was heard that the head has moved."""

    def pause(self, moves: int, looks: int, timeout_s: float) -> None:
        """Wait until it is time for the calling thread to look, after so many looks since so many moves."""
        ear = self._come(moves, timeout_s)
        if ear is None:
            return
        longest_s = HINTED_LOOK_S if self._is_hinted else min(FIRST_LOOK_S * 2 ** min(looks, 20), LAST_LOOK_S)
        try:
            self._hear(ear, moves, monotonic() + min(timeout_s, longest_s))
        finally:
            self._turn_away(ear)

    def _come(self, moves: int, timeout_s: float) -> Ear | None:
        """Return what the calling thread hears by, as it is the one to look; or None once it has waited for that."""
        with self._changed:
            if self.moves != moves or self._is_closed:
                return None
            if self._looking not in (0, get_ident()):
                self._changed.wait(timeout_s)
                return None
            self._looking = get_ident()
            self._ear = self._ear or Ear(self._address)
            self._is_hearing = True
            return self._ear

    def _hear(self, ear: Ear, moves: int, until: float) -> None:
        """Hear until the head is said to be further than it was seen, here or by a hint, or the time is over."""
        while self.moves == moves and (left := until - monotonic()) > 0:
            hinted = ear.hear(left)
            if hinted is None:
                continue
            self._is_hinted = hinted != MISSED
            if hinted > self._revision or not self._is_hinted:
                self.tell()
        self._is_overdue = self.moves == moves

    def _turn_away(self, ear: Ear) -> None:
        with self._changed:
            self._is_hearing = False
            if self._is_closed:
                ear.close()

    def saw(self, revision: int) -> None:
        """Tell those who wait of the revision that a look has found, if they don't know it."""
        if revision != self._revision:
            self._revision = revision
            if self._is_overdue:
                self._is_hinted = False  # It has moved, and no hint has come.
            self.tell()

    def tell(self) -> None:
        """Wake those who wait."""
        with self._changed:
            self.moves += 1
            self._changed.notify_all()
            if self._is_hearing and self._ear is not None and self._looking != get_ident():
                self._ear.wake()

    def leave(self) -> None:
        """Let somebody else look, if the calling thread did."""
        with self._changed:
            if self._looking == get_ident():
                self._looking = 0
                self.moves += 1
                self._changed.notify_all()

    def close(self) -> None:
        """Wake those who wait, and let go of what is heard by."""
        self.tell()
        with self._changed:
            was_closed, self._is_closed = self._is_closed, True
            if not was_closed and not self._is_hearing and self._ear is not None:
                self._ear.close()
