"""Decisions: what was committed, or what stood in the way and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from comity.cli.rendering.options import as_options
from comity.cli.rendering.words import CELL_CHARS, arrow, bad, dim, good, line, moment_of, quoted, table, value
from comity.model.decisions import NOTHING_NEXT, Decision, Finding, Moved
from comity.model.texts import counted, field_name, listed
from comity.operations import ApplyAnswer, Difference, EraseAnswer, Left, Request, RevertAnswer, StaleAnswer

MOST_RECORDS: Final = 5
"""In the line that says what a decision changed."""
MOST_DIFFERENCES: Final = 100
"""In a table; how many more there are is said."""


def decision(request: Request, answer: Decision) -> Iterator[RenderableType]:
    """Yield what was decided, the findings, the next move."""
    yield outcome(answer)
    yield from findings(answer.findings, is_done=answer.is_committed)
    if answer.next != NOTHING_NEXT:
        yield Text.assemble(("Next: ", "bold"), as_options(answer.next))


def outcome(answer: Decision) -> Text:
    """Return a decision in one line."""
    changed = listed([f"{ref} (version {version})" for ref, version in answer.records.items()], MOST_RECORDS)
    match answer.outcome:
        case "committed" if changed:
            return good(f"Committed as revision {answer.revision}: {changed}")
        case "committed":
            return good(f"Nothing to change: it is so already (revision {answer.revision})")
        case "allowed":
            return good(f"Allowed at revision {answer.revision}: it would change {changed or 'nothing'}")
        case "pending":
            ticket = f", under {answer.ticket}" if answer.ticket else ""
            return Text(f"Pending at revision {answer.revision}{ticket}", style="yellow")
        case _:
            word = "Conflict" if answer.is_conflict else "Refused"
            return bad(f"{word} at revision {answer.revision}")


def findings(found: Sequence[Finding], *, is_done: bool = False) -> Iterator[RenderableType]:
    """Yield what the checks had to say, warnings last, with the fields that moved.

    What a check in shadow advises would only be right if it were enforced, so it isn't
    told; nor is, where all ``is_done``, how to repeat it.
    """
    for finding in sorted(found, key=lambda one: one.severity == "warn"):
        is_warning = finding.severity == "warn"
        style = "yellow" if is_warning else "red"
        code = f"{'warning ' if is_warning else ''}{finding.code}"
        yield Text.assemble(("  " + code, style), ("  " + finding.message, ""))
        if finding.moved:
            yield _moved(finding.moved)
        is_moot = "shadow" in finding.data or (is_done and bool(finding.moved))
        if finding.remedy and is_warning and not is_moot:
            yield dim(f"    {as_options(finding.remedy)}")


def _moved(fields: Sequence[Moved]) -> RenderableType:
    made = table("field", "you saw", "now", "by", "when", "why")
    for one in fields:
        cells = value(one.was, CELL_CHARS), value(one.now, CELL_CHARS)
        made.add_row(f"{one.record}.{field_name(one.field)}", *cells, one.by, moment_of(one.at), quoted(one.reason))
    return made


def stale(request: Request, answer: StaleAnswer) -> Iterator[RenderableType]:
    """Yield what of the reads has moved."""
    yield from findings(answer.findings)
    if not answer.findings:
        yield good(f"All is still so, as of revision {answer.revision}")


def applied(request: Request, answer: ApplyAnswer) -> Iterator[RenderableType]:
    """Yield what became of a definition."""
    for change in answer.changes:
        yield Text("  " + as_options(change), style="red" if change.startswith("-") else "green")
    if answer.decision is None:
        yield good(f"The definition is in force already (version {answer.number}).")
    elif answer.decision.outcome == "allowed":
        yield good("The definition is right and would be taken.")
    elif answer.decision.is_committed:
        yield good(f"The definition is in force, as version {answer.number}.")
    else:
        yield from decision(request, answer.decision)
    if answer.failed:
        failed = listed([line(name) for name in answer.failed], 3)
        yield bad(f"{len(answer.failed)} of its tests failed: {failed}. 'comity rules test' shows why.")


def reverted(request: Request, answer: RevertAnswer) -> Iterator[RenderableType]:
    """Yield what a revert put back, what it left, and its decisions."""
    if answer.reverted:
        yield from differences(answer.reverted)
    if answer.cancelled:
        yield good(
            f"Cancelled {counted(len(answer.cancelled), 'effect')}: {', '.join(answer.cancelled[:MOST_DIFFERENCES])}"
        )
        yield from more(len(answer.cancelled) - MOST_DIFFERENCES)
    if answer.left:
        yield from _left(answer.left)
    for one in answer.decisions:
        yield from decision(request, one)
    if not answer.decisions and not answer.cancelled:
        yield dim("Nothing was reverted.")


def _left(found: Sequence[Left]) -> Iterator[RenderableType]:
    made = table("left alone", "why")
    for left in found[:MOST_DIFFERENCES]:
        made.add_row(f"{left.record}.{field_name(left.field)}", left.why)
    yield made
    yield from more(len(found) - MOST_DIFFERENCES)


def more(count: int) -> Iterator[RenderableType]:
    """Yield that there are more, if there are."""
    if count > 0:
        yield dim(f"… and {count:,} more (--json shows all)")


def differences(found: Sequence[Difference]) -> Iterator[RenderableType]:
    """Yield fields that differ."""
    made = table("record", "field", "was → now")
    last = None
    for one in found[:MOST_DIFFERENCES]:
        made.add_row(
            Text(one.record if one.record != last else "", style="bold"), field_name(one.field), arrow(one.was, one.now)
        )
        last = one.record
    yield made
    yield from more(len(found) - MOST_DIFFERENCES)


def erased(request: Request, answer: EraseAnswer) -> Iterator[RenderableType]:
    """Yield what is erased, what else speaks of it, and whether anything is left."""
    yield from decision(request, answer.decision)
    contents = f"{answer.events} of events, {answer.commits} of commits, {answer.answers} of answers"
    would = "" if answer.decision.is_committed else "would be "
    yield line(f"Contents {would}emptied: {contents}")
    if answer.speaking:
        yield line(f"With what speaks of it: {listed(list(answer.speaking), MOST_RECORDS)}")
    if answer.referrers:
        yield line(f"These keep their reference: {listed(list(answer.referrers), MOST_RECORDS)}")
    if answer.is_done:
        yield good("Nothing of it is left in the store's files.")
    elif answer.decision.is_committed:
        yield bad("It isn't gone yet; duties go on with it, and so does 'comity erase' of the same record.")
    if answer.left:
        yield dim(answer.left)
