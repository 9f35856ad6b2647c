"""Repeats: who wants again what is there, or is asked about, under the same key puts no second question (S35).

Models repeat themselves, with other words or after a crash. What wants effects alone, all of
which are under way or were delivered, would do nothing: nobody need answer for it. What a
human, or an owner, is asked about already on behalf of the same agent waits under that ticket.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from comity import limits
from comity.deciding.case import Case
from comity.deciding.effects import is_own, is_taken, ref_of
from comity.deciding.tickets import KIND_OF, OPEN, Waiting, is_waiting
from comity.model.decisions import Finding
from comity.model.filters import Condition, Query
from comity.model.records import RecordState

_QUESTIONS: Final = frozenset({"ask", "offer"})
"""Of findings, those that somebody is to answer."""
_TERMS: Final = ("action", "effects", "findings", "to")
"""What two questions have in common if they are the same; what exactly is sent is the first one's (S35)."""


def unasked(findings: list[Finding], case: Case) -> list[Finding]:
    """Return findings without those that somebody would answer for nothing, as all that is wanted is there."""
    if not _wants_effects_alone(case) or not all(is_taken(state, case.view) for state in _states(case)):
        return findings
    return [finding for finding in findings if finding.severity not in _QUESTIONS]


def terms_of(case: Case) -> Mapping[str, Any]:
    """Return by what a question is known again: the keys of the effects, if the proposal wants nothing else."""
    return {"effects": sorted(state.id for state in _states(case))} if _wants_effects_alone(case) else {}


def open_question(waiting: Waiting, case: Case) -> RecordState | None:
    """Return the open ticket under which somebody is asked the same on behalf of the same agent, or None."""
    terms, kind = waiting.change.data, KIND_OF[waiting.waits_for]
    if "effects" not in terms or kind not in case.view.kind_revisions:
        return None
    where = (Condition("agent", "=", case.caller.agent), Condition("effects", "has", terms["effects"][0]))
    found = case.view.find(Query(kind, where, limit=limits.QUERY_RECORDS))
    return next((one for one in found if is_waiting(one, case.view.now_us) and _is_same(one, terms)), None)


def told_of(ticket: RecordState) -> Finding:
    """Return that a human is asked already."""
    return Finding(
        OPEN,
        f"The same is asked already, by {ticket.ref}: {ticket.values['summary']}. It isn't asked twice.",
        ticket.ref,
        "warn",
        "Wait for that answer: what was asked first is what is done.",
    )


def _is_same(ticket: RecordState, terms: Mapping[str, Any]) -> bool:
    return all(ticket.values.get(name) == terms.get(name) for name in _TERMS)


def _wants_effects_alone(case: Case) -> bool:
    """Tell whether a proposal is nothing but a wish for effects; the release of one is none."""
    return bool(case.effects) and not case.changes and not any(is_own(state, case.proposal) for state in _states(case))


def _states(case: Case) -> Iterable[RecordState]:
    return [case.view.record(ref_of(effect, case.proposal)) for effect in case.effects]
