"""Judging the release of an effect: what it comes to, and what is told of it (S34).

A rule that asks at the release puts it to a human, under a ticket of its own: the answer is
evidence for this release alone (S21), and counts at each try of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from comity.coordinator import releasing
from comity.coordinator.releasing import LaterSteps
from comity.coordinator.submissions import Submission, submit
from comity.deciding import effects
from comity.deciding.effects import halting, is_held_up, release_id, release_of, why_not
from comity.deciding.pipeline import Judgement, judge
from comity.deciding.tickets import closed_finding, evidence_of, is_waiting, ticket_id
from comity.deciding.view import View
from comity.model.built_in import APPROVAL, EFFECT
from comity.model.decisions import Finding
from comity.model.definition import AgentDefinition
from comity.model.events import Commit
from comity.model.flows import run_of
from comity.model.proposals import Emit, Proposal
from comity.model.records import RecordState
from comity.store.contract import Entry, Snapshot

_SETTLING: Final = frozenset({"released", "cancelled", "expired"})
"""The transitions of an effect after which nobody need answer whether it may be released."""


class Asked(msgspec.Struct, frozen=True):
    """Be what happens to the ticket of a release, in the name of whose effect it is."""

    held: Submission
    change: Emit
    agent: AgentDefinition


class Verdict(msgspec.Struct, frozen=True):
    """Be what a release comes to: ``finding`` is None where nothing stands in its way.

    ``told`` is what follows for the effect, ``asked`` the ticket under which a human is asked.
    """

    finding: Finding | None = None
    told: Emit | None = None
    asked: Asked | None = None


class Releases:
    """Judge releases on the view of one batch; ``entries`` are what the batch has committed so far."""

    def __init__(self, view: View, batch: Snapshot, entries: Sequence[Entry]) -> None:
        self._view = view
        self._batch = batch
        self._entries = entries

    def judge(self, effect: RecordState) -> Verdict:
        """Judge afresh what an effect rests on, as a proposal of who wanted it."""
        if effect.values["incarnation"] != self._view.incarnation:
            return Verdict(releasing.suspect(effect))
        commit = self._commit_at(effect.values["wanted_in"])
        if commit is None or commit.payload is None:
            return _cancelled(effect, why_not([releasing.lost()]))
        wanted = commit.payload.proposal
        judged = self._judged(effect, wanted, commit)
        if judged.outcome == "committed":
            return Verdict()
        if not is_held_up(judged.findings):
            return _cancelled(effect, why_not(judged.findings))
        if judged.waiting is not None and judged.waiting.waits_for == "human":
            return self._ask(effect, submit_release(effect, wanted), commit.content, judged)
        return self._halted(effect, judged.findings)

    def _judged(self, effect: RecordState, proposal: Proposal, commit: Commit) -> Judgement:
        later = LaterSteps(run_of(proposal.id), self._view, self._proposal_at)
        reads = releasing.rebased(proposal, commit.revision, self._view.compiled, self._batch, later)
        ids = (proposal.id, release_id(effect))
        evidence = frozenset[str]().union(*(evidence_of(id, commit.content, self._view) for id in ids))
        release = release_of(proposal, effect, reads, self._view.compiled)
        caller = effects.caller_of(effect)
        return judge(release, caller, self._view, content=commit.content, evidence=evidence)

    def _ask(self, effect: RecordState, held: Submission, content: bytes, judged: Judgement) -> Verdict:
        """Return that a human is asked about a release, or has been; what nobody approved in time is cancelled."""
        ref = (APPROVAL, ticket_id(held.proposal.id))
        ticket = self._view.record(ref)
        is_known = ticket.version > 0 and ticket.values["content"] == content.hex()
        is_open = is_known and is_waiting(ticket, self._view.now_us)
        if is_known and not is_open and ticket.values["state"] != "approved":
            return _cancelled(effect, closed_finding(ticket, self._view.now_us).message)
        halted = self._halted(effect, judged.findings, f"A human is asked, by {'/'.join(ref)}.")
        if is_open or judged.waiting is None:
            return halted
        opening = judged.waiting.change
        terms = dict(opening.data) | {"proposal": release_id(effect)}
        return msgspec.structs.replace(
            halted, asked=Asked(held, Emit("/".join(ref), opening.event, terms), judged.agent)
        )

    def _halted(self, effect: RecordState, findings: Sequence[Finding], asks: str | None = None) -> Verdict:
        terms = halting(effect, findings, asks)
        told = Emit(effect.ref, "halted", dict(terms)) if terms is not None else None
        return Verdict(releasing.held_up(effect, findings), told)

    def _proposal_at(self, revision: int) -> str | None:
        commit = self._commit_at(revision)
        return commit.proposal if commit is not None else None

    def _commit_at(self, revision: int) -> Commit | None:
        """Return what was committed at a revision, be it in this very batch."""
        for entry in reversed(self._entries):
            if entry.commit.revision == revision:
                return entry.commit
        return self._batch.commit(revision)


def submit_release(effect: RecordState, wanted: Proposal) -> Submission:
    """Return what waits for a human in a release: what its agent proposed, under the release's own id."""
    release = msgspec.structs.replace(wanted, id=release_id(effect))
    return submit(release, effects.caller_of(effect), is_new=True)


def settled_by(judgement: Judgement, view: View) -> Iterator[Asked]:
    """Yield the end of each question about a release that is settled without it: it is sent, or never will be."""
    for event in judgement.events:
        if event.ref[0] == EFFECT and event.type in _SETTLING:
            known = {**event.payload.values, **event.payload.was}
            if known.get("held_up") is not None:
                yield from _settled(RecordState(*event.ref, values=event.payload.values), event.type, view)


def _settled(effect: RecordState, event: str, view: View) -> Iterator[Asked]:
    id = release_id(effect)
    ticket = view.record((APPROVAL, ticket_id(id)))
    if ticket.version and is_waiting(ticket, view.now_us):
        caller = effects.caller_of(effect)
        change = Emit(
            ticket.ref, "withdrawn", {"answer": f"{effect.ref} was {event}: it is settled without an answer."}
        )
        yield Asked(submit(Proposal(id=id), caller, is_new=True), change, view.agent(caller.agent))


def _cancelled(effect: RecordState, answer: str) -> Verdict:
    return Verdict(releasing.cancelled(effect, answer), Emit(effect.ref, "cancelled", {"answer": answer}))
