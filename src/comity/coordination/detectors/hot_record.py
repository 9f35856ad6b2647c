"""Do so many want to change one record that they are in each other's way?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from comity.clock import format_age
from comity.coordination.detectors.detector import Detector, Latest, Signal
from comity.coordination.detectors.subjects import written
from comity.coordination.judged import Judged
from comity.model.alerting import DetectorDefinition

AGENTS: Final = 3
"""How many must take part."""

_SHOWN: Final = 5


class HotRecord(Detector):
    """Count per record the proposals that would change it, by several agents."""

    def __init__(self, definition: DetectorDefinition) -> None:
        super().__init__(definition)
        self._latest: Latest[tuple[int, str, str]] = Latest(definition.times)

    def take(self, judged: Judged) -> Iterator[Signal]:
        """Look at what was judged next."""
        for record in written(judged):
            kept = self._latest.of(record)
            kept.append((judged.at, judged.agent, judged.evidence))
            if len(kept) < self.definition.times or judged.at - kept[0][0] > self.within_us:
                continue
            agents = {agent for _, agent, _ in kept}
            if len(agents) >= AGENTS:
                message = (
                    f"{len(agents)} agents proposed {len(kept)} changes of {record}"
                    f" within {format_age(judged.at - kept[0][0])}."
                )
                yield self.signal(record, judged.at, message, [one for _, _, one in kept][-_SHOWN:])
