"""What a proposal is judged on: the state of this very moment.

A :class:`View` lies over what the coordinator fetched (*facts*) and what the batch before
this proposal did (*drafted*). It fetches nothing itself: what it lacks it asks for, by a
function that the coordinator hands in, up to a bound (S29). So judging stays pure, and can
be repeated on any state of any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from comity import limits
from comity.clock import SECOND_US, format_time, parse_time
from comity.deciding.announced import Announced, is_about
from comity.deciding.compile import Compiled
from comity.deciding.queues import Queue
from comity.errors import LimitExceeded
from comity.model import filters
from comity.model.built_in import INTENT, QUEUE
from comity.model.codec import encode
from comity.model.definition import AgentDefinition
from comity.model.filters import Condition, Query
from comity.model.proposals import AgentKind
from comity.model.records import RecordState
from comity.model.refs import event_id

Ref = tuple[str, str]


class RecordNeed(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Ask for a record as it is at the head."""

    ref: Ref


class PastNeed(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Ask for a record as of a revision."""

    ref: Ref
    revision: int


class FindNeed(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Ask for the records that meet a query at the head."""

    query: Query


class CountNeed(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Ask how many records meet a query's conditions at the head."""

    query: Query


class AuthorNeed(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Ask who made the last change of a record's field, at the revision its blame names."""

    ref: Ref
    field: str
    revision: int


class ChangedNeed(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Ask for the records changed after a revision, at most ``limit``."""

    revision: int
    limit: int


class EventNeed(msgspec.Struct, frozen=True, tag=True):
    """Ask whether the log holds an event."""

    revision: int
    ordinal: int


class CauseNeed(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Ask whose commit a revision is, and what caused it."""

    revision: int


class TouchedNeed(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Ask whether the commit of a revision changed a record."""

    ref: Ref
    revision: int


class RecentNeed(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Ask for the events on a record after a time (microseconds), the newest ``limit``, first the newest.

    Those of the agent ``but`` don't count.
    """

    ref: Ref
    since_us: int
    limit: int
    but: str | None = None


class WishNeed(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Ask for what an agent proposed since a time (microseconds) that was only deferred, the newest ``limit``."""

    agent: str
    since_us: int
    limit: int


class NotedNeed(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Ask for what is noted under a name of a topic, outside the log (S18)."""

    topic: str
    name: str


class HeldNeed(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Ask for what is open of one of Comity's own kinds, at the head, as it is held over batches."""

    kind: str


Need = (
    HeldNeed
    | RecordNeed
    | PastNeed
    | FindNeed
    | CountNeed
    | AuthorNeed
    | ChangedNeed
    | EventNeed
    | CauseNeed
    | TouchedNeed
    | RecentNeed
    | WishNeed
    | NotedNeed
)


class Happened(msgspec.Struct, frozen=True, gc=False):
    """Be an event as others see it: whose doing, of which type, on which record, when, which fields it changed."""

    agent: str
    role: str
    kind: AgentKind
    type: str
    record: str
    at: int
    fields: tuple[str, ...]


class Wish(msgspec.Struct, frozen=True, gc=False):
    """Be a proposal that was only deferred: its id, under which action, about which records, and when."""

    id: str
    action: str | None
    about: tuple[str, ...]
    at: int


class Cause(msgspec.Struct, frozen=True, gc=False):
    """Be a commit as a link of a chain of causes: whose, under which action, and the event that led to it."""

    revision: int
    agent: str
    action: str | None
    cause: str | None
    proposal: str | None = None


class Author(msgspec.Struct, frozen=True, gc=False):
    """Be who made a change: agent, store time, event and reason."""

    by: str
    at: int
    event: str
    reason: str | None


class Drafted(Protocol):
    """Be an event that a batch drafted."""

    @property
    def ref(self) -> Ref:
        """Return the record that it is about."""
        ...

    @property
    def type(self) -> str:
        """Return what it is called."""
        ...

    def changed(self) -> Iterable[str]:
        """Return the fields that it changed."""
        ...


_NOTHING: Final[Mapping[str, RecordState]] = {}

Ask = Callable[[Need], Any]
"""Answer a need, as of the head that the view shows."""


class TooBroad(LimitExceeded):
    """Tell that a proposal, or a question, would have more looked at than ``limits.FACTS_PER_PROPOSAL``."""

    def __init__(self) -> None:
        super().__init__(f"this would look at more than {limits.FACTS_PER_PROPOSAL} records and events")


class Missing(Exception):
    """Tell that a view lacks a fact, and has nobody to ask."""

    def __init__(self, need: Need) -> None:
        super().__init__(need)
        self.need = need


class View:
    """Show the state at the head, with what the batch did so far.

    ``revision`` is that of the last commit, drafted ones included; ``now_us`` store time.
    ``asked`` counts the facts that were asked for; whoever judges a proposal starts it at 0.
    """

    __slots__ = (
        "_ask",
        "_changed_by_kind",
        "_drafted",
        "_ungrouped",
        "asked",
        "authors",
        "compiled",
        "doers",
        "facts",
        "incarnation",
        "kind_revisions",
        "now_us",
        "records",
        "revision",
        "stored_revision",
    )

    def __init__(
        self,
        compiled: Compiled,
        records: Mapping[Ref, RecordState],
        *,
        revision: int,
        incarnation: str,
        now_us: int,
        kind_revisions: Mapping[str, int],
        ask: Ask | None = None,
    ) -> None:
        self._ask = ask
        self.asked = 0
        self.compiled = compiled
        self.records = records
        self.revision = revision
        self.stored_revision = revision
        self.incarnation = incarnation
        self.now_us = now_us
        self.kind_revisions = dict(kind_revisions)
        self.drafted = {}
        self.authors: dict[int, tuple[str, str | None, Sequence[Drafted]]] = {}
        self.doers: dict[int, AgentDefinition] = {}
        self.facts: dict[bytes, Any] = {}

    @property
    def drafted(self) -> dict[Ref, RecordState]:
        """Return the states that the batch did so far, or while a ticket is being answered those that it would lead to.

        They are set as a whole, or added by :meth:`accept`, and grouped by kind once somebody asks for that.
        """
        return self._drafted

    @drafted.setter
    def drafted(self, states: dict[Ref, RecordState]) -> None:
        self._drafted = states
        self._changed_by_kind: dict[str, dict[str, RecordState]] = {}
        self._ungrouped: list[Mapping[Ref, RecordState]] = [states] if states else []

    def record(self, ref: Ref) -> RecordState:
        """Return a record; one that never was is absent, with version 0."""
        state: RecordState | None = self._drafted.get(ref) or self.records.get(ref)
        return self.ask(RecordNeed(ref)) if state is None else state

    def past(self, ref: Ref, revision: int) -> RecordState:
        """Return a record as of a revision."""
        state = self.record(ref)
        if state.revision <= revision:
            return state
        return self._fact(PastNeed(ref, revision))

    def find(self, query: Query, extra: Mapping[Ref, RecordState] | None = None) -> list[RecordState]:
        """Return what a query finds now; ``extra`` are states that a draft would add."""
        changed = self._changed(query.kind, extra)
        if not changed:
            return self._fact(FindNeed(query))
        wider = msgspec.structs.replace(query, limit=query.limit + len(changed))
        stored: list[RecordState] = self._fact(FindNeed(wider))
        return filters.select(query, [*(state for state in stored if state.id not in changed), *changed.values()])

    def count(self, query: Query) -> int:
        """Return how many records meet a query's conditions now."""
        total: int = self._fact(CountNeed(query))
        for ref, state in self._changed(query.kind, None).items():
            stored: RecordState = self.records.get((query.kind, ref)) or self.ask(RecordNeed((query.kind, ref)))
            total += filters.matches(query, state) - filters.matches(query, stored)
        return total

    def has_more_than(self, most: int, query: Query) -> bool:
        """Tell whether more records than so many meet a query's conditions now; mostly without a look at any."""
        stored: int = self._fact(CountNeed(query))
        return stored + len(self.changed(query.kind)) > most and self.count(query) > most

    def author(self, state: RecordState, field: str) -> Author:
        """Return who last changed a field of a record."""
        revision = state.blame.get(field, state.revision)
        if revision > self.stored_revision:
            by, reason, events = self.authors[revision]
            ref = (state.kind, state.id)
            places = [place for place, event in enumerate(events) if event.ref == ref and field in event.changed()]
            return Author(by, self.now_us, event_id(revision, places[-1] if places else 0), reason)
        return self._fact(AuthorNeed((state.kind, state.id), field, revision))

    def has_event(self, revision: int, ordinal: int) -> bool:
        """Tell whether the log holds an event; none of this batch can have been named by anyone yet."""
        return revision <= self.stored_revision and bool(self._fact(EventNeed(revision, ordinal)))

    def cause(self, revision: int) -> Cause | None:
        """Return a commit of the log as what led to something, or None; none of this batch can have led to anything."""
        return self._fact(CauseNeed(revision))

    def has_changed(self, ref: Ref, revision: int) -> bool:
        """Tell whether a commit of the log changed a record."""
        return self._fact(TouchedNeed(ref, revision))

    def recent(self, ref: Ref, since_us: int, limit: int, *, but: str | None = None) -> list[Happened]:
        """Return the events on a record after a time, newest first, at most ``limit``, without those of one agent."""
        drafted = [
            Happened(by, doer.role, doer.kind, event.type, "/".join(ref), self.now_us, tuple(event.changed()))
            for revision, (by, _, events) in reversed(self.authors.items())
            if by != but and (doer := self.doers[revision])
            for event in reversed(events)
            if event.ref == ref
        ]
        stored: list[Happened] = self._fact(RecentNeed(ref, since_us, limit, but))
        return [*drafted, *stored][:limit]

    def intents(self, ref: Ref, limit: int) -> list[RecordState]:
        """Return the announced intents about a record that haven't expired, by id, at most ``limit``."""
        if INTENT not in self.kind_revisions:
            return []
        announced: Announced = self.held(INTENT)
        record, changed = "/".join(ref), self.changed(INTENT)
        kept = announced.on(record)
        if kept is None:
            return self._search_intents(record, limit)
        made = [intent for intent in changed.values() if is_about(intent, record)]
        found = [*(intent for intent in kept if intent.id not in changed), *made]
        return sorted(filter(self._is_ahead, found), key=lambda intent: intent.id)[:limit]

    def wishes(self, agent: str) -> list[Wish]:
        """Return what an agent proposed of late that was only deferred, the oldest first.

        What this batch refuses isn't among it, nor what another process has refused within the last second.
        """
        since_us = self.now_us - limits.WISH_S * SECOND_US
        found: list[Wish] = self._fact(WishNeed(agent, since_us, limits.WISHES))
        return found[::-1]

    def _search_intents(self, record: str, limit: int) -> list[RecordState]:
        # Times as texts differ in length, so that the query takes a second more, and the moment decides here.
        since = format_time((self.now_us // SECOND_US - 1) * SECOND_US)
        about = (Condition("about", "has", record), Condition("expires_at", ">", since))
        return list(filter(self._is_ahead, self.find(Query(INTENT, about, limit=limit))))

    def _is_ahead(self, intent: RecordState) -> bool:
        return parse_time(intent.values["expires_at"]) > self.now_us

    def held(self, kind: str) -> Any:
        """Return what is held of the open records of a kind, without what this batch did to them."""
        return self._fact(HeldNeed(kind))

    def changed(self, kind: str) -> Mapping[str, RecordState]:
        """Return the records of a kind that this batch has changed, by their ids."""
        for states in self._ungrouped:
            for (of_kind, id), state in states.items():
                self._changed_by_kind.setdefault(of_kind, {})[id] = state
        self._ungrouped.clear()
        return self._changed_by_kind.get(kind, _NOTHING)

    def queue(self) -> Queue:
        """Return the proposals that wait for their turn, without what this batch did to them."""
        return self.held(QUEUE)

    def agent(self, name: str) -> AgentDefinition:
        """Return an agent as declared, or by its name alone."""
        return self.compiled.agents.get(name) or AgentDefinition(name=name, role=name)

    def renewal(self, name: str) -> str | None:
        """Return until when a lease was renewed, as it was noted."""
        return self._fact(NotedNeed("lease", name))

    def changed_since(self, revision: int, limit: int) -> list[RecordState]:
        """Return the records changed after a revision, at most ``limit`` and what the batch drafted."""
        stored: list[RecordState] = self._fact(ChangedNeed(revision, limit))
        kept = [state for state in stored if (state.kind, state.id) not in self.drafted]
        return kept + list(self.drafted.values())

    def ask(self, need: Need) -> Any:
        """Return a fact that isn't at hand; raises TooBroad beyond the bound, Missing with nobody to ask."""
        if self._ask is None:
            raise Missing(need)
        self.asked += 1
        if self.asked > limits.FACTS_PER_PROPOSAL:
            raise TooBroad
        return self._ask(need)

    def supply(self, need: Need, fact: object) -> None:
        """Take a fact, for all who need it later on."""
        self.facts[encode(need)] = fact

    def accept(
        self,
        states: Mapping[Ref, RecordState],
        events: Sequence[Drafted],
        agent: str,
        reason: str | None,
        doer: AgentDefinition | None = None,
    ) -> None:
        """Take what a proposal of this batch did, as its commit of the next revision; ``doer`` is its agent."""
        self.revision += 1
        self.authors[self.revision] = (agent, reason, events)
        self.doers[self.revision] = doer or self.agent(agent)
        self._drafted.update(states)
        self._ungrouped.append(states)
        for kind, _ in states:
            self.kind_revisions[kind] = self.revision

    def _fact(self, need: Need) -> Any:
        key = encode(need)
        if key not in self.facts:
            self.facts[key] = self.ask(need)
        return self.facts[key]

    def _changed(self, kind: str, extra: Mapping[Ref, RecordState] | None) -> Mapping[str, RecordState]:
        changed = self.changed(kind)
        if not extra:
            return changed
        return {**changed, **{ref[1]: state for ref, state in extra.items() if ref[0] == kind}}
