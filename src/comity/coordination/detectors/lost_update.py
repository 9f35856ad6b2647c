"""Do agents again and again try to write over what somebody else has just changed on a record?"""

from __future__ import annotations

from collections.abc import Iterator

from comity.clock import format_age
from comity.coordination.detectors.detector import Detector, Signal, Tally
from comity.coordination.detectors.subjects import found_on
from comity.coordination.judged import Judged
from comity.model.alerting import DetectorDefinition

CODES = frozenset({"freshness.changed", "freshness.blind_write"})


class LostUpdate(Detector):
    """Count per record what freshness refused, or would have refused but for the shadow."""

    def __init__(self, definition: DetectorDefinition) -> None:
        super().__init__(definition)
        self._tally = Tally(definition)

    def take(self, judged: Judged) -> Iterator[Signal]:
        """Look at what was judged next."""
        for record in found_on(judged, CODES):
            if evidence := self._tally.add(record, judged.at, judged.evidence):
                message = (
                    f"{len(evidence)} times within {format_age(self.within_us)} somebody was about to write over"
                    f" what others had changed on {record}, last {judged.agent}."
                )
                yield self.signal(record, judged.at, message, evidence)
