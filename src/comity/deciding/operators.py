"""Who is an operator: a human with a key, or the system's user as long as no human has one."""

from __future__ import annotations

from comity.clock import parse_time
from comity.deciding.case import Case
from comity.model.filters import Condition, Query
from comity.model.records import RecordState


def is_operator(case: Case) -> bool:
    """Tell whether the caller may change definitions and keys, and undo others' work."""
    if case.agent.kind == "human":
        return case.caller.key is not None
    if case.caller.known not in ("os_user", "system"):
        return False
    query = Query("$agent", (Condition("key_status", "=", "active"),))
    return not any(is_active(state, case.view.now_us) for state in case.view.find(query))


def is_active(state: RecordState, now_us: int) -> bool:
    """Tell whether an agent's key, as its ``$agent`` record has it, is good at this time."""
    expires = state.values.get("key_expires_at")
    return state.values.get("key_status") == "active" and (expires is None or parse_time(expires) > now_us)
