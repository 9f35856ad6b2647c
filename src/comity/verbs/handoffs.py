"""Handing over: offering, splitting, accepting, declining, withdrawing, and what waits for whom.

Whether an answer counts is for the checks to say: an answer is the transition of a ticket,
proposed like anything else.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from comity import limits
from comity.coordination import handoffs
from comity.coordination.approvals import is_escalated
from comity.coordination.handoffs import Fact, Part, Waiting
from comity.coordination.tickets import ticket_meant
from comity.deciding.case import identify
from comity.deciding.tickets import WAITS_OF
from comity.errors import InvalidRequest, LimitExceeded, NotFound
from comity.model import refs
from comity.model.built_in import HANDOFF
from comity.model.decisions import Decision
from comity.model.definition import AgentDefinition
from comity.model.durations import parse_duration
from comity.model.events import Answered, CommitPayload
from comity.model.proposals import Caller, Emit, Proposal
from comity.model.records import RecordState
from comity.operations import (
    Accept,
    Decline,
    FactAnswer,
    ListOffers,
    Offer,
    OfferRefused,
    Split,
    SplitAnswer,
    TicketAnswer,
    TicketsAnswer,
    Withdraw,
)
from comity.store.contract import Snapshot
from comity.verbs import names
from comity.verbs.engine import Engine
from comity.verbs.proposing import proposal_of


def offer(engine: Engine, caller: Caller, request: Offer) -> Decision:
    """Return the decision on a put whose foreign fields are offered to their owner."""
    proposal = _offered(proposal_of(request, request.id or engine.make_id()), request.ttl)
    return engine.propose(proposal, caller, is_new=request.id is None)


def offer_refused(engine: Engine, caller: Caller, request: OfferRefused) -> Decision:
    """Return the decision on a refused proposal, offered as it was; a repeat is the same attempt (S7).

    Raises NotFound for an id under which nothing of the caller's was refused.
    """
    with engine.store.snapshot() as snapshot:
        stored = snapshot.answers([request.proposal]).get(request.proposal)
    payload = stored.payload if isinstance(stored, Answered) and stored.outcome == "refused" else None
    if stored is None or payload is None or stored.agent != caller.agent:
        raise NotFound(f"nothing that {caller.agent!r} proposed under the id {request.proposal[:80]!r} was refused")
    again = msgspec.structs.replace(payload.proposal, id=f"{request.proposal}.offer")
    return engine.propose(_offered(again, request.ttl), caller)


def split(engine: Engine, caller: Caller, request: Split) -> SplitAnswer:
    """Commit the caller's own part of a proposal, then offer each other part to its owners.

    Each part rests on what the whole rests on, as of the commit of the first, but for what
    other parts write. What is refused as a whole isn't split, and unless the own part is
    committed nothing is offered. The parts have ids of their own, so that a repeat goes on
    where an earlier attempt was cut off (S7). Raises InvalidRequest for parts with effects:
    these would be done before the others have decided.
    """
    whole = _offered(request.proposal, request.ttl)
    with engine.store.snapshot() as snapshot:
        compiled = engine.coordinator.definition(snapshot)
        parts = handoffs.parts_of(whole.changes, identify(caller, compiled), compiled)
        is_begun = bool(snapshot.answers([f"{whole.id}.own", f"{whole.id}.1"]))
    if len(parts) < 2 or not (is_begun or engine.propose(whole, caller, dry=True).is_pending):
        return SplitAnswer(decisions=(engine.propose(whole, caller),))
    if whole.effects:
        raise InvalidRequest(
            "effects: they would be done before the others have decided about their parts; offer it as a whole,"
            " or want the effects once all parts are committed"
        )
    decisions: list[Decision] = []
    if not parts[0].owners:
        own = engine.propose(_own(whole, *parts), caller)
        if not own.is_committed:
            return SplitAnswer(decisions=(own,))
        decisions.append(own)
        whole = msgspec.structs.replace(whole, accept=own.revision)
    pieces = _offers(engine, whole, [part for part in parts if part.owners])
    return SplitAnswer(decisions=(*decisions, *(engine.propose(piece, caller) for piece in pieces)))


def _own(whole: Proposal, own: Part, *others: Part) -> Proposal:
    """Return the proposer's own part; it rests on what the others will write, too, so that they may rest on it."""
    foreign = [subject for part in others for change in part.changes for subject in handoffs.written_by(change)]
    relies_on = (*whole.relies_on, *dict.fromkeys(foreign))
    return msgspec.structs.replace(whole, id=f"{whole.id}.own", changes=own.changes, relies_on=relies_on)


def _offers(engine: Engine, whole: Proposal, parts: Sequence[Part]) -> list[Proposal]:
    """Return each part as a proposal of its own."""
    made: list[Proposal] = []
    with engine.store.snapshot() as snapshot:
        compiled = engine.coordinator.definition(snapshot)
        for number, part in enumerate(parts, 1):
            others = [other for other in parts if other is not part]
            reads = handoffs.reads_beside(whole.reads, others, compiled, snapshot)
            made.append(msgspec.structs.replace(whole, id=f"{whole.id}.{number}", changes=part.changes, reads=reads))
    return made


def _offered(proposal: Proposal, ttl: str | None) -> Proposal:
    return msgspec.structs.replace(proposal, if_foreign="offer", wait_s=span_of(ttl) or proposal.wait_s)


def span_of(ttl: str | None) -> int | None:
    """Return a span in seconds; raises InvalidRequest for what is none."""
    if ttl is None:
        return None
    try:
        seconds = parse_duration(ttl)
    except ValueError as error:
        raise InvalidRequest(f"ttl: {error}") from None
    if not 0 < seconds <= limits.WAIT_DAYS * 86_400:
        raise InvalidRequest(f"ttl: more than nothing, and at most {limits.WAIT_DAYS}d")
    return seconds


# -- answers to tickets


def accept(engine: Engine, caller: Caller, request: Accept) -> Decision:
    """Return the decision on accepting an offer: that of the commit that holds what was offered."""
    return answer(engine, caller, HANDOFF, request.ticket, "accepted", request.reason)


def decline(engine: Engine, caller: Caller, request: Decline) -> Decision:
    """Return the decision on declining an offer."""
    return answer(engine, caller, HANDOFF, request.ticket, "declined", needed(request.reason))


def withdraw(engine: Engine, caller: Caller, request: Withdraw) -> Decision:
    """Return the decision on taking back what waits, under a ticket of any kind."""
    with engine.store.snapshot() as snapshot:
        kind, id = ticket_meant(snapshot, request.ticket)
    return answer(engine, caller, kind, f"{kind}/{id}", "withdrawn", request.reason)


def needed(reason: str | None) -> str:
    """Return a reason; raises InvalidRequest where there is none."""
    if not (reason or "").strip():
        raise InvalidRequest("reason: say why; who proposed it sees it")
    return reason or ""


def answer(engine: Engine, caller: Caller, kind: str, ticket: str, event: str, reason: str | None) -> Decision:
    """Return the decision on a transition of a ticket; raises InvalidRequest and NotFound for what is no ticket."""
    ref = ticket if "/" in ticket else f"{kind}/{ticket}"
    if refs.split(ref)[0] != kind or kind not in WAITS_OF:
        raise InvalidRequest(f"{ref[:80]!r} is no ticket of this sort: write {kind}/ID, as the answer 'pending' had it")
    with engine.store.snapshot() as snapshot:
        names.check_record(snapshot, engine.coordinator.definition(snapshot), refs.split(ref))
    change = Emit(ref, event, {} if reason is None else {"answer": reason})
    proposal = Proposal(id=engine.make_id(), changes=(change,), reason=reason)
    return engine.propose(proposal, caller, is_new=True)


# -- what waits


def list_offers(engine: Engine, caller: Caller, request: ListOffers) -> TicketsAnswer:
    """Return the offers that wait, the oldest first; raises NotFound for an agent that nobody is."""
    with engine.store.snapshot() as snapshot:
        now_us = engine.coordinator.time_at(snapshot.head).now_us
        where = handoffs.proposed_by(request.by)
        if request.to is None:
            found = handoffs.waiting(snapshot, HANDOFF, now_us, *where)
        else:
            found = handoffs.offered_to(snapshot, agent_of(engine, snapshot, request.to), now_us, *where)
        if not found.tickets:
            names.check_empty(engine, snapshot, agents=[request.by])
        return tickets_answer(snapshot, found, request.limit, now_us)


def agent_of(engine: Engine, snapshot: Snapshot, name: str) -> AgentDefinition:
    """Return an agent by its name, or by a role an agent that has nothing but that role.

    Raises NotFound, with the nearest name, where agents are declared and it is neither.
    """
    compiled = engine.coordinator.definition(snapshot)
    agents = compiled.agents
    if name not in agents:
        kinds = {agent.kind for agent in agents.values() if agent.role == name}
        if kinds:
            return AgentDefinition(name=name, role=name, kind="human" if "human" in kinds else "agent")
    if agents:
        names.check_party(snapshot, compiled, name)
    return identify(Caller(name), compiled)


def tickets_answer(snapshot: Snapshot, found: Waiting, limit: int, now_us: int) -> TicketsAnswer:
    """Return tickets with what waits under them."""
    if not 0 < limit <= limits.QUERY_RECORDS:
        raise LimitExceeded(f"limit: between 1 and {limits.QUERY_RECORDS}")
    shown = found.tickets[:limit]
    held = handoffs.held(snapshot, shown)
    answers = [_ticket(snapshot, ticket, held.get(ticket.ref), now_us) for ticket in shown]
    is_cut = found.is_cut or len(found.tickets) > limit
    return TicketsAnswer(tickets=tuple(answers), revision=snapshot.head.revision, is_cut=is_cut)


def _ticket(snapshot: Snapshot, ticket: RecordState, held: CommitPayload | None, now_us: int) -> TicketAnswer:
    values = ticket.values
    return TicketAnswer(
        ticket=ticket.ref,
        proposal=values["proposal"],
        waits_for=WAITS_OF[ticket.kind],
        agent=values["agent"],
        to=tuple(values.get("to", ())),
        opened_at=values["opened_at"],
        expires_at=values["expires_at"],
        changes=held.proposal.changes if held else (),
        effects=held.proposal.effects if held else (),
        subjects=tuple(values.get("subjects", ())),
        action=values.get("action"),
        reason=values.get("reason"),
        findings=held.findings if held else (),
        facts=tuple(map(_fact, handoffs.facts_of(snapshot, held.proposal))) if held else (),
        escalates_at=values.get("escalates_at"),
        escalates_to=tuple(values.get("escalates_to", ())),
        is_escalated=is_escalated(ticket, now_us),
    )


def _fact(fact: Fact) -> FactAnswer:
    return FactAnswer(
        record=fact.record, field=fact.field, seen=fact.seen, now=fact.now, is_so=fact.is_so, revision=fact.revision
    )
