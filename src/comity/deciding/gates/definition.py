"""Does a new definition stand, and do the records fit it (S26)?

The records were scanned at a revision outside the head; here only what changed since is
looked at, so that a big workspace isn't stopped. That they were scanned is the operator's
word; that it was at a revision which is there, and that the digest is that of the text, is checked.

Codes: ``definition.digest_differs``, ``definition.scan_unknown``, ``definition.invalid``,
``definition.replaced``, ``definition.unknown_rule``, ``definition.unfit``, ``definition.scan_outdated``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice
from typing import Any

from comity import limits
from comity.deciding.case import Case
from comity.deciding.compile import Compiled
from comity.deciding.definitions import compiled_of
from comity.deciding.drafts import DraftEvent
from comity.deciding.fitting import misfits
from comity.errors import InvalidDefinition
from comity.model.decisions import Finding

SUBJECT = "$definition/current"


def digest_of(source: str) -> str:
    """Return the hash by which two definitions are told apart."""
    return sha256(source.encode()).hexdigest()


def judge(case: Case) -> Iterable[Finding]:
    """Return what speaks against a definition that the proposal would put in force."""
    return _applied(case) if case.emits else ()


def _applied(case: Case) -> Iterator[Finding]:
    for event in case.draft.events:
        if event.type == "applied" and event.ref[0] == "$definition":
            yield from _judge(event, case)


def _judge(event: DraftEvent, case: Case) -> Iterator[Finding]:
    data = event.payload.data
    untrue = list(_untrue(data, case))
    if untrue:
        yield from untrue
        return
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
        compiled = compiled_of(data["source"], current + 1, tuple(data.get("shadowed") or ()))
    except InvalidDefinition as error:
        yield Finding("definition.invalid", str(error)[:2000], SUBJECT, remedy="Correct these lines, then apply again.")
        return
    yield from _shadowed(compiled)
    yield from _fit(data["scanned"], compiled, case)


def _shadowed(compiled: Compiled) -> Iterator[Finding]:
    """Yield that a rule is to run in shadow which isn't there."""
    unknown = [name for name in compiled.shadowed if compiled.rules.named(name) is None]
    if unknown:
        yield Finding(
            "definition.unknown_rule",
            f"It has no rule {unknown[0]!r} that could run in shadow.",
            SUBJECT,
            remedy="Apply the file with 'comity apply', which takes the names of the rules from it.",
        )


def _untrue(data: dict[str, Any], case: Case) -> Iterator[Finding]:
    """Yield what the transition says of itself and isn't so."""
    if data["digest"] != digest_of(data["source"]):
        yield Finding(
            "definition.digest_differs",
            "The digest isn't that of the text.",
            SUBJECT,
            remedy="Apply the file with 'comity apply', which takes the digest of what it sends.",
        )
    if data["scanned"] > case.view.revision:
        yield Finding(
            "definition.scan_unknown",
            f"The records can't have been scanned at revision {data['scanned']}: the last one is {case.view.revision}.",
            SUBJECT,
            remedy="Scan the records as they are, with 'comity apply', and apply again.",
        )


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
    problems = [problem for state in changed for problem in islice(misfits(state, compiled, case.compiled.readers), 5)]
    if problems:
        yield Finding(
            "definition.unfit",
            f"{len(problems)} records or fields don't fit it: {'; '.join(problems[:3])}.",
            SUBJECT,
            remedy="Mend the records or the definition, then apply again.",
            data={"problems": problems[:100]},
        )
