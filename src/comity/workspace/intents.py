"""Intents: one think-act cycle of an agent, from the first read to the decision."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

from comity.errors import InvalidRequest
from comity.model import filters as queries
from comity.model.decisions import Decision, Finding
from comity.model.filters import LifeFilter
from comity.model.news import News
from comity.model.proposals import AnyChange, IfForeign, IfHeld, Proposal
from comity.operations import (
    Announce,
    Announcement,
    Count,
    CountAnswer,
    Get,
    RecordsAnswer,
    Split,
    SplitAnswer,
    Stale,
    StaleAnswer,
)
from comity.workspace.asking import Moment, conditions_of, find_request, moment_of
from comity.workspace.awareness import Announcing, Awareness, Informed
from comity.workspace.changes import (
    Leases,
    Options,
    Writing,
    check_record,
    check_text,
    deadline_of,
    listed_leases,
    listed_records,
    tokens_of,
)
from comity.workspace.effecting import Wanting
from comity.workspace.handing import as_offer
from comity.workspace.memory import Memory
from comity.workspace.outcomes import ProposedDecision, proposed, raise_unless_committed
from comity.workspace.records import Page, Record, check_fields
from comity.workspace.relying import Relying
from comity.workspace.repairing import Repairing
from comity.workspace.session import Session
from comity.workspace.standing import span_in_line

_COMMITTED: Final = "this intent has committed: open a new one for the next change"
_LEFT: Final = "this intent has ended, its block was left: open a new one for the next change"
_GIVEN_UP: Final = "this intent was withdrawn: open a new one"
_WITHDRAWN: Final = "this intent was withdrawn by an exception in its block: open a new one"


class IntentState(Writing[None], Informed, Wanting, Relying, Repairing):
    """Hold what an intent knows, and turn it into requests; how these are sent is its subclasses' matter."""

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
        leases: Leases | Sequence[Leases] = (),
        relies_on: str | Sequence[str] = (),
        if_held: IfHeld = "refuse",
        if_foreign: IfForeign = "refuse",
        priority: int = 0,
    ) -> None:
        self._session = session
        self._memory = Memory()
        self._at = None if at is None else moment_of(at)
        self._not_after = None if not_after is None else deadline_of(not_after)
        self._if_held: IfHeld = if_held
        self._if_foreign: IfForeign = if_foreign
        self._priority = priority
        self._leases = listed_leases(leases)
        self.action = action
        self.about = listed_records("about", about)
        self.reason = reason
        self.cause = cause
        if action is not None:
            check_text("action", action)
        if reason is not None:
            check_text("reason", reason)
        if cause is not None:
            check_text("cause", cause)
        self._awareness = Awareness(session, self._memory, self.about)
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
        request = Stale(reads=reads, relies_on=self._relies_on, incarnation=self._incarnation)
        answer: StaleAnswer = self._session.call(request)
        return answer.findings

    @property
    def changes(self) -> tuple[AnyChange, ...]:
        """Return the changes collected so far."""
        return tuple(self._memory.changes)

    def _apply(self, change: AnyChange, options: Options) -> None:
        check_record(change.record)
        self._memory.change(change, options)

    # -- reading

    def _moment(self) -> int | str | None:
        """Return the revision that the reads are pinned to: a time is resolved once, at the first of them."""
        if isinstance(self._at, str):
            self._at = self._session.revision_at(self._at)
        return self._at

    def _get(self, record: str, fields: Sequence[str], fresh: bool) -> Record:
        is_now, session = self._at is None, self._session
        is_plain = is_now and not fresh
        answer = session.get(record) if is_plain else session.call(Get(record=record, at=self._moment(), fresh=fresh))
        if fields:
            check_fields(answer, fields)
        revision = answer.revision
        self._incarnation = answer.incarnation
        self._memory.hold(record, revision, fields)
        news = self._awareness.tell(revision, record, answer.version) if is_now else None
        return Record(answer, self._memory, fields, self, news)

    def _tell(self, revision: int) -> News | None:
        """Return the news that an answer brings; reads of a pinned intent bring none."""
        return self._awareness.tell(revision) if self._at is None else None

    def _peek(self, record: str) -> Record:
        return Record(self._session.call(Get(record=record, at=self._moment())))

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
        return Page(records, answer.revision, answer.after, self._tell(answer.revision))

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
        if self._memory.ended in (_COMMITTED, _WITHDRAWN, _GIVEN_UP):
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
            assumptions=self._assumptions,
            about=self.about,
            relies_on=self._relies_on,
            accept=accept,
            action=self.action,
            reason=self.reason,
            cause=self.cause,
            intent=intent,
            not_after=self._not_after,
            incarnation=self._incarnation,
            if_held=self._if_held,
            if_foreign=self._if_foreign,
            priority=self._priority,
            leases=self._tokens(),
            effects=tuple(self._memory.effects),
        )

    def _tokens(self) -> dict[str, str]:
        """Return the fencing tokens that its proposals carry: of the leases it was given, and of its own turn."""
        if not self._leases and self._awareness.announcement is None:
            return {}
        return tokens_of((*self._leases, self._awareness) if self._awareness.announcement else self._leases)

    def _checked(self, decision: Decision) -> Decision:
        """Return a decision with the news."""
        return self._awareness.tell_decided(decision) if self._at is None else decision

    def _decided(self, decision: Decision) -> Decision:
        self.decision = decision = self._checked(decision)
        if decision.is_committed:
            self._memory.ended = _COMMITTED
        return decision

    def _announcing(self, plan: str | None, ttl: str, exclusive: bool) -> Announce:
        self._refuse_after_end()
        if plan is not None:
            check_text("plan", plan)
        check_text("ttl", ttl)
        return Announce(
            about=self.about, action=self.action, plan=plan, ttl=ttl, exclusive=bool(exclusive), intent=self.id
        )

    def _give_up(self) -> None:
        self._memory.ended = _GIVEN_UP
        self._memory.clear()

    def _is_to_propose(self, error: type[BaseException] | None) -> bool:
        """End the intent; tell whether that proposes: no exception, and changes that weren't proposed by hand.

        What was proposed by hand and got no answer may have been committed: only the caller
        knows whether to ask again, with the same id.
        """
        if self._memory.ended is None:
            self._memory.ended = _LEFT if error is None else _WITHDRAWN
        return error is None and not self._memory.is_proposed and self._memory.is_collecting


class Intent(IntentState):
    """Be one think-act cycle: read through it, change through it, leave it to propose.

    Leaving the ``with`` block proposes, and raises NotCommitted (Conflict, Refused, Pending)
    with the decision unless it committed; an exception inside withdraws everything. To get
    the decision as a value, call :meth:`propose` yourself; leaving then proposes again only
    if changes were collected after it.
    """

    def get(self, record: str, *fields: str, fresh: bool = False) -> Record:
        """Return a record; what is used of it counts as read, or exactly the fields named.

        What another process has committed within the last ``limits.HEAD_AGE_S`` may be missing, and is a
        conflict if it matters; with ``fresh`` nothing is that was committed before.
        """
        return self._get(record, fields, fresh)

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
        return self._checked(self._session.propose(proposal, is_new=is_new, dry=True))

    def propose(
        self, *, accept: int | None = None, id: str | None = None, in_line: str | int | None = None
    ) -> Decision:
        """Return the decision on what was collected. Each call is a new attempt, unless given an id.

        Where others were faster, ``in_line`` (``"30s"``, or seconds; 0 only takes the place) waits for a
        turn: then it is proposed again, and if it is refused still, others change nothing of what it is
        about for a minute, so that its repair with ``accept`` isn't overtaken.
        """
        wait = None if in_line is None else span_in_line(in_line, id)
        proposal, is_new = self._attempt(accept, id)
        decision = self._decided(self._session.propose(proposal, is_new=is_new))
        if wait is not None:
            decision = self._stand_in_line(proposal, decision, wait)
        if decision.is_committed:
            self._awareness.let_go(decision)
        return proposed(decision)

    def offer(self, *, ttl: str | None = None, accept: int | None = None) -> Decision:
        """Return the decision on what was collected; what belongs to others is offered to its owner, as a whole."""
        proposal, is_new = self._attempt(accept)
        return proposed(self._decided(self._session.propose(as_offer(proposal, ttl), is_new=is_new)))

    def split(self, *, ttl: str | None = None, accept: int | None = None) -> SplitAnswer:
        """Commit the own part of what was collected, and offer each other part to its owners."""
        proposal, _ = self._attempt(accept)
        answer: SplitAnswer = self._session.call(Split(proposal=proposal, ttl=ttl))
        self._decided(answer.decisions[0])
        return answer

    def announce(self, *, plan: str | None = None, ttl: str = "10m", exclusive: bool = False) -> Announcement:
        """Tell others what is going to be done, and learn who is active there and what the checks would say of it now.

        It shows until a proposal of the intent is committed, the block is left, or ``ttl`` is
        over; announcing again prolongs it. Raises NotCommitted where it may not be announced.
        That a check would stop the action now raises nothing: look at ``is_clear``.
        """
        return self._awareness.announce(self._announcing(plan, ttl, exclusive))

    def withdraw(self) -> None:
        """End the intent without proposing, and take back that it was announced."""
        self._give_up()
        self._awareness.let_go(self.decision)

    def wait_for_change(self, timeout: float | str = "30s") -> News | None:
        """Wait until a commit changes what was read, and return the news; None if none did in time."""
        return self._awareness.wait(timeout)

    def wait_for_turn(self, timeout: float | str = "30s") -> bool:
        """Wait in the line that announcing with ``exclusive`` joined; return whether it is this intent's turn now."""
        return self._awareness.wait_for_turn(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._is_to_propose(error):
                proposal, is_new = self._attempt(None)
                raise_unless_committed(self._decided(self._session.propose(proposal, is_new=is_new)))
        finally:
            self._awareness.let_go(self.decision)


class AsyncIntent(IntentState):
    """Be an :class:`Intent` for an event loop: the same verbs, awaited where something is asked.

    One that is opened to be announced is announced as its block is entered.
    """

    _to_announce: Announcing | None = None

    def announced_on_entering(self, given: Announcing) -> Self:
        """Return itself, to be announced as its block is entered."""
        self._to_announce = given
        return self

    async def get(self, record: str, *fields: str, fresh: bool = False) -> Record:
        """Return a record, as :meth:`Intent.get` does."""
        return await self._session.aside(self._get, record, fields, fresh)

    async def peek(self, record: str) -> Record:
        """Return a record without noting anything."""
        return await self._session.aside(self._peek, record)

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
        return await self._session.aside(self._find, kind, filters, order, limit, after, life, equals)

    async def count(self, kind: str, *filters: str, life: LifeFilter = "live", **equals: Any) -> int:
        """Return how many records meet all conditions; the number counts as read."""
        return await self._session.aside(self._count, kind, filters, life, equals)

    async def check(self, *, accept: int | None = None) -> Decision:
        """Return what would be decided now, without committing."""
        proposal, is_new = self._attempt(accept, dry=True)
        decision = await self._session.propose_async(proposal, is_new=is_new, dry=True)
        return await self._session.aside(self._checked, decision)

    async def propose(
        self, *, accept: int | None = None, id: str | None = None, in_line: str | int | None = None
    ) -> Decision:
        """Return the decision on what was collected, as :meth:`Intent.propose` does."""
        wait = None if in_line is None else span_in_line(in_line, id)
        proposal, is_new = self._attempt(accept, id)
        decision = await self._decided_async(await self._session.propose_async(proposal, is_new=is_new))
        if wait is not None:
            decision = await self._stand_in_line_async(proposal, decision, wait)
        if decision.is_committed:
            await self._let_go()
        return proposed(decision)

    async def offer(self, *, ttl: str | None = None, accept: int | None = None) -> Decision:
        """Return the decision on what was collected, offering to its owner what belongs to others."""
        proposal, is_new = self._attempt(accept)
        decision = await self._session.propose_async(as_offer(proposal, ttl), is_new=is_new)
        return proposed(await self._decided_async(decision))

    async def announce(self, *, plan: str | None = None, ttl: str = "10m", exclusive: bool = False) -> Announcement:
        """Tell others what is going to be done, and learn who is active there and what the checks would say of it."""
        return await asyncio.to_thread(self._awareness.announce, self._announcing(plan, ttl, exclusive))

    async def withdraw(self) -> None:
        """End the intent without proposing, and take back that it was announced."""
        self._give_up()
        await self._let_go()

    async def wait_for_change(self, timeout: float | str = "30s") -> News | None:
        """Wait until a commit changes what was read, and return the news; None if none did in time."""
        return await asyncio.to_thread(self._awareness.wait, timeout)

    async def wait_for_turn(self, timeout: float | str = "30s") -> bool:
        """Wait in the line that announcing with ``exclusive`` joined; return whether it is this intent's turn now."""
        return await asyncio.to_thread(self._awareness.wait_for_turn, timeout)

    async def _decided_async(self, decision: Decision) -> Decision:
        """Take a decision; its news may have to be asked for."""
        return await self._session.aside(self._decided, decision)

    async def _let_go(self) -> None:
        if self._awareness.is_to_let_go(self.decision):
            await asyncio.to_thread(self._awareness.let_go, self.decision)

    async def __aenter__(self) -> Self:
        if self._to_announce is not None:
            await self.announce(**self._to_announce)
        return self

    async def __aexit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._is_to_propose(error):
                proposal, is_new = self._attempt(None)
                decision = await self._session.propose_async(proposal, is_new=is_new)
                raise_unless_committed(await self._decided_async(decision))
        finally:
            if self._awareness.is_to_let_go(self.decision):
                await self._let_go()


__all__ = ["AsyncIntent", "Intent", "IntentState", "ProposedDecision"]
