"""Random bytes, asked for in large pieces."""

from __future__ import annotations

import threading

from comity.model.ids import Entropy


class EntropyPool:
    """Give out random bytes that were asked for in large pieces: each asking is a call to the system.

    Threads may share it; a process that forked must not go on with it.
    """

    def __init__(self, source: Entropy, piece: int = 4096) -> None:
        self._source = source
        self._piece = piece
        self._bytes = b""
        self._used = 0
        self._lock = threading.Lock()

    def __call__(self, size: int, /) -> bytes:
        """Return ``size`` random bytes, never the same ones twice."""
        with self._lock:
            start, end = self._used, self._used + size
            if end > len(self._bytes):
                self._bytes = self._source(max(self._piece, size))
                start, end = 0, size
            self._used = end
            return self._bytes[start:end]
