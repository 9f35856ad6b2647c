"""The records that a coordinator holds in memory: bounded, and only as good as the head they were taken at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from comity.model.codec import encode
from comity.model.records import RecordState

Ref = tuple[str, str]
_OVERHEAD_BYTES = 400
_LEAVING = 1024
"""How many are looked at in one go: the front of a dict that lost many entries is slow to find."""


class RecordCache:
    """Hold records by kind and id, absent ones included, up to a number of bytes.

    ``states`` may be read by anyone; every change is made under a lock, because readers
    may add what they read. The oldest entries leave first, between batches.
    """

    def __init__(self, most_bytes: int) -> None:
        self.states: dict[Ref, RecordState] = {}
        self._sizes: dict[Ref, int] = {}
        self._bytes = 0
        self._most_bytes = most_bytes
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.states)

    @property
    def bytes(self) -> int:
        """Return about how many bytes are held."""
        return self._bytes

    def put(self, ref: Ref, state: RecordState) -> None:
        """Hold a record as it is at the head."""
        with self._lock:
            self._put(ref, state)

    def put_while(self, ref: Ref, state: RecordState, is_current: Callable[[], bool]) -> None:
        """Hold a record that was read, if there is one and its moment is still the current one."""
        with self._lock:
            if state.version and ref not in self.states and is_current():
                self._put(ref, state)
                self._shrink()

    def _put(self, ref: Ref, state: RecordState) -> None:
        size = _OVERHEAD_BYTES + len(encode(state.values)) + 24 * len(state.blame)
        self._bytes += size - self._sizes.get(ref, 0)
        self._sizes[ref] = size
        self.states[ref] = state

    def update(self, states: Mapping[Ref, RecordState]) -> None:
        """Hold records that a batch has changed."""
        with self._lock:
            for ref, state in states.items():
                self._put(ref, state)

    def correct(self, states: Iterable[RecordState]) -> None:
        """Take what others have changed, for the records that are held."""
        with self._lock:
            for state in states:
                ref = (state.kind, state.id)
                if ref in self.states:
                    self._put(ref, state)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self.states.clear()
            self._sizes.clear()
            self._bytes = 0

    def shrink(self) -> None:
        """Let the oldest entries go until the bound is kept."""
        if self._bytes > self._most_bytes:
            with self._lock:
                self._shrink()

    def _shrink(self) -> None:
        while self._bytes > self._most_bytes and self.states:
            for ref in list(islice(self.states, _LEAVING)):
                del self.states[ref]
                self._bytes -= self._sizes.pop(ref)
                if self._bytes <= self._most_bytes:
                    return
