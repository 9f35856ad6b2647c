"""Handing over: how an agent offers what belongs to others, answers offers and questions, and lends what it owns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from comity.errors import InvalidRequest
from comity.model.built_in import GRANT
from comity.model.decisions import Decision
from comity.model.durations import parse_duration
from comity.model.proposals import Proposal
from comity.operations import (
    Accept,
    Approve,
    Decline,
    Deny,
    Grant,
    GrantAnswer,
    GrantsAnswer,
    ListApprovals,
    ListGrants,
    ListOffers,
    Offer,
    OfferRefused,
    Revoke,
    Split,
    SplitAnswer,
    TicketAnswer,
    TicketsAnswer,
    Withdraw,
)
from comity.workspace.changes import split_options
from comity.workspace.outcomes import raise_unless_committed
from comity.workspace.session import Session

Ticket = str | Decision | TicketAnswer


class Answerable:
    """See what waits for somebody's answer, and what is lent."""

    _session: Session

    def offers(self, *, to: str | None = None, by: str | None = None, limit: int = 20) -> TicketsAnswer:
        """Return the offers that wait, the oldest first, each with the facts that it rests on, as they are now.

        ``to`` names who may accept them, an agent or a role, ``by`` who made them.
        """
        return self._session.call(ListOffers(to=to, by=by, limit=limit))

    def approvals(self, *, to: str | None = None, by: str | None = None, limit: int = 20) -> TicketsAnswer:
        """Return the questions that wait for a human, the oldest first.

        ``to`` names who may answer them, a human or a role, ``by`` whose proposals they are about.
        """
        return self._session.call(ListApprovals(to=to, by=by, limit=limit))

    def grants(
        self, *, to: str | None = None, by: str | None = None, over: bool = False, limit: int = 100
    ) -> GrantsAnswer:
        """Return what is lent, the latest first; with ``over`` also what was taken back or has expired."""
        return self._session.call(ListGrants(to=to, by=by, over=over, limit=limit))


class Handing:
    """Offer, answer, lend. A ticket is named by the decision that it came with, by what a list shows, or its address.

    What isn't committed raises NotCommitted (Conflict, Refused, Pending) with the decision.
    """

    _session: Session

    def offer(
        self,
        record: str | Decision,
        /,
        fields: Mapping[str, Any] | None = None,
        *,
        ttl: str | None = None,
        **values: Any,
    ) -> Decision:
        """Put fields of a record, offering to its owner what belongs to others; return the decision.

        It is pending, under ``decision.ticket``, until an owner accepts; the whole is then
        committed at once. ``sales.offer("customer/acme", status="at_risk", was={"status":
        "active"}, reason="They complain", ttl="1d")``. Given a refused decision (or its id),
        it offers what was refused, as it was. Raises Refused and Conflict.
        """
        if isinstance(record, Decision) or "/" not in record:
            if fields or values:
                raise InvalidRequest("what was refused is offered as it was: no field can be added to it")
            id = record.id if isinstance(record, Decision) else record
            return _raise_if_refused(self._session.call(OfferRefused(proposal=id, ttl=ttl)))
        given, options = split_options(values)
        if options.leases:
            raise InvalidRequest("leases: an offer is committed when it is accepted, under no lease of its giver's")
        request = Offer(
            record=record,
            fields={**(fields or {}), **given},
            ttl=ttl,
            reason=options.reason,
            action=options.action,
            about=options.about,
            assume=options.assume,
            was=options.was,
            accept=options.accept,
            cause=options.cause,
            id=options.id,
            not_after=None if options.not_after is None else str(options.not_after),
        )
        return _raise_if_refused(self._session.call(request))

    def offer_refused(self, proposal: str | Decision, *, ttl: str | None = None) -> Decision:
        """Offer what was refused because it belongs to others, as it was proposed. Raises Refused and Conflict."""
        return self.offer(proposal, ttl=ttl)

    def split(self, proposal: Proposal, *, ttl: str | None = None) -> SplitAnswer:
        """Commit the own part of a proposal now, and offer each other part to its owners.

        The decisions come as values, one's own first; unless that is committed nothing is offered.
        """
        return self._session.call(Split(proposal=proposal, ttl=ttl))

    def accept(self, ticket: Ticket, *, reason: str | None = None) -> Decision:
        """Accept an offer: what was offered is judged afresh, and committed in its giver's name and yours."""
        return raise_unless_committed(self._session.call(Accept(ticket=ticket_of(ticket), reason=reason)))

    def decline(self, ticket: Ticket, reason: str) -> Decision:
        """Decline an offer, saying why."""
        return raise_unless_committed(self._session.call(Decline(ticket=ticket_of(ticket), reason=reason)))

    def withdraw(self, ticket: Ticket, *, reason: str | None = None) -> Decision:
        """Take back what you proposed and what still waits, under a ticket of any kind."""
        return raise_unless_committed(self._session.call(Withdraw(ticket=ticket_of(ticket), reason=reason)))

    def approve(self, ticket: Ticket, *, reason: str | None = None) -> Decision:
        """Approve, as a human, what a rule asks about: it is judged afresh, and committed in its proposer's name."""
        return raise_unless_committed(self._session.call(Approve(ticket=ticket_of(ticket), reason=reason)))

    def deny(self, ticket: Ticket, reason: str) -> Decision:
        """Deny, as a human, what a rule asks about, saying why."""
        return raise_unless_committed(self._session.call(Deny(ticket=ticket_of(ticket), reason=reason)))

    def grant(self, to: str, subject: str, *, ttl: str, reason: str) -> Decision:
        """Lend an agent or a role what you own of a field, a record or a kind, for a time.

        ``support.grant("sales", "customer/acme.status", ttl="1d", reason="We are closed")``.
        An operator may lend anything.
        """
        return raise_unless_committed(self._session.call(Grant(to=to, subject=subject, ttl=ttl, reason=reason)))

    def revoke(self, grant: str | Decision | GrantAnswer, *, reason: str | None = None) -> Decision:
        """Take back what was lent: as its giver, as any owner, as who holds it, or as an operator."""
        return raise_unless_committed(self._session.call(Revoke(grant=_grant_of(grant), reason=reason)))


def as_offer(proposal: Proposal, ttl: str | None) -> Proposal:
    """Return a proposal whose foreign part is offered to its owner; raises InvalidRequest for what is no span."""
    try:
        wait_s = proposal.wait_s if ttl is None else parse_duration(ttl)
    except ValueError as error:
        raise InvalidRequest(f"ttl: {error}") from None
    return msgspec.structs.replace(proposal, if_foreign="offer", wait_s=wait_s)


def ticket_of(ticket: object) -> str:
    """Return the address of a ticket; raises InvalidRequest for what is none."""
    if isinstance(ticket, str):
        return ticket
    found = ticket.ticket if isinstance(ticket, (Decision, TicketAnswer)) else None
    if found is None:
        raise InvalidRequest(f"{ticket!r:.60} has no ticket: give a pending decision, or what a list shows")
    return found


def _grant_of(grant: object) -> str:
    if isinstance(grant, str):
        return grant
    if isinstance(grant, GrantAnswer):
        return grant.grant
    records = grant.records if isinstance(grant, Decision) else {}
    address = next((record for record in records if record.startswith(f"{GRANT}/")), None)
    if address is None:
        raise InvalidRequest(f"{grant!r:.60} is no grant: give what grant() returned, or what grants() shows")
    return address


def _raise_if_refused(decision: Decision) -> Decision:
    return decision if decision.is_pending else raise_unless_committed(decision)
