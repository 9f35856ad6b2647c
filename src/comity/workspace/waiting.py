"""Waiting, from the side of a handle."""

from __future__ import annotations

import asyncio

from comity.errors import InvalidRequest
from comity.model.decisions import Decision
from comity.model.durations import format_duration, parse_duration
from comity.operations import ListQueue, QueueAnswer, QueuedAnswer, Release, Wait
from comity.workspace.session import Session

Ticket = str | Decision | QueuedAnswer
Timeout = str | int

_BITE_S = 1
"""How long a task waits at most in another thread, so that one that is cancelled leaves it soon."""


class Waiting:
    """See who waits for a turn, and wait."""

    _session: Session

    def queue(self, *, record: str | None = None, agent: str | None = None, limit: int = 100) -> QueueAnswer:
        """Return the proposals that wait for their turn, in order."""
        return self._session.call(ListQueue(record=record, agent=agent, limit=limit))

    def wait(self, ticket: Ticket, timeout: Timeout = "30s") -> Decision:
        """Return the decision on what is pending as soon as there is one: ``decision = sales.wait(decision)``.

        Takes the pending decision itself, or its ticket. When ``timeout`` (a span such as
        ``"30s"``, or seconds; 0 looks once) is over it is still pending, and can be waited for
        again. While it waits it does what is due in the workspace: it releases those whose turn
        has come, and tells what has expired. A decision that isn't pending is returned as it is.
        """
        if isinstance(ticket, Decision) and ticket.ticket is None:
            return ticket
        return self._session.call(Wait(ticket=_address(ticket), timeout=span_of(timeout)))

    def release(self, ticket: Ticket) -> Decision:
        """Have what waits for its turn judged afresh now.

        Anyone may: it changes nothing about whether the turn has come. It is committed, goes
        back to its agent if what it read has changed, or keeps its place: then the answer is a refusal.
        """
        return self._session.call(Release(ticket=_address(ticket)))


async def wait_async(waiting: Waiting, ticket: Ticket, timeout: Timeout = "30s") -> Decision:
    """Return what ``wait`` returns, without blocking the event loop."""
    left_s = parse_duration(span_of(timeout))
    while True:
        bite_s = min(left_s, _BITE_S)
        decision = await asyncio.to_thread(waiting.wait, ticket, bite_s)
        left_s -= bite_s
        if not decision.is_pending or left_s <= 0:
            return decision


def _address(ticket: Ticket) -> str:
    address = ticket if isinstance(ticket, str) else getattr(ticket, "ticket", None)
    if isinstance(address, str):
        return address
    raise InvalidRequest(f"a ticket is a pending decision or what it names as its ticket, not {type(ticket).__name__}")


def span_of(timeout: object) -> str:
    """Return a timeout as requests carry it; raises InvalidRequest for what is none, or a negative one."""
    if isinstance(timeout, str):
        return timeout
    if isinstance(timeout, int) and timeout >= 0:
        return format_duration(timeout)
    raise InvalidRequest("timeout: a span such as '30s', or a whole number of seconds that isn't negative")
