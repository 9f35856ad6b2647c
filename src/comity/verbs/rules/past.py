"""The state of a moment in the past, as gates saw it when they judged a proposal then.

Everything is as of the revision that the proposal was judged on, and as of its time. What
is no part of the log can't be seen: that a lease was renewed, and how a caller was known
whose proposal made no commit.
"""

from __future__ import annotations

from typing import Any

from comity import limits
from comity.coordinator.facts import author_of, cause_of, has_touched, recent_on, wishes_of
from comity.coordinator.holding import HELD, Index, load
from comity.coordinator.round import DEFINITION
from comity.deciding.compile import Compiled
from comity.deciding.definitions import compiled_from
from comity.deciding.pipeline import Judgement, judge
from comity.deciding.tickets import KIND_OF, RESUMING, caller_of, evidence_of, ticket_id
from comity.deciding.view import (
    AuthorNeed,
    CauseNeed,
    ChangedNeed,
    CountNeed,
    EventNeed,
    FindNeed,
    HeldNeed,
    Missing,
    Need,
    NotedNeed,
    PastNeed,
    RecentNeed,
    RecordNeed,
    Ref,
    TouchedNeed,
    View,
    WishNeed,
)
from comity.model.built_in import AGENT
from comity.model.codec import encode
from comity.model.proposals import Caller, Proposal
from comity.model.records import RecordState
from comity.store.contract import EventFilter, Snapshot
from comity.verbs.rules.recorded import Recorded


class Chronicle:
    """Show a workspace at one revision after another; what is open of a kind is followed along.

    Whoever asks in the order in which it was judged has each event looked at once.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._kinds = snapshot.kinds()
        self._open: dict[str, tuple[int, Index]] = {}

    def kinds(self, revision: int) -> dict[str, int]:
        """Return the kinds that may have had records at a revision, with one up to which they may have changed."""
        return {kind: min(last, revision) for kind, last in self._kinds.items()}

    def open(self, kind: str, revision: int) -> Index:
        """Return what was open of a kind at a revision; the next call changes what this one returned."""
        known, index = self._open.pop(kind, (0, None))
        if index is None or known > revision or not self._follow(index, kind, known, revision):
            index = load(self.snapshot, HELD[kind], revision)
        self._open[kind] = (revision, index)
        return index

    def _follow(self, index: Index, kind: str, after: int, upto: int) -> bool:
        chosen = EventFilter(kind=kind, after=after, upto=upto, limit=limits.CATCH_UP_EVENTS)
        events = self.snapshot.events(chosen) if after < min(upto, self._kinds.get(kind, 0)) else []
        for event in events:
            index.take(event.after())
        return len(events) < limits.CATCH_UP_EVENTS


class Past:
    """Judge what was proposed at some moment on the state of that moment.

    ``own`` is the definition that judged it then. Raises Missing where it isn't kept.
    """

    def __init__(self, chronicle: Chronicle, recorded: Recorded, proposal: Proposal) -> None:
        self._chronicle = chronicle
        self._snapshot = chronicle.snapshot
        self._recorded = recorded
        self._proposal = proposal
        self._kinds = chronicle.kinds(recorded.base)
        self._records: dict[Ref, RecordState] = {}
        self._facts: dict[bytes, Any] = {}
        self._answered = self._answered_tickets()
        self.own = self._own()
        self._caller = self._known_caller()

    def _own(self) -> Compiled:
        """Return the definition that judged it."""
        state = self._as_of([DEFINITION]).get(DEFINITION)
        if state is not None and "source" not in state.values:
            raise Missing(RecordNeed(DEFINITION))  # Its text was erased.
        return compiled_from(state)

    def judge(self, compiled: Compiled) -> Judgement:
        """Return the judgement under a definition; raises Missing for a fact that can't be had of the past."""
        view = self._view(compiled)
        evidence = evidence_of(self._proposal.id, self._recorded.content, view)
        return judge(self._proposal, self._caller, view, content=self._recorded.content, evidence=evidence)

    def _view(self, compiled: Compiled) -> View:
        view = View(
            compiled,
            self._records,
            revision=self._recorded.base,
            incarnation=self._snapshot.head.incarnation,
            now_us=self._recorded.at,
            kind_revisions=self._kinds,
            ask=self._answer,
        )
        view.drafted = dict(self._answered)
        return view

    def _as_of(self, refs: list[Ref]) -> dict[Ref, RecordState]:
        return self._snapshot.records_at(refs, self._recorded.base)

    def _answer(self, need: Need) -> Any:
        """Return a fact as it was; what one definition asked for is at hand for the next."""
        key = encode(need)
        if key not in self._facts:
            self._facts[key] = self._fetch(need)
        return self._facts[key]

    def _fetch(self, need: Need) -> Any:
        snapshot, base = self._snapshot, self._recorded.base
        match need:
            case RecordNeed(ref):
                return self._records.setdefault(ref, self._as_of([ref]).get(ref) or RecordState(*ref))
            case PastNeed(ref, revision):
                return snapshot.records_at([ref], revision).get(ref) or RecordState(*ref)
            case FindNeed(query):
                return snapshot.find(query, revision=base)
            case CountNeed(query):
                return snapshot.count(query, revision=base)
            case AuthorNeed():
                return author_of(snapshot, need.ref, need.field, need.revision)
            case EventNeed(revision, ordinal):
                return snapshot.event(revision, ordinal) is not None
            case CauseNeed(revision):
                return cause_of(snapshot, revision)
            case TouchedNeed(ref, revision):
                return has_touched(snapshot, ref, revision)
            case RecentNeed():
                return recent_on(snapshot, need, snapshot.revision_at(need.since_us), base)
            case WishNeed():
                return wishes_of(snapshot, need, self._recorded.at, self._recorded.ordinal)
            case HeldNeed(kind):
                return self._chronicle.open(kind, base)
            case NotedNeed():
                return None
            case ChangedNeed():
                raise Missing(need)

    # -- who proposed it, and what was answered to it

    def _answered_tickets(self) -> dict[Ref, RecordState]:
        """Return the tickets with whose answer it was committed, as that left them: they are its evidence (S21)."""
        if self._recorded.commit is None:
            return {}
        events = self._snapshot.events_of(self._recorded.commit.revision)
        answers = (event for event in events if RESUMING.get(event.kind) == event.type)
        return {(event.kind, event.id): event.after() for event in answers}

    def _known_caller(self) -> Caller:
        """Return who proposed it; how that was known is kept with commits and tickets, and is likely otherwise."""
        commit, agent = self._recorded.commit, self._recorded.agent
        if commit is not None:
            return Caller(agent, commit.known, commit.key)
        ticket = self._ticket()
        if ticket is not None:
            return caller_of(ticket)
        declared = self.own.agents.get(agent)
        if declared is not None and declared.kind == "human":
            holder = self._as_of([(AGENT, agent)]).get((AGENT, agent))
            return Caller(agent, "key", None if holder is None else holder.values.get("key"))
        return Caller(agent, "os_user" if self.own.agents and declared is None else "claimed")

    def _ticket(self) -> RecordState | None:
        """Return a ticket that the proposal ever had, or None."""
        refs = [(kind, ticket_id(self._proposal.id)) for kind in KIND_OF.values() if kind in self._kinds]
        found = self._snapshot.records(refs) if refs else {}
        content = self._recorded.content.hex()
        return next((state for state in found.values() if state.values.get("content") == content), None)
