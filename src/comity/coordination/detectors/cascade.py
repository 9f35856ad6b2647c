"""Did one thing lead to another until it was stopped: too deep, or round in a circle?"""

from __future__ import annotations

from collections.abc import Iterator

from comity.coordination.detectors.detector import Detector, Signal, Tally
from comity.coordination.judged import Judged
from comity.model.alerting import DetectorDefinition
from comity.model.decisions import Finding


class CascadeDepth(Detector):
    """Count per agent what was refused as too much had led to it."""

    def __init__(self, definition: DetectorDefinition) -> None:
        super().__init__(definition)
        self._tally = Tally(definition)

    def take(self, judged: Judged) -> Iterator[Signal]:
        """Look at what was judged next."""
        for finding in _found("cascade.too_deep", judged):
            cause = str(finding.data.get("cause"))
            if evidence := self._tally.add(judged.agent, judged.at, judged.evidence):
                message = f"{judged.agent} was stopped: too much had led to what it proposed, last event {cause}."
                yield self.signal(judged.agent, judged.at, message, (*evidence, cause))


class CascadeLoop(Detector):
    """Count per record what was refused as it went round in a circle."""

    def __init__(self, definition: DetectorDefinition) -> None:
        super().__init__(definition)
        self._tally = Tally(definition)

    def take(self, judged: Judged) -> Iterator[Signal]:
        """Look at what was judged next."""
        for finding in _found("cascade.loop", judged):
            record, cause = finding.subject or judged.agent, str(finding.data.get("cause"))
            if evidence := self._tally.add(record, judged.at, judged.evidence):
                message = f"{judged.agent} was stopped on {record}: its own changes had led to it, round in a circle."
                yield self.signal(record, judged.at, message, (*evidence, cause))


def _found(code: str, judged: Judged) -> Iterator[Finding]:
    return (finding for finding in judged.findings if finding.code == code)
