"""For how long what isn't in the log is kept: ``[retention]``."""

from __future__ import annotations

from typing import Final

from comity import limits
from comity.model.definition import RetentionDefinition
from comity.model.reading.sections import Section

_DAY_S: Final = 86_400
LEAST_S: Final = limits.NOT_AFTER_DAYS * _DAY_S
"""A proposal may be decided up to its ``not_after``: for as long its id has to be known (S7)."""
MOST_S: Final = limits.ANSWERS_KEPT_DAYS * _DAY_S


def read_retention(section: Section) -> RetentionDefinition:
    """Return for how long answers are kept."""
    section.allow(("answers",))
    seconds = section.span("answers", limit_s=MOST_S)
    if seconds is not None and seconds < LEAST_S:
        least = f"must be at least {limits.NOT_AFTER_DAYS}d: so far ahead a proposal's not_after may lie"
        section.problem("answers", least)
        return RetentionDefinition()
    return RetentionDefinition() if seconds is None else RetentionDefinition(answers_s=seconds)
