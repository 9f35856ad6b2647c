"""What a detector is: it looks at what was judged, one by one, and says where it sees its pattern."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec

from comity import limits
from comity.clock import SECOND_US
from comity.coordination.judged import Judged
from comity.model.alerting import DetectorDefinition
from comity.model.records import RecordState

T = TypeVar("T")


class Signal(msgspec.Struct, frozen=True):
    """Be that a detector saw its pattern: of which subject, when, and by what it can be seen.

    ``is_over`` tells instead that what was seen has ended.
    """

    detector: str
    subject: str
    at: int
    message: str = ""
    evidence: tuple[str, ...] = ()
    times: int = 1
    is_over: bool = False


class Detector:
    """Look for one pattern.

    What it says depends on nothing but what was judged, in order, within the last
    ``limits.ALERT_WITHIN_MOST_S``, and on what was open when it began: so it says the same
    live, after a restart, and over history.
    """

    def __init__(self, definition: DetectorDefinition) -> None:
        self.definition = definition
        self.within_us = definition.within_s * SECOND_US

    def begin(self, tickets: Iterable[RecordState], now_us: int) -> None:
        """Take what was waiting at the moment at which looking begins."""

    def take(self, judged: Judged) -> Iterable[Signal]:
        """Look at what was judged next."""
        return ()

    def pass_time(self, now_us: int) -> Iterable[Signal]:
        """Look at what the time alone has brought about up to now."""
        return ()

    def signal(self, subject: str, at: int, message: str, evidence: Iterable[str]) -> Signal:
        """Return that the pattern was seen."""
        return Signal(
            self.definition.name, subject, at, message, tuple(evidence)[-limits.ALERT_EVIDENCE :], self.definition.times
        )


class Latest(Generic[T]):
    """Keep the latest few of something for each subject; those seen longest ago are forgotten first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, deque[T]] = OrderedDict()

    def of(self, subject: str) -> deque[T]:
        """Return what is kept of a subject, to be added to."""
        kept = self._kept.get(subject)
        if kept is None:
            kept = self._kept[subject] = deque(maxlen=self._most)
            if len(self._kept) > limits.ALERT_SUBJECTS:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(subject)
        return kept

    def drop(self, subject: str) -> None:
        """Forget a subject."""
        self._kept.pop(subject, None)


class Tally:
    """Count what happens to subjects: tell when it has happened so many times within the time of a detector."""

    def __init__(self, definition: DetectorDefinition) -> None:
        self._within_us = definition.within_s * SECOND_US
        self._times = definition.times
        self._latest: Latest[tuple[int, str]] = Latest(definition.times)

    def add(self, subject: str, at: int, evidence: str) -> tuple[str, ...]:
        """Count once more; return by what it is seen, or nothing as long as it isn't often enough."""
        kept = self._latest.of(subject)
        kept.append((at, evidence))
        if len(kept) < self._times or at - kept[0][0] > self._within_us:
            return ()
        return tuple(one for _, one in kept)

    def drop(self, subject: str) -> None:
        """Begin to count a subject anew."""
        self._latest.drop(subject)
