"""The workspaces that a server has open, and who is let in to which."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from hashlib import sha256
from time import monotonic
from types import TracebackType
from typing import Final, Self

import msgspec
from anyio import to_thread
from starlette.requests import Request

from comity.errors import StoreError
from comity.operations.table import Permission
from comity.server.identity import by_key, by_name
from comity.server.problems import Failure
from comity.server.rates import Rates
from comity.server.settings import Settings
from comity.workspace import Workspace, open
from comity.workspace.session import Session

_LOOK_S: Final = 1.0
"""How long the one look for commits lasts, of those that follow each other; a commit ends it at once."""


KNOWN_S: Final = 1.0
"""How long a key that was good counts as good without another look; any commit has it looked at, such as its end."""
MOST_KNOWN: Final = 1_000


class _Known(msgspec.Struct, frozen=True):
    """Be whose key was looked at: at which revision, and when."""

    session: Session
    revision: int
    at: float


class Hosted(AbstractAsyncContextManager["Hosted"]):
    """Hold one open workspace, and wake those who wait for its commits: one thread looks for all of them."""

    def __init__(self, name: str, workspace: Workspace) -> None:
        self.name = name
        self.workspace = workspace
        self.revision = workspace.revision
        self._moved = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._is_open = True
        self._known: dict[bytes, _Known] = {}

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
        await to_thread.run_sync(self.workspace.close)

    @property
    def is_open(self) -> bool:
        """Tell whether it goes on: streams end once it doesn't."""
        return self._is_open

    async def session_of(self, request: Request, settings: Settings) -> Session:
        """Return the session of who asks; a key that was good a moment ago, before any commit, is good still."""
        shown = request.headers.get("authorization")
        if shown is None:
            return by_name(request, self.workspace, settings)
        digest = sha256(shown.encode()).digest()
        known = self._known.get(digest)
        if known is not None and known.revision == self.revision and monotonic() - known.at < KNOWN_S:
            return known.session
        revision = self.revision
        session = await to_thread.run_sync(by_key, shown, self.workspace)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[digest] = _Known(session, revision, monotonic())
        return session

    def end(self) -> None:
        """Have those who wait go on, for the last time."""
        self._is_open = False
        self._moved.set()

    async def moved_past(self, revision: int, timeout_s: float) -> bool:
        """Wait until there is a commit behind a revision; return whether there was within so many seconds."""
        if self.revision > revision or not self._is_open:
            return True
        try:
            async with asyncio.timeout(timeout_s):
                await self._moved.wait()
            return True
        except TimeoutError:
            return False

    async def _look(self) -> None:
        session = self.workspace.session()
        while self._is_open:
            try:
                if await to_thread.run_sync(session.wait_past, self.revision, _LOOK_S, abandon_on_cancel=True):
                    self.revision = await to_thread.run_sync(session.revision)
                    moved, self._moved = self._moved, asyncio.Event()
                    moved.set()
            except StoreError:
                await asyncio.sleep(_LOOK_S)


class Hosts:
    """Hold the open workspaces by name, and let in who may come in."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._hosted: dict[str, Hosted] = {}
        self._rates = Rates(settings.requests_per_s, settings.burst)
        self._strangers = Rates(settings.requests_per_s, settings.burst)

    def open(self) -> Mapping[str, Hosted]:
        """Open all workspaces of the settings; none stays open where one of them can't be."""
        try:
            for name, url in self.settings.workspaces.items():
                self._hosted[name] = Hosted(name, open(url, duties=True))
        except BaseException:
            for hosted in self._hosted.values():
                hosted.workspace.close()
            raise
        return self._hosted

    def end(self) -> None:
        """Have every stream end, and whoever waits for a commit go on."""
        for hosted in self._hosted.values():
            hosted.end()

    async def revisions(self) -> dict[str, int]:
        """Return the last revision of each workspace, asked for now; raises StoreError where one can't be read."""
        return {
            hosted.name: await to_thread.run_sync(hosted.workspace.session().revision)
            for hosted in self._hosted.values()
        }

    async def admit(self, request: Request, permission: Permission) -> tuple[Hosted, Session]:
        """Return the workspace that an address names, and the session of who asks.

        Raises Failure: 401 for nobody known, 403 for who may only look, 404 for no such
        workspace, 429 for who asks too much.
        """
        name = request.path_params["workspace"]
        hosted = self._hosted.get(name)
        if hosted is None:
            raise Failure(404, "not_found", f"there is no workspace {name[:64]!r} here")
        try:
            session = await hosted.session_of(request, self.settings)
        except Failure:
            self._strangers.take(request.client.host if request.client else "?")
            raise
        agent = session.caller.agent
        self._rates.take(f"{name}/{agent}")
        if permission != "read" and agent in self.settings.read_only:
            raise Failure(403, "read_only", f"{agent} may look only")
        return hosted, session
