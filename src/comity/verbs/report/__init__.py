"""Reports for people: what the checks refused or would have refused, what it cost, what happened when.

``gathering`` looks up the decisions concerned, ``counting`` adds up what was found in them,
``page`` writes a report as one HTML page. Promises: a report is of one consistent
snapshot, bounded, and says what it left out; the page holds nothing from elsewhere, runs
no script, and shows every text as text. Forbidden here: judging anything afresh.
"""

from comity.verbs.report.reporting import report

__all__ = ["report"]
