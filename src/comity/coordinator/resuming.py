"""What is said of a ticket whose proposal is judged afresh: whether it goes on, stays open, or can't be done any more.

Codes: ``ticket.goes_on`` and ``ticket.returned`` (warnings), ``ticket.halted``, ``ticket.lost``, ``ticket.not_alone``,
``ticket.stale``, ``ticket.waiting``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from comity.clock import format_time, parse_time
from comity.coordinator.submissions import Submission
from comity.deciding.pipeline import Judgement, next_move
from comity.deciding.tickets import RESUMING, outdated
from comity.deciding.view import Ref
from comity.model.built_in import HANDOFF, QUEUE
from comity.model.decisions import Finding
from comity.model.proposals import Emit, Proposal
from comity.model.records import RecordState

RETURNED: Final = "ticket.returned"
GOES_ON: Final = "ticket.goes_on"
"""The codes of what is told to who answered a ticket by which nothing was done."""

_LIFTED: Final = frozenset({"identity.paused", "override.frozen", "override.pinned"})
"""The codes of what stands in the way until a human lifts it, or it expires."""
_LEASED: Final = _LIFTED | {"lease.held"}
"""The same for a place in line: who takes a lease meanwhile doesn't take it away."""


def resumed_by(judgement: Judgement) -> Ref | None:
    """Return the ticket whose proposal is to be judged afresh, or None."""
    for event in judgement.events:
        if RESUMING.get(event.ref[0]) == event.type:
            return event.ref
    return None


def is_resuming(proposal: Proposal) -> bool:
    """Tell whether a proposal answers a ticket so that what waits under it is judged afresh."""
    return any(
        isinstance(change, Emit) and RESUMING.get(change.record.partition("/")[0]) == change.event
        for change in proposal.changes
    )


def refused(judgement: Judgement, *findings: Finding) -> Judgement:
    """Return the refusal of a proposal that would have passed, had what it answers been possible."""
    return Judgement("refused", judgement.agent, findings, (), {}, next_move(findings))


def is_halted(ticket: RecordState, judged: Judgement) -> bool:
    """Tell whether what waits is only held up for now, so that nothing that was answered or waited for may be lost.

    Overrides hold up whatever waits (S24), others' leases what stands in line. A deferral
    holds up what somebody has to answer: it would use up the answer.
    """
    refusals = [finding for finding in judged.findings if finding.severity == "refuse"]
    if judged.outcome != "refused" or not refusals:
        return judged.outcome == "refused" and ticket.kind != QUEUE
    lifted = _LEASED if ticket.kind == QUEUE else _LIFTED
    return all(finding.code in lifted for finding in refusals)


def is_unacceptable(ticket: RecordState, judged: Judgement) -> bool:
    """Tell whether an offer can't be done any more as it was offered, or is no longer for those who have it."""
    return ticket.kind == HANDOFF and (judged.outcome == "refused" or bool(outdated(ticket, judged.findings)))


def goes_on(held: Submission, judged: Judgement) -> str:
    """Return what becomes of a proposal whose ticket was answered, and which isn't committed by that."""
    id, agent = held.proposal.id, held.caller.agent
    if judged.waiting is not None:
        return f"The proposal {id!r} of {agent} goes on waiting: {judged.next}"
    return f"The proposal {id!r} can't be done any more and went back to {agent}: {judged.findings[0].message}"


# -- findings


def outcome_of(held: Submission, judged: Judgement, ticket: RecordState) -> Finding:
    """Return, as a warning to who answered a ticket, that what waits isn't done by that; its remedy is what comes next.

    It is kept with the answer, so that a repeat tells the same (S7).
    """
    if judged.outcome == "refused":
        code, message = RETURNED, f"went back to {held.caller.agent}, as it can't be done any more."
    else:
        code, message = GOES_ON, "waits for more than this answer."
    told, advice = f"Nothing was done: {held.proposal.id!r} {message}", goes_on(held, judged)
    return Finding(code, told, ticket.ref, severity="warn", remedy=advice)


def next_of(findings: Sequence[Finding]) -> str | None:
    """Return what comes next after an answer by which nothing was done, by what was kept with it; None after others."""
    return next((finding.remedy for finding in findings if finding.code in (RETURNED, GOES_ON)), None)


def lost(ticket: RecordState) -> Finding:
    """Return that the proposal which waits is no longer kept."""
    return Finding(
        "ticket.lost",
        f"What waits under {ticket.ref} is no longer kept.",
        subject=ticket.ref,
        remedy="Withdraw the ticket; have it proposed anew.",
    )


def still_waiting(ticket: RecordState, judged: Judgement) -> Finding:
    """Return that it isn't its turn yet."""
    return Finding(
        "ticket.waiting",
        f"{ticket.ref} has to wait on: {_in_the_way(judged)}",
        subject=ticket.ref,
        remedy="Try again later; it keeps its place.",
    )


def halted(ticket: RecordState, judged: Judgement) -> tuple[Finding, ...]:
    """Return that something holds it up for now, and what does."""
    expires = format_time(parse_time(ticket.values["expires_at"]))
    finding = Finding(
        "ticket.halted",
        f"What waits under {ticket.ref} is held up for now: {_in_the_way(judged)}",
        subject=ticket.ref,
        remedy=f"Try again once that is over: the ticket stays open until {expires}.",
    )
    return (finding, *judged.findings)


def _in_the_way(judged: Judgement) -> str:
    return next(finding.message for finding in judged.findings if finding.severity != "warn")


def not_alone(ticket: RecordState) -> Finding:
    """Return that what answers a ticket must do nothing else."""
    return Finding(
        "ticket.not_alone",
        f"An answer to {ticket.ref} goes by itself: what waits is committed in its proposer's name.",
        subject=ticket.ref,
        remedy="Propose the answer alone, outside of an announced intent, and whatever else in another proposal.",
    )


def not_acceptable(ticket: RecordState, judged: Judgement) -> tuple[Finding, ...]:
    """Return that an offer went stale, and what was found of it."""
    finding = Finding(
        "ticket.stale",
        f"What {ticket.values['agent']} offers can't be done any more as it was offered.",
        subject=ticket.ref,
        remedy=f"Decline it, saying what changed; {ticket.values['agent']} can offer it anew.",
    )
    return (finding, *judged.findings)
