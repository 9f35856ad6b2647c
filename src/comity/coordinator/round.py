"""One batch: proposals judged one after the other under the head, and what they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from comity import limits
from comity.clock import StoreTime
from comity.coordinator.cache import RecordCache
from comity.coordinator.definitions import compiled_of
from comity.coordinator.submissions import Submission
from comity.deciding.pipeline import Judgement, judge, next_move
from comity.deciding.view import Ref, View
from comity.model import codec, refs
from comity.model.decisions import Decision, Finding
from comity.model.events import Answered, Commit, Event
from comity.model.ids import Entropy
from comity.model.proposals import QueryRead
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
        held = self._cache.states
        wanted = {ref for submission in submissions for ref in _named(submission) if ref not in held}
        if wanted:
            found = self._batch.records(list(wanted))
            for ref in wanted:
                self._cache.put(ref, found.get(ref) or RecordState(*ref))
        used = [submission.proposal.id for submission in submissions if not submission.is_new and not submission.dry]
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
        judgement = judge(submission.proposal, submission.caller, self.view)
        if submission.dry:
            return self._check(submission, judgement)
        self._judged += 1
        decision = self._commit(submission, judgement) if judgement.events else self._answer(submission, judgement)
        self._decided[submission.proposal.id] = (submission.content, decision)
        return decision

    # -- repeats

    def _repeat(self, submission: Submission) -> Decision | None:
        id = submission.proposal.id
        decided = self._decided.get(id)
        if decided is not None:
            return decided[1] if decided[0] == submission.content else self._reused(id)
        stored = self._stored.get(id)
        if stored is None:
            return None
        return stored_decision(self._batch, stored) if stored.content == submission.content else self._reused(id)

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
        )

    def _commit(self, submission: Submission, judgement: Judgement) -> Decision:
        revision = self.view.revision + 1
        events = self._events(revision, judgement)
        commit = self._seal(submission, judgement, revision, events)
        self.entries.append(Entry(commit, events))
        self.view.accept(judgement.states, judgement.events, submission.caller.agent, submission.proposal.reason)
        if DEFINITION in judgement.states:
            self._adopt(judgement.states[DEFINITION])
        return Decision(
            id=submission.proposal.id,
            outcome="committed",
            revision=revision,
            at=self.view.now_us,
            definition=commit.definition,
            next=judgement.next,
            records={f"{ref[0]}/{ref[1]}": state.version for ref, state in judgement.states.items()},
            events=tuple([f"{revision}.{ordinal}" for ordinal in range(len(events))]),
            findings=judgement.findings,
        )

    def _events(self, revision: int, judgement: Judgement) -> tuple[Event, ...]:
        events: list[Event] = []
        for ordinal, draft in enumerate(judgement.events):
            salt = self._entropy(codec.SALT_BYTES)
            digest = codec.payload_digest(salt, draft.encoded)
            events.append(
                Event(
                    revision,
                    ordinal,
                    draft.ref[0],
                    draft.ref[1],
                    draft.version,
                    draft.type,
                    draft.life,
                    draft.born,
                    draft.derived,
                    digest,
                    salt,
                    draft.encoded,
                )
            )
        return tuple(events)

    def _seal(self, submission: Submission, judgement: Judgement, revision: int, events: tuple[Event, ...]) -> Commit:
        proposal, caller, agent = submission.proposal, submission.caller, judgement.agent
        payload = codec.commit_payload(submission.encoded, judgement.findings)
        salt = self._entropy(codec.SALT_BYTES)
        facts = (
            revision,
            self.view.now_us,
            proposal.id,
            submission.content,
            caller.agent,
            agent.kind,
            agent.role,
            caller.known,
            caller.key,
            proposal.action,
            proposal.cause,
            self.view.compiled.number,
            self._judged,
            codec.payload_digest(salt, payload),
        )
        self._chain = codec.chain_facts(self._chain, facts, events)
        return Commit(*facts, salt, payload, self._chain)

    def _adopt(self, state: RecordState) -> None:
        """Judge what follows by the definition that was just committed."""
        self.view.compiled = compiled_of(state.values["source"], state.version)


def _named(submission: Submission) -> list[Ref]:
    """Return the records that a proposal names, as far as they are well-formed."""
    proposal = submission.proposal
    named = [change.record for change in proposal.changes]
    named += [read.record for read in proposal.reads if not isinstance(read, QueryRead)]
    named += proposal.about
    if len(named) > _NAMED:
        del named[_NAMED:]
    result = [ref for ref in map(refs.parse, named) if ref is not None]
    if submission.caller.key is not None:
        result.append(("$agent", submission.caller.agent))
    return result


def stored_decision(batch: Batch, stored: Commit | Answered) -> Decision:
    """Return what was answered under an id, without news (S7)."""
    payload = stored.payload
    findings = payload.findings if payload is not None else ()
    if isinstance(stored, Answered):
        return Decision(
            id=stored.proposal,
            outcome=stored.outcome,
            revision=stored.revision,
            at=stored.at,
            definition=stored.definition,
            next=next_move(findings),
            findings=findings,
        )
    events = batch.events_of(stored.revision)
    return Decision(
        id=stored.proposal,
        outcome="committed",
        revision=stored.revision,
        at=stored.at,
        definition=stored.definition,
        next="Go on.",
        records={event.ref: event.version for event in events},
        events=tuple(event.event_id for event in events),
        findings=findings,
    )
