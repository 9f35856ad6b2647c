"""The records that a coordinator holds in memory: bounded, and only as good as the head they were taken at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from comity.model.codec import encode
from comity.model.records import RecordState

Ref = tuple[str, str]
_OVERHEAD_BYTES = 400


class RecordCache:
    """Hold records by kind and id, absent ones included, up to a number of bytes.

    ``states`` may be read by anyone; only the coordinator changes it. The oldest entries
    leave first, between batches.
    """

    def __init__(self, most_bytes: int) -> None:
        self.states: dict[Ref, RecordState] = {}
        self._sizes: dict[Ref, int] = {}
        self._bytes = 0
        self._most_bytes = most_bytes

    def __len__(self) -> int:
        return len(self.states)

    @property
    def bytes(self) -> int:
        """Return about how many bytes are held."""
        return self._bytes

    def put(self, ref: Ref, state: RecordState) -> None:
        """Hold a record as it is at the head."""
        size = _OVERHEAD_BYTES + len(encode(state.values)) + 24 * len(state.blame)
        self._bytes += size - self._sizes.get(ref, 0)
        self._sizes[ref] = size
        self.states[ref] = state

    def update(self, states: Mapping[Ref, RecordState]) -> None:
        """Hold records that a batch has changed."""
        for ref, state in states.items():
            self.put(ref, state)

    def correct(self, states: Iterable[RecordState]) -> None:
        """Take what others have changed, for the records that are held."""
        for state in states:
            ref = (state.kind, state.id)
            if ref in self.states:
                self.put(ref, state)

    def clear(self) -> None:
        """Forget everything."""
        self.states.clear()
        self._sizes.clear()
        self._bytes = 0

    def shrink(self) -> None:
        """Let the oldest entries go until the bound is kept."""
        while self._bytes > self._most_bytes and self.states:
            ref = next(iter(self.states))
            del self.states[ref]
            self._bytes -= self._sizes.pop(ref)
