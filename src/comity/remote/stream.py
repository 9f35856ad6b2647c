"""The feed as server-sent events, resumed behind the last one wherever the connection broke (WHATWG, HTML § 9.2)."""

from __future__ import annotations

import logging
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse
from time import monotonic
from typing import Final
from urllib.parse import urlencode

import msgspec

from comity import limits
from comity.errors import ComityError, StoreUnavailable
from comity.operations import FeedAnswer, FeedItem, Mark, ReadFeed
from comity.remote.address import Address
from comity.remote.decoding import decoded
from comity.remote.failures import Told, error_of, told
from comity.remote.repeating import rests
from comity.remote.wire import Broken

Take = Callable[[FeedItem], object]
Passed = FeedItem | Mark | ComityError
Give = Callable[[Passed], object]
_SORTS: Final = ("kind", "record", "field", "agent", "type", "action")
_SILENCE_S: Final = 3 * limits.SERVED_KEEP_ALIVE_S
"""How long a stream may say nothing before it is taken for dead: a living one says how far it is."""
_LOOK_S: Final = 1.0
_OK: Final = 200
_log: Final = logging.getLogger("comity")


class _Mark(msgspec.Struct, frozen=True):
    at: str
    left: int = 0


class Stream:
    """Read a stream in a thread, and give what comes to a function, from wherever it broke off.

    ``give`` takes items, marks, and once, as the last, the error that ended it. It ends by
    itself where no other try would help, or ``patience_s`` have passed without a server.
    """

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str],
        request: ReadFeed,
        give: Give,
        patience_s: float,
    ) -> None:
        self._address = address
        self._headers = {**headers, "Accept": "text/event-stream"}
        self._request = request
        self._give = give
        self._patience_s = patience_s
        self._connection: HTTPConnection | None = None
        self._closed = threading.Event()
        self.cursor = str(request.after)
        self._thread = threading.Thread(target=self._run, name="comity-stream", daemon=True)
        self._thread.start()

    @property
    def is_closed(self) -> bool:
        """Tell whether it has ended, or was closed."""
        return self._closed.is_set()

    def close(self) -> None:
        """End it: what is being given is the last."""
        self._closed.set()
        sock = self._connection.sock if self._connection is not None else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        heard_at, pauses = monotonic(), rests()
        while not self._closed.is_set():
            try:
                for one in self._events():
                    heard_at, pauses = monotonic(), rests()
                    self._pass_on(one)
            except Broken as error:
                if monotonic() - heard_at >= self._patience_s:
                    self._end(StoreUnavailable(f"{self._address} can't be reached: {error}"))
            except ComityError as error:
                if error.retry != "same" or monotonic() - heard_at >= self._patience_s:
                    self._end(error)
            finally:
                self._hang_up()
            self._closed.wait(next(pauses))

    def _end(self, error: ComityError) -> None:
        if not self._closed.is_set():
            self._closed.set()
            self._give(error)

    def _pass_on(self, one: FeedItem | Mark) -> None:
        if not self._closed.is_set():
            self._give(one)
            self.cursor = one.cursor

    def _events(self) -> Iterator[FeedItem | Mark]:
        """Open the stream behind the cursor, and yield what comes."""
        response = self._open()
        fields: dict[bytes, bytes] = {}
        while line := response.readline():
            name, _, value = line.rstrip(b"\r\n").partition(b": ")
            if name:
                fields[name] = value
            elif fields:
                yield _event(fields)
                fields = {}

    def _open(self) -> HTTPResponse:
        self._connection = connection = self._address.connect(_SILENCE_S)
        passing = [(sort, one) for sort in _SORTS for one in getattr(self._request, sort)]
        path = f"{self._address.path}/feed?{urlencode(passing)}"
        connection.request("GET", path, headers={**self._headers, "Last-Event-ID": self.cursor})
        response = connection.getresponse()
        if response.status != _OK:
            problem = told(response.status, response.headers.get("content-type", ""), response.read())
            raise error_of(response.status, problem)
        return response

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _event(fields: Mapping[bytes, bytes]) -> FeedItem | Mark:
    sort, data = fields.get(b"event"), fields.get(b"data", b"")
    if sort == b"commit":
        return decoded(data, FeedItem)
    if sort == b"mark":
        return Mark(cursor=fields.get(b"id", b"").decode(), at=decoded(data, _Mark).at)
    problem = decoded(data, Told)
    raise error_of(500, problem)


Opening = Callable[[ReadFeed, Give], Stream]


class Callback:
    """Be one who is called with what passes: by a stream of its own, in order, one after the other."""

    def __init__(self, stream: Opening, request: ReadFeed, take: Take) -> None:
        self._take = take
        self._stream = stream(request, self._call)

    @property
    def cursor(self) -> str:
        """Return up to where it was told."""
        return self._stream.cursor

    @property
    def is_closed(self) -> bool:
        """Tell whether it is called no more."""
        return self._stream.is_closed

    def close(self) -> None:
        """Have it called no more."""
        self._stream.close()

    def _call(self, one: Passed) -> None:
        if isinstance(one, ComityError):
            _log.error("a call-back is told no more: %s", one)
            return
        if isinstance(one, Mark):
            return
        try:
            self._take(one)
        except BaseException:  # noqa: BLE001 - nothing that a call-back raises ends the stream
            _log.exception("a call-back failed on %s, and is told of the next item", one.cursor)


class Pages:
    """Read the feed page by page: what is there is asked for, what is still to come is streamed."""

    def __init__(self, ask: Callable[[ReadFeed], FeedAnswer], stream: Opening, request: ReadFeed) -> None:
        self._ask = ask
        self._open = stream
        self._request = request
        self._left = 1
        self._stream: Stream | None = None
        self._come: queue.Queue[Passed] = queue.Queue(limits.FEED_PAGE_DEFAULT)
        self._is_over = threading.Event()

    def read(self, wait_s: float) -> FeedAnswer:
        """Return what comes next, waiting so long at most where there is nothing yet."""
        if self._stream is None and (self._left or wait_s <= 0):
            answer = self._ask(msgspec.structs.replace(self._request, wait_s=0.0))
            self._left = answer.left
        else:
            answer = self._streamed(wait_s)
        self._request = msgspec.structs.replace(self._request, after=answer.cursor)
        return answer

    def close(self) -> None:
        """End the stream, if there is one."""
        self._is_over.set()
        if self._stream is not None:
            self._stream.close()

    def _streamed(self, wait_s: float) -> FeedAnswer:
        if self._stream is None:
            self._stream = self._open(self._request, self._put)
        items: list[FeedItem] = []
        cursor, at = str(self._request.after), ""
        for one in self._arrived(wait_s):
            if isinstance(one, ComityError):
                self._stream = None
                raise one
            cursor, at = one.cursor, one.at
            if isinstance(one, FeedItem):
                items.append(one)
        return FeedAnswer(items=tuple(items), cursor=cursor, at=at)

    def _arrived(self, wait_s: float) -> Iterator[Passed]:
        """Yield what comes within a time, and all that has come by then; an error is yielded alone."""
        with suppress(queue.Empty):
            one = self._come.get(timeout=wait_s) if wait_s > 0 else self._come.get_nowait()
            yield one
            while not isinstance(one, ComityError) and not self._is_error_next():
                one = self._come.get_nowait()
                yield one

    def _is_error_next(self) -> bool:
        return bool(self._come.queue) and isinstance(self._come.queue[0], ComityError)

    def _put(self, one: Passed) -> None:
        """Hold up the stream while what came before isn't read."""
        while not self._is_over.is_set():
            with suppress(queue.Full):
                self._come.put(one, timeout=_LOOK_S)
                return
