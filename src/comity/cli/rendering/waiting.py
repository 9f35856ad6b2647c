"""Who waits for a turn."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from comity.cli.rendering.words import CELL_CHARS, dim, line, moment, quoted, table
from comity.model.texts import counted
from comity.operations import QueueAnswer, QueuedAnswer, Request


def queue(request: Request, answer: QueueAnswer) -> Iterator[RenderableType]:
    """Yield those who wait for a turn, in order."""
    if not answer.queued:
        yield dim("Nobody waits for a turn.")
        return
    made = table("place", "ticket", "agent", "waits with", "on", "for", "until")
    for one in answer.queued:
        place = f"{one.position}" + (f" (priority {one.priority})" if one.priority else "")
        ticket = Text(one.ticket, style="bold")
        made.add_row(place, ticket, one.agent, _what(one), _listed(one.records), _whom(one), moment(one.expires_at))
    yield made
    if answer.is_cut:
        yield dim("… and more (--limit shows more)")
    yield dim(counted(len(answer.queued), "proposal"))


def _what(one: QueuedAnswer) -> Text:
    return Text(one.action) if one.action else quoted(one.summary)


def _whom(one: QueuedAnswer) -> str:
    return _listed(one.waits_for) or _listed(one.checks)


def _listed(names: tuple[str, ...]) -> str:
    return line(", ".join(names), CELL_CHARS)
