"""Looking back: timelines, differences, why, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from comity.cli.rendering.decisions import differences, findings
from comity.cli.rendering.words import CELL_CHARS, arrow, dim, good, line, moment, quoted, stacked, value
from comity.model.texts import counted, field_name, listed
from comity.operations import (
    DiffAnswer,
    EventAnswer,
    HistoryAnswer,
    ItemEvent,
    Refusal,
    RefusalsAnswer,
    Request,
    WhyAnswer,
)

WHY_CHARS: Final = 200
"""Of a value that is explained; ``get`` shows it whole."""


def history(request: Request, answer: HistoryAnswer) -> Iterator[RenderableType]:
    """Yield events as a timeline."""
    for event in answer.events:
        what = dim(f"event {event.event}  "), (line(event.type), "bold"), f" {event.record}"
        yield Text.assemble(*what, " by ", good(event.by), f" ({event.known})", *consents(event))
        yield from _indented(Text.assemble(dim(moment(event.at)), "  ", quoted(event.reason)), changes(event))
    yield dim(f"{counted(len(answer.events), 'event')}, as of revision {answer.revision}")


def changes(event: EventAnswer) -> Text:
    """Return the fields that an event changed, and what it carries, one below the other."""
    return stacked(changes_of(event))


def changes_of(event: EventAnswer | ItemEvent) -> list[Text]:
    """Return each field that an event changed, and what it carries; that it was erased, if it was."""
    if event.is_erased:
        if isinstance(event, EventAnswer) and event.erased_by is not None:
            return [dim(f"erased by {event.erased_by} at {event.erased_at}")]
        return [dim("erased")]
    changed = [
        Text.assemble((f"{field_name(name)}: ", "bold"), arrow(was, event.now.get(name)))
        for name, was in event.was.items()
    ]
    carried = {name: found for name, found in event.data.items() if name not in event.was}
    return [
        *changed,
        *(Text.assemble((f"{name} = ", "dim"), value(found, CELL_CHARS)) for name, found in carried.items()),
    ]


def consents(event: EventAnswer) -> Iterator[Text | str]:
    """Yield who let an event be made, by accepting an offer of it or by approving it."""
    for word, names in (("accepted", event.accepted_by), ("approved", event.approved_by)):
        if names:
            yield f", {word} by "
            yield good(listed(names))


def _indented(*texts: Text) -> Iterator[RenderableType]:
    """Yield the lines of texts, below what they belong to."""
    for text in texts:
        if text.plain:
            yield Padding(text, (0, 0, 0, 4), expand=False)


def diff(request: Request, answer: DiffAnswer) -> Iterator[RenderableType]:
    """Yield what differs between two revisions."""
    if answer.differences:
        yield from differences(answer.differences)
    yield dim(f"{counted(len(answer.differences), 'difference')} between revisions {answer.since} and {answer.until}")


def why(request: Request, answer: WhyAnswer) -> Iterator[RenderableType]:
    """Yield why a field has its value: the event, what it rested on, what caused it."""
    subject = f"{answer.record}.{field_name(answer.field)}" if answer.field else answer.record
    yield Text.assemble((subject, "bold"), " is ", value(answer.value, WHY_CHARS))
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
    who = good(event.by), f" ({event.known})", *consents(event)
    yield Text.assemble(
        (f"  {link} ", "dim"),
        (line(event.type), "bold"),
        f" ({event.event}) by ",
        *who,
        f" at {moment(event.at)}",
    )
    action = Text.assemble(("action ", "dim"), line(event.action)) if event.action else Text()
    yield from _indented(quoted(event.reason), action, changes(event))


def refusals(request: Request, answer: RefusalsAnswer) -> Iterator[RenderableType]:
    """Yield what was refused, as a timeline."""
    for one in answer.refusals:
        what = Text(listed(one.records) or "nothing", style="bold")
        action = Text.assemble(("action ", "dim"), line(one.action)) if one.action else Text()
        yield Text.assemble(what, " by ", good(one.agent), f" at {moment(one.at)}")
        yield from _indented(_findings(one), action, quoted(one.reason))
    yield dim(counted(len(answer.refusals), "refusal"))


def _findings(refusal: Refusal) -> Text:
    parts = [
        Text.assemble((finding.code, "red"), " ", line(finding.message, 160))
        for finding in refusal.findings
        if finding.severity != "warn"
    ]
    return stacked(parts)
