"""Why something of Comity's own can't be answered, cancelled or had go on: whom it is for, what became of it before.

Whether it can be is declared with its kind and judged there; here it is only told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from comity.clock import parse_time
from comity.model.built_in import APPROVAL, EFFECT, HANDOFF, QUEUE, TASK, WORKFLOW
from comity.model.definition import AgentDefinition
from comity.model.texts import listed, quote

_TICKETS: Final = frozenset({APPROVAL, HANDOFF, QUEUE})
_ANSWERS: Final = frozenset({"accepted", "approved", "declined", "denied"})
_TASK_ANSWERS: Final = frozenset({"done", "failed"})
_SENT_AGAIN: Final = "Want it anew if it is meant after all, under a once=… of its own."


def not_there(ref: str, life: str, values: Mapping[str, Any], event: str, lives: Sequence[str]) -> tuple[str, str]:
    """Return why a transition may not happen in a record's present life, and what to do.

    >>> not_there("$handoff/p", "archived", {"state": "accepted", "closed_by": "bob"}, "declined", ("live",))[0]
    '$handoff/p was accepted by bob.'
    """
    kind = ref.partition("/")[0] if life == "archived" else ""
    if kind in _TICKETS:
        return _closed(ref, values), "Nothing is left to answer: wait for it to learn what came of it."
    if kind == TASK:
        whom = f" It was for {_named(values.get('to', ()))}."
        run = values["workflow"]
        return f"{_ended(ref, values)}{whom}", f"Nothing is left to answer: look at how far {run} is."
    if kind == EFFECT and event in ("cancelled", "retried"):
        if values["state"] == "delivered" and event == "cancelled":
            return _ended(ref, values), "It can't be called back: make good outside what it did."
        return _ended(ref, values), _SENT_AGAIN
    if kind == WORKFLOW and event in ("cancelled", "resumed"):
        return f"{ref} is over: it is {values['state']} since {values['closed_at']}.", "Start it again if need be."
    return f"{ref} can't be {event}: it is {life}.", f"It can be where it is {' or '.join(lives)}."


def refused(ref: str, event: str, problem: str) -> str:
    """Return in a sentence that a transition may not happen.

    >>> refused("$task/t", "done", "It is for sales.")
    "$task/t can't be answered: It is for sales."
    """
    is_answer = ref.partition("/")[0] == TASK and event in _TASK_ANSWERS
    return f"{ref} can't be {'answered' if is_answer else event}: {problem}"


def _ended(ref: str, values: Mapping[str, Any]) -> str:
    """Return what became of a task or an effect: by whom, when, with what answer."""
    by = f" by {values['closed_by']}" if values.get("closed_by") else ""
    at = f" at {values['closed_at']}" if values.get("closed_at") else ""
    why = f": {quote(values['answer'])}" if values.get("answer") else ""
    return f"{ref} was {values['state']}{by}{at}{why}."


def _closed(ref: str, values: Mapping[str, Any]) -> str:
    if values.get("state") == "expired":
        return f"{ref} expired unanswered at {values['expires_at']}."
    if values.get("state") == "returned":
        return f"{ref} went back to {values['agent']}, as it couldn't be done any more."
    by = f" by {values['closed_by']}" if values.get("closed_by") else ""
    why = f": {quote(values['answer'])}" if values.get("answer") else "."
    return f"{ref} was {values.get('state', 'closed')}{by}{why}"


def obstacle(
    kind: str, event: str, values: Mapping[str, Any], agent: AgentDefinition, now_us: int
) -> tuple[str, str] | None:
    """Return what keeps an agent from answering what is open, and what to do; None where its kind says it."""
    if kind == TASK and event in _TASK_ANSWERS:
        return _not_asked(values, agent)
    if kind == EFFECT and event in ("cancelled", "retried") and values["state"] == "sending":
        return (
            "It is being sent at this moment.",
            "Wait for what becomes of it: it may be put aside.",
        )
    if kind == WORKFLOW and event in ("cancelled", "resumed"):
        return f"It is {values['state']}.", "Wait until it is over, or stuck: a stuck one can be resumed."
    if kind not in _TICKETS or event not in _ANSWERS:
        return None
    if parse_time(values["expires_at"]) <= now_us:
        return f"It expired at {values['expires_at']}.", "It has to be proposed anew, under a new id."
    if agent.name == values["agent"]:
        return "Who proposed it can't answer it.", "Withdraw it, or wait for the answer."
    return f"It is for {_addressed(values, now_us)}; you are {agent.name} ({agent.role}).", "Leave it to them."


def _not_asked(values: Mapping[str, Any], agent: AgentDefinition) -> tuple[str, str]:
    """Return why a task isn't an agent's to answer."""
    you = f"you are {agent.name} ({agent.role})"
    if values["purpose"] == "approval" and agent.name == values["started_by"]:
        return "Who started the workflow doesn't approve it.", "Leave it to another human."
    humans = ", who are to be humans" if values["purpose"] == "approval" and values.get("to") else ""
    return f"It is for {_named(values.get('to', ()))}{humans}; {you}.", "Leave it to them."


def _addressed(values: Mapping[str, Any], now_us: int) -> str:
    """Return whom a ticket is for, and from when on whom else."""
    first, at = _named(values.get("to", ())), values.get("escalates_at")
    if at is None:
        return first
    others = _named(values.get("escalates_to", ()))
    return f"{first} or {others}" if parse_time(at) <= now_us else f"{first}; {others} from {at}"


def _named(names: Sequence[str]) -> str:
    return listed(names, 4) or "any human"
