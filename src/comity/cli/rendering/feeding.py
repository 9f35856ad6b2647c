"""The feed: items as a timeline, who follows it, what is watched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from comity.cli.rendering.events import changes_of
from comity.cli.rendering.words import bad, dim, facts, good, line, moment, quoted, table
from comity.model.texts import counted
from comity.operations import (
    ConsumeAnswer,
    ConsumerAnswer,
    ConsumersAnswer,
    FeedAnswer,
    FeedItem,
    ItemEvent,
    Request,
    WatchAnswer,
    WatchesAnswer,
)
from comity.operations.feeding import told_passing


def feed(request: Request, answer: FeedAnswer) -> Iterator[RenderableType]:
    """Yield items, and where to go on."""
    for item in answer.items:
        yield from item_lines(item)
    yield dim(f"{counted(len(answer.items), 'item')}; {counted(answer.left, 'commit')} left behind {answer.cursor}")


def consumed(request: Request, answer: ConsumeAnswer) -> Iterator[RenderableType]:
    """Yield items, and up to where they are to be confirmed."""
    for item in answer.items:
        yield from item_lines(item)
    yield dim(
        f"{counted(len(answer.items), 'item')}, to be confirmed as {answer.holder} until {moment(answer.until)},"
        f" up to {answer.cursor}; {counted(answer.left, 'commit')} left"
    )


def item_lines(item: FeedItem) -> Iterator[RenderableType]:
    """Yield an item: who and when, and what happened, an event in a line."""
    action = f" ({line(item.action)})" if item.action else ""
    yield Text.assemble(
        dim(f"{item.revision}  {moment(item.at)}  "), good(item.agent), action, "  ", quoted(item.reason)
    )
    for event in item.events:
        yield Padding(_event(event), (0, 0, 0, 4), expand=False)


def _event(event: ItemEvent) -> Text:
    return Text.assemble((line(event.type), "bold"), f" {event.record}  ", _changes(event))


def _changes(event: ItemEvent) -> Text:
    return Text(", ").join(changes_of(event))


def timeline(items: Sequence[FeedItem], cursor: str) -> RenderableType:
    """Return the last items as a table, the latest at the foot, each in a line."""
    made = table("rev", "when", "who", "what", "on", "change", "why")
    for item in items:
        first, *more = item.events
        others = f" and {len(more)} more" if more else ""
        change, why = _changes(first), quoted(item.reason)
        for cell in (change, why):
            cell.no_wrap, cell.overflow = True, "ellipsis"
        what = line(item.action or first.type)
        made.add_row(
            str(item.revision), moment(item.at)[11:19], good(item.agent), what, first.record + others, change, why
        )
    return Group(made, dim(f"Up to {cursor}. Ctrl-C ends it."))


def end(cursor: str) -> Text:
    """Return where to go on."""
    return dim(f"Go on with --after {cursor}")


def consumers(request: Request, answer: ConsumersAnswer) -> Iterator[RenderableType]:
    """Yield consumers, one in a line."""
    if not answer.consumers:
        yield dim("Nobody follows the feed under a name.")
        return
    made = table("consumer", "behind", "since", "confirmed", "read by", "passes")
    for one in answer.consumers:
        behind = bad("lost") if one.is_lost else Text(f"{one.left:,}")
        since = moment(one.since) if one.since else ""
        passes = told_passing(one.passing)
        made.add_row(Text(one.name, style="bold"), behind, since, moment(one.confirmed_at), one.holder or "", passes)
    yield made
    if any(one.is_lost for one in answer.consumers):
        yield dim("The base was restored since a lost one was confirmed: have it go on with 'comity consumers reset'.")


def consumer(request: Request, answer: ConsumerAnswer) -> Iterator[RenderableType]:
    """Yield how a consumer stands."""
    yield facts(
        ("consumer", answer.name),
        ("confirmed", f"{answer.cursor}, {moment(answer.confirmed_at)}"),
        ("behind", counted(answer.left, "commit")),
        ("read by", f"{answer.holder} until {moment(answer.until)}" if answer.holder and answer.until else "nobody"),
        ("passes", told_passing(answer.passing)),
    )


def watch(request: Request, answer: WatchAnswer) -> Iterator[RenderableType]:
    """Yield what is watched from now on."""
    yield good(f"Watching {told_passing(answer.passing)} since revision {answer.since}, as {answer.watch}")


def watches(request: Request, answer: WatchesAnswer) -> Iterator[RenderableType]:
    """Yield what is watched, one in a line."""
    made = table("watch", "since revision", "passes")
    for one in answer.watches:
        made.add_row(one.watch, str(one.since), told_passing(one.passing))
    yield made if answer.watches else dim("Nothing is watched.")
