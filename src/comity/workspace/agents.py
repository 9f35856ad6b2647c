"""Agents: who reads, writes and opens intents."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from comity.errors import InvalidRequest, NotCommitted
from comity.model.decisions import Decision
from comity.model.proposals import AnyChange, Caller, Proposal, Put
from comity.operations import Request
from comity.workspace.asking import Asking, Moment
from comity.workspace.awareness import Announcing, Receiving
from comity.workspace.changes import Options, Writing, check_record, proposal_of, split_options
from comity.workspace.consuming import AsyncConsumer
from comity.workspace.effecting import alone
from comity.workspace.feeding import After, Feed, Watching
from comity.workspace.handing import Handing
from comity.workspace.intents import AsyncIntent, Intent
from comity.workspace.leasing import AsyncLease, Leasing
from comity.workspace.outcomes import raise_unless_committed
from comity.workspace.overriding import Overriding
from comity.workspace.records import Record
from comity.workspace.repairing import Retries
from comity.workspace.resuming import ResumableIntent
from comity.workspace.session import Session
from comity.workspace.waiting import Ticket, Timeout, wait_async
from comity.workspace.working import Starting, Workflow

T = TypeVar("T")
_ANNOUNCING: Final = frozenset({"plan", "ttl", "exclusive"})


def _proposal(session: Session, change: AnyChange, options: Options) -> Proposal:
    """Return a single change as the proposal that it stands for."""
    check_record(change.record)
    return proposal_of(options.id or session.make_id(), options, change.record, changes=(change,))


def _split_announcing(options: dict[str, Any], *, announce: bool) -> Announcing | None:
    """Take how an intent is to be announced out of its options; raise TypeError for what says so in vain."""
    if not announce and _ANNOUNCING.isdisjoint(options):
        return None
    given = {name: options.pop(name) for name in _ANNOUNCING if name in options}
    if given and not announce:
        raise TypeError(f"{', '.join(given)}: only goes with announce=True")
    return Announcing(**given) if announce else None


class Agent(Writing[Decision], Asking, Receiving, Overriding, Handing, Leasing, Watching, Starting):
    """Act as one agent.

    The changing verbs (``put``, ``set``, ``add``, ``emit`` …) propose a single change at
    once, return the committed decision, and raise NotCommitted otherwise. They take, beside
    fields, ``reason``, ``action``, ``about``, ``was``, ``assume``, ``accept``, ``cause``,
    ``leases`` (that it writes under), ``if_held="queue"`` (wait in line where others hold it),
    ``if_foreign="offer"`` (to whom it belongs), ``id`` and ``not_after``.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def name(self) -> str:
        """Return the agent's name."""
        return self._session.caller.agent

    @property
    def caller(self) -> Caller:
        """Return who acts, and how that is known."""
        return self._session.caller

    def __repr__(self) -> str:
        return f"<Agent {self.name} ({self._session.caller.known})>"

    def _apply(self, change: AnyChange, options: Options) -> Decision:
        proposal = _proposal(self._session, change, options)
        return raise_unless_committed(self._session.propose(proposal, is_new=options.id is None))

    def check(self, record: str, fields: Mapping[str, Any] | None = None, **values: Any) -> Decision:
        """Return what would be decided on a put, without committing: "may I?"."""
        given, options = split_options(values)
        change = Put(record, {**(fields or {}), **given})
        return self._session.propose(_proposal(self._session, change, options), is_new=options.id is None, dry=True)

    def effect(
        self,
        name: str,
        target: str | None = None,
        /,
        data: Mapping[str, Any] | None = None,
        *,
        once: str | None = None,
        still: str | None = None,
        hold: str | None = None,
        **values: Any,
    ) -> Decision:
        """Want something done outside, alone: ``sales.effect("email", "customer/acme", subject="Hi", action="greet")``.

        It takes what :meth:`Intent.effect` takes, and the options of the changing verbs; ``was=``
        tells what one believes of the target. Each call is another wish unless it has a
        ``once``. Returns the committed decision, which says until when it is held; raises NotCommitted.
        """
        terms = {"once": once, "still": still, "hold": hold}
        proposal, is_new = alone(self._session, name, target, data, terms, values)
        return raise_unless_committed(self._session.propose(proposal, is_new=is_new))

    def propose(self, proposal: Proposal, *, dry: bool = False) -> Decision:
        """Return the decision on a proposal made by hand."""
        return self._session.propose(proposal, dry=dry)

    def intent(self, action: str | None = None, *, announce: bool = False, **options: Any) -> Intent:
        """Open an intent: ``with sales.intent("send_upsell", about="customer/acme") as intent:``.

        Takes ``about``, ``reason``, ``cause``, ``at`` (a revision or time to pin its reads
        to), ``not_after``, ``relies_on``, ``leases`` (whose fencing tokens its proposals
        carry), ``priority``, and what to do instead of being refused: ``if_held="queue"`` where
        others hold a subject, ``if_foreign="offer"`` where a field is somebody else's. With
        ``announce`` it is announced at once, with ``plan``, ``ttl`` and ``exclusive`` as
        :meth:`Intent.announce` takes them.
        """
        announcing = _split_announcing(options, announce=announce)
        intent = Intent(self._session, action, **options)
        if announcing is not None:
            intent.announce(**announcing)
        return intent

    def resumable(self, id: str) -> ResumableIntent:
        """Open an intent, under an id of the caller's, for somebody who keeps no handle.

        What it rests on is told to it before each call.
        """
        return ResumableIntent(self._session, id)

    def edit(self, record: str, *, action: str | None = None, **options: Any) -> Edit:
        """Open one record for reading and changing: ``with sales.edit("customer/acme") as acme:``."""
        return Edit(self.intent(action, about=record, **options), record)

    def retrying(
        self,
        function: Callable[[Intent], T],
        *,
        attempts: int = 3,
        in_line: str | int | None = None,
        action: str | None = None,
        **options: Any,
    ) -> T:
        """Return what ``function(intent)`` returned in the attempt that committed.

        For code that isn't a model: what takes no thinking may simply run again. A Conflict
        starts the next attempt, with a fresh intent; anything else rises at once. With ``in_line``
        (``"30s"``, or seconds) it waits for its turn before that attempt, so that it isn't overtaken again.
        """
        retries = Retries(self._session, in_line)
        try:
            for attempt in _numbered(attempts):
                intent = self.intent(action, **options)
                try:
                    with intent:
                        return function(intent)
                except NotCommitted as error:
                    if attempt == attempts or not retries.may_help(intent, error):
                        raise
                    retries.line_up()
        finally:
            retries.let_go()
        raise InvalidRequest("attempts: at least 1")


class Edit:
    """Be one record opened for changing; leaving the block proposes, as leaving an intent does."""

    def __init__(self, intent: Intent, record: str) -> None:
        self.intent = intent
        self._record = record

    def __enter__(self) -> Record:
        self.intent.__enter__()
        return self.intent.get(self._record)

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.intent.__exit__(error, value, traceback)


class AsyncAgent(Writing[Coroutine[Any, Any, Decision]]):
    """Be an :class:`Agent` for an event loop: the same verbs, awaited.

    Proposals of many tasks share commits. Reads of a base in this process take microseconds,
    and don't leave the loop.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.ask = Agent(session)

    @property
    def name(self) -> str:
        """Return the agent's name."""
        return self._session.caller.agent

    def __repr__(self) -> str:
        return f"<AsyncAgent {self.name} ({self._session.caller.known})>"

    async def _propose(self, change: AnyChange, options: Options) -> Decision:
        proposal = _proposal(self._session, change, options)
        return raise_unless_committed(await self._session.propose_async(proposal, is_new=options.id is None))

    def _apply(self, change: AnyChange, options: Options) -> Coroutine[Any, Any, Decision]:
        return self._propose(change, options)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            """Raise AttributeError; of what only :class:`Agent` has it says how it is done here."""
            if name.startswith("_") or not hasattr(Agent, name):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            raise AttributeError(
                f"{name}() is a method of Agent; here write 'await agent.answer(request)', with its request of"
                f" comity.operations, or 'await asyncio.to_thread(agent.ask.{name}, …)'"
            )

    async def get(self, record: str, *, at: Moment | None = None, fresh: bool = False) -> Record:
        """Return a record, now or as of a revision or time, as :meth:`Agent.get` does."""
        return await self._session.aside(self.ask.get, record, at=at, fresh=fresh)

    async def get_many(self, records: Sequence[str], *, at: Moment | None = None) -> list[Record]:
        """Return several records of one snapshot."""
        return await self._session.aside(self.ask.get_many, records, at=at)

    async def find(self, kind: str, *filters: str, **options: Any) -> Sequence[Record]:
        """Return the records of a kind that meet all conditions."""
        return await self._session.aside(self.ask.find, kind, *filters, **options)

    async def count(self, kind: str, *filters: str, **options: Any) -> int:
        """Return how many records of a kind meet all conditions."""
        return await self._session.aside(self.ask.count, kind, *filters, **options)

    async def check(self, record: str, fields: Mapping[str, Any] | None = None, **values: Any) -> Decision:
        """Return what would be decided on a put, without committing."""
        given, options = split_options(values)
        change = Put(record, {**(fields or {}), **given})
        proposal = _proposal(self._session, change, options)
        return await self._session.propose_async(proposal, is_new=options.id is None, dry=True)

    async def effect(
        self,
        name: str,
        target: str | None = None,
        /,
        data: Mapping[str, Any] | None = None,
        *,
        once: str | None = None,
        still: str | None = None,
        hold: str | None = None,
        **values: Any,
    ) -> Decision:
        """Want something done outside, alone; raises NotCommitted."""
        terms = {"once": once, "still": still, "hold": hold}
        proposal, is_new = alone(self._session, name, target, data, terms, values)
        return raise_unless_committed(await self._session.propose_async(proposal, is_new=is_new))

    async def propose(self, proposal: Proposal, *, dry: bool = False) -> Decision:
        """Return the decision on a proposal made by hand."""
        return await self._session.propose_async(proposal, dry=dry)

    async def start(
        self,
        workflow: str,
        /,
        *,
        key: str | None = None,
        reason: str | None = None,
        cause: str | None = None,
        **params: Any,
    ) -> Workflow:
        """Start a workflow and return the handle of its run, as :meth:`Agent.start` does."""
        return await asyncio.to_thread(self.ask.start, workflow, key=key, reason=reason, cause=cause, **params)

    async def wait(self, ticket: Ticket, timeout: Timeout = "30s") -> Decision:
        """Return the decision on what is pending as soon as there is one, or that it is pending still."""
        return await wait_async(self.ask, ticket, timeout)

    def intent(self, action: str | None = None, *, announce: bool = False, **options: Any) -> AsyncIntent:
        """Open an intent: ``async with sales.intent("send_upsell") as intent:``; announced, if so, as it is entered."""
        announcing = _split_announcing(options, announce=announce)
        intent = AsyncIntent(self._session, action, **options)
        return intent if announcing is None else intent.announced_on_entering(announcing)

    def feed(self, after: After = None, **options: Any) -> Feed[Any]:
        """Return what is committed behind a cursor, to be followed: ``async for item in sales.feed():``."""
        return self.ask.feed(after, **options)

    def consumer(self, name: str, **options: Any) -> AsyncConsumer:
        """Return a reader whose place is kept under a name: ``async for item in …: await consumer.ack(item)``."""
        return AsyncConsumer(self.ask.consumer(name, **options))

    async def answer(self, request: Request) -> Any:
        """Return the answer to any request of :mod:`comity.operations`, without blocking the event loop.

        ``await sales.answer(ShowInbox())``: what isn't a method of its own here is reached so.
        """
        return await asyncio.to_thread(self.ask.answer, request)

    def lease(self, *subjects: str, **terms: Any) -> AsyncLease:
        """Return a lease to enter: ``async with sales.lease("customer/acme", wait="30s") as lease:``."""
        return AsyncLease(self._session, self.ask.lease(*subjects, **terms))

    def edit(self, record: str, *, action: str | None = None, **options: Any) -> AsyncEdit:
        """Open one record for reading and changing: ``async with sales.edit("customer/acme") as acme:``."""
        return AsyncEdit(self.intent(action, about=record, **options), record)

    async def retrying(
        self,
        function: Callable[[AsyncIntent], Awaitable[T]],
        *,
        attempts: int = 3,
        in_line: str | int | None = None,
        action: str | None = None,
        **options: Any,
    ) -> T:
        """Return what ``function(intent)`` returned in the attempt that committed."""
        retries = Retries(self._session, in_line)
        try:
            for attempt in _numbered(attempts):
                intent = self.intent(action, **options)
                try:
                    async with intent:
                        return await function(intent)
                except NotCommitted as error:
                    if attempt == attempts or not retries.may_help(intent, error):
                        raise
                    await retries.line_up_async()
        finally:
            if retries.is_standing:
                await asyncio.to_thread(retries.let_go)
        raise InvalidRequest("attempts: at least 1")


class AsyncEdit:
    """Be one record opened for changing, in an event loop."""

    def __init__(self, intent: AsyncIntent, record: str) -> None:
        self.intent = intent
        self._record = record

    async def __aenter__(self) -> Record:
        await self.intent.__aenter__()
        return await self.intent.get(self._record)

    async def __aexit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.intent.__aexit__(error, value, traceback)


def _numbered(attempts: int) -> range:
    return range(1, attempts + 1)
