"""Approving: what waits for a human, and the human's answer."""

from __future__ import annotations

from comity.coordination import approvals, handoffs
from comity.model.built_in import APPROVAL
from comity.model.decisions import Decision
from comity.model.proposals import Caller
from comity.operations import Approve, Deny, ListApprovals, TicketsAnswer
from comity.verbs import names
from comity.verbs.engine import Engine
from comity.verbs.handoffs import agent_of, answer, needed, tickets_answer


def approve(engine: Engine, caller: Caller, request: Approve) -> Decision:
    """Return the decision on approving: that of the commit that holds what was asked about, unless it went stale."""
    return answer(engine, caller, APPROVAL, request.ticket, "approved", request.reason)


def deny(engine: Engine, caller: Caller, request: Deny) -> Decision:
    """Return the decision on denying."""
    return answer(engine, caller, APPROVAL, request.ticket, "denied", needed(request.reason))


def list_approvals(engine: Engine, caller: Caller, request: ListApprovals) -> TicketsAnswer:
    """Return the questions that wait for a human, the oldest first; raises NotFound for an agent that nobody is."""
    with engine.store.snapshot() as snapshot:
        now_us = engine.coordinator.time_at(snapshot.head).now_us
        where = handoffs.proposed_by(request.by)
        if request.to is None:
            found = handoffs.waiting(snapshot, APPROVAL, now_us, *where)
        else:
            found = approvals.asked_of(snapshot, agent_of(engine, snapshot, request.to), now_us, *where)
        if not found.tickets:
            names.check_empty(engine, snapshot, agents=[request.by])
        return tickets_answer(snapshot, found, request.limit, now_us)
