"""The queue: who waits for a turn, and having one of them judged afresh."""

from __future__ import annotations

from comity import limits
from comity.coordination.queue import in_order, position_of, releasing
from comity.deciding.queues import Place, Queue
from comity.errors import InvalidRequest, LimitExceeded, NotFound
from comity.model import refs
from comity.model.built_in import QUEUE
from comity.model.decisions import Decision
from comity.model.proposals import Caller, Proposal
from comity.model.records import RecordState
from comity.operations import ListQueue, QueueAnswer, QueuedAnswer, Release
from comity.verbs import names
from comity.verbs.engine import Engine


def list_queue(engine: Engine, caller: Caller, request: ListQueue) -> QueueAnswer:
    """Return those who wait for their turn, in order."""
    if not 0 < request.limit <= limits.QUERY_RECORDS:
        raise LimitExceeded(f"limit: between 1 and {limits.QUERY_RECORDS}")
    record = None if request.record is None else "/".join(refs.split(request.record))
    with engine.store.snapshot() as snapshot:
        view = engine.coordinator.view(snapshot)
        queue = view.queue() if QUEUE in view.kind_revisions else Queue()
        meant = [
            place
            for place in in_order(queue, view.now_us)
            if request.agent in (None, place.agent) and (record is None or record in place.subjects)
        ]
        if not meant:
            names.check_empty(engine, snapshot, record=record, agents=[request.agent])
        shown = meant[: request.limit]
        tickets = {place.ticket: refs.split(place.ticket) for place in shown}
        states = snapshot.records(list(tickets.values()))
        queued = tuple(_queued(place, states[tickets[place.ticket]], queue, view.now_us) for place in shown)
    return QueueAnswer(queued=queued, is_cut=len(meant) > request.limit)


def _queued(place: Place, ticket: RecordState, queue: Queue, now_us: int) -> QueuedAnswer:
    values = ticket.values
    return QueuedAnswer(
        ticket=place.ticket,
        proposal=values["proposal"],
        agent=place.agent,
        position=position_of(place, queue, now_us),
        priority=-place.order[0],
        since=values["opened_at"],
        expires_at=values["expires_at"],
        records=place.subjects,
        waits_for=place.to,
        checks=tuple(dict.fromkeys(key.partition("|")[0] for key in values.get("findings", ()))),
        action=place.action,
        summary=values.get("summary"),
        reason=values.get("reason"),
    )


def release(engine: Engine, caller: Caller, request: Release) -> Decision:
    """Return what became of a proposal whose release was tried; raises NotFound where nothing waits."""
    ticket = request.ticket if "/" in request.ticket else f"{QUEUE}/{request.ticket}"
    ref = refs.split(ticket)
    if ref[0] != QUEUE:
        raise InvalidRequest(f"{ticket[:80]!r} stands in no line: a ticket in line is called {QUEUE}/ID")
    with engine.store.snapshot() as snapshot:
        if ref not in snapshot.records([ref]):
            raise NotFound(f"there is no {ticket[:80]}; 'comity queue list' shows who waits")
    proposal = Proposal(id=engine.make_id(), changes=(releasing(ticket),))
    return engine.propose(proposal, caller, is_new=True)
