"""Approvals: which questions wait for which humans, and from when on for others too."""

from __future__ import annotations

from comity.clock import parse_time
from comity.coordination.handoffs import Waiting, waiting
from comity.model.built_in import APPROVAL
from comity.model.definition import AgentDefinition
from comity.model.filters import Condition
from comity.model.records import RecordState
from comity.store.contract import Snapshot


def asked_of(snapshot: Snapshot, agent: AgentDefinition, now_us: int, *where: Condition) -> Waiting:
    """Return the questions that a human may answer now."""
    return waiting(snapshot, APPROVAL, now_us, *where, chosen=lambda ticket: may_answer(ticket, agent, now_us))


def may_answer(ticket: RecordState, agent: AgentDefinition, now_us: int) -> bool:
    """Tell whether an agent may approve or deny: a human who is asked, by now or from the first; never the proposer."""
    values = ticket.values
    if agent.kind != "human" or agent.name == values["agent"]:
        return False
    asked = [values.get("to", ())]
    if is_escalated(ticket, now_us):
        asked.append(values.get("escalates_to", ()))
    return any(not names or agent.name in names or agent.role in names for names in asked)


def is_escalated(ticket: RecordState, now_us: int) -> bool:
    """Tell whether others than those who were asked first may answer by now."""
    at = ticket.values.get("escalates_at")
    return at is not None and parse_time(at) <= now_us
