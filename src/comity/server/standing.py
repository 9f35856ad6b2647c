"""Where a workspace stands, and as whom the asker is known there: what a client starts from, and waits by."""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from comity import limits
from comity.errors import InvalidRequest
from comity.model.proposals import Known
from comity.server.calling import JSON
from comity.server.hosting import Hosted, Hosts
from comity.server.problems import Failure
from comity.workspace.session import Session

_KNOWN: Final = ("at", "behind", "wait_s")
_MOST_DIGITS: Final = 18


class Standing(msgspec.Struct, frozen=True):
    """Be who asks, how that is known, and a revision: that of the last commit, or of the moment asked for."""

    agent: str
    known: Known
    revision: int


class _Wanted(msgspec.Struct, frozen=True):
    at: str | None = None
    behind: int = -1
    wait_s: float = 0.0


class Standings:
    """Tell where workspaces stand; so many askers may wait for a commit at a time."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._waiting = 0

    async def endpoint(self, http: Request) -> Response:
        """Answer where a workspace stands: now, ``at`` a moment, or once there is a commit ``behind`` a revision."""
        hosted, session = await self._hosts.admit(http, "read")
        wanted = _wanted(http)
        if wanted.wait_s > 0:
            await self._wait(hosted, wanted)
        revision = await to_thread.run_sync(partial(_revision, session, wanted.at))
        standing = Standing(session.caller.agent, session.caller.known, revision)
        return Response(msgspec.json.encode(standing), 200, {"Cache-Control": "no-store"}, JSON)

    async def _wait(self, hosted: Hosted, wanted: _Wanted) -> None:
        if self._waiting >= limits.SERVED_WAITING:
            raise Failure(503, "too_many_waiting", f"{limits.SERVED_WAITING} requests wait already", retry="same")
        self._waiting += 1
        try:
            await hosted.moved_past(wanted.behind, min(wanted.wait_s, limits.SERVED_KEEP_ALIVE_S))
        finally:
            self._waiting -= 1


def _wanted(http: Request) -> _Wanted:
    for name in http.query_params:
        if name not in _KNOWN:
            raise InvalidRequest(f"{name[:64]!r} isn't known here; what is: {', '.join(_KNOWN)}")
    try:
        return msgspec.convert(dict(http.query_params), _Wanted, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(str(error)) from None


def _revision(session: Session, moment: str | None) -> int:
    if moment is None:
        return session.revision()
    return session.revision_at(int(moment) if moment.isdecimal() and len(moment) <= _MOST_DIGITS else moment)
