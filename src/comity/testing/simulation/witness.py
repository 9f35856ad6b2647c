"""What is written down while a run goes on: what everybody asked, was shown, was told and received."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from comity.coordination.deliveries import Delivery
from comity.coordination.news import Read
from comity.errors import ComityError, NotCommitted, OutcomeUnknown, StoreError
from comity.model.decisions import Decision
from comity.model.news import News
from comity.model.proposals import Caller, Proposal
from comity.model.records import Life
from comity.operations import FeedAnswer, LeaseAnswer, ReadFeed, RecordAnswer, RecordsAnswer, RenewLease, Request
from comity.testing.simulation.scheduling import Crash
from comity.verbs.engine import Engine, Progress
from comity.workspace.session import EmbeddedSession


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Be one thing asked for that a decision answers; ``decision`` is None where the answer was lost.

    ``proposal`` is what was proposed, None where Comity made the proposal of a request. Times
    are microseconds since the run began.
    """

    agent: str
    what: str
    asked_us: int
    answered_us: int
    proposal: Proposal | None = None
    decision: Decision | None = None


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Be a record as it was shown to somebody, as of a revision."""

    agent: str
    record: str
    revision: int
    version: int
    life: Life
    values: dict[str, Any]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Be the news that an agent was told: ``known`` are the records that matter to it, by the version it has seen."""

    agent: str
    known: dict[str, int]
    since: int
    until: int
    news: News | None


class Renewed(msgspec.Struct, frozen=True, kw_only=True):
    """Be a lease that was prolonged, which the log doesn't tell (S18): until when; None if the answer was lost."""

    hold: str
    expires_at: str | None


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """Be one arrival at the receiver of effects; ``is_repeat`` tells that it had this key already, and dropped it."""

    key: str
    wanted_at: str
    at_us: int
    attempt: int
    is_uncertain: bool
    is_repeat: bool


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """Be a page of the feed as a follower got it, behind the cursor that it had."""

    follower: str
    after: str
    page: FeedAnswer


class Witness:
    """Write down a run. What is here survives the crash of any process, as what clients keep on a disk does."""

    def __init__(self) -> None:
        self.now_us: Callable[[], int] = lambda: 0
        self.asked: list[Asked] = []
        self.shown: list[Shown] = []
        self.told: list[Told] = []
        self.renewed: list[Renewed] = []
        self.received: list[Received] = []
        self.followed: list[Followed] = []
        self.unanswered: dict[str, dict[str, Proposal]] = {}
        self.happened: Counter[str] = Counter()

    def receive(self, delivery: Delivery) -> None:
        """Take in an effect, as a receiver that knows what it had already (S35)."""
        is_repeat = any(one.key == delivery.key for one in self.received)
        self.happened["effect received again" if is_repeat else "effect received"] += 1
        arrival = Received(
            key=delivery.key,
            wanted_at=delivery.wanted_at,
            at_us=self.now_us(),
            attempt=delivery.attempt,
            is_uncertain=delivery.is_uncertain,
            is_repeat=is_repeat,
        )
        self.received.append(arrival)

    def note_decision(
        self, agent: str, what: str, asked_us: int, decision: Decision | None, proposal: Proposal | None = None
    ) -> None:
        """Write down a decision, or that none came."""
        self._count(decision)
        self.asked.append(
            Asked(
                agent=agent,
                what=what,
                asked_us=asked_us,
                answered_us=self.now_us(),
                proposal=proposal,
                decision=None if decision is None else msgspec.structs.replace(decision, news=None),
            )
        )

    def _count(self, decision: Decision | None) -> None:
        self.happened[f"decision {decision.outcome if decision else 'unknown'}"] += 1
        for finding in decision.refusals if decision else ():
            self.happened[finding.code] += 1

    def note_answer(self, agent: str, request: Request, asked_us: int, answer: object) -> None:
        """Write down what an answer shows."""
        if isinstance(answer, Decision):
            self.note_decision(agent, type(request).__name__, asked_us, answer)
        elif isinstance(answer, RecordAnswer):
            self._show(agent, answer)
        elif isinstance(answer, RecordsAnswer):
            for record in answer.records:
                self._show(agent, record)
        elif isinstance(answer, LeaseAnswer):
            self._note_lease(request, answer)
        elif isinstance(answer, FeedAnswer) and isinstance(request, ReadFeed):
            self.followed.append(Followed(follower=agent, after=str(request.after), page=answer))

    def _show(self, agent: str, answer: RecordAnswer) -> None:
        self.shown.append(
            Shown(
                agent=agent,
                record=answer.record,
                revision=answer.revision,
                version=answer.version,
                life=answer.life,
                values=dict(answer.values),
            )
        )

    def _note_lease(self, request: Request, answer: LeaseAnswer) -> None:
        self.happened[f"{type(request).__name__} {answer.state}"] += 1
        if isinstance(request, RenewLease):
            self.renewed[-1] = Renewed(hold=answer.hold, expires_at=answer.expires_at)


class WitnessedSession(EmbeddedSession):
    """Be a session of one agent in one process, with a witness."""

    def __init__(self, engine: Engine, caller: Caller, witness: Witness) -> None:
        super().__init__(engine, caller)
        self._witness = witness

    def call(self, request: Request, progress: Progress | None = None) -> Any:
        """Return the answer to a request, written down."""
        asked_us, agent = self._witness.now_us(), self.caller.agent
        if isinstance(request, RenewLease):
            self._witness.renewed.append(Renewed(hold=request.hold or "", expires_at=None))
        try:
            answer = super().call(request, progress)
        except NotCommitted as error:
            self._witness.note_decision(agent, type(request).__name__, asked_us, error.decision)
            raise
        except ComityError as error:
            self._witness.happened[type(error).__name__] += 1
            raise
        self._witness.note_answer(agent, request, asked_us, answer)
        return answer

    def propose(self, proposal: Proposal, *, is_new: bool = False, dry: bool = False) -> Decision:
        """Return the decision on a proposal, both written down; without an answer it is asked for again later."""
        witness, agent = self._witness, self.caller.agent
        asked_us, open_ids = witness.now_us(), witness.unanswered.setdefault(agent, {})
        if not dry:
            open_ids[proposal.id] = proposal
        try:
            decision = super().propose(proposal, is_new=is_new, dry=dry)
        except (OutcomeUnknown, StoreError, Crash):
            witness.note_decision(agent, "Propose", asked_us, None, proposal)
            raise
        open_ids.pop(proposal.id, None)
        if not dry:
            witness.note_decision(agent, "Propose", asked_us, decision, proposal)
        return decision

    def news(
        self, known: Mapping[str, int], arrived: Sequence[str], since: int, until: int, read: Callable[[], Read]
    ) -> News | None:
        """Return what others did, written down."""
        news = super().news(known, arrived, since, until, read)
        told = Told(agent=self.caller.agent, known=dict(known), since=since, until=until, news=news)
        self._witness.told.append(told)
        return news
