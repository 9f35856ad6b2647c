"""Intents: one think-act cycle of an agent, from the first read to the decision."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

from comity.clock import parse_time
from comity.errors import InvalidRequest, NotFound, UnreadDecision
from comity.model import filters as queries
from comity.model import refs
from comity.model.decisions import Decision, Finding
from comity.model.filters import LifeFilter
from comity.model.proposals import AnyChange, Proposal
from comity.model.records import LIFE
from comity.model.texts import listed, suggestion
from comity.operations import Count, CountAnswer, Get, RecordAnswer, RecordsAnswer, Stale, StaleAnswer
from comity.workspace.asking import Moment, conditions_of, find_request, moment_of
from comity.workspace.changes import Options, Writing, check_record, check_text
from comity.workspace.memory import Memory
from comity.workspace.outcomes import raise_unless_committed
from comity.workspace.records import Page, Record
from comity.workspace.session import Session

_COMMITTED: Final = "this intent has committed: open a new one for the next change"
_LEFT: Final = "this intent has ended, its block was left: open a new one for the next change"
_WITHDRAWN: Final = "this intent was withdrawn by an exception in its block: open a new one"


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
    _is_id_known = False
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
        self._relies_on: list[str] = []
        self._not_after = deadline_of(not_after)
        self.action = action
        self.about = (about,) if isinstance(about, str) else tuple(about)
        self.reason = reason
        self.cause = cause
        for what, given in (("action", action), ("reason", reason), ("cause", cause)):
            if given is not None:
                check_text(what, given)
        for record in self.about:
            check_record(record)
        if relies_on:
            self.rely_on(*([relies_on] if isinstance(relies_on, str) else relies_on))

    @property
    def id(self) -> str:
        """Return the intent's id; each of its attempts has one that begins with it."""
        self._is_id_known = True
        return self._own_id()

    @property
    def stale(self) -> tuple[Finding, ...]:
        """Return what of the reads so far has moved by now, records and searches, as a decision would tell it.

        It is looked up anew whenever it is asked. Nothing ever moves where the reads are pinned.
        """
        reads = self._memory.reads()
        if not reads or self._at is not None:
            return ()
        request = Stale(reads=reads, relies_on=tuple(self._relies_on), incarnation=self._incarnation)
        answer: StaleAnswer = self._session.call(request)
        return answer.findings

    @property
    def changes(self) -> tuple[AnyChange, ...]:
        """Return the changes collected so far."""
        return tuple(self._memory.changes)

    def assume(self, expression: str) -> None:
        """Have a CEL condition on the subjects judged at the moment of the decision, before the changes."""
        self._refuse_after_end()
        check_text("assumption", expression)
        self._assumptions.append(expression)

    def rely_on(self, *paths: str) -> None:
        """Name what counts where a kind's freshness is ``relied``: ``customer/acme`` or ``customer/acme.status``.

        Raises InvalidReference for what is neither, NotFound for a field that its kind doesn't have.
        """
        self._refuse_after_end()
        for path in paths:
            self._check_path(path)
        self._relies_on.extend(paths)

    def _check_path(self, path: str) -> None:
        check_record(path)
        refs.split(path.partition(".")[0])
        record, dot, field = path.rpartition(".")
        if not dot or self._memory.has_seen(path) or refs.parse(record) is None:
            return
        answer: RecordAnswer = self._session.call(Get(record=record))
        is_id = refs.parse(path) is not None and self._session.call(Get(record=path)).version > 0
        if not is_id:
            check_fields(answer, (field,))

    def _apply(self, change: AnyChange, options: Options) -> None:
        check_record(change.record)
        self._memory.change(change, options)

    def _refuse_after_end(self) -> None:
        if self._memory.ended is not None:
            raise InvalidRequest(self._memory.ended)

    # -- reading

    def _moment(self) -> int | str | None:
        """Return the revision that the reads are pinned to: a time is resolved once, at the first of them."""
        if isinstance(self._at, str):
            self._at = self._session.revision_at(self._at)
        return self._at

    def _get(self, record: str, fields: Sequence[str]) -> Record:
        answer: RecordAnswer = self._session.call(Get(record=record, at=self._moment()))
        if fields:
            check_fields(answer, fields)
        self._incarnation = answer.incarnation
        self._memory.hold(answer.record, answer.revision, fields)
        return Record(answer, self._memory, fields, self)

    def _peek(self, record: str) -> Record:
        return Record(self._session.call(Get(record=record, at=self._moment())), None)

    def _find(
        self,
        kind: str,
        filters: Sequence[str],
        order: str | Sequence[str],
        limit: int,
        after: str | None,
        life: LifeFilter,
        equals: dict[str, Any],
    ) -> Page:
        request = find_request(kind, filters, order, limit, after, life, self._moment(), equals)
        answer: RecordsAnswer = self._session.call(request)
        query = queries.query(kind, *request.where, order=request.order, limit=limit, after=after, life=life)
        self._incarnation = answer.incarnation
        self._memory.searched(query, answer.revision, [one.record.partition("/")[2] for one in answer.records])
        records = [Record(one, self._memory, (), self) for one in answer.records]
        return Page(records, answer.revision, answer.after)

    def _count(self, kind: str, filters: Sequence[str], life: LifeFilter, equals: dict[str, Any]) -> int:
        where = conditions_of(filters, equals)
        answer: CountAnswer = self._session.call(Count(kind=kind, where=where, life=life, at=self._moment()))
        self._incarnation = answer.incarnation
        self._memory.counted(queries.query(kind, *where, life=life), answer.revision, answer.count)
        return answer.count

    # -- proposing

    def _own_id(self) -> str:
        if self._id is None:
            self._id = self._session.make_id()
        return self._id

    def _attempt(self, accept: int | None, id: str | None = None, *, dry: bool = False) -> tuple[Proposal, bool]:
        """Return what was collected as a new attempt, and whether nobody can know its id yet (S7)."""
        if self._memory.ended in (_COMMITTED, _WITHDRAWN):
            raise InvalidRequest(self._memory.ended)
        if accept is not None and type(accept) is not int:
            raise InvalidRequest(f"accept: a revision is a whole number, not {type(accept).__name__}")
        if id is not None:
            self._check_id(id)
        is_new = id is None and not self._is_id_known
        proposal = self._make_proposal(accept, id)
        self._is_id_known = self._memory.is_asked = True
        if not dry:
            self._memory.is_proposed, self.decision = True, None
        return proposal, is_new

    def _check_id(self, id: str) -> None:
        """Raise InvalidRequest for an id that a later attempt will have; an earlier one may be repeated."""
        check_text("id", id)
        own = f"{self._own_id()}."
        if id.startswith(own) and id not in [f"{own}{number + 1}" for number in range(self._attempts)]:
            raise InvalidRequest(f"id: {id[:64]!r} is one that this intent gives to its own attempts: leave it out")

    def _make_proposal(self, accept: int | None, id: str | None) -> Proposal:
        self._attempts += 1
        intent = self._own_id()
        return Proposal(
            id=id or f"{intent}.{self._attempts}",
            changes=tuple(self._memory.changes),
            reads=self._memory.reads(),
            assumptions=tuple(self._assumptions),
            about=self.about,
            relies_on=tuple(self._relies_on),
            accept=accept,
            action=self.action,
            reason=self.reason,
            cause=self.cause,
            intent=intent,
            not_after=self._not_after,
            incarnation=self._incarnation,
        )

    def _decided(self, decision: Decision) -> Decision:
        self.decision = decision
        if decision.is_committed:
            self._memory.ended = _COMMITTED
        return decision

    def _is_to_propose(self, error: type[BaseException] | None) -> bool:
        """End the intent; tell whether that proposes: no exception, and changes that weren't proposed by hand.

        What was proposed by hand and got no answer may have been committed: only the caller
        knows whether to ask again, with the same id.
        """
        if self._memory.ended is None:
            self._memory.ended = _LEFT if error is None else _WITHDRAWN
        return error is None and not self._memory.is_proposed and bool(self._memory.changes)


def check_fields(answer: RecordAnswer, fields: Sequence[str]) -> None:
    """Raise NotFound, with the nearest name, for a field that a record of a declared kind can't have."""
    for name in fields:
        check_text("field", name)
        known = answer.known
        if known and name not in known and name not in answer.values and name != LIFE:
            kind = answer.record.partition("/")[0]
            nearest = suggestion(refs.nearest(name, known))
            raise NotFound(f"{kind} has no field {name!r}{nearest} Its fields: {listed(sorted(known), 10)}.")


def deadline_of(moment: Any) -> int | None:
    """Return a deadline in microseconds, from a datetime (without a zone: in UTC), an RFC 3339 text or microseconds."""
    if moment is None or type(moment) is int:
        return moment
    text = moment.isoformat() if isinstance(moment, datetime) else str(moment)
    try:
        return parse_time(text)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"not_after: {text[:40]!r} is no RFC 3339 time") from None


class Intent(IntentState):
    """Be one think-act cycle: read through it, change through it, leave it to propose.

    Leaving the ``with`` block proposes, and raises NotCommitted (Conflict, Refused, Pending)
    with the decision unless it committed; an exception inside withdraws everything. To get
    the decision as a value, call :meth:`propose` yourself; leaving then proposes again only
    if changes were collected after it.
    """

    def get(self, record: str, *fields: str) -> Record:
        """Return a record; what is used of it counts as read, or exactly the fields named."""
        return self._get(record, fields)

    def peek(self, record: str) -> Record:
        """Return a record without noting anything."""
        return self._peek(record)

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
        return self._find(kind, filters, order, limit, after, life, equals)

    def count(self, kind: str, *filters: str, life: LifeFilter = "live", **equals: Any) -> int:
        """Return how many records meet all conditions; the number counts as read."""
        return self._count(kind, filters, life, equals)

    def check(self, *, accept: int | None = None) -> Decision:
        """Return what would be decided now, without committing."""
        proposal, is_new = self._attempt(accept, dry=True)
        return self._session.propose(proposal, is_new=is_new, dry=True)

    def propose(self, *, accept: int | None = None, id: str | None = None) -> Decision:
        """Return the decision on what was collected. Each call is a new attempt, unless given an id."""
        proposal, is_new = self._attempt(accept, id)
        return _proposed(self._decided(self._session.propose(proposal, is_new=is_new)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_to_propose(error):
            proposal, is_new = self._attempt(None)
            raise_unless_committed(self._decided(self._session.propose(proposal, is_new=is_new)))


class AsyncIntent(IntentState):
    """Be an :class:`Intent` for an event loop: the same verbs, awaited where something is asked."""

    async def get(self, record: str, *fields: str) -> Record:
        """Return a record; what is used of it counts as read, or exactly the fields named."""
        return self._get(record, fields)

    async def peek(self, record: str) -> Record:
        """Return a record without noting anything."""
        return self._peek(record)

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
        return self._find(kind, filters, order, limit, after, life, equals)

    async def count(self, kind: str, *filters: str, life: LifeFilter = "live", **equals: Any) -> int:
        """Return how many records meet all conditions; the number counts as read."""
        return self._count(kind, filters, life, equals)

    async def check(self, *, accept: int | None = None) -> Decision:
        """Return what would be decided now, without committing."""
        proposal, is_new = self._attempt(accept, dry=True)
        return await self._session.propose_async(proposal, is_new=is_new, dry=True)

    async def propose(self, *, accept: int | None = None, id: str | None = None) -> Decision:
        """Return the decision on what was collected. Each call is a new attempt, unless given an id."""
        proposal, is_new = self._attempt(accept, id)
        return _proposed(self._decided(await self._session.propose_async(proposal, is_new=is_new)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_to_propose(error):
            proposal, is_new = self._attempt(None)
            raise_unless_committed(self._decided(await self._session.propose_async(proposal, is_new=is_new)))


__all__ = ["AsyncIntent", "Intent", "IntentState", "ProposedDecision"]
