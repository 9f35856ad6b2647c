"""The feed as server-sent events: in order, complete, resumable behind any event."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from comity import limits
from comity.errors import ComityError, InvalidRequest
from comity.model.cursors import parse_cursor
from comity.operations import FeedAnswer, ReadFeed
from comity.server.calling import Calls
from comity.server.hosting import Hosted, Hosts
from comity.server.problems import Failure, problem_of
from comity.workspace.session import Session

MEDIA: Final = "text/event-stream"
_SEVERAL: Final = ("kind", "record", "field", "agent", "type", "action")
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Streams:
    """Send the feed to those who follow it, so many at a time."""

    def __init__(self, hosts: Hosts, calls: Calls) -> None:
        self._hosts = hosts
        self._calls = calls
        self._open = 0

    async def endpoint(self, http: Request) -> Response:
        """Answer with the feed behind ``Last-Event-ID`` or ``after``, without end."""
        hosted, session = await self._hosts.admit(http, "read")
        self._check_room()
        wanted = _request(http)
        first: FeedAnswer = await self._calls.answer(hosted, session, wanted)
        return StreamingResponse(self._events(hosted, session, wanted, first), media_type=MEDIA, headers=_HEADERS)

    def _check_room(self, *, but: int = 0) -> None:
        if self._open - but >= self._hosts.settings.streams:
            raise Failure(503, "too_many_streams", f"{self._open - but} streams are open already", retry="same")

    async def _events(
        self, hosted: Hosted, session: Session, wanted: ReadFeed, page: FeedAnswer
    ) -> AsyncIterator[bytes]:
        self._open += 1
        try:
            self._check_room(but=1)  # Others may have come in while the first page was read.
            is_quiet = True
            while True:
                for item in page.items:
                    yield _event("commit", item.cursor, item)
                if is_quiet and not page.items:
                    yield _event("mark", page.cursor, {"at": page.at, "left": page.left})
                if not page.left:
                    behind = parse_cursor(page.cursor).revision
                    is_quiet = not await hosted.moved_past(behind, limits.SERVED_KEEP_ALIVE_S)
                if not hosted.is_open:
                    return
                page = await self._calls.answer(hosted, session, msgspec.structs.replace(wanted, after=page.cursor))
        except ComityError as error:
            yield _event("problem", page.cursor, problem_of(error))
        finally:
            self._open -= 1


def _request(http: Request) -> ReadFeed:
    query = http.query_params
    for name in query:
        if name not in (*_SEVERAL, "after"):
            raise InvalidRequest(f"{name[:64]!r} isn't known here; what is: {', '.join((*_SEVERAL, 'after'))}")
    after = http.headers.get("last-event-id") or query.get("after") or "now"
    return msgspec.convert({"after": after, **{name: query.getlist(name) for name in _SEVERAL}}, ReadFeed)


def _event(sort: str, cursor: str, data: Any) -> bytes:
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (cursor.encode(), sort.encode(), msgspec.json.encode(data))
