"""Who is an operator: a human with a key, or the system's user as long as no human has one; and what only operates."""

from __future__ import annotations

from comity import limits
from comity.clock import parse_time
from comity.deciding.case import Case
from comity.model import refs
from comity.model.filters import Condition, Query
from comity.model.records import RecordState


def is_operator(case: Case) -> bool:
    """Tell whether the caller may change definitions and keys, and undo others' work."""
    if case.agent.kind == "human":
        return case.caller.key is not None
    if case.caller.known not in ("os_user", "system"):
        return False
    query = Query("$agent", (Condition("key_status", "=", "active"),), limit=limits.AGENTS)
    return not any(_can_operate(state, case) for state in case.view.find(query))


def is_inner(case: Case) -> bool:
    """Tell whether a proposal does nothing but change records of Comity's own (S24).

    Under an action, or with effects, it does something else as well, whatever its changes are.
    """
    return (
        bool(case.changes)
        and case.proposal.action is None
        and not case.proposal.effects
        and all(refs.is_built_in(change.record) for change in case.changes)
    )


def _can_operate(holder: RecordState, case: Case) -> bool:
    """Tell whether the holder of a key could do an operator's work: else nobody could, and all were locked out."""
    declared = case.compiled.agents
    agent = declared.get(holder.id)
    is_human = not declared if agent is None else agent.kind == "human"
    return is_human and is_active(holder, case.view.now_us)


def is_active(state: RecordState, now_us: int) -> bool:
    """Tell whether an agent's key, as its ``$agent`` record has it, is good at this time."""
    expires = state.values.get("key_expires_at")
    return state.values.get("key_status") == "active" and (expires is None or parse_time(expires) > now_us)
