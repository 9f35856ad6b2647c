"""Looking back: timelines, differences, why, refusals."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from comity.cli.rendering.decisions import differences, findings
from comity.cli.rendering.words import (
    CELL_CHARS,
    arrow,
    counted,
    dim,
    field,
    good,
    line,
    moment,
    quoted,
    stacked,
    table,
    value,
)
from comity.operations import DiffAnswer, EventAnswer, HistoryAnswer, Refusal, RefusalsAnswer, Request, WhyAnswer


def history(request: Request, answer: HistoryAnswer) -> Iterator[RenderableType]:
    """Yield events as a timeline."""
    made = table("when", "who", "what", "was → now", "why")
    for event in answer.events:
        who = stacked([Text(event.by), dim(event.known)])
        what = stacked([Text(line(event.type), style="bold"), Text(event.record), dim(f"event {event.event}")])
        made.add_row(moment(event.at), who, what, changes(event), quoted(event.reason))
    if answer.events:
        yield made
    yield dim(f"{counted(len(answer.events), 'event')}, as of revision {answer.revision}")


def changes(event: EventAnswer) -> Text:
    """Return the fields that an event changed, and what it carries."""
    if event.is_erased:
        return dim("erased")
    parts = [
        Text.assemble((f"{field(name)}: ", "bold"), arrow(was, event.now.get(name))) for name, was in event.was.items()
    ]
    parts += [Text.assemble((f"{name} = ", "dim"), value(found, CELL_CHARS)) for name, found in event.data.items()]
    return stacked(parts)


def diff(request: Request, answer: DiffAnswer) -> Iterator[RenderableType]:
    """Yield what differs between two revisions."""
    if answer.differences:
        yield differences(answer.differences)
    yield dim(f"{counted(len(answer.differences), 'difference')} between revisions {answer.since} and {answer.until}")


def why(request: Request, answer: WhyAnswer) -> Iterator[RenderableType]:
    """Yield why a field has its value: the event, what it rested on, what caused it."""
    subject = f"{answer.record}.{field(answer.field)}" if answer.field else answer.record
    yield Text.assemble((subject, "bold"), " is ", value(answer.value))
    if answer.event is None:
        yield dim("Nothing was ever written to it.")
        return
    yield from _told("because of", answer.event)
    for basis in answer.rested_on:
        yield Text.assemble(("  resting on ", "dim"), line(basis))
    yield from findings(answer.findings)
    for cause in answer.causes:
        yield from _told("caused by", cause)


def _told(link: str, event: EventAnswer) -> Iterator[RenderableType]:
    who = good(event.by), f" ({event.known})"
    yield Text.assemble(
        (f"  {link} ", "dim"),
        (line(event.type), "bold"),
        f" ({event.event}) by ",
        *who,
        f" at {moment(event.at)} ",
        quoted(event.reason),
    )
    if event.action:
        yield Text.assemble(("    action ", "dim"), line(event.action))
    changed = changes(event)
    changed.pad_left(0)
    for part in changed.split("\n"):
        if part.plain:
            yield Text.assemble("    ", part)


def refusals(request: Request, answer: RefusalsAnswer) -> Iterator[RenderableType]:
    """Yield what was refused, as a timeline."""
    made = table("when", "who", "what", "refused because", "why it was wanted")
    for one in answer.refusals:
        what = stacked([*([Text(line(one.action), style="bold")] if one.action else []), *map(Text, one.records[:5])])
        made.add_row(moment(one.at), one.agent, what, _findings(one), quoted(one.reason))
    if answer.refusals:
        yield made
    yield dim(counted(len(answer.refusals), "refusal"))


def _findings(refusal: Refusal) -> Text:
    parts = [
        Text.assemble((finding.code, "red"), " ", line(finding.message, 160))
        for finding in refusal.findings
        if finding.severity != "warn"
    ]
    return stacked(parts)
