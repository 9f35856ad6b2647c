"""Waiting for what is pending."""

from __future__ import annotations

from comity import limits
from comity.coordination import waiting
from comity.errors import InvalidRequest, LimitExceeded
from comity.model.decisions import Decision
from comity.model.durations import parse_duration
from comity.model.proposals import Caller
from comity.operations import Wait
from comity.verbs.engine import Engine


def wait(engine: Engine, caller: Caller, request: Wait) -> Decision:
    """Return the decision on what waits under a ticket, or that it is pending still when the time is over."""
    return waiting.wait(engine, caller.agent, request.ticket, timeout_of(request.timeout))


def timeout_of(text: str) -> float:
    """Return how many seconds a call may wait; raises InvalidRequest for no span, LimitExceeded for too long a one."""
    try:
        timeout_s = parse_duration(text)
    except ValueError as error:
        raise InvalidRequest(f"timeout: {error}") from None
    if timeout_s > limits.WAIT_TIMEOUT_S:
        raise LimitExceeded(f"timeout: at most {limits.WAIT_TIMEOUT_S // 3_600} h; wait again afterwards")
    return timeout_s
