"""What findings and proposals are about."""

from __future__ import annotations

from collections.abc import Set

from comity.coordination.judged import Judged
from comity.model import refs


def found_on(judged: Judged, codes: Set[str]) -> dict[str, None]:
    """Return the records of which findings with these codes tell that they stood, or would have stood, in the way."""
    return {
        refs.record_of(finding.subject): None
        for finding in judged.findings
        if finding.code in codes and finding.subject is not None and is_in_the_way(finding.severity, finding.data)
    }


def is_in_the_way(severity: str, data: dict[str, object]) -> bool:
    """Tell whether a finding isn't only a warning, or is one only as its check runs in shadow."""
    return severity != "warn" or "shadow" in data


def written(judged: Judged) -> dict[str, None]:
    """Return the records of users that a proposal changed, or would have changed."""
    if judged.events:
        named = (event.record for event in judged.events)
    else:
        named = (change.record for change in judged.proposal.changes) if judged.proposal is not None else iter(())
    return {record: None for record in named if not refs.is_built_in(record)}
