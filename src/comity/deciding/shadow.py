"""Checks in shadow: what they find is told, and stands in nobody's way (S22).

A finding in shadow is a warning whose ``data`` holds, as ``shadow``, the severity that it
would have had. It is kept with the commit, so that a report can say what a check would do.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from comity.deciding.case import Case
from comity.model import refs
from comity.model.decisions import Finding, Severity

ALWAYS: Final = frozenset(
    {
        "guard.assumption",
        "guard.consequence",
        "lease.lapsed",
        "integrity.missing",
        "integrity.exists",
        "integrity.archived",
        "integrity.deleted",
    }
)
"""What stands in the way in any mode: what the agent itself made a condition, and what couldn't be done at all.

A change of a record that isn't there has no effect to be let through; a proposal of which
a part can't be applied would be done by half.
"""

_WOULD: Final[dict[Severity, str]] = {
    "refuse": "would have been refused",
    "ask": "would have waited for a human",
    "offer": "would have been offered to the owner",
    "queue": "would have waited in line",
    "defer": "would have been deferred",
}


def let_pass(findings: list[Finding], case: Case) -> list[Finding]:
    """Return what was found, with everything that a check in shadow found as a warning."""
    return [_told(finding) if _is_in_shadow(finding, case) else finding for finding in findings]


def in_shadow(message: str, severity: Severity) -> str:
    """Return the message of a finding that only tells what it would have done.

    >>> in_shadow("Support goes first.", "defer")
    'Support goes first. (shadow: would have been deferred)'
    """
    return f"{message} (shadow: {_WOULD[severity]})" if severity in _WOULD else message


def _is_in_shadow(finding: Finding, case: Case) -> bool:
    if finding.severity == "warn" or finding.code in ALWAYS:
        return False
    kind = finding.subject.partition("/")[0] if finding.subject is not None else None
    if kind is not None and refs.is_built_in(kind):
        return False
    return case.compiled.mode(finding.gate, kind, case.agent.name) == "shadow"


def _told(finding: Finding) -> Finding:
    message = in_shadow(finding.message, finding.severity)
    return replace(finding, message=message, severity="warn", data={**finding.data, "shadow": finding.severity})
