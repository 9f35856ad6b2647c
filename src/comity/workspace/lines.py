"""Lines: who holds what for a time, and who waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

from comity.deciding.lines import rest_in_line
from comity.operations import LeaseAnswer, LeasesAnswer, ListLeases
from comity.workspace.session import Session

_LOOK_S: Final = 0.01
"""How often a task looks at least whether its turn has come."""


async def outlast(look: Callable[[], LeaseAnswer | None], seconds: float) -> None:
    """Look at one's place in line until it is one's turn, the place is lost, or the time is over.

    No thread is kept meanwhile: there are few for all tasks, and who has the turn needs one
    to give it up. A look that has begun is outlasted even by one who is cancelled.
    """
    until = monotonic() + seconds
    while True:
        looking = asyncio.ensure_future(asyncio.to_thread(look))
        try:
            place = await asyncio.shield(looking)
        except asyncio.CancelledError:
            await asyncio.wait([looking])
            raise
        left = until - monotonic()
        if place is None or place.state == "held" or left <= 0:
            return
        await asyncio.sleep(min(left, max(rest_in_line(place.ahead), _LOOK_S)))


class Lines:
    """See who holds what."""

    _session: Session

    def leases(self, subject: str | None = None, *, agent: str | None = None, limit: int = 100) -> LeasesAnswer:
        """Return who holds what, until when, and who waits for it in which order."""
        return self._session.call(ListLeases(subject=subject, agent=agent, limit=limit))
