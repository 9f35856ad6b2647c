"""Why a ticket can't be answered: whom it is for, when it expired, what became of it before.

Whether it can be is declared with its kind and judged there; here it is only told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from comity.clock import parse_time
from comity.model.built_in import APPROVAL, HANDOFF, QUEUE
from comity.model.definition import AgentDefinition
from comity.model.texts import listed, quote

_TICKETS: Final = frozenset({APPROVAL, HANDOFF, QUEUE})
_ANSWERS: Final = frozenset({"accepted", "approved", "declined", "denied"})


def not_there(ref: str, life: str, values: Mapping[str, Any], event: str, lives: Sequence[str]) -> tuple[str, str]:
    """Return why a transition may not happen in a record's present life, and what to do.

    >>> not_there("$handoff/p", "archived", {"state": "accepted", "closed_by": "bob"}, "declined", ("live",))[0]
    '$handoff/p was accepted by bob.'
    """
    if life == "archived" and ref.partition("/")[0] in _TICKETS:
        return _closed(ref, values), "Nothing is left to answer: wait for it to learn what came of it."
    return f"{event} may not happen to {ref}, which is {life}.", f"It may where the record is {' or '.join(lives)}."


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
    """Return what keeps an agent from answering an open ticket, and what to do; None for what is no answer."""
    if kind not in _TICKETS or event not in _ANSWERS:
        return None
    if parse_time(values["expires_at"]) <= now_us:
        return f"It expired at {values['expires_at']}.", "It has to be proposed anew, under a new id."
    if agent.name == values["agent"]:
        return "Who proposed it can't answer it.", "Withdraw it, or wait for the answer."
    return f"It is for {_addressed(values, now_us)}; you are {agent.name} ({agent.role}).", "Leave it to them."


def _addressed(values: Mapping[str, Any], now_us: int) -> str:
    """Return whom a ticket is for, and from when on whom else."""
    first, at = _named(values.get("to", ())), values.get("escalates_at")
    if at is None:
        return first
    others = _named(values.get("escalates_to", ()))
    return f"{first} or {others}" if parse_time(at) <= now_us else f"{first}; {others} from {at}"


def _named(names: Sequence[str]) -> str:
    return listed(names, 4) or "any human"
