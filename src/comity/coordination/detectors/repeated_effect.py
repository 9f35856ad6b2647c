"""Is the same effect wanted again and again?"""

from __future__ import annotations

from collections.abc import Iterator

from comity.coordination.detectors.detector import Detector, Signal, Tally
from comity.coordination.judged import Judged
from comity.model.alerting import DetectorDefinition


class RepeatedEffect(Detector):
    """Count per key of an effect how often it was wanted though it was taken."""

    def __init__(self, definition: DetectorDefinition) -> None:
        super().__init__(definition)
        self._tally = Tally(definition)

    def take(self, judged: Judged) -> Iterator[Signal]:
        """Look at what was judged next."""
        effects = (str(one.data.get("effect") or one.subject) for one in judged.findings if one.code == "effect.taken")
        for effect in dict.fromkeys(effects):
            if evidence := self._tally.add(effect, judged.at, judged.evidence):
                message = (
                    f"{effect} was wanted {len(evidence)} times more than once, last by {judged.agent}:"
                    " it was done once, but who wants it doesn't know so."
                )
                yield self.signal(effect, judged.at, message, evidence)
