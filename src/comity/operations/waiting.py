"""Waiting: for whatever is pending, and who waits for a turn."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from comity.model.texts import counted, listed, quote
from comity.operations.arguments import Answer, Limit, Request

Ticket = Annotated[str, Meta(description="the ticket, as a pending decision names it: $queue/ID, $handoff/ID, …")]


class Wait(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Wait for the decision on what is pending: for a turn, an owner, a human, or a turn at a lease."""

    ticket: Ticket
    timeout: Annotated[str, Meta(description="how long at most: 30s, 10m, 2h; 0s to look once")] = "30s"


class Release(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Have what waits for its turn judged afresh now: it is committed, goes back, or keeps its place."""

    ticket: Ticket


class ListQueue(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List the proposals that wait for their turn, in order."""

    record: Annotated[str | None, Meta(description="those about this record only")] = None
    agent: Annotated[str | None, Meta(description="those of this agent only")] = None
    limit: Limit = 100


class QueuedAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be a proposal that waits for its turn.

    ``position`` is 1 at the head of its line; ``waits_for`` names agents and roles, ``checks``
    what stands in its way. ``summary`` and ``reason`` are the words of its agent.
    """

    ticket: str
    proposal: str
    agent: str
    position: int
    priority: int
    since: str
    expires_at: str
    records: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    action: str | None = None
    summary: str | None = None
    reason: str | None = None

    def __str__(self) -> str:
        what = self.action or (quote(self.summary) if self.summary else "a change")
        whom = f" for {listed(self.waits_for)}" if self.waits_for else ""
        about = f" on {listed(self.records, 3)}" if self.records else ""
        place = f"number {self.position}" + (f", priority {self.priority}" if self.priority else "")
        return f"{self.ticket}: {self.agent} waits{whom} with {what}{about}; {place}, until {self.expires_at}"


class QueueAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be those who wait for their turn, in order. ``is_cut`` tells that there are more."""

    queued: tuple[QueuedAnswer, ...]
    is_cut: bool = False

    def __str__(self) -> str:
        if not self.queued:
            return "Nobody waits for a turn."
        more = ["  and more"] if self.is_cut else []
        head = f"{counted(len(self.queued), 'proposal')} in line"
        return "\n".join([head, *(f"  {one}" for one in self.queued), *more])
