"""The seam between handles and what answers them."""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Final, ParamSpec, Protocol, TypeVar

import msgspec
from msgspec import inspect

from comity.coordination.news import Glance, Read, is_attended, is_quiet
from comity.errors import InvalidRequest, NotPermitted
from comity.feed import Callback, Take
from comity.listening import Listener
from comity.model import refs
from comity.model.decisions import Decision
from comity.model.news import News
from comity.model.proposals import Caller, Proposal
from comity.model.texts import listed
from comity.operations import (
    BY_REQUEST,
    Count,
    FeedAnswer,
    Find,
    Get,
    GetMany,
    Propose,
    ReadFeed,
    RecordAnswer,
    Request,
    Stale,
)
from comity.verbs import not_utf8, run
from comity.verbs.engine import Engine, Progress
from comity.verbs.feed import subscribe
from comity.verbs.news import tell_intent
from comity.verbs.reading import recall

P = ParamSpec("P")
T = TypeVar("T")

_OFTEN: Final = frozenset({Get, GetMany, Find, Count, Stale, Propose})
"""The requests that are looked through for arguments of a wrong type only once one has failed."""

_SHOWN: Final = 300
"""How many characters are shown of what is wrong with an argument: it quotes the argument."""

_PLAIN: Final = (bytes, datetime, date, time)
"""What a field's value may be that JSON has no form of."""

_NO_CHOICE: Final = re.compile(r"^Invalid enum value .* `\$\.(\w+)`$")


class Pages(Protocol):
    """Read the feed page by page."""

    def read(self, wait_s: float) -> FeedAnswer:
        """Return what comes next, waiting so long at most where there is nothing yet."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class Subscribed(Protocol):
    """Be one who is called with what passes."""

    @property
    def cursor(self) -> str:
        """Return up to where it was told."""
        ...

    @property
    def is_closed(self) -> bool:
        """Tell whether it is called no more."""
        ...


class Session(Protocol):
    """Answer requests on behalf of one caller."""

    @property
    def caller(self) -> Caller:
        """Return on whose behalf."""
        ...

    def call(self, request: Request, progress: Progress | None = None) -> Any:
        """Return the answer to a request; ``progress`` is told how far it is."""
        ...

    def get(self, record: str) -> RecordAnswer:
        """Return a record as it is now, which is asked for more often than all else."""
        ...

    def propose(self, proposal: Proposal, *, is_new: bool = False, dry: bool = False) -> Decision:
        """Return the decision on a proposal.

        ``is_new`` tells that the handle made the id for this very call, and nobody can know
        it: then it needn't be looked up (S7). No request can say so.
        """
        ...

    async def propose_async(self, proposal: Proposal, *, is_new: bool = False, dry: bool = False) -> Decision:
        """Return the same, without blocking the event loop."""
        ...

    def aside(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """Return what a function that reads returns, without blocking the event loop for longer than memory takes."""
        ...

    def revision_at(self, moment: int | str) -> int:
        """Return the revision that a moment means for good; raises NotFound for a time that hasn't come."""
        ...

    def make_id(self) -> str:
        """Return a new id for a proposal."""
        ...

    def news(
        self, known: Mapping[str, int], arrived: Sequence[str], since: int, until: int, read: Callable[[], Read]
    ) -> News | None:
        """Return what others did between two revisions on the records ``known``, each by its version as last seen.

        On those that have ``arrived`` just now only who is active is news.
        """
        ...

    def is_attended(self, revision: int) -> bool:
        """Tell whether anybody may be active on any record, as of a revision; ``False`` is sure."""
        ...

    def revision(self) -> int:
        """Return the number of the last commit."""
        ...

    def wait_past(self, revision: int, timeout_s: float) -> bool:
        """Wait until there is a commit behind a revision; return whether there is."""
        ...

    def listen(self, listener: Listener) -> None:
        """Have a listener told of each commit from now on, as long as somebody else holds it."""
        ...

    def silence(self, listener: Listener) -> None:
        """Have a listener told nothing more."""
        ...

    def pages(self, request: ReadFeed) -> Pages:
        """Return the feed, to be read page by page."""
        ...

    def subscribe(self, take: Take, request: ReadFeed) -> Subscribed:
        """Have a function called with what passes behind a place, in order, until it is unsubscribed."""
        ...

    def unsubscribe(self, callback: object) -> None:
        """Have a function called no more."""
        ...


class EmbeddedPages:
    """Read the feed page by page, in this process."""

    def __init__(self, session: EmbeddedSession, request: ReadFeed) -> None:
        self._session = session
        self._request = request

    def read(self, wait_s: float) -> FeedAnswer:
        """Return what comes next, waiting so long at most where there is nothing yet."""
        answer: FeedAnswer = self._session.call(msgspec.structs.replace(self._request, wait_s=wait_s))
        self._request = msgspec.structs.replace(self._request, after=answer.cursor)
        return answer

    def close(self) -> None:
        """Let go of nothing."""


class EmbeddedSession:
    """Answer requests in this process."""

    def __init__(self, engine: Engine, caller: Caller) -> None:
        self._engine = engine
        self.caller = caller
        self.make_id = engine.make_id

    def call(self, request: Request, progress: Progress | None = None) -> Any:
        """Return the answer to a request; ``progress`` is told how far it is."""
        if _Forks.has_forked:
            refuse_after_fork(self._engine)
        if type(request) not in _OFTEN:
            check_types(request)
        try:
            return run(self._engine, self.caller, request, progress)
        except (AttributeError, TypeError, ValueError, OverflowError):
            check_types(request)
            raise

    def get(self, record: str) -> RecordAnswer:
        """Return a record as it is now: at once, if it is held in memory."""
        if not _Forks.has_forked and type(record) is str and (ref := refs.parse(record)) is not None:
            recalled = recall(self._engine, record, ref)
            return self.call(Get(record=record)) if recalled is None else self._shown(recalled)
        return self.call(Get(record=record))

    def propose(self, proposal: Proposal, *, is_new: bool = False, dry: bool = False) -> Decision:
        """Return the decision on a proposal."""
        refuse_after_fork(self._engine)
        try:
            return self._shown(self._engine.propose(proposal, self.caller, is_new=is_new, dry=dry))
        except (AttributeError, TypeError, ValueError) as error:
            _refuse_unreadable(proposal, error)
            raise

    async def propose_async(self, proposal: Proposal, *, is_new: bool = False, dry: bool = False) -> Decision:
        """Return the same, without blocking the event loop."""
        refuse_after_fork(self._engine)
        try:
            return self._shown(await self._engine.propose_async(proposal, self.caller, is_new=is_new, dry=dry))
        except (AttributeError, TypeError, ValueError) as error:
            _refuse_unreadable(proposal, error)
            raise

    async def aside(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a function that reads returns: at once, as reading takes microseconds here."""
        return function(*args, **kwargs)

    def _shown(self, answer: T) -> T:
        """Return what has just been answered from memory as the caller may see it (S39)."""
        return self._engine.shown(self.caller, answer) if self._engine.coordinator.has_readers else answer

    def revision_at(self, moment: int | str) -> int:
        """Return the revision that a moment means for good; raises NotFound for a time that hasn't come."""
        refuse_after_fork(self._engine)
        return self._engine.revision_at(moment)

    def news(
        self, known: Mapping[str, int], arrived: Sequence[str], since: int, until: int, read: Callable[[], Read]
    ) -> News | None:
        """Return what others did between two revisions on the records ``known``, each by its version as last seen."""
        engine, glance = self._engine, Glance(self.caller.agent, known, arrived, since, until)
        quiet = is_quiet(engine.coordinator, engine.presences, glance)
        return None if quiet else engine.shown(self.caller, tell_intent(engine, glance, read))

    def is_attended(self, revision: int) -> bool:
        """Tell whether anybody may be active on any record, as of a revision; ``False`` is sure."""
        return is_attended(self._engine.coordinator, revision)

    def revision(self) -> int:
        """Return the number of the last commit."""
        refuse_after_fork(self._engine)
        return self._engine.store.head().revision

    def wait_past(self, revision: int, timeout_s: float) -> bool:
        """Wait until there is a commit behind a revision; return whether there is."""
        refuse_after_fork(self._engine)
        return self._engine.store.wait(revision, timeout_s)

    def listen(self, listener: Listener) -> None:
        """Have a listener told of each commit from now on, as long as somebody else holds it."""
        refuse_after_fork(self._engine)
        self._engine.listening.add(listener)

    def silence(self, listener: Listener) -> None:
        """Have a listener told nothing more."""
        self._engine.listening.discard(listener)

    def pages(self, request: ReadFeed) -> EmbeddedPages:
        """Return the feed, to be read page by page."""
        return EmbeddedPages(self, request)

    def subscribe(self, take: Take, request: ReadFeed) -> Callback:
        """Have a function called with what passes behind a place, in order, until it is unsubscribed."""
        refuse_after_fork(self._engine)
        check_types(request)
        return subscribe(self._engine, lambda item: take(self._engine.shown(self.caller, item)), request)

    def unsubscribe(self, callback: object) -> None:
        """Have a function called no more."""
        if isinstance(callback, Callback):
            self._engine.callbacks.discard(callback)


def _refuse_unreadable(proposal: Proposal, error: Exception) -> None:
    """Raise InvalidRequest where a part of a proposal is why it failed."""
    if isinstance(error, UnicodeEncodeError):
        raise not_utf8(error) from None
    check_types(Propose(proposal=proposal))


def check_types(request: Request) -> None:
    """Raise InvalidRequest where an argument of a request isn't of the type declared."""
    try:
        _check_types(request)
    except msgspec.ValidationError as error:
        told = f"{str(error)[:_SHOWN]}{_choices(type(request), error)}"
        raise InvalidRequest(f"{BY_REQUEST[type(request)].name}: {told}") from None
    except UnicodeEncodeError as error:
        raise not_utf8(error) from None


def _check_types(request: Request) -> None:
    try:
        plain = msgspec.to_builtins(request, builtin_types=_PLAIN)
    except (TypeError, ValueError):
        _check_each(request)
    else:
        msgspec.convert(plain, type(request))


def _check_each(request: Request) -> None:
    """Raise ValidationError for an argument of a wrong type, where one holds what JSON can't.

    As the value of a field that is let through: the checks say so, and where.
    """
    for field in msgspec.structs.fields(request):
        try:
            msgspec.convert(getattr(request, field.name), field.type)
        except msgspec.ValidationError as error:
            raise msgspec.ValidationError(f"{error} - at `$.{field.name}`") from None


def _choices(asked: type[Request], error: Exception) -> str:
    """Return what may be said instead of a word that isn't among the choices of an argument."""
    found = _NO_CHOICE.search(str(error))
    described = inspect.type_info(asked)
    if found is None or not isinstance(described, inspect.StructType):
        return ""
    kind = next((one.type for one in described.fields if one.name == found[1]), None)
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return f": write one of {listed([*map(repr, kind.values)])}" if isinstance(kind, inspect.LiteralType) else ""


class _Forks:
    """Know whether this process came out of a fork, and which engines were open then."""

    has_forked = False
    alive: weakref.WeakSet[Engine] = weakref.WeakSet()
    forked: weakref.WeakSet[Engine] = weakref.WeakSet()


def watch_forks(engine: Engine) -> None:
    """Have an engine refused in children of this process: its locks and connections aren't theirs (S3)."""
    _Forks.alive.add(engine)


def refuse_after_fork(engine: Engine) -> None:
    """Raise NotPermitted in a process that was forked after the workspace was opened."""
    if _Forks.has_forked and engine in _Forks.forked:
        raise NotPermitted("this workspace was opened before the process was forked: open it again in the child")


def _mark_forked() -> None:
    _Forks.has_forked = True
    for engine in list(_Forks.alive):
        _Forks.forked.add(engine)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_forked)
