"""Intents of agents that forget: each call says anew what is known to have arrived (S17).

Over HTTP and MCP nobody holds a handle. Whoever holds the intent for the agent lets it rest,
before each call, on what the agent has proven to know; and what it proposed under an id can
be proposed once more just as it was, whatever it has read since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from comity.model.decisions import Decision
from comity.model.news import News
from comity.model.proposals import AnyChange, Effect, IfForeign, Proposal, QueryRead
from comity.operations import LeaseAnswer
from comity.workspace.changes import NO_OPTIONS
from comity.workspace.handing import as_offer
from comity.workspace.intents import Intent
from comity.workspace.session import Session


class ResumableIntent(Intent):
    """Be an intent that goes on from what it is told, again and again, also after a commit.

    ``id`` is one that its caller made: nobody else may have it.
    """

    def __init__(self, session: Session, id: str) -> None:
        super().__init__(session, None)
        self._id = id

    def resume(
        self,
        seen: Mapping[str, Mapping[str, int]],
        queries: Sequence[QueryRead],
        *,
        known: Mapping[str, int],
        told: int,
    ) -> None:
        """Rest on these reads, and on no others; drop what was collected.

        ``seen`` are the fields read per record, ``*`` for all, each with its revision;
        ``known`` the records of which news matter, in the version last seen, -1 where none
        was; ``told`` the revision up to which news have arrived.
        """
        self._memory.resume(seen, queries)
        self._awareness.resume(known, told)
        self._incarnation = self._incarnation if seen or queries else None

    def tell(self) -> tuple[int, News | None]:
        """Return the revision of now, and the news up to it; None where there are none."""
        revision = self._session.revision()
        return revision, self._tell(revision)

    def collect(self, change: AnyChange | Effect) -> None:
        """Collect a change, or an effect, as it is."""
        if isinstance(change, Effect):
            self._memory.want(change)
        else:
            self._apply(change, NO_OPTIONS)
        self._memory.is_asked = True  # There is nobody to be warned of what is dropped.

    def hold(self, lease: LeaseAnswer) -> None:
        """Propose under the fencing tokens of a lease from now on."""
        self.drop(lease.subjects)
        if lease.token is not None:
            self._leases = (*self._leases, dict.fromkeys(lease.subjects, lease.token))

    def drop(self, subjects: Sequence[str]) -> None:
        """Propose no longer under the fencing tokens of these subjects."""
        held = {subject: token for subject, token in self._tokens().items() if subject not in subjects}
        self._leases = (held,) if held else ()

    def draft(
        self,
        id: str,
        *,
        accept: int | None = None,
        action: str | None = None,
        reason: str | None = None,
        if_foreign: IfForeign = "refuse",
        ttl: str | None = None,
    ) -> Proposal:
        """Return what was collected as a proposal under an id of the caller's; raises InvalidRequest for a bad span.

        Where ``action`` and ``reason`` aren't given, they are the intent's.
        """
        proposal = self._make_proposal(accept, id)
        named = msgspec.structs.replace(proposal, action=action or self.action, reason=reason or self.reason)
        return as_offer(named, ttl) if if_foreign == "offer" else named

    def settle(self, proposal: Proposal) -> Decision:
        """Return the decision on a draft, with the news; the same one again gets the answer that it got."""
        self._is_id_known = True
        decision = self._decided(self._session.propose(proposal))
        if decision.is_committed:
            self._awareness.let_go(decision)
        return decision
