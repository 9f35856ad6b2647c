"""News: what others did that matters to an agent since it last looked, and proof that it arrived."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from comity import limits
from comity.errors import ReadsLost
from comity.model.texts import explain_news

WHOLE: Final = "*"
"""Stands for every field of a record, where the fields that were read are named."""


class NewsItem(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Be one thing that somebody else did to a record that matters here.

    ``now`` maps the fields that changed, and that nobody changed again since, to their
    values now. ``is_broken`` tells that the reader relied on one of them. ``at`` is store
    time in microseconds; ``reason`` is somebody else's free text, to be quoted (S39).
    """

    record: str
    event: str
    type: str
    by: str
    at: int
    now: dict[str, Any] = {}
    reason: str | None = None
    is_broken: bool = False


class Presence(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Be somebody who has announced what they are going to do to a record, or a human who holds it.

    ``since`` and ``expires`` are store time in microseconds; ``plan`` is free text: what an
    agent plans, or why a human holds the record. ``is_exclusive`` tells that others are
    asked to keep off. ``holds`` is what a human has pinned: the record, or a field of it.
    """

    record: str
    agent: str
    since: int
    expires: int
    action: str | None = None
    plan: str | None = None
    is_exclusive: bool = False
    holds: str | None = None


class News(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Be what an intent is told: the most relevant first, ``more`` being how many were left out.

    ``revision`` is up to where it has looked, ``at`` when, in microseconds of store time.
    ``str()`` gives a short text, fit for a prompt.
    """

    revision: int
    at: int = 0
    items: tuple[NewsItem, ...] = ()
    present: tuple[Presence, ...] = ()
    more: int = 0

    @property
    def broken(self) -> tuple[NewsItem, ...]:
        """Return the items that changed what was read."""
        return tuple(item for item in self.items if item.is_broken)

    def __bool__(self) -> bool:
        return bool(self.items or self.present or self.more)

    def __str__(self) -> str:
        return explain_news(self) if self else f"No news up to revision {self.revision}."


class Receipts:
    """Count the answers that an intent gave, and know up to where its agent has thereby been told (S17).

    Each answer is *offered* under the next number, with the revision up to which it tells.
    Only what the agent sends next proves what arrived: it names the number of the last
    answer that it has. ``cursor`` is the revision up to which it has been told for sure;
    news begin behind it, so that what was lost on its way is told again, and nothing twice.

    >>> receipts = Receipts()
    >>> first, second = receipts.offer(17), receipts.offer(20)
    >>> receipts.confirm(first)  # the second answer was lost, or is still on its way
    >>> receipts.cursor
    17
    >>> receipts.confirm(second)
    >>> receipts.cursor, receipts.confirmed
    (20, 2)
    """

    __slots__ = ("_offered", "confirmed", "count", "cursor", "offered")

    def __init__(self) -> None:
        self.count = 0
        self.confirmed = 0
        self.cursor = -1
        self.offered = -1
        """The latest revision up to which an answer tells, arrived or not."""
        self._offered: dict[int, int] = {}

    def offer(self, revision: int) -> int:
        """Return the number of an answer that tells up to a revision."""
        self.count += 1
        if revision > self.offered:
            self.offered = revision
        if len(self._offered) < limits.UNPROVEN_ANSWERS:
            self._offered[self.count] = self.offered
        return self.count

    def confirm(self, count: int) -> None:
        """Take the number of the last answer that has arrived.

        Raises ReadsLost for a number that was never given, or that is earlier than one
        proven before: then whoever sends it doesn't know what this intent has read.
        """
        if not self.confirmed <= count <= self.count:
            raise ReadsLost(
                f"freshness.reads_lost: this intent has given {self.count} answers, of which {self.confirmed} are known"
                f" to have arrived; it can't go on from answer {count}: open a new intent and read again"
            )
        self.confirmed = count
        if count == self.count:
            self.cursor = self.offered
            self._offered.clear()
            return
        for number in [number for number in self._offered if number <= count]:
            self.cursor = self._offered.pop(number)
