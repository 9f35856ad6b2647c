"""What is pending in the outbox, held in memory: which effect is due next, what is ahead of it, what is over.

A look must not cost more for what is held for days. So what is pending is read once, and
brought up to date from the log (:mod:`comity.coordinator.holding`); it is only as good as
the look, and whether something may be sent is decided afresh.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import Final

import msgspec

from comity import limits
from comity.clock import SECOND_US, parse_time
from comity.coordinator.holding import Held
from comity.model.built_in import EFFECT
from comity.model.filters import Order
from comity.model.records import RecordState

_LONGEST_STEP: Final = 30
_NOTHING_MORE: Final = (-1, -1)
_ANYTHING: Final = (limits.INTEGER_MAX, 0)

Lane = tuple[str, str]
"""An effect's name and its target: what is sent there is sent in order."""


class Entry(msgspec.Struct, gc=False):
    """Be a pending effect, as far as its turn is concerned. ``tries`` in vain put the next one off, to ``again_us``.

    It ends at ``ends_us`` if nothing stops its time, and is looked at for that at ``end_us``.
    """

    id: str
    effect: str
    version: int
    is_sending: bool
    is_held_up: bool
    attempts: int
    incarnation: str
    release_us: int
    ends_us: int | None
    end_us: int | None
    order: tuple[int, int]
    lane: Lane | None
    tries: int = 0
    again_us: int = 0

    @property
    def ref(self) -> str:
        """Return the address of its record."""
        return f"{EFFECT}/{self.id}"

    def is_over(self, incarnation: str) -> bool:
        """Tell whether its end counts: what waits for a human since the base was restored does so for good (S1)."""
        return self.is_sending or self.incarnation == incarnation

    def put_off(self, now_us: int) -> None:
        """Have it tried again later, after each try in vain twice as long."""
        pause_s = min(limits.TRY_AGAIN_S * 2**self.tries, limits.TRY_AGAIN_MOST_S)
        self.tries = min(self.tries + 1, _LONGEST_STEP)
        self.again_us = now_us + round(pause_s * SECOND_US)


def _entry(state: RecordState) -> Entry:
    values = state.values
    is_sending, target = values["state"] == "sending", values.get("target")
    end, claimed = values.get("sending_until" if is_sending else "expires_at"), values.get("claimed_until")
    attempts = values.get("attempts") or 0
    end_us = parse_time(end) if end is not None else None
    return Entry(
        id=state.id,
        effect=values["effect"],
        version=state.version,
        is_sending=is_sending,
        is_held_up=bool(values.get("held_up")),
        attempts=attempts,
        incarnation=values["incarnation"],
        release_us=parse_time(values["release_at"]),
        ends_us=end_us,
        end_us=end_us,
        order=(values["wanted_in"], values["place"]),
        lane=(values["effect"], target) if target is not None else None,
        again_us=parse_time(claimed) if claimed is not None and not attempts else 0,
    )


class Pending:
    """Know what is pending: in the order in which it is due, by its lane, and when it is over."""

    def __init__(self, states: Iterable[RecordState]) -> None:
        self._entries: dict[str, Entry] = {}
        self._ready: dict[str, None] = {}
        self._lanes: dict[Lane, set[str]] = {}
        self._coming: list[tuple[int, tuple[int, int], str, int]] = []
        self._ending: list[tuple[int, str, int]] = []
        for state in states:
            self._keep(state)
        heapify(self._coming)
        heapify(self._ending)
        self.is_cut = len(self._entries) >= limits.EFFECTS_HELD

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_low(self) -> bool:
        """Tell whether only a part was read, and most of it is done with by now."""
        return self.is_cut and len(self._entries) < limits.EFFECTS_HELD // 2

    def take(self, state: RecordState) -> None:
        """Take what became of an effect."""
        known = self._drop(state.id)
        entry = self._keep(state)
        if entry is None:
            return
        if known is not None and known.is_held_up and entry.is_held_up:
            entry.tries, entry.again_us = known.tries, known.again_us
        heappush(self._coming, self._coming.pop())
        if entry.end_us is not None:
            heappush(self._ending, self._ending.pop())

    def _keep(self, state: RecordState) -> Entry | None:
        """Keep an effect that is still to be sent; what is put at the end of the heaps isn't in its place yet."""
        if state.life != "live" or state.values["state"] == "aside":
            return None
        entry = self._entries[state.id] = _entry(state)
        if entry.lane is not None:
            self._lanes.setdefault(entry.lane, set()).add(entry.id)
        self._coming.append((entry.release_us, entry.order, entry.id, entry.version))
        if entry.end_us is not None:
            self._ending.append((entry.end_us, entry.id, entry.version))
        return entry

    def _drop(self, id: str) -> Entry | None:
        entry = self._entries.pop(id, None)
        self._ready.pop(id, None)
        if entry is not None and entry.lane is not None:
            lane = self._lanes[entry.lane]
            lane.discard(id)
            if not lane:
                del self._lanes[entry.lane]
        return entry

    def _current(self, id: str, version: int) -> Entry | None:
        """Return an entry unless it has changed since it was put into a heap."""
        entry = self._entries.get(id)
        return entry if entry is not None and entry.version == version else None

    def next_us(self) -> int | None:
        """Return when the next effect is due that isn't yet."""
        while self._coming and self._current(*self._coming[0][2:]) is None:
            heappop(self._coming)
        return self._coming[0][0] if self._coming else None

    def retry(self, targets: Container[str] | None = None) -> None:
        """Have everything tried at once that is held up, or only what is about some targets."""
        for id in self._ready:
            entry = self._entries[id]
            is_meant = targets is None or (entry.lane is not None and entry.lane[1] in targets)
            if entry.is_held_up and is_meant:
                entry.tries = entry.again_us = 0

    def look_at_ends(self) -> None:
        """Have it looked at anew what is over by now, of that whose end was put off."""
        for entry in self._entries.values():
            if entry.ends_us is not None and entry.end_us != entry.ends_us:
                self.put_off_end(entry, entry.ends_us)

    def put_off_end(self, entry: Entry, until_us: int) -> None:
        """Have it looked at later whether an entry is over."""
        entry.end_us = until_us
        heappush(self._ending, (until_us, entry.id, entry.version))

    def retry_these(self, ids: Iterable[str]) -> None:
        """Have effects tried at once that are held up, by their ids."""
        for id in ids:
            entry = self._entries.get(id)
            if entry is not None and entry.is_held_up:
                entry.tries = entry.again_us = 0

    def over(self, now_us: int, incarnation: str, most: int) -> list[Entry]:
        """Return what is over: tries of which nothing was heard in time, and what was held up for too long.

        What waits for a human since the base was restored is not among it, and not asked for again.
        """
        over: list[Entry] = []
        while self._ending and self._ending[0][0] <= now_us and len(over) < most:
            end_us, id, version = heappop(self._ending)
            entry = self._current(id, version)
            if entry is not None and entry.end_us == end_us and entry.is_over(incarnation):
                over.append(entry)
        for entry in over:  # Until it is told, which may fail.
            heappush(self._ending, (entry.end_us or 0, entry.id, entry.version))
        return over

    def due(self, now_us: int, incarnation: str) -> Iterator[Entry]:
        """Yield what may be tried now, in order: its time has come, and nothing goes first to the same target."""
        self.ripen(now_us)
        first: dict[Lane, tuple[int, int]] = {}
        for id in list(self._ready):
            entry = self._entries[id]
            if entry.is_sending or entry.again_us > now_us or entry.incarnation != incarnation:
                continue
            if entry.lane is None:
                yield entry
            else:
                if entry.lane not in first:
                    first[entry.lane] = self._first(entry.lane, now_us, incarnation)
                if entry.order <= first[entry.lane]:
                    first[entry.lane] = _NOTHING_MORE
                    yield entry

    def ripen(self, now_us: int) -> None:
        """Take note of what has come due by now, so that it isn't what is due next any more."""
        while (next_us := self.next_us()) is not None and next_us <= now_us:
            self._ready[heappop(self._coming)[2]] = None

    def _first(self, lane: Lane, now_us: int, incarnation: str) -> tuple[int, int]:
        """Return the order of what goes first to a target: nothing may while something is being sent there.

        What is held still, or held up, lets others pass; what was tried in vain keeps its place.
        """
        first = _ANYTHING
        for entry in (self._entries[id] for id in self._lanes[lane]):
            if entry.is_sending:
                return _NOTHING_MORE
            is_coming = entry.attempts or entry.release_us <= now_us
            if is_coming and not entry.is_held_up and entry.incarnation == incarnation:
                first = min(first, entry.order)
        return first


PENDING: Final = Held(EFFECT, Pending, limits.EFFECTS_HELD, (Order("release_at"),))
