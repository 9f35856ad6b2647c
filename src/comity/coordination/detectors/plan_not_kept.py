"""Does an agent commit something else than it has announced?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from comity.coordination.detectors.detector import Detector, Signal, Tally
from comity.coordination.judged import Judged
from comity.model import refs
from comity.model.alerting import DetectorDefinition
from comity.model.built_in import INTENT
from comity.model.texts import listed


class PlanNotKept(Detector):
    """Compare what an announced intent said with the commit that closed it."""

    def __init__(self, definition: DetectorDefinition) -> None:
        super().__init__(definition)
        self._tally = Tally(definition)

    def take(self, judged: Judged) -> Iterator[Signal]:
        """Look at what was judged next."""
        for event in judged.events:
            if event.kind != INTENT or event.type != "closed":
                continue
            done = _departure(event.values, judged)
            if done and (evidence := self._tally.add(judged.agent, judged.at, event.event)):
                said = f"{judged.agent} has announced one thing and done another: {done}."
                yield self.signal(judged.agent, judged.at, said, evidence)


def _departure(announced: dict[str, Any], judged: Judged) -> str:
    """Return what was done otherwise than it was announced, or nothing."""
    action, about = announced.get("action"), announced.get("about") or ()
    if action is not None and judged.action != action:
        return f"{judged.action or 'no action'} instead of {action}"
    changed = {one.record: None for one in judged.events if not (refs.is_built_in(one.record) or one.is_derived)}
    beyond = [record for record in changed if record not in about]
    return f"it changed {listed(beyond, 3)}, and spoke of {listed(about, 3)}" if about and beyond else ""
