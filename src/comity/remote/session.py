"""The session that asks a server: to handles it is what an embedded one is."""

from __future__ import annotations

import asyncio
import math
import os
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final, ParamSpec, Protocol, TypeVar

import msgspec

from comity import limits
from comity.clock import SystemClock
from comity.errors import InvalidRequest, NotFound, NotPermitted
from comity.listening import Listener, Listening
from comity.model.decisions import Decision
from comity.model.durations import parse_duration
from comity.model.ids import make_id
from comity.model.news import News
from comity.model.proposals import Caller, Proposal
from comity.operations import BY_REQUEST, FeedAnswer, Get, Propose, ReadFeed, RecordAnswer, Request, TellNews
from comity.remote.address import Address, headers_of
from comity.remote.decoding import decoded
from comity.remote.encoding import encoded
from comity.remote.failures import PROBLEM, error_of, told
from comity.remote.repeating import Repeating, attempt_of
from comity.remote.standing import Standings
from comity.remote.stream import Callback, Give, Pages, Stream, Take
from comity.remote.wire import Reply, Wire

P = ParamSpec("P")
T = TypeVar("T")

_UNATTENDED: Final = "0"
_ANSWERED: Final = (200, 202)
_WAITS: Final = ("timeout", "wait", "wait_s")
_clock: Final = SystemClock()


class Ending(Protocol):
    """Be what ends with the workspace."""

    def close(self) -> None:
        """End."""
        ...


class Link:
    """Be what all sessions with one server share: its wire, the threads that wait, and whether it is open."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        self.wire = Wire(address, timeout_s)
        self.threads = ThreadPoolExecutor(limits.REMOTE_THREADS, thread_name_prefix="comity-remote")
        self._process = os.getpid()
        self._ending: weakref.WeakSet[Ending] = weakref.WeakSet()

    def check(self) -> None:
        """Raise NotPermitted in a process that was forked after this was opened: its connections aren't theirs (S3)."""
        if os.getpid() != self._process:
            raise NotPermitted("this workspace was opened before the process was forked: open it again in the child")

    def attach(self, one: Ending) -> None:
        """Have something closed with this, as long as it lives."""
        self._ending.add(one)

    def close(self) -> None:
        """Close what is idle, and end what streams. A second call does nothing."""
        if self.wire.is_closed or os.getpid() != self._process:
            return
        self.wire.close()
        for one in list(self._ending):
            one.close()
        self.threads.shutdown(wait=False)


class RemoteSession:
    """Answer requests by asking a server, on behalf of whom its headers prove."""

    def __init__(self, link: Link, agent: str | None, key: str | None) -> None:
        self._link = link
        self._headers = headers_of(agent, key)
        self._repeating = Repeating(link.wire, self._headers)
        self._standings = Standings(link.wire, self._headers)
        listening = Wire(link.wire.address, link.wire.timeout_s)
        behind = Standings(listening, self._headers).behind
        self._listening = Listening(
            lambda revision: behind(revision, limits.SERVED_KEEP_ALIVE_S).revision, leave=listening.cut
        )
        link.attach(self._listening)
        self._unattended = -1
        self.caller: Caller = self._standings.now().caller

    def call(self, request: Request, progress: Callable[[int, int], None] | None = None) -> Any:
        """Return the answer to a request; how far it is isn't told from afar."""
        self._link.check()
        operation = BY_REQUEST[type(request)]
        if "http" not in operation.surfaces:
            raise InvalidRequest(f"{operation.name} names files of the machine: run it where the workspace is kept")
        attempt = attempt_of(request, self.make_id)
        reply = self._repeating.ask(attempt, encoded(attempt.request), _patience_s(request))
        answer = _answer(reply, operation.answer)
        if reply.attended == _UNATTENDED:
            self._unattended = answer.revision
        return answer

    def get(self, record: str) -> RecordAnswer:
        """Return a record as it is now."""
        return self.call(Get(record=record))

    def propose(self, proposal: Proposal, *, is_new: bool = False, dry: bool = False) -> Decision:
        """Return the decision on a proposal; over a broken connection it is asked for again, under the same id."""
        return self.call(Propose(proposal=proposal, dry=dry))

    async def propose_async(self, proposal: Proposal, *, is_new: bool = False, dry: bool = False) -> Decision:
        """Return the same, without blocking the event loop."""
        return await self.aside(self.propose, proposal, is_new=is_new, dry=dry)

    def aside(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """Return what a function that asks returns: it waits in a thread."""
        self._link.check()
        return asyncio.get_running_loop().run_in_executor(self._link.threads, partial(function, *args, **kwargs))

    def make_id(self) -> str:
        """Return a new id for a proposal."""
        return make_id(_clock, os.urandom)

    def revision_at(self, moment: int | str) -> int:
        """Return the revision that a moment means for good; raises NotFound for a time that hasn't come."""
        self._link.check()
        return self._standings.at(moment).revision

    def news(
        self,
        known: Mapping[str, int],
        arrived: Sequence[str],
        since: int,
        until: int,
        read: Callable[[], Mapping[str, Mapping[str, int]]],
    ) -> News | None:
        """Return what others did between two revisions on the records ``known``; of those ``arrived``, who is there."""
        records = tuple(known)[: limits.READS_PER_PROPOSAL - len(arrived)]
        fields = {record: dict(seen) for record, seen in read().items()}
        request = TellNews(records=records, since=since, until=until, arrived=tuple(arrived), read=fields)
        try:
            return self.call(request).news or None
        except NotFound:  # A kind that nobody knows: nobody did anything there.
            return None

    def is_attended(self, revision: int) -> bool:
        """Tell whether anybody may be active on any record: not, if the answer as of this revision said so."""
        return revision != self._unattended

    def revision(self) -> int:
        """Return the number of the last commit."""
        self._link.check()
        return self._standings.now().revision

    def wait_past(self, revision: int, timeout_s: float) -> bool:
        """Wait until there is a commit behind a revision; return whether there is."""
        self._link.check()
        return self._standings.behind(revision, timeout_s).revision > revision

    def listen(self, listener: Listener) -> None:
        """Have a listener told of each commit from now on, as long as somebody else holds it."""
        self._link.check()
        self._listening.add(listener)

    def silence(self, listener: Listener) -> None:
        """Have a listener told nothing more."""
        self._listening.discard(listener)

    def pages(self, request: ReadFeed) -> Pages:
        """Return the feed to be read page by page: what is still to come is streamed."""
        self._link.check()
        return Pages(self.call, partial(self._stream, limits.REMOTE_RETRY_S), request)

    def _stream(self, patience_s: float, request: ReadFeed, give: Give) -> Stream:
        stream = Stream(self._link.wire.address, self._headers, request, give, patience_s)
        self._link.attach(stream)
        return stream

    def subscribe(self, take: Take, request: ReadFeed) -> Callback:
        """Have a function called with what passes behind a place, in order, until it is unsubscribed."""
        first: FeedAnswer = self.call(msgspec.structs.replace(request, limit=1, wait_s=0.0))
        place = first.cursor if request.after == "now" else request.after
        return Callback(partial(self._stream, math.inf), msgspec.structs.replace(request, after=place), take)

    def unsubscribe(self, callback: object) -> None:
        """Have a function called no more."""
        if isinstance(callback, Callback):
            callback.close()


def _answer(reply: Reply, sort: type) -> Any:
    """Return what a reply answers; raise the error that it tells. A refusal is an answer where decisions are."""
    if reply.status in _ANSWERED and not reply.media.startswith(PROBLEM):
        return decoded(reply.body, sort)
    problem = told(reply.status, reply.media, reply.body)
    if problem.decision is not None and sort is Decision:
        return problem.decision
    raise error_of(reply.status, problem)


def _patience_s(request: Request) -> float:
    """Return how long a request may have the server wait."""
    for name in _WAITS:
        wait = getattr(request, name, None)
        if isinstance(wait, (int, float)):
            return float(wait)
        if isinstance(wait, str):
            with suppress(ValueError):
                return float(parse_duration(wait))
    return 0.0
