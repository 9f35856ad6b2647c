"""Does an agent announce what it never does, and never takes back?"""

from __future__ import annotations

from collections.abc import Iterator

from comity.clock import format_age
from comity.coordination.detectors.detector import Detector, Signal, Tally
from comity.coordination.judged import Judged
from comity.model.alerting import DetectorDefinition
from comity.model.built_in import INTENT


class SilentIntent(Detector):
    """Count per agent the announced intents that were told to have expired."""

    def __init__(self, definition: DetectorDefinition) -> None:
        super().__init__(definition)
        self._tally = Tally(definition)

    def take(self, judged: Judged) -> Iterator[Signal]:
        """Look at what was judged next."""
        for event in judged.events:
            agent = event.values.get("agent")
            if event.kind != INTENT or event.type != "expired" or not isinstance(agent, str):
                continue
            if evidence := self._tally.add(agent, judged.at, event.event):
                message = (
                    f"{len(evidence)} announced intents of {agent} expired within {format_age(self.within_us)},"
                    " neither done nor taken back: others kept off for nothing."
                )
                yield self.signal(agent, judged.at, message, evidence)
