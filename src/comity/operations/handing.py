"""Handing over: offers to owners, questions to humans, ownership lent for a time."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from comity.model.decisions import Decision, Finding, WaitsFor
from comity.model.proposals import AnyChange, Effect, Proposal
from comity.operations import texts
from comity.operations.arguments import Answer, Fields, Limit, Reason, Ref, Request
from comity.operations.writing import Write

Ttl = Annotated[str | None, Meta(description="how long it waits at most: 30m, 2h, 1d")]
Ticket = Annotated[str, Meta(description="the ticket, as the answer 'pending' named it")]
Needed = Annotated[str | None, Meta(description="why; needed, as others see it")]


class Offer(Write, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Put fields of a record; what belongs to others is offered to its owner."""

    record: Ref
    fields: Fields = {}
    ttl: Ttl = None


class OfferRefused(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Offer what was refused because it belongs to others, as it was proposed."""

    proposal: Annotated[str, Meta(description="the id of the refused proposal")]
    ttl: Ttl = None


class Split(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Commit your own part of a proposal now, and offer each other part to its owners."""

    proposal: Annotated[Proposal, Meta(description="the proposal")]
    ttl: Ttl = None


class SplitAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what became of each part of a proposal, one's own first. Unless that is committed, nothing is offered."""

    decisions: tuple[Decision, ...]

    def __str__(self) -> str:
        return "\n".join(decision.explain() for decision in self.decisions)


class Accept(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Accept an offer: what was offered is judged afresh and committed, in its giver's name and yours."""

    ticket: Ticket
    reason: Reason = None


class Decline(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Decline an offer, saying why."""

    ticket: Ticket
    reason: Needed = None


class Withdraw(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Take back what you proposed and what still waits: an offer, a question, a place in line."""

    ticket: Ticket
    reason: Reason = None


class Approve(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Approve what a rule asks a human about: it is judged afresh and committed."""

    ticket: Ticket
    reason: Reason = None


class Deny(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Deny what a rule asks a human about, saying why."""

    ticket: Ticket
    reason: Needed = None


class ListOffers(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List the offers that wait, with the facts that they rest on, as these are now."""

    to: Annotated[str | None, Meta(description="those only that this agent, or role, may accept")] = None
    by: Annotated[str | None, Meta(description="those only that this agent made")] = None
    limit: Limit = 20


class ListApprovals(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List the questions that wait for a human."""

    to: Annotated[str | None, Meta(description="those only that this human, or role, may answer")] = None
    by: Annotated[str | None, Meta(description="those only that this agent's proposals raised")] = None
    limit: Limit = 20


class FactAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one thing that a proposal rests on: what was ``seen`` at ``revision``, and what is there ``now``.

    ``field`` is ``$life`` for a record's existence and None for a search.
    """

    record: str
    field: str | None
    seen: Any
    now: Any
    is_so: bool
    revision: int | None = None

    def __str__(self) -> str:
        return texts.fact(self)


class TicketAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be a proposal that waits for somebody's answer.

    ``to`` are the agents or roles who may give it: for an approval, nobody named means any
    human. ``changes`` and ``effects`` are just what would be done, ``findings`` what stands in its
    way. ``reason`` is the proposer's own word. ``is_escalated`` tells that ``escalates_to`` (nobody
    named: any human) may answer too by now.
    """

    ticket: str
    proposal: str
    waits_for: WaitsFor
    agent: str
    to: tuple[str, ...]
    opened_at: str
    expires_at: str
    changes: tuple[AnyChange, ...] = ()
    effects: tuple[Effect, ...] = ()
    subjects: tuple[str, ...] = ()
    action: str | None = None
    reason: str | None = None
    findings: tuple[Finding, ...] = ()
    facts: tuple[FactAnswer, ...] = ()
    escalates_at: str | None = None
    escalates_to: tuple[str, ...] = ()
    is_escalated: bool = False

    def __str__(self) -> str:
        return texts.ticket(self)


class TicketsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what waits, the oldest first. ``is_cut`` tells that there is more."""

    tickets: tuple[TicketAnswer, ...]
    revision: int
    is_cut: bool = False

    def __str__(self) -> str:
        return texts.tickets(self)


class Grant(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Lend ownership of a field, a record or a kind for a time."""

    to: Annotated[str, Meta(description="the agent or role that it is lent to")]
    subject: Annotated[str, Meta(description="customer, customer.status, customer/acme or customer/acme.status")]
    ttl: Annotated[str | None, Meta(description="for how long: 30m, 2h, 1d; needed")] = None
    reason: Needed = None


class Revoke(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Take back what was lent, before it expires."""

    grant: Annotated[str, Meta(description="the grant, as 'grants list' shows it")]
    reason: Reason = None


class ListGrants(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List what is lent to whom, or also what was."""

    to: Annotated[str | None, Meta(description="what this agent or role holds only")] = None
    by: Annotated[str | None, Meta(description="what this agent lent only")] = None
    over: Annotated[bool, Meta(description="also what was taken back or has expired")] = False
    limit: Limit = 100


class GrantAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one grant. ``is_order`` tells that an operator gave it, whoever owns the subject."""

    grant: str
    subject: str
    to: str
    by: str
    state: Literal["lent", "revoked", "expired"]
    reason: str
    granted_at: str
    expires_at: str
    is_order: bool = False
    closed_by: str | None = None
    answer: str | None = None

    def __str__(self) -> str:
        return texts.grant(self)


class GrantsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be grants, the latest first. ``is_cut`` tells that there are more."""

    grants: tuple[GrantAnswer, ...]
    is_cut: bool = False

    def __str__(self) -> str:
        return texts.grants(self)
