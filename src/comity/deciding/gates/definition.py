"""Does a new definition stand, and do the records fit it (S26)?

The records were scanned at a revision outside the head; here only what changed since is
looked at, so that a big workspace isn't stopped.

Codes: ``definition.invalid``, ``definition.replaced``, ``definition.unfit``,
``definition.scan_outdated``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from comity import limits
from comity.deciding.case import Case
from comity.deciding.compile import Compiled, load_definition
from comity.deciding.fitting import misfits
from comity.deciding.fold import DraftEvent
from comity.errors import InvalidDefinition
from comity.model.decisions import Finding

SUBJECT = "$definition/current"


def judge(case: Case) -> Iterator[Finding]:
    """Yield what speaks against a definition that the proposal would put in force."""
    for event in case.draft.events:
        if event.type == "applied" and event.ref[0] == "$definition":
            yield from _judge(event, case)


def _judge(event: DraftEvent, case: Case) -> Iterator[Finding]:
    data = event.payload.data
    current = case.view.record(event.ref).version
    if data["replaces"] != current:
        yield Finding(
            "definition.replaced",
            f"It would replace version {data['replaces']}, but version {current} is in force by now.",
            SUBJECT,
            remedy="Look at what changed ('comity definition'), then apply again.",
        )
        return
    try:
        compiled = load_definition(data["source"], current + 1)
    except InvalidDefinition as error:
        yield Finding("definition.invalid", str(error)[:2000], SUBJECT, remedy="Correct these lines, then apply again.")
        return
    yield from _fit(data["scanned"], compiled, case)


def _fit(scanned: int, compiled: Compiled, case: Case) -> Iterator[Finding]:
    changed = case.view.changed_since(scanned, limits.SCAN_UNDER_HEAD + 1)
    if len(changed) > limits.SCAN_UNDER_HEAD:
        yield Finding(
            "definition.scan_outdated",
            f"More than {limits.SCAN_UNDER_HEAD} records changed since they were scanned at revision {scanned}.",
            SUBJECT,
            remedy="Apply again.",
        )
        return
    problems = [problem for state in changed for problem in islice(misfits(state, compiled), 5)]
    if problems:
        yield Finding(
            "definition.unfit",
            f"{len(problems)} records or fields don't fit it: {'; '.join(problems[:3])}.",
            SUBJECT,
            remedy="Mend the records or the definition, then apply again.",
            data={"problems": problems[:100]},
        )
