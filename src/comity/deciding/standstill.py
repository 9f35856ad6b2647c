"""Deadlines that stand still as long as a human holds up what they are for (S24).

Overrides say from when to when they held; so what is left of a deadline is the same whoever
looks, whenever: it doesn't hang on a duty that notices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from comity import limits
from comity.clock import SECOND_US, format_time, parse_time
from comity.deciding.overrides import InForce, Override, Overrides
from comity.model.built_in import OVERRIDE
from comity.model.filters import Condition, Query, page_after
from comity.model.records import RecordState

Span = tuple[int, int]
"""From when, and until when, in microseconds."""

Find = Callable[[Query], Sequence[RecordState]]
"""Return what a query finds, as of the moment that is looked at."""

_OVERRIDDEN: Final = Query(OVERRIDE, limit=limits.QUERY_RECORDS, life="kept")


class Overridden:
    """Hold the overrides that were in force at any time since one, over by now or not."""

    def __init__(self, since_us: int, find: Find) -> None:
        self._states = {state.ref: state for state in _found(since_us, find)}
        # All count as open, as InForce looks at one moment: here at that from which on they matter.
        opened = (msgspec.structs.replace(one, life="live") for one in self._states.values())
        self.held = InForce(Overrides(opened), since_us)

    def __bool__(self) -> bool:
        return bool(self._states)

    def span_of(self, override: Override) -> Span:
        """Return from when until when an override held, or will unless it is lifted before."""
        values = self._states[override.ref].values
        return parse_time(values["set_at"]), parse_time(values.get("lifted_at") or values["expires_at"])


def _found(since_us: int, find: Find) -> Iterator[RecordState]:
    """Yield the overrides that were in force at any time since."""
    # Times as texts differ in length, so that the query takes a second more, and the spans decide.
    after = Condition("expires_at", ">", format_time((since_us // SECOND_US - 1) * SECOND_US))
    query = msgspec.structs.replace(_OVERRIDDEN, where=(after,))
    page = find(query)
    while page:
        yield from page
        query = msgspec.structs.replace(query, after=page_after(query, page[-1]))
        page = find(query) if len(page) == query.limit else []


def within(span: Span, other: Span) -> Iterator[Span]:
    """Yield what two spans have in common, if anything."""
    both = max(span[0], other[0]), min(span[1], other[1])
    if both[0] < both[1]:
        yield both


def put_off(due_us: int, spans: Iterable[Span]) -> int:
    """Return a time as much later as spans of before it lasted; what comes once it is over revives nothing.

    >>> put_off(10, [(2, 4), (3, 6), (20, 30)])
    14
    """
    for begun_us, over_us in _merged(spans):
        if begun_us >= due_us:
            break
        due_us += over_us - begun_us
    return due_us


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield spans in order, those that overlap as one."""
    begun_us = over_us = 0
    for from_us, until_us in sorted(spans):
        if from_us > over_us:
            if begun_us < over_us:
                yield begun_us, over_us
            begun_us = from_us
        over_us = max(over_us, until_us)
    if begun_us < over_us:
        yield begun_us, over_us
