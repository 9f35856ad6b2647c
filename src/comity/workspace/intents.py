"""Intents: one think-act cycle of an agent, from the first read to the decision."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from comity.clock import parse_time
from comity.errors import Conflict, InvalidRequest, NotCommitted, Pending, Refused, UnreadDecision
from comity.model import filters as queries
from comity.model.decisions import Decision, Moved
from comity.model.filters import LifeFilter, Query
from comity.model.proposals import AnyChange, Proposal
from comity.operations import Count, CountAnswer, Get, Propose, RecordAnswer, RecordsAnswer, Stale
from comity.workspace.asking import Moment, conditions_of, find_request, moment_of
from comity.workspace.changes import Options, Writing
from comity.workspace.memory import Memory
from comity.workspace.records import Page, Record
from comity.workspace.session import Session


def raise_unless_committed(decision: Decision) -> Decision:
    """Return a committed decision; raise Conflict, Refused or Pending with any other."""
    if decision.is_committed:
        return decision
    if decision.outcome == "pending":
        raise Pending(decision)
    raise Conflict(decision) if decision.is_conflict else Refused(decision)


class ProposedDecision(Decision, dict=True, gc=True):
    """Be a decision that warns if it is dropped without a look at it (S19)."""

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            object.__getattribute__(self, "__dict__")["is_read"] = True
        return object.__getattribute__(self, name)

    def __repr__(self) -> str:
        object.__getattribute__(self, "__dict__")["is_read"] = True
        return super().__repr__()

    def __eq__(self, other: object) -> bool:
        object.__getattribute__(self, "__dict__")["is_read"] = True
        return isinstance(other, Decision) and all(
            getattr(self, name) == getattr(other, name) for name in Decision.__struct_fields__
        )

    __hash__ = None

    def __del__(self) -> None:
        if not self.__dict__.get("is_read") and not sys.is_finalizing():
            warnings.warn(
                "the answer of propose() was dropped unread: look at decision.outcome, or use 'with'",
                UnreadDecision,
                stacklevel=2,
            )


def _proposed(decision: Decision) -> ProposedDecision:
    return ProposedDecision(**{name: getattr(decision, name) for name in Decision.__struct_fields__})


class IntentState(Writing[None]):
    """Hold what an intent knows, and turn it into requests; how these are sent is its subclasses' matter."""

    decision: Decision | None = None
    _incarnation: str | None = None
    _id: str | None = None
    _attempts = 0

    def __init__(
        self,
        session: Session,
        action: str | None,
        *,
        about: str | Sequence[str] = (),
        reason: str | None = None,
        cause: str | None = None,
        at: Moment | None = None,
        not_after: Any = None,
        relies_on: str | Sequence[str] = (),
    ) -> None:
        self._session = session
        self._memory = Memory()
        self._at = moment_of(at)
        self._assumptions: list[str] = []
        self._relies_on = [relies_on] if isinstance(relies_on, str) else list(relies_on)
        self._not_after = deadline_of(not_after)
        self.action = action
        self.about = (about,) if isinstance(about, str) else tuple(about)
        self.reason = reason
        self.cause = cause

    @property
    def id(self) -> str:
        """Return the intent's id; each of its attempts has one that begins with it."""
        if self._id is None:
            self._id = self._session.make_id()
        return self._id

    @property
    def stale(self) -> tuple[Moved, ...]:
        """Return what of the reads so far has moved by now; nothing ever does where they are pinned."""
        oldest = self._memory.oldest
        if oldest is None or self._at is not None:
            return ()
        return self._session.call(Stale(reads=self._memory.record_reads())).moved

    @property
    def changes(self) -> tuple[AnyChange, ...]:
        """Return the changes collected so far."""
        return tuple(self._memory.changes)

    def assume(self, expression: str) -> None:
        """Have a CEL condition on the subjects judged at the moment of the decision, before the changes."""
        self._assumptions.append(expression)

    def rely_on(self, *paths: str) -> None:
        """Name what counts where a kind's freshness is ``relied``: ``customer/acme`` or ``customer/acme.status``."""
        self._relies_on.extend(paths)

    def _apply(self, change: AnyChange, options: Options) -> None:
        if self.decision is not None and self.decision.is_committed:
            raise InvalidRequest("this intent has committed: open a new one for the next change")
        self._memory.change(change, options)

    # -- requests and answers

    def _get_request(self, record: str) -> Get:
        return Get(record=record, at=self._at)

    def _got(self, answer: RecordAnswer, fields: Sequence[str]) -> Record:
        self._incarnation = answer.incarnation
        self._memory.hold(answer.record, answer.revision, fields)
        return Record(answer, self._memory, fields, self)

    def _found(self, query: Query, answer: RecordsAnswer) -> Page:
        self._incarnation = answer.incarnation
        self._memory.searched(query, answer.revision, [one.record.partition("/")[2] for one in answer.records])
        records = [Record(one, self._memory, (), self) for one in answer.records]
        return Page(records, answer.revision, answer.after)

    def _counted(self, query: Query, answer: CountAnswer) -> int:
        self._incarnation = answer.incarnation
        self._memory.counted(query, answer.revision, answer.count)
        return answer.count

    def _propose_request(self, accept: int | None, id: str | None, *, dry: bool = False) -> Propose:
        if self.decision is not None and self.decision.is_committed:
            raise InvalidRequest("this intent has committed: open a new one for the next change")
        self._attempts += 1
        proposal = Proposal(
            id=id or f"{self.id}.{self._attempts}",
            changes=tuple(self._memory.changes),
            reads=self._memory.reads(),
            assumptions=tuple(self._assumptions),
            about=self.about,
            relies_on=tuple(self._relies_on),
            accept=accept,
            action=self.action,
            reason=self.reason,
            cause=self.cause,
            intent=self.id,
            not_after=self._not_after,
            incarnation=self._incarnation,
        )
        return Propose(proposal=proposal, dry=dry, is_new=id is None)

    def _decided(self, decision: Decision) -> Decision:
        self.decision = decision
        return decision

    def _is_to_propose(self, error: type[BaseException] | None) -> bool:
        """Tell whether leaving the block proposes: no exception, changes collected, nothing proposed by hand."""
        return error is None and self.decision is None and bool(self._memory.changes)


def deadline_of(moment: Any) -> int | None:
    """Return a deadline in microseconds, from a datetime, an RFC 3339 text or microseconds."""
    if moment is None or isinstance(moment, int):
        return moment
    text = moment if isinstance(moment, str) else moment.isoformat()
    try:
        return parse_time(text)
    except ValueError:
        raise InvalidRequest(f"not_after: {text[:40]!r} is no RFC 3339 time") from None


class Intent(IntentState):
    """Be one think-act cycle: read through it, change through it, leave it to propose.

    Leaving the ``with`` block proposes, and raises NotCommitted (Conflict, Refused, Pending)
    with the decision unless it committed; an exception inside withdraws everything. To get
    the decision as a value, call :meth:`propose` yourself.
    """

    def get(self, record: str, *fields: str) -> Record:
        """Return a record; what is used of it counts as read, or exactly the fields named."""
        return self._got(self._session.call(self._get_request(record)), fields)

    def peek(self, record: str) -> Record:
        """Return a record without noting anything."""
        return Record(self._session.call(Get(record=record, at=self._at)), None)

    def find(
        self,
        kind: str,
        *filters: str,
        order: str | Sequence[str] = (),
        limit: int = 100,
        after: str | None = None,
        life: LifeFilter = "live",
        **equals: Any,
    ) -> Page:
        """Return what a search finds; that it finds just this counts as read."""
        request = find_request(kind, filters, order, limit, after, life, self._at, equals)
        query = queries.query(kind, *request.where, order=request.order, limit=limit, after=after, life=life)
        return self._found(query, self._session.call(request))

    def count(self, kind: str, *filters: str, life: LifeFilter = "live", **equals: Any) -> int:
        """Return how many records meet all conditions; the number counts as read."""
        where = conditions_of(filters, equals)
        answer = self._session.call(Count(kind=kind, where=where, life=life, at=self._at))
        return self._counted(queries.query(kind, *where, life=life), answer)

    def check(self, *, accept: int | None = None) -> Decision:
        """Return what would be decided now, without committing."""
        return self._session.call(self._propose_request(accept, None, dry=True))

    def propose(self, *, accept: int | None = None, id: str | None = None) -> Decision:
        """Return the decision on what was collected. Each call is a new attempt, unless given an id."""
        return _proposed(self._decided(self._session.call(self._propose_request(accept, id))))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_to_propose(error):
            raise_unless_committed(self._decided(self._session.call(self._propose_request(None, None))))


class AsyncIntent(IntentState):
    """Be an :class:`Intent` for an event loop: the same verbs, awaited where something is asked."""

    async def get(self, record: str, *fields: str) -> Record:
        """Return a record; what is used of it counts as read, or exactly the fields named."""
        return self._got(self._session.call(self._get_request(record)), fields)

    async def peek(self, record: str) -> Record:
        """Return a record without noting anything."""
        return Record(self._session.call(Get(record=record, at=self._at)), None)

    async def find(
        self,
        kind: str,
        *filters: str,
        order: str | Sequence[str] = (),
        limit: int = 100,
        after: str | None = None,
        life: LifeFilter = "live",
        **equals: Any,
    ) -> Page:
        """Return what a search finds; that it finds just this counts as read."""
        request = find_request(kind, filters, order, limit, after, life, self._at, equals)
        query = queries.query(kind, *request.where, order=request.order, limit=limit, after=after, life=life)
        return self._found(query, self._session.call(request))

    async def count(self, kind: str, *filters: str, life: LifeFilter = "live", **equals: Any) -> int:
        """Return how many records meet all conditions; the number counts as read."""
        where = conditions_of(filters, equals)
        answer = self._session.call(Count(kind=kind, where=where, life=life, at=self._at))
        return self._counted(queries.query(kind, *where, life=life), answer)

    async def check(self, *, accept: int | None = None) -> Decision:
        """Return what would be decided now, without committing."""
        return await self._session.propose_async(self._propose_request(accept, None, dry=True))

    async def propose(self, *, accept: int | None = None, id: str | None = None) -> Decision:
        """Return the decision on what was collected. Each call is a new attempt, unless given an id."""
        return _proposed(self._decided(await self._session.propose_async(self._propose_request(accept, id))))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_to_propose(error):
            decision = await self._session.propose_async(self._propose_request(None, None))
            raise_unless_committed(self._decided(decision))


__all__ = ["AsyncIntent", "Intent", "IntentState", "NotCommitted", "ProposedDecision", "raise_unless_committed"]
