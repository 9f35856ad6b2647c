"""The feed: what was committed, in order; consumers that remember how far they are; what agents watch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from comity import limits
from comity.model.proposals import Known
from comity.model.texts import counted, field_name, listed, quote, show
from comity.operations.arguments import Answer, Limit, Request

Several = tuple[str, ...]
After = Annotated[
    int | str,
    Meta(description="behind this cursor or revision; 'start' for everything, 'now' for what is still to come"),
]
WaitS = Annotated[float, Meta(description="how many seconds to wait at most where there is nothing yet")]
Name = Annotated[str, Meta(description="the consumer's name")]
Holder = Annotated[
    str | None, Meta(description="who reads: the same for all calls of one reader; made up if not given")
]


class Passing(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what of the log passes: one of those given of each sort, of all sorts; everything of a sort not given."""

    kind: Annotated[Several, Meta(description="events on records of this kind")] = ()
    record: Annotated[Several, Meta(description="events on this record, as kind/id")] = ()
    field: Annotated[Several, Meta(description="events that changed this field")] = ()
    agent: Annotated[Several, Meta(description="what this agent did")] = ()
    type: Annotated[Several, Meta(description="events of this type")] = ()
    action: Annotated[Several, Meta(description="what was done under this action")] = ()


# -- what is read


class ItemEvent(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one event of an item: ``was`` and ``now`` are the values of the fields that it changed.

    ``data`` is what a named event carries, ``derived`` tells why it was made if no agent
    asked for it; ``is_erased`` that the contents are gone.
    """

    event: str
    record: str
    type: str
    version: int
    was: dict[str, Any] = {}
    now: dict[str, Any] = {}
    data: dict[str, Any] = {}
    derived: str | None = None
    is_erased: bool = False

    def __str__(self) -> str:
        return _event(self)


class FeedItem(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one commit as the feed tells it, with those of its events that passed, in their order.

    ``cursor`` is the place behind it, and names it for good. ``reason`` is its agent's free text.
    """

    cursor: str
    revision: int
    at: str
    agent: str
    role: str
    known: Known
    proposal: str
    action: str | None = None
    reason: str | None = None
    cause: str | None = None
    events: tuple[ItemEvent, ...] = ()

    def __str__(self) -> str:
        return _item(self)


class Mark(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Tell that up to a cursor nothing else passes: a sign of progress where there is nothing to tell."""

    cursor: str
    at: str

    def __str__(self) -> str:
        return f"Nothing else up to {self.cursor}."


class ReadFeed(Passing, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Read the feed: what was committed behind a cursor, one item for each commit, in order."""

    after: After = "start"
    limit: Limit = limits.FEED_PAGE_DEFAULT
    wait_s: WaitS = 0.0


class FeedAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be a page of the feed. ``cursor`` is where the next one begins, whether or not anything passed.

    ``left`` is how many commits lie behind the cursor still, ``at`` when this was so.
    """

    items: tuple[FeedItem, ...]
    cursor: str
    at: str
    left: int = 0

    def __str__(self) -> str:
        return "\n".join([*map(str, self.items), f"Go on behind {self.cursor}: {counted(self.left, 'commit')} left."])


# -- consumers


class Consume(Passing, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Read the feed as a named consumer, which goes on where it was confirmed last; one reads at a time."""

    name: Name
    holder: Holder = None
    after: Annotated[
        int | str | None, Meta(description="where this reader goes on; nothing for what was confirmed last")
    ] = None
    start: Annotated[int | str, Meta(description="where a new consumer begins, as for after")] = "start"
    limit: Limit = limits.FEED_PAGE_DEFAULT
    wait_s: WaitS = 0.0


class ConsumeAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be a page of a consumer's feed, which ``holder`` alone may confirm until ``until``, and each call prolongs that.

    ``confirmed`` is up to where it was confirmed; ``cursor``, ``left`` and ``at`` are those of the page.
    """

    items: tuple[FeedItem, ...]
    cursor: str
    at: str
    holder: str
    until: str
    confirmed: str
    left: int = 0

    def __str__(self) -> str:
        told = f"Confirm up to {self.cursor} as {self.holder} until {self.until}: {counted(self.left, 'commit')} left."
        return "\n".join([*map(str, self.items), told])


class Confirm(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Confirm what a consumer has done with: it isn't read again."""

    name: Name
    cursor: Annotated[int | str, Meta(description="the cursor, or the revision, of the last item that is done with")]
    holder: Holder = None
    leave: Annotated[bool, Meta(description="let another reader go on at once")] = False


class ListConsumers(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List the named consumers: how far each is, how much is left, and who reads."""


class ConsumerAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be a named consumer. ``left`` is how many commits it is behind, ``since`` when the first of these was made.

    It is ``owner``'s. ``holder`` reads until ``until``; ``passing`` are its filters; ``is_lost`` tells that its
    cursor is of another life of the base.
    """

    name: str
    cursor: str
    confirmed_at: str
    left: int = 0
    since: str | None = None
    holder: str | None = None
    until: str | None = None
    passing: dict[str, Several] = {}
    owner: str | None = None
    is_lost: bool = False

    def __str__(self) -> str:
        return _consumer(self)


class ConsumersAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be the named consumers, by name."""

    consumers: tuple[ConsumerAnswer, ...]
    revision: int

    def __str__(self) -> str:
        head = f"{counted(len(self.consumers), 'consumer')}, as of revision {self.revision}"
        return "\n".join([head, *(f"  {one}" for one in self.consumers)])


class ResetConsumer(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Have a consumer go on from another place; whoever reads has to begin anew."""

    name: Name
    after: After


class ForgetConsumer(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Forget a consumer, and how far it was."""

    name: Name


# -- what an agent watches


class Watch(Passing, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Watch records: what others change there comes into the inbox."""


class Unwatch(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """End a watch."""

    watch: Annotated[str, Meta(description="the id of the watch")]


class ListWatches(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List what an agent watches."""


class WatchAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be something that an agent watches: ``watch`` is its id, ``since`` the revision from which on."""

    watch: str
    since: int
    passing: dict[str, Several] = {}

    def __str__(self) -> str:
        return f"{self.watch}: {told_passing(self.passing)}, since revision {self.since}"


class WatchesAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what an agent watches, the oldest first."""

    watches: tuple[WatchAnswer, ...]

    def __str__(self) -> str:
        return "\n".join([counted(len(self.watches), "watch").replace("watchs", "watches"), *map(str, self.watches)])


# -- as texts


def _event(event: ItemEvent) -> str:
    if event.is_erased:
        return f"{event.record} {event.type} (erased)"
    now = ", ".join(f"{field_name(name)} is now {show(value)}" for name, value in event.now.items())
    return f"{event.record} {event.type}{f': {now}' if now else ''}"


def _item(item: FeedItem) -> str:
    doing = f" ({item.action})" if item.action else ""
    why = f": {quote(item.reason)}" if item.reason else ""
    head = f"[{item.cursor}] {item.at} {item.agent}{doing}{why}"
    return "\n".join([head, *(f"  {_event(event)}" for event in item.events)])


def _consumer(one: ConsumerAnswer) -> str:
    if one.is_lost:
        return f"{one.name}: its cursor {one.cursor} is of another life of the base; reset it"
    behind = f"{counted(one.left, 'commit')} behind" + (f" since {one.since}" if one.since else "")
    reads = f", read by {one.holder} until {one.until}" if one.holder else ""
    whose = f" ({one.owner})" if one.owner else ""
    return f"{one.name}{whose}: {behind}, at {one.cursor}{reads}; {told_passing(one.passing)}"


def told_passing(passing: Mapping[str, Several]) -> str:
    """Return in words what filters let pass."""
    return "; ".join(f"{name} {listed(values, 3)}" for name, values in passing.items()) or "everything"
