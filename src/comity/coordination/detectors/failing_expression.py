"""Can a rule or a guard not be judged any more (S26)?"""

from __future__ import annotations

from collections.abc import Iterator

from comity.coordination.detectors.detector import Detector, Signal, Tally
from comity.coordination.judged import Judged
from comity.model import refs
from comity.model.alerting import DetectorDefinition
from comity.model.decisions import Finding
from comity.model.texts import quote


class FailingExpression(Detector):
    """Count per rule or guard its failures in a row: one that is judged, for better or worse, ends the row."""

    def __init__(self, definition: DetectorDefinition) -> None:
        super().__init__(definition)
        self._tally = Tally(definition)
        self._guards: dict[str, set[str]] = {}

    def take(self, judged: Judged) -> Iterator[Signal]:
        """Look at what was judged next."""
        failed = {_key(one): one for one in judged.findings if _is_expression(one) and "problem" in one.data}
        for key in {_key(one) for one in judged.findings if _is_expression(one)} - failed.keys():
            self._tally.drop(key)
        for event in judged.events:  # What was committed has passed the guards of its kind.
            for key in self._guards.get(event.kind, ()):
                self._tally.drop(key)
        for key, finding in failed.items():
            if finding.gate == "guard":
                self._guards.setdefault(key.partition(" ")[0], set()).add(key)
            if evidence := self._tally.add(key, judged.at, judged.evidence):
                message = f"{finding.code} failed {len(evidence)} times in a row: {quote(finding.data['problem'], 120)}"
                yield self.signal(key, judged.at, message, evidence)


def _is_expression(finding: Finding) -> bool:
    return finding.gate in ("rule", "guard") and finding.code not in ("guard.assumption", "guard.consequence")


def _key(finding: Finding) -> str:
    """Return which expression it is: guards of two kinds may have one name."""
    kind = (finding.subject or "").partition("/")[0]
    return f"{kind} {finding.code}" if finding.gate == "guard" and not refs.is_built_in(kind) else finding.code
