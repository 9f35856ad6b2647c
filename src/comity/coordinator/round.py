"""One batch: proposals judged one after the other under the head, and what they make."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, repeat
from typing import Final

import msgspec

from comity import limits
from comity.clock import StoreTime
from comity.coordinator import resuming
from comity.coordinator.cache import RecordCache
from comity.coordinator.releases import Releases, settled_by
from comity.coordinator.releasing import released_by
from comity.coordinator.resuming import resumed_by
from comity.coordinator.stored import stored_decision
from comity.coordinator.submissions import Submission, submit
from comity.deciding import effects, fold
from comity.deciding.definitions import compiled_from
from comity.deciding.drafts import DraftEvent
from comity.deciding.pipeline import Judgement, judge, next_move
from comity.deciding.queues import same_terms
from comity.deciding.tickets import Waiting, caller_of, consents_to, evidence_of, live_decision
from comity.deciding.view import Ref, View
from comity.model import codec, refs
from comity.model.built_in import AGENT, QUEUE
from comity.model.decisions import NOTHING_NEXT, Decision, Finding
from comity.model.definition import AgentDefinition
from comity.model.events import Answered, Commit, Event
from comity.model.ids import Entropy
from comity.model.proposals import Emit, Proposal, QueryRead
from comity.model.records import RecordState
from comity.store.contract import Batch, Entry, Head

DEFINITION: Ref = ("$definition", "current")
_NAMED: Final = limits.CHANGES_PER_PROPOSAL + limits.READS_PER_PROPOSAL + limits.SUBJECTS_PER_PROPOSAL
"""Of records that a proposal within the limits can name; one beyond them is refused before any is looked at."""


class Round:
    """Decide the proposals of one batch, in order, each seeing what those before it did."""

    def __init__(self, batch: Batch, view: View, cache: RecordCache, time: StoreTime, entropy: Entropy) -> None:
        self.entries: list[Entry] = []
        self.answers: list[Answered] = []
        self.view = view
        self._batch = batch
        self._cache = cache
        self._time = time
        self._entropy = entropy
        self._chain = batch.head.chain
        self._judged = batch.head.judged
        self._stored: dict[str, Commit | Answered] = {}
        self._decided: dict[str, tuple[bytes, Decision]] = {}

    def prefetch(self, submissions: Sequence[Submission]) -> None:
        """Fetch, in one go, the records that the batch names and the answers to ids used before."""
        named: set[str] = set()
        for submission in submissions:
            named.update(_named(submission))
        lacking = [ref for ref in set(map(refs.parse, named)).difference(self._cache.states) if ref is not None]
        if lacking:
            found = self._batch.records(lacking)
            for ref in lacking:
                self._cache.put(ref, found.get(ref) or RecordState(*ref))
        used = [one.proposal.id for one in submissions if not one.is_new and not one.dry]
        if used:
            self._stored = self._batch.answers(used)

    @property
    def is_acknowledging(self) -> bool:
        """Tell whether anyone is told "committed", even of nothing to change: that must be durable."""
        return bool(self.entries) or any(answer.outcome == "committed" for answer in self.answers)

    def head(self) -> Head:
        """Return the head that the batch leads to."""
        return Head(self._batch.head.incarnation, self.view.revision, self._chain, self._judged, self._time)

    def decide(self, submission: Submission) -> Decision:
        """Return the answer to one proposal: a repeat's, or a judgement's."""
        if not submission.dry and (repeated := self._repeat(submission)) is not None:
            return repeated
        judgement = judge(submission.proposal, submission.caller, self.view, content=submission.content)
        if submission.dry:
            return self._check(submission, self._foresee(judgement))
        self._judged += 1
        if judgement.waiting is not None:
            decision = self._wait(submission, judgement, judgement.waiting)
        elif not judgement.events:
            decision = self._answer(submission, judgement)
        elif (ticket := resumed_by(judgement)) is not None:
            decision = self._resume(submission, judgement, ticket)
        elif (effect := released_by(judgement)) is not None:
            decision = self._release(submission, judgement, effect)
        else:
            decision = self._commit(submission, judgement)
        self._decided[submission.proposal.id] = (submission.content, decision)
        return decision

    # -- repeats

    def _repeat(self, submission: Submission) -> Decision | None:
        """Return what was answered under an id before; of what waited then, what has become of it by now (S7)."""
        id, content = submission.proposal.id, submission.content
        decided = self._decided.get(id)
        if decided is None:
            stored = self._stored.get(id)
            if stored is None:
                return None
            decided = stored.content, stored_decision(self._batch, stored)
        if decided[0] != content:
            return self._reused(id)
        return live_decision(decided[1], content, self.view) if decided[1].is_pending else decided[1]

    def _reused(self, id: str) -> Decision:
        finding = Finding(
            "shape.id_reused",
            f"The proposal id {id!r} was used before, for something else.",
            remedy="Take a new id: one id is one attempt.",
        )
        return self._refuse(id, finding)

    def _refuse(self, id: str, finding: Finding) -> Decision:
        return Decision(
            id=id,
            outcome="refused",
            revision=self.view.revision,
            at=self.view.now_us,
            definition=self.view.compiled.number,
            next=finding.remedy or "",
            findings=(finding,),
        )

    # -- waiting, and going on

    def _wait(self, submission: Submission, judgement: Judgement, waiting: Waiting) -> Decision:
        """Commit the ticket of a proposal that has to wait, unless it joins another one's, and answer that it waits."""
        answer = self._answer(submission, judgement)
        if judgement.events:
            self._commit_for(submission, waiting.change, judgement)
        return msgspec.structs.replace(
            answer,
            revision=self.view.revision,
            waits_for=waiting.waits_for,
            ticket=waiting.ticket,
            expires=waiting.expires,
        )

    def _commit_for(self, held: Submission, change: Emit, judgement: Judgement) -> None:
        """Commit what happens to a ticket, in the name of whose proposal waits."""
        self._judged += 1  # It is told beside the answer that led to it, and each has a place of its own (S38).
        version = judgement.events[0].version
        id = f"{held.proposal.id}~{change.record[1:].partition('/')[0]}{version}"
        proposal = Proposal(id=id, changes=(change,), reason=held.proposal.reason, action=held.proposal.action)
        self._commit(submit(proposal, held.caller, is_new=True), judgement)

    def _resume(self, submission: Submission, judgement: Judgement, ticket: Ref) -> Decision:
        """Judge afresh what waited for the transition that this proposal makes."""
        state = judgement.states[ticket]
        held = self._held(state)
        if len(judgement.events) > 1:
            return self._answer(submission, resuming.refused(judgement, resuming.not_alone(state)))
        if effects.released_under(state.values["proposal"]) is not None:
            return self._commit(submission, judgement)  # What was asked about is judged when it is due to be sent.
        if held is None:
            return self._answer(submission, resuming.refused(judgement, resuming.lost(state)))
        judged = self._judge_held(held, judgement)
        if judged.outcome == "committed":
            return self._commit_both(submission, judgement, held, judged)
        if judged.waiting is not None and state.kind == QUEUE and judged.waiting.waits_for == "queue":
            return self._wait_on(submission, judged, judged.waiting, held, state)
        if resuming.is_halted(state, judged):
            return self._halt(submission, resuming.refused(judgement, *resuming.halted(state, judged)), state)
        if resuming.is_unacceptable(state, judged):
            return self._answer(submission, resuming.refused(judgement, *resuming.not_acceptable(state, judged)))
        told = resuming.outcome_of(held, judged, state)
        findings, advice = (*judgement.findings, told), told.remedy or judgement.next
        decision = self._commit(submission, msgspec.structs.replace(judgement, findings=findings, next=advice))
        self._go_on(held, self._judge_held(held), state)  # Once more, as what it drafts comes after that commit.
        return decision

    def _foresee(self, judgement: Judgement) -> Judgement:
        """Return what a transition would come to, with what waits for it."""
        ticket = resumed_by(judgement)
        held = self._held(judgement.states[ticket]) if ticket is not None else None
        if ticket is None or held is None or len(judgement.events) > 1:
            return judgement
        state, judged = judgement.states[ticket], self._judge_held(held, judgement)
        if resuming.is_halted(state, judged):
            return resuming.refused(judgement, *resuming.halted(state, judged))
        if resuming.is_unacceptable(state, judged):
            return resuming.refused(judgement, *resuming.not_acceptable(state, judged))
        if judged.outcome == "committed":
            return msgspec.structs.replace(judged, states={**judged.states, **judgement.states})
        return msgspec.structs.replace(judgement, next=resuming.goes_on(held, judged))

    def _wait_on(
        self, submission: Submission, judged: Judgement, waiting: Waiting, held: Submission, ticket: RecordState
    ) -> Decision:
        """Let a proposal keep its place in line; only if it waits for something else by now is that written (S32)."""
        terms = {name: waiting.change.data[name] for name in ("to", "until", "findings")}
        if not same_terms(terms, ticket.values):
            self._tell_ticket(held, Emit(ticket.ref, "requeued", terms), judged.agent)
        return self._put_off(submission, (resuming.still_waiting(ticket, judged),), judged.agent)

    def _halt(self, submission: Submission, halted: Judgement, ticket: RecordState) -> Decision:
        """Refuse to resume what is held up for now: its ticket stays as it is."""
        if ticket.kind == QUEUE:
            return self._put_off(submission, halted.findings[:1], halted.agent)
        return self._answer(submission, halted)

    def _put_off(self, submission: Submission, findings: tuple[Finding, ...], agent: AgentDefinition) -> Decision:
        """Refuse a release that came too early.

        Comity's own isn't kept as answered: it is tried again under the id that every process gives it.
        """
        if submission.caller.known == "system":
            return self._refuse(submission.proposal.id, findings[0])
        return self._answer(submission, Judgement("refused", agent, findings, (), {}, next_move(findings)))

    def _go_on(self, held: Submission, judged: Judgement, ticket: RecordState) -> None:
        """Let a proposal wait for the next answer, commit it by itself, or give it back."""
        self._judged += 1  # Its place among all that were judged comes after that of the answer to its ticket (S38).
        if judged.waiting is not None:
            decision = self._wait(held, judged, judged.waiting)
        elif judged.outcome == "committed":
            decision = self._commit_held(held, judged)
        else:
            decision = self._return(held, judged, ticket)
        self._decided[held.proposal.id] = (held.content, decision)

    def _commit_held(self, held: Submission, judged: Judgement) -> Decision:
        """Commit what waited in a commit of its own, with who has consented; or answer that nothing is left to do."""
        findings = (*judged.findings, *consents_to(held.proposal.id, held.content, self.view))
        agreed = msgspec.structs.replace(judged, findings=findings)
        return self._commit(held, agreed) if agreed.events else self._answer(held, agreed)

    def _tell_ticket(self, held: Submission, change: Emit, agent: AgentDefinition) -> None:
        """Commit a transition of a ticket that follows from judging what waits under it."""
        self._commit_for(held, change, self._drafted(change, agent))

    def _drafted(self, change: Emit, agent: AgentDefinition) -> Judgement:
        """Return the judgement of a transition that follows from another: it is let through."""
        drafted = fold.draft([change], agent, self.view)
        return Judgement("committed", agent, (), tuple(drafted.events), drafted.states, NOTHING_NEXT)

    def _held(self, ticket: RecordState) -> Submission | None:
        """Return the proposal that waits under a ticket, as it was submitted."""
        id: str = ticket.values["proposal"]
        waiting = [one for one in self.answers if one.proposal == id] or [*self._batch.answers([id]).values()]
        stored = waiting[-1] if waiting else None
        if not isinstance(stored, Answered) or stored.payload is None:
            return None
        if stored.content.hex() != ticket.values["content"]:
            return None
        return submit(stored.payload.proposal, caller_of(ticket), is_new=True)

    def _judge_held(self, held: Submission, answering: Judgement | None = None) -> Judgement:
        """Return the judgement of what waited, on a view in which its ticket has been answered."""
        drafted = self.view.drafted
        if answering is not None:
            self.view.drafted = {**drafted, **answering.states}
        try:
            evidence = evidence_of(held.proposal.id, held.content, self.view)
            return judge(held.proposal, held.caller, self.view, content=held.content, evidence=evidence)
        finally:
            self.view.drafted = drafted

    def _commit_both(
        self, submission: Submission, judgement: Judgement, held: Submission, judged: Judgement
    ) -> Decision:
        """Commit what waited together with the answer to its ticket: one commit, both named (S21)."""
        self.view.drafted, drafted = {**self.view.drafted, **judgement.states}, self.view.drafted
        consents = consents_to(held.proposal.id, held.content, self.view)
        self.view.drafted = drafted
        both = msgspec.structs.replace(
            judged,
            findings=(*judged.findings, *consents),
            events=judged.events + judgement.events,
            states={**judged.states, **judgement.states},
        )
        decision = self._commit(held, both)
        self._decided[held.proposal.id] = (held.content, decision)
        self._answer(submission, judgement)
        return msgspec.structs.replace(decision, id=submission.proposal.id)

    def _return(self, held: Submission, judged: Judgement, ticket: RecordState) -> Decision:
        """Give a proposal that can't be done any more back to its proposer, with what was found."""
        change = Emit(ticket.ref, "returned", {"answer": judged.next[: limits.REASON_CHARS]})
        decision = self._answer(held, judged)
        self._tell_ticket(held, change, judged.agent)
        return decision

    # -- effects

    def _release(self, submission: Submission, judgement: Judgement, ref: Ref) -> Decision:
        """Judge afresh what an effect rests on, as a proposal of who wanted it: release, halt or cancel it (S34)."""
        verdict = Releases(self.view, self._batch, self.entries).judge(self.view.record(ref))
        if verdict.finding is None:
            return self._commit(submission, judgement)
        if (asked := verdict.asked) is not None:
            self._tell_ticket(asked.held, asked.change, asked.agent)
        if verdict.told is not None:
            self._tell_effect(submission, verdict.told, judgement.agent)
        return self._refuse(submission.proposal.id, verdict.finding)

    def _tell_effect(self, submission: Submission, change: Emit, agent: AgentDefinition) -> None:
        """Commit what follows for an effect from judging its release."""
        self._judged += 1
        proposal = Proposal(id=f"{submission.proposal.id}~{change.event}", changes=(change,))
        self._commit(submit(proposal, submission.caller, is_new=True), self._drafted(change, agent))

    # -- answers

    def _check(self, submission: Submission, judgement: Judgement) -> Decision:
        return Decision(
            id=submission.proposal.id,
            outcome="allowed" if judgement.outcome == "committed" else judgement.outcome,
            revision=self.view.revision,
            at=self.view.now_us,
            definition=self.view.compiled.number,
            next=judgement.next,
            records={"/".join(ref): state.version for ref, state in judgement.states.items()},
            findings=judgement.findings,
            waits_for=judgement.waiting.waits_for if judgement.waiting else None,
            retry_when=judgement.retry_when,
        )

    def _answer(self, submission: Submission, judgement: Judgement) -> Decision:
        payload = codec.commit_payload(submission.encoded, judgement.findings)
        self.answers.append(
            Answered(
                submission.proposal.id,
                submission.content,
                self.view.revision,
                self._judged,
                self.view.now_us,
                submission.caller.agent,
                self.view.compiled.number,
                judgement.outcome if judgement.outcome != "allowed" else "committed",
                self._entropy(codec.SALT_BYTES),
                payload,
            )
        )
        return Decision(
            id=submission.proposal.id,
            outcome=judgement.outcome,
            revision=self.view.revision,
            at=self.view.now_us,
            definition=self.view.compiled.number,
            next=judgement.next,
            findings=judgement.findings,
            retry_when=judgement.retry_when,
        )

    def _commit(self, submission: Submission, judgement: Judgement) -> Decision:
        view, states = self.view, judgement.states
        settled = [*settled_by(judgement, view)]
        revision = view.revision + 1
        entry = self._seal(submission, judgement, revision)
        self.entries.append(entry)
        view.accept(states, judgement.events, submission.caller.agent, submission.proposal.reason, judgement.agent)
        if DEFINITION in states:
            self._adopt(states[DEFINITION])
        for asked in settled:
            self._tell_ticket(asked.held, asked.change, asked.agent)
        return Decision(
            id=submission.proposal.id,
            outcome="committed",
            revision=revision,
            at=view.now_us,
            definition=entry.commit.definition,
            next=judgement.next,
            records={f"{ref[0]}/{ref[1]}": state.version for ref, state in states.items()},
            events=tuple([f"{revision}.{ordinal}" for ordinal in range(len(entry.events))]),
            findings=judgement.findings,
        )

    def _seal(self, submission: Submission, judgement: Judgement, revision: int) -> Entry:
        """Return the commit of a proposal with its events, next in the chain."""
        proposal, caller, agent, view = submission.proposal, submission.caller, judgement.agent, self.view
        payload = codec.commit_payload(submission.encoded, judgement.findings)
        *salts, salt = codec.salts(self._entropy, len(judgement.events) + 1)
        events = tuple(map(_event, repeat(revision), count(), judgement.events, salts))
        facts = (
            revision,
            view.now_us,
            proposal.id,
            submission.content,
            caller.agent,
            agent.kind,
            agent.role,
            caller.known,
            caller.key,
            proposal.action,
            proposal.cause,
            view.compiled.number,
            self._judged,
            codec.payload_digest(salt, payload),
        )
        self._chain = codec.chain_facts(self._chain, facts, events)
        return Entry(Commit(*facts, salt, payload, self._chain), events)

    def _adopt(self, state: RecordState) -> None:
        """Judge what follows by the definition that was just committed."""
        self.view.compiled = compiled_from(state)


def _event(revision: int, ordinal: int, draft: DraftEvent, salt: bytes) -> Event:
    encoded = draft.encoded
    digest = codec.payload_digest(salt, encoded)
    facts = (draft.version, draft.type, draft.life, draft.born, draft.derived, digest, salt, encoded)
    return Event(revision, ordinal, *draft.ref, *facts)


def _named(submission: Submission) -> list[str]:
    """Return the addresses that a proposal names, whether they are well-formed or not."""
    proposal = submission.proposal
    named = [read.record for read in proposal.reads if not isinstance(read, QueryRead)]
    named += proposal.about
    for change in proposal.changes:
        named.append(change.record)
    if len(named) > _NAMED:
        del named[_NAMED:]
    if submission.caller.key is not None:
        named.append(f"{AGENT}/{submission.caller.agent}")
    return named
