"""Does somebody keep being refused on a record while others get through?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from comity.clock import format_age
from comity.coordination.detectors.detector import Detector, Latest, Signal
from comity.coordination.detectors.subjects import found_on, written
from comity.coordination.judged import Judged
from comity.model.alerting import DetectorDefinition

CODES: Final = frozenset(
    {"freshness.changed", "freshness.query_changed", "lease.held", "lease.lapsed", "queue.behind", "queue.full"}
)
"""What says that somebody else was faster."""


class Starvation(Detector):
    """Count per agent and record what was refused in a row, and what others committed there meanwhile."""

    def __init__(self, definition: DetectorDefinition) -> None:
        super().__init__(definition)
        self._refused: Latest[tuple[int, str]] = Latest(definition.times)
        self._passed: Latest[tuple[int, str]] = Latest(definition.times)

    def take(self, judged: Judged) -> Iterator[Signal]:
        """Look at what was judged next."""
        if judged.outcome == "refused":
            for record in found_on(judged, CODES):
                yield from self._behind(record, judged)
            return
        for record in written(judged) if judged.revision is not None else ():
            self._passed.of(record).append((judged.at, judged.agent))
            self._refused.drop(_subject(judged.agent, record))

    def _behind(self, record: str, judged: Judged) -> Iterator[Signal]:
        subject, times = _subject(judged.agent, record), self.definition.times
        refused = self._refused.of(subject)
        refused.append((judged.at, judged.id))
        first_us = refused[0][0]
        if len(refused) < times or judged.at - first_us > self.within_us:
            return
        passed = sum(at >= first_us and agent != judged.agent for at, agent in self._passed.of(record))
        if passed >= max(times // 2, 1):
            message = (
                f"{judged.agent} was refused {len(refused)} times in a row on {record}"
                f" within {format_age(self.within_us)}, while others got through {passed} times."
            )
            yield self.signal(subject, judged.at, message, [id for _, id in refused])


def _subject(agent: str, record: str) -> str:
    return f"{agent} on {record}"
