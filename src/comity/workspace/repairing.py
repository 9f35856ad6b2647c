"""Repairing: proposing again in one's turn what was refused because others were faster."""

from __future__ import annotations

import asyncio

from comity.errors import Conflict, NotCommitted
from comity.model.decisions import Decision
from comity.model.proposals import Proposal
from comity.operations import LeaseAnswer
from comity.workspace.awareness import Awareness
from comity.workspace.session import Session
from comity.workspace.standing import Standing, Wanted, span_in_line, wanted_of


class Repairing:
    """Stand in line for what a proposal was refused about; what it proposes is its subclasses' matter."""

    decision: Decision | None = None
    _session: Session
    _awareness: Awareness

    def _attempt(self, accept: int | None, id: str | None = None, *, dry: bool = False) -> tuple[Proposal, bool]:
        raise TypeError("this handle proposes nothing")

    def _decided(self, decision: Decision) -> Decision:
        raise TypeError("this handle proposes nothing")

    def _make_proposal(self, accept: int | None, id: str | None) -> Proposal:
        raise TypeError("this handle proposes nothing")

    @property
    def place(self) -> LeaseAnswer | None:
        """Return the place in line that proposing with ``in_line`` took, or the turn that came of it; None without."""
        return self._awareness.standing.place

    def _overtaken_on(self) -> Wanted | None:
        """Return what others were faster on, so that it was refused; None where that isn't why, or where it wasn't."""
        return None if self.decision is None else wanted_of(self._make_proposal(None, None), self.decision)

    def _stand_in_line(self, proposal: Proposal, decision: Decision, wait: str) -> Decision:
        """Return the decision on what was refused as it is in its turn; the same where a place in line is no help."""
        wanted, standing = self._wanted(proposal, decision), self._awareness.standing
        if wanted is None:
            return decision
        return self._in_turn(proposal, decision) if standing.take(wanted, wait) else self._told(decision)

    async def _stand_in_line_async(self, proposal: Proposal, decision: Decision, wait: str) -> Decision:
        """Return the same without blocking the event loop."""
        wanted, standing = self._wanted(proposal, decision), self._awareness.standing
        if wanted is None:
            return decision
        try:
            if await standing.take_async(wanted, wait):
                return await asyncio.to_thread(self._in_turn, proposal, decision)
        except asyncio.CancelledError:
            await asyncio.to_thread(standing.let_go)
            raise
        return self._told(decision)

    def _wanted(self, proposal: Proposal, decision: Decision) -> Wanted | None:
        """Return what to stand in line for; who has announced that it goes ahead of others stands there already."""
        return None if self._awareness.is_in_turn else wanted_of(proposal, decision)

    def _in_turn(self, proposal: Proposal, decision: Decision) -> Decision:
        if not self._is_last(decision):
            again, is_new = self._attempt(proposal.accept)
            decision = self._decided(self._session.propose(again, is_new=is_new))
        if decision.is_pending:
            self._awareness.standing.let_go()
        return self._told(decision)

    def _told(self, decision: Decision) -> Decision:
        self.decision = told = self._awareness.standing.told(decision)
        return told

    def _is_last(self, decision: Decision) -> bool:
        """Tell whether what a conflict has shown is still what is there."""
        if not decision.is_conflict:
            return False
        proposal, is_new = self._attempt(decision.revision, dry=True)
        return self._session.propose(proposal, is_new=is_new, dry=True).is_allowed


class Retries:
    """Be what lies between attempts that others overtake: a place in line, where that is wanted."""

    def __init__(self, session: Session, in_line: str | int | None) -> None:
        self._wait = None if in_line is None else span_in_line(in_line)
        self._standing = Standing(session)
        self._wanted: Wanted | None = None

    @property
    def is_standing(self) -> bool:
        """Tell whether one stands in line, or has the turn."""
        return self._standing.place is not None

    def may_help(self, intent: Repairing, error: NotCommitted) -> bool:
        """Tell whether another attempt may succeed: after a conflict, and in line also where others held something."""
        # The two live in one module, and what an intent stands in line for is nobody else's matter.
        self._wanted = None if self._wait is None else intent._overtaken_on()  # pyright: ignore[reportPrivateUsage]
        return isinstance(error, Conflict) or self._wanted is not None

    def line_up(self) -> bool:
        """Wait in line, where that is wanted; tell whether one's turn has come."""
        return self._wanted is not None and self._wait is not None and self._standing.take(self._wanted, self._wait)

    async def line_up_async(self) -> bool:
        """Wait in line without blocking the event loop."""
        if self._wanted is None or self._wait is None:
            return False
        return await self._standing.take_async(self._wanted, self._wait)

    def let_go(self) -> None:
        """Give up the turn."""
        self._standing.let_go()
