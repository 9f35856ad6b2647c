"""Does an agent keep writing without having read what it writes over?"""

from __future__ import annotations

from collections.abc import Iterator

from comity.clock import format_age
from comity.coordination.detectors.detector import Detector, Signal, Tally
from comity.coordination.judged import Judged
from comity.model.alerting import DetectorDefinition


class BlindWrite(Detector):
    """Count per agent its blind writes, whether they were refused or only warned about."""

    def __init__(self, definition: DetectorDefinition) -> None:
        super().__init__(definition)
        self._tally = Tally(definition)

    def take(self, judged: Judged) -> Iterator[Signal]:
        """Look at what was judged next."""
        if not any(finding.code == "freshness.blind_write" for finding in judged.findings):
            return
        if evidence := self._tally.add(judged.agent, judged.at, judged.evidence):
            message = (
                f"{judged.agent} wrote {len(evidence)} times within {format_age(self.within_us)}"
                " over what it hadn't read."
            )
            yield self.signal(judged.agent, judged.at, message, evidence)
