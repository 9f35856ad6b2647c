"""Awareness: announced intents, news, the inbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from comity.cli.rendering.decisions import findings
from comity.cli.rendering.options import as_options
from comity.cli.rendering.words import CELL_CHARS, bad, dim, good, line, moment, moment_of, quoted, table, value
from comity.model.news import NewsItem, Presence
from comity.model.texts import counted, field_name
from comity.operations import (
    AcknowledgeAnswer,
    Announcement,
    InboxAnswer,
    IntentsAnswer,
    NewsAnswer,
    Request,
)


def announcement(request: Request, answer: Announcement) -> Iterator[RenderableType]:
    """Yield what was announced, what the checks say of it, who is active there and what they did lately."""
    yield good(f"Announced until {moment(answer.expires_at)}, as {answer.intent}")
    if answer.lease is not None:
        yield Text(f"  {answer.lease}")
    if answer.verdict.is_allowed:
        yield good("Nothing stands in the way of it now.")
    else:
        yield bad(f"It would be {answer.verdict.outcome} now:")
    yield from findings(answer.verdict.findings)
    yield from _present(answer.present)
    yield from _done(answer.recent)


def intents(request: Request, answer: IntentsAnswer) -> Iterator[RenderableType]:
    """Yield announced intents, one in a line."""
    if not answer.intents:
        yield dim(f"Nobody has announced anything, as of revision {answer.revision}.")
        if answer.unknown is not None:
            yield _warning(answer.unknown)
        return
    made = table("agent", "action", "about", "until", "plan", "intent")
    for one in answer.intents:
        about = ", ".join(one.about) + (" (alone)" if one.is_exclusive else "")
        name = Text(one.agent, style="bold")
        made.add_row(name, one.action or "", about, moment(one.expires_at), quoted(one.plan), one.intent)
    yield made
    yield dim(f"{counted(len(answer.intents), 'announced intent')}, as of revision {answer.revision}")


def news(request: Request, answer: NewsAnswer) -> Iterator[RenderableType]:
    """Yield what others did, and who is active."""
    yield from _present(answer.news.present)
    yield from _done(answer.news.items)
    if answer.news.more:
        yield dim(f"… and {answer.news.more:,} more")
    if not answer.news:
        yield dim(f"No news up to revision {answer.news.revision}.")
    yield from map(_warning, answer.unknown)


def _warning(text: str) -> Text:
    return Text(line(text), style="yellow")


def _present(present: Sequence[Presence]) -> Iterator[RenderableType]:
    if not present:
        return
    made = table("record", "active", "does", "until", "plan")
    for one in present:
        does = f"holds {one.holds}" if one.holds else one.action or ""
        made.add_row(Text(one.record, style="bold"), one.agent, does, moment_of(one.expires), quoted(one.plan))
    yield made


def _done(items: Sequence[NewsItem]) -> Iterator[RenderableType]:
    if not items:
        return
    made = table("record", "event", "now", "by", "when", "why")
    for item in items:
        parts = [Text.assemble(field_name(name), " = ", value(now, CELL_CHARS)) for name, now in item.now.items()]
        now = Text(", ").join(parts)
        made.add_row(Text(item.record, style="bold"), item.type, now, item.by, moment_of(item.at), quoted(item.reason))
    yield made


def inbox(request: Request, answer: InboxAnswer) -> Iterator[RenderableType]:
    """Yield what waits for somebody, newest first, each with what can be done and its id."""
    for item in answer.items:
        yield Text.assemble((f"{item.kind:<9}", "bold"), line(item.text))
        yield Text.assemble("         ", ("Next: ", "bold"), as_options(item.next))
        yield dim(f"         {moment_of(item.at)}  {item.id}")
    if answer.more:
        yield dim(f"… and {answer.more:,} more")
    if answer.items:
        yield dim(f"{counted(len(answer.items), 'item')}; what is done with goes by 'comity inbox ack ITEM …'")
    else:
        yield dim("Nothing waits for you.")


def acknowledged(request: Request, answer: AcknowledgeAnswer) -> Iterator[RenderableType]:
    """Yield how many items were acknowledged."""
    yield good(f"Acknowledged {counted(answer.acknowledged, 'item')}; {answer.left:,} left.")
