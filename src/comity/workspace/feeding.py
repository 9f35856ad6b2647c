"""Following: the feed as an iterator, as call-backs, and under a name that remembers how far it came."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Final, Generic, Literal, TypedDict, TypeVar, Unpack, cast, overload

import msgspec

from comity import limits
from comity.errors import ComityError, ConsumerTaken, InvalidRequest
from comity.operations import (
    Confirm,
    Consume,
    ConsumeAnswer,
    ConsumerAnswer,
    ConsumersAnswer,
    FeedAnswer,
    FeedItem,
    ForgetConsumer,
    ListConsumers,
    ListWatches,
    Mark,
    ReadFeed,
    ResetConsumer,
    Unwatch,
    Watch,
    WatchAnswer,
    WatchesAnswer,
)
from comity.workspace.changes import text_in
from comity.workspace.closing import Closing
from comity.workspace.session import Session, Subscribed

Told = TypeVar("Told", bound=FeedItem | Mark)
Several = str | Sequence[str]
After = int | str | None
"""A cursor or a revision, ``"start"``; None and ``"now"`` stand for what is still to come."""

_BITE_S: Final = 0.25
"""How long one call waits, before it is seen whether the feed was closed."""
_NEXT_TRY_S: Final = 1.0
"""How long who waits for another reader to leave rests before the next look."""


class Filters(TypedDict, total=False):
    """Be what passes: one of those given of each sort, of all sorts."""

    kind: Several
    record: Several
    field: Several
    agent: Several
    type: Several
    action: Several


def _passing(filters: Filters) -> dict[str, Any]:
    return {sort: _several(given) for sort, given in filters.items()}


def _several(given: object) -> object:
    """Return one name or several as they are asked for; anything else as it is, to be refused."""
    if isinstance(given, str):
        return (given,)
    return tuple(given) if isinstance(given, (list, set, frozenset)) else given


class Feed(Closing, Generic[Told]):
    """Be what was committed, one item for each commit, in order: ``for item in ws.feed(kind="customer"):``.

    It waits for what is still to come until it is closed, or nothing came for ``timeout_s``;
    with ``follow=False`` it ends at the head. It misses nothing and repeats nothing, whichever
    process commits. ``async for`` follows it in an event loop.
    """

    def __init__(
        self, session: Session, request: ReadFeed, *, timeout_s: float | None, follow: bool, marks: bool
    ) -> None:
        self._session = session
        self._timeout_s = timeout_s
        self._follows = follow
        self._marks = marks
        self._pages = session.pages(request)
        self._ready: deque[FeedItem | Mark] = deque()
        self._bell: _Bell | None = None
        self._is_over = False
        self._left = 1
        self._told_at = self._heard_at = monotonic()
        self.cursor = "" if request.after == "now" else str(request.after)
        """The place behind what was given last, and what didn't pass: ``after`` for whoever goes on from here."""
        if request.after == "now":
            self._take(self._ask(0.0), is_first=True)

    def __iter__(self) -> Iterator[Told]:
        return self

    def __aiter__(self) -> AsyncIterator[Told]:
        return self

    def close(self) -> None:
        """End it: for whoever waits for the next item, too, a moment later."""
        self._is_over = True
        self._pages.close()
        if self._bell is not None:
            self._session.silence(self._bell)
            self._bell.hear()

    def __next__(self) -> Told:
        while not self._is_over:
            if self._ready:
                return self._give()
            self._take(self._ask(self._patience_s(_BITE_S)))
            if self._is_done():
                break
        raise StopIteration

    async def __anext__(self) -> Told:
        bell = self._bell or self._hang_bell()
        while not self._is_over:
            if self._ready:
                return self._give()
            bell.is_rung.clear()
            # What is left may take its time; the last few items are read faster than a thread is asked.
            aside = asyncio.to_thread if self._left else self._session.aside
            self._take(await aside(self._ask, 0.0))
            if self._is_done():
                break
            if not self._ready and not self._left:
                await bell.wait(self._patience_s(limits.FEED_MARK_S))
        raise StopAsyncIteration

    def _hang_bell(self) -> _Bell:
        self._bell = _Bell(asyncio.get_running_loop())
        self._session.listen(self._bell)
        return self._bell

    def _ask(self, wait_s: float) -> FeedAnswer:
        return self._pages.read(wait_s)

    def _patience_s(self, most_s: float) -> float:
        """Return how long to wait now."""
        if not self._follows:
            return 0.0
        if self._timeout_s is None:
            return most_s
        return max(min(self._heard_at + self._timeout_s - monotonic(), most_s), 0.0)

    def _take(self, answer: FeedAnswer, *, is_first: bool = False) -> None:
        self._left = answer.left
        if answer.items:
            self._ready.extend(answer.items)
            return
        is_due = answer.cursor != self.cursor or monotonic() - self._told_at >= limits.FEED_MARK_S
        if self._marks and is_due and not is_first:
            self._ready.append(Mark(cursor=answer.cursor, at=answer.at))
        else:
            self.cursor = answer.cursor

    def _give(self) -> Told:
        given = self._ready.popleft()
        self.cursor, self._told_at = given.cursor, monotonic()
        if isinstance(given, FeedItem):
            self._heard_at = self._told_at
        return cast("Told", given)

    def _is_done(self) -> bool:
        """Tell whether it ends here."""
        if self._ready or self._left:
            return False
        if not self._follows:
            return True
        return self._timeout_s is not None and monotonic() - self._heard_at >= self._timeout_s


class _Bell:
    """Be rung in an event loop, by the thread that hears of commits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.is_rung = asyncio.Event()

    def hear(self) -> None:
        """Ring; a loop that is closed hears nothing."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.is_rung.set)

    async def wait(self, timeout_s: float) -> None:
        """Wait until it is rung, or the time is over."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.is_rung.wait(), timeout_s)


class Subscription(Closing):
    """Be one who is called with what passes; close it, or use it as a context manager."""

    def __init__(self, session: Session, callback: Subscribed) -> None:
        self._session = session
        self._callback = callback

    @property
    def cursor(self) -> str:
        """Return the place behind what it was called with last, and what didn't pass."""
        return self._callback.cursor

    @property
    def is_closed(self) -> bool:
        """Tell whether it is called no more."""
        return self._callback.is_closed

    def close(self) -> None:
        """Have it called no more; a call that is going on ends by itself."""
        self._session.unsubscribe(self._callback)


class Consumer(Closing):
    """Be a reader of the feed whose place is kept under a name: ``for item in consumer: …; consumer.ack(item)``.

    What was acknowledged isn't read again, by whichever process; what wasn't is, so each
    item is read at least once. One reads at a time: another waits until it leaves or is
    silent for ``limits.CONSUMER_S``, or, with ``wait=False``, raises ConsumerTaken. So does
    whoever acknowledges after another has taken over. Close it, or use it as a context manager.
    """

    def __init__(
        self, session: Session, request: Consume, *, timeout_s: float | None, follow: bool, wait: bool
    ) -> None:
        self._session = session
        self._request = request
        self._timeout_s = timeout_s
        self._follows = follow
        self._waits = wait
        self._ready: deque[FeedItem] = deque()
        self._closed = threading.Event()
        self._given = self._acknowledged = self._read = ""
        self._left = 1
        self._noted_at = self._heard_at = monotonic()

    @property
    def name(self) -> str:
        """Return the name under which its place is kept."""
        return self._request.name

    def __iter__(self) -> Iterator[FeedItem]:
        return self

    def __next__(self) -> FeedItem:
        while (item := self.ready()) is None:
            if not self.read_on(_BITE_S):
                raise StopIteration
        return item

    def ready(self) -> FeedItem | None:
        """Return the next item of what has been read already, or None."""
        if not self._ready or self._closed.is_set():
            return None
        item = self._ready.popleft()
        self._given, self._heard_at = item.cursor, monotonic()
        return item

    def read_on(self, wait_s: float) -> bool:
        """Read what comes next, waiting for it so long at most; tell whether there is, or may come, anything more."""
        if not self._closed.is_set():
            self._read_on(wait_s)
        return not self._closed.is_set() and not self._is_done()

    def ack(self, item: FeedItem | str) -> ConsumerAnswer:
        """Acknowledge an item, or a cursor, and all before it: none of them is read again.

        Raises ConsumerTaken where another reads by now: it has read, or will read, the item too.
        """
        cursor = text_in("cursor", item)
        answer: ConsumerAnswer = self._session.call(self._confirming(cursor))
        self._acknowledged, self._noted_at = cursor, monotonic()
        return answer

    def close(self) -> None:
        """Leave: another may read on at once, behind what was acknowledged."""
        if self._closed.is_set():
            return
        self._closed.set()
        if self._read:
            with suppress(ComityError):  # Whoever can't leave is taken for gone after a while.
                self._session.call(msgspec.structs.replace(self._confirming(self._done), leave=True))

    @property
    def _done(self) -> str:
        """Return up to where nothing is left to be acknowledged."""
        return self._read if self._given == self._acknowledged and not self._ready else self._acknowledged

    def _confirming(self, cursor: str) -> Confirm:
        return Confirm(name=self.name, cursor=cursor, holder=self._request.holder)

    def _read_on(self, wait_s: float) -> None:
        try:
            answer: ConsumeAnswer = self._session.call(
                msgspec.structs.replace(self._request, wait_s=wait_s if self._follows else 0.0)
            )
        except ConsumerTaken:
            if self._read or not self._waits:
                raise
            self._closed.wait(_NEXT_TRY_S)
            return
        if not self._read:
            self._given = self._acknowledged = answer.confirmed
        self._request = msgspec.structs.replace(self._request, after=answer.cursor)
        self._read, self._left = answer.cursor, answer.left
        self._ready.extend(answer.items)
        self._note_progress()

    def _note_progress(self) -> None:
        """Note now and then how far it is where nothing passes, so that it doesn't look through all that again."""
        is_due = monotonic() - self._noted_at >= limits.FEED_MARK_S
        if is_due and self._done == self._read != self._acknowledged:
            self._given = self._read
            self.ack(self._read)

    def _is_done(self) -> bool:
        """Tell whether it ends here: it may also be that another has been reading all the time."""
        if self._ready or (self._read and self._left):
            return False
        if self._read and not self._follows:
            return True
        return self._timeout_s is not None and monotonic() - self._heard_at >= self._timeout_s


class Following:
    """Follow what is committed."""

    _session: Session

    @overload
    def feed(
        self,
        after: After = None,
        *,
        timeout_s: float | None = None,
        follow: bool = True,
        marks: Literal[False] = False,
        **filters: Unpack[Filters],
    ) -> Feed[FeedItem]: ...
    @overload
    def feed(
        self,
        after: After = None,
        *,
        timeout_s: float | None = None,
        follow: bool = True,
        marks: Literal[True],
        **filters: Unpack[Filters],
    ) -> Feed[FeedItem | Mark]: ...
    def feed(
        self,
        after: After = None,
        *,
        timeout_s: float | None = None,
        follow: bool = True,
        marks: bool = False,
        **filters: Unpack[Filters],
    ) -> Feed[FeedItem] | Feed[FeedItem | Mark]:
        """Return what is committed behind a cursor, as an iterator of items, one for each commit.

        Without ``after`` it begins now, with ``after="start"`` at the beginning. ``kind``,
        ``record``, ``field``, ``agent``, ``type`` and ``action`` say what passes: each one name
        or several. It ends when nothing came for ``timeout_s``, or, with ``follow=False``, at
        the head. With ``marks`` it also gives a Mark where it came on and nothing passed.

        Raises CursorLost, as it is iterated over, where the base was restored since.
        """
        request = ReadFeed(after="now" if after is None else after, **_passing(filters))
        return Feed(self._session, request, timeout_s=timeout_s, follow=follow, marks=marks)

    def subscribe(
        self, callback: Callable[[FeedItem], object], after: After = None, **filters: Unpack[Filters]
    ) -> Subscription:
        """Have a function called with each item that passes, in order, until the subscription is closed.

        All are called by one thread of the workspace, which reads the log at its own pace: a
        slow one holds up the others, but no commit. One that raises is logged, and is called
        again with the next item. Raises InvalidRequest for what can't be called.
        """
        if not callable(callback):
            raise InvalidRequest(f"subscribe: a function of one item is wanted, not {type(callback).__name__}")
        request = ReadFeed(after="now" if after is None else after, **_passing(filters))
        return Subscription(self._session, self._session.subscribe(callback, request))

    def consumer(
        self,
        name: str,
        *,
        start: int | str = "start",
        timeout_s: float | None = None,
        follow: bool = True,
        wait: bool = True,
        **filters: Unpack[Filters],
    ) -> Consumer:
        """Return a reader whose place is kept under a name; a new one begins at ``start``.

        ``timeout_s`` and ``follow`` are those of :meth:`feed`. While another process reads
        under the name it waits, or, with ``wait=False``, raises ConsumerTaken.
        """
        holder = f"{self._session.caller.agent}.{self._session.make_id()}"
        request = Consume(name=name, holder=holder, start=start, **_passing(filters))
        return Consumer(self._session, request, timeout_s=timeout_s, follow=follow, wait=wait)

    def consumers(self) -> ConsumersAnswer:
        """Return the named consumers: how far each is, how much is left, and who reads."""
        return self._session.call(ListConsumers())

    def reset_consumer(self, name: str, after: int | str) -> ConsumerAnswer:
        """Have a consumer go on from another place; takes an operator. Whoever reads has to begin anew."""
        return self._session.call(ResetConsumer(name=name, after=after))

    def forget_consumer(self, name: str) -> ConsumerAnswer:
        """Forget a consumer, and how far it was; takes an operator."""
        return self._session.call(ForgetConsumer(name=name))


class Watching:
    """Have what others change come into the inbox."""

    _session: Session

    def watch(self, *records: str, **filters: Unpack[Filters]) -> WatchAnswer:
        """Watch records, or whatever passes: ``sales.watch("customer/acme")``, ``sales.watch(kind="ticket")``."""
        passing = _passing(filters)
        return self._session.call(Watch(**{**passing, "record": (*records, *passing.get("record", ()))}))

    def unwatch(self, watch: str | WatchAnswer) -> WatchesAnswer:
        """End a watch, itself or by its id; return those that are left."""
        return self._session.call(Unwatch(watch=text_in("watch", watch)))

    def watches(self) -> WatchesAnswer:
        """Return what is watched, the oldest first."""
        return self._session.call(ListWatches())
