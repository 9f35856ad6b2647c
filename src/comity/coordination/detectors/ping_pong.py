"""Do two agents keep setting a field back to what the other one has just changed?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec

from comity.clock import format_age
from comity.coordination.detectors.detector import Detector, Latest, Signal
from comity.coordination.judged import Judged, Seen
from comity.model import refs
from comity.model.alerting import DetectorDefinition
from comity.model.proposals import Add, Append, Exclude, Include
from comity.model.records import LIFE
from comity.model.values import same

_COMMUTING: Final = (Add, Append, Exclude, Include)


class _Turn(msgspec.Struct, frozen=True, gc=False):
    """Be one change of a field."""

    agent: str
    at: int
    was: Any
    now: Any
    event: str


class PingPong(Detector):
    """Follow each field's last changes; what only adds to it or takes away from it isn't setting it back."""

    def __init__(self, definition: DetectorDefinition) -> None:
        super().__init__(definition)
        self._turns: Latest[_Turn] = Latest(max(definition.times, 2))

    def take(self, judged: Judged) -> Iterator[Signal]:
        """Look at what was judged next."""
        for event in judged.events:
            if not refs.is_built_in(event.record) and not event.is_derived:
                commuting = _commuting(judged, event.record)
                for field in event.was:
                    if field != LIFE and field not in commuting:
                        yield from self._turn(f"{event.record}.{field}", field, event, judged)

    def _turn(self, subject: str, field: str, event: Seen, judged: Judged) -> Iterator[Signal]:
        turns = self._turns.of(subject)
        turns.append(_Turn(judged.agent, judged.at, event.was[field], event.values.get(field), event.event))
        is_long = len(turns) == turns.maxlen and judged.at - turns[0].at <= self.within_us
        if is_long and all(_is_back(one, other) for one, other in pairwise(turns)):
            message = (  # Alerts are for all who look, and leave the building: they quote no values (S39).
                f"{turns[-2].agent} and {judged.agent} set {subject} back and forth: {len(turns)} times within"
                f" {format_age(self.within_us)}."
            )
            yield self.signal(subject, judged.at, message, _events(turns))


def _is_back(former: _Turn, turn: _Turn) -> bool:
    """Tell whether a change undoes the one before it, which was somebody else's."""
    return turn.agent != former.agent and same(turn.now, former.was)


def _events(turns: Sequence[_Turn] | Any) -> list[str]:
    return [turn.event for turn in turns]


def _commuting(judged: Judged, record: str) -> set[str]:
    changes = judged.proposal.changes if judged.proposal is not None else ()
    return {name for one in changes if isinstance(one, _COMMUTING) and one.record == record for name in one.fields}
