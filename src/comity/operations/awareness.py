"""Awareness: announced intents, news, and the inbox of each agent and human."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from comity import limits
from comity.clock import format_age, format_left, parse_time
from comity.model.decisions import Decision
from comity.model.news import News, NewsItem, Presence
from comity.model.texts import counted, explain_news, explain_presence, listed, quote, tokens
from comity.operations.arguments import About, Action, Answer, Limit, Reason, Request
from comity.operations.leasing import LeaseAnswer

# -- announced intents


class Announce(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Announce what is going to be done, and learn at once who is active there and what the checks say of it."""

    about: About = ()
    action: Action = None
    plan: Annotated[str | None, Meta(description="what is going to be done, in a few words; it is shown to others")] = (
        None
    )
    ttl: Annotated[str, Meta(description="how long it is shown at most, such as 30s, 10m or 2h")] = "10m"
    exclusive: Annotated[bool, Meta(description="ask for a place in line: of two that overlap, one goes ahead")] = False
    intent: Annotated[str | None, Meta(description="the intent's id; nothing for a new one")] = None


class Announcement(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what an intent learns when it is announced.

    ``decision`` is that on the announcement itself, ``verdict`` what the checks would say of
    the action now: allowed, or what stands in its way. ``present`` are the others who are
    active there, ``recent`` what others did there lately, the latest first. ``lease`` is its
    turn, or its place in line, where it asked for one. ``at`` is store time in microseconds.
    """

    intent: str
    decision: Decision
    verdict: Decision
    revision: int
    at: int
    expires_at: str
    present: tuple[Presence, ...] = ()
    recent: tuple[NewsItem, ...] = ()
    lease: LeaseAnswer | None = None
    news: News | None = None

    @property
    def is_clear(self) -> bool:
        """Tell whether it is its turn, and nothing would stand in the way of the action now."""
        return self.verdict.is_allowed and (self.lease is None or self.lease.state == "held")

    def __str__(self) -> str:
        return _announced(self)


class WithdrawIntent(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Take an announced intent back: nothing will come of it."""

    intent: Annotated[str, Meta(description="the intent's id")]
    reason: Reason = None


class ListIntents(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List the announced intents that are open: who is active where, and what they plan."""

    record: Annotated[str | None, Meta(description="about this record only, as kind/id")] = None
    agent: Annotated[str | None, Meta(description="of this agent only")] = None
    limit: Limit = 100


class IntentAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one announced intent. ``plan`` is its agent's free text; times are RFC 3339."""

    intent: str
    agent: str
    role: str
    about: tuple[str, ...]
    announced_at: str
    expires_at: str
    action: str | None = None
    plan: str | None = None
    is_exclusive: bool = False

    def __str__(self) -> str:
        return _intent(self)


class IntentsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be announced intents, the latest first. ``unknown`` says that the record asked for was never written."""

    intents: tuple[IntentAnswer, ...]
    revision: int
    unknown: str | None = None

    def __str__(self) -> str:
        head = f"{counted(len(self.intents), 'announced intent')}, as of revision {self.revision}"
        told = [f"  {self.unknown}"] if self.unknown else []
        return "\n".join([head, *told, *(f"  {_intent(one)}" for one in self.intents)])


# -- news


class TellNews(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Tell what others did to some records since a revision, and who is active there."""

    records: Annotated[tuple[str, ...], Meta(description="the records, as kind/id; those that matter most first")]
    since: Annotated[int, Meta(description="the revision at which they were looked at last")] = 0
    until: Annotated[int | None, Meta(description="the revision to look up to; nothing for now")] = None
    arrived: Annotated[tuple[str, ...], Meta(description="records looked at just now for the first time")] = ()
    read: Annotated[
        dict[str, dict[str, int]], Meta(description="per record, the fields that were read and at which revision")
    ] = {}


class NewsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what others did; ``news`` is empty, and false, where they did nothing.

    ``unknown`` says then of which records asked for nothing was ever written.
    """

    news: News
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([str(self.news), *(f"  {one}" for one in self.unknown)])


# -- the inbox

InboxKind = Literal[
    "offer",
    "approval",
    "answer",
    "lifted",
    "turn",
    "broken",
    "changed",
    "effect",
    "override",
    "alert",
    "task",
    "workflow",
]
"""What an item is: put to its agent as an offer or for approval; an answer to what it
proposed; a deferral that is lifted; its turn in a line; a change under an announced intent;
a change of what it holds, waits for, offered or watches; an effect that it wants and that
didn't get out; something that a human holds; an alert, put to humans; a task of a workflow, or, to humans,
a workflow that is stuck."""


class InboxItem(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one thing that its agent should know or answer.

    ``id`` stays the same until it is acknowledged; ``about`` is a ticket, an intent or a
    record; ``text`` says what it is, and quotes others; ``next`` what can be done.
    ``at`` is store time in microseconds.
    """

    id: str
    kind: InboxKind
    about: str
    text: str
    next: str
    at: int
    by: str | None = None


class ShowInbox(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Show what waits for an agent, and what became of what it proposed."""

    limit: Limit = limits.INBOX_ITEMS


class InboxAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what hasn't been acknowledged yet, newest first; ``more`` is how many are not shown."""

    items: tuple[InboxItem, ...]
    revision: int
    at: int
    more: int = 0

    def __str__(self) -> str:
        return _inbox(self)


class Acknowledge(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Acknowledge items of the inbox: they aren't shown again."""

    items: Annotated[tuple[str, ...], Meta(description="the ids of the items")]


class AcknowledgeAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be how many items were acknowledged just now, and how many are left."""

    acknowledged: int
    left: int

    def __str__(self) -> str:
        return f"Acknowledged {counted(self.acknowledged, 'item')}; {self.left} left."


# -- as texts


def _announced(answer: Announcement) -> str:
    """Return an announcement in at most ``limits.ANSWER_TOKENS`` tokens and the news."""
    left = format_left(parse_time(answer.expires_at) - answer.at)
    lines = [f"Announced; others see it for {left}.", *_verdict(answer.verdict)]
    lines += [str(answer.lease)] if answer.lease is not None else []
    lines += [explain_presence(one, answer.at) for one in answer.present]
    lines += [_recent(item, answer.at) for item in answer.recent]
    tail = f"Next: {answer.verdict.next}"
    told = [explain_news(answer.news)] if answer.news else []
    return "\n".join([*_within(lines, limits.ANSWER_TOKENS - tokens(tail)), tail, *told])


def _verdict(verdict: Decision) -> list[str]:
    if verdict.is_allowed:
        return ["Nothing stands in its way now.", *(finding.message for finding in verdict.warnings)]
    return [f"It would be {verdict.outcome} now.", *(f"{one.code}: {one.message}" for one in verdict.refusals)]


def _recent(item: NewsItem, now_us: int) -> str:
    why = f": {quote(item.reason)}" if item.reason else ""
    return f"{item.by} did {item.type} on {item.record} {format_age(now_us - item.at)} ago{why}"


def _within(lines: list[str], budget: int) -> list[str]:
    """Return the lines that the budget holds, with how many were left out."""
    left = budget - tokens("and 99 more")
    kept: list[str] = []
    for line in lines:
        left -= tokens(line)
        if left < 0:
            break
        kept.append(line)
    return kept if len(kept) == len(lines) else [*kept, f"and {len(lines) - len(kept)} more"]


def _intent(answer: IntentAnswer) -> str:
    what = answer.action or "something"
    plan = f": {quote(answer.plan)}" if answer.plan else ""
    asks = ", alone" if answer.is_exclusive else ""
    where = f" on {listed(answer.about, 3)}" if answer.about else ""
    return (
        f"{answer.agent} ({answer.role}) plans {what}{where}{asks}, until {answer.expires_at}{plan} [{answer.intent}]"
    )


def _inbox(answer: InboxAnswer) -> str:
    if not answer.items:
        return "Nothing waits for you."
    lines = [f"{counted(len(answer.items), 'item')}, newest first:"]
    for item in answer.items[:20]:
        lines += [f"  [{item.id}] {format_age(answer.at - item.at)} ago: {item.text}", f"    Next: {item.next}"]
    more = max(0, len(answer.items) - 20) + answer.more
    return "\n".join([*lines, f"  and {more} more"] if more else lines)


__all__ = [
    "Acknowledge",
    "AcknowledgeAnswer",
    "Announce",
    "Announcement",
    "InboxAnswer",
    "InboxItem",
    "InboxKind",
    "IntentAnswer",
    "IntentsAnswer",
    "ListIntents",
    "NewsAnswer",
    "ShowInbox",
    "TellNews",
    "WithdrawIntent",
]
