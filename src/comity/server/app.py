"""The application: its addresses, and what holds for all of them."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import chain
from time import perf_counter
from typing import Any, Final, NamedTuple

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from comity import limits
from comity.errors import ComityError
from comity.server.calling import Calls
from comity.server.hosting import Hosts
from comity.server.openapi import document, page
from comity.server.problems import Failure, respond
from comity.server.records import Records
from comity.server.settings import Settings
from comity.server.standing import Standings
from comity.server.stream import Streams

_log: Final = logging.getLogger("comity.server")
_access: Final = logging.getLogger("comity.access")
LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_ALLOWED: Final = ("Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key", "Last-Event-ID")
_EXPOSED: Final = ("ETag", "Comity-Attended", "Comity-Revision", "Comity-Version", "Retry-After")


class Face(NamedTuple):
    """Be a further way to speak to a server: its addresses, and the lifespan in which they are served."""

    routes: tuple[BaseRoute, ...]
    lifespan: Callable[[], AbstractAsyncContextManager[None]]


def app(settings: Settings, *, faces: Sequence[Callable[[Hosts], Face]] = ()) -> Starlette:
    """Return the application of a server; it opens its workspaces as it starts, and closes them as it ends.

    ``faces`` make further ways to speak to it, such as MCP, for the workspaces that they are told.
    """
    hosts = Hosts(settings)
    calls = Calls(hosts)
    made = [face(hosts) for face in faces]
    found = Starlette(
        routes=[*_routes(hosts, calls), *chain(*(face.routes for face in made))],
        middleware=_middleware(settings),
        exception_handlers={ComityError: _tell, HTTPException: _tell_plain, Exception: _tell_fault},
        lifespan=_lifespan(hosts, made),
    )
    found.state.end = hosts.end
    return found


def _routes(hosts: Hosts, calls: Calls) -> list[BaseRoute]:
    records, streams = Records(hosts, calls), Streams(hosts, calls)
    one, several = "/v1/{workspace}/records/{kind}/{id:path}", "/v1/{workspace}/records/{kind}"
    return [
        Route("/healthz", _health),
        Route("/readyz", partial(_ready, hosts)),
        Route("/openapi.json", _document),
        Route("/docs", _page),
        Route("/v1/{workspace}", Standings(hosts).endpoint),
        Route("/v1/{workspace}/operations/{operation}", calls.endpoint, methods=["POST"]),
        Route("/v1/{workspace}/feed", streams.endpoint),
        Route(several, records.search),
        Route(one, records.read, methods=["GET"]),
        Route(one, records.put, methods=["PUT"]),
        Route(one, records.patch, methods=["PATCH"]),
        Route(one, records.delete, methods=["DELETE"]),
    ]


def _middleware(settings: Settings) -> list[Middleware]:
    found = [Middleware(AccessLog)] if settings.access_log else []
    found.append(Middleware(HeaderBound))
    if settings.dev:
        # A page that has its name point here could otherwise speak as any agent (DNS rebinding).
        found.append(Middleware(TrustedHostMiddleware, allowed_hosts=list(LOCAL_NAMES), www_redirect=False))
    if settings.cors:
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        found.append(
            Middleware(
                CORSMiddleware,
                allow_origins=list(settings.cors),
                allow_methods=methods,
                allow_headers=list(_ALLOWED),
                expose_headers=list(_EXPOSED),
            )
        )
    return found


def _lifespan(hosts: Hosts, faces: Sequence[Face]) -> Callable[[Starlette], Any]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            for hosted in hosts.open().values():
                await stack.enter_async_context(hosted)
            for face in faces:
                await stack.enter_async_context(face.lifespan())
            yield

    return lifespan


async def _health(_: Request) -> Response:
    """Answer that the process lives."""
    return JSONResponse({"status": "ok"})


async def _ready(hosts: Hosts, _: Request) -> Response:
    """Answer whether every workspace can be read now."""
    return JSONResponse({"status": "ok", "workspaces": await hosts.revisions()})


async def _document(_: Request) -> Response:
    """Answer with the OpenAPI document."""
    return JSONResponse(document())


async def _page(_: Request) -> Response:
    """Answer with the page that lists the addresses."""
    return HTMLResponse(page(), headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})


async def _tell(_: Request, error: Exception) -> Response:
    assert isinstance(error, ComityError)
    return respond(error)


async def _tell_plain(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    code = {404: "not_found", 405: "method"}.get(status, "http")
    return respond(Failure(status, code, "there is nothing at this address: see /openapi.json"), headers=headers)


async def _tell_fault(request: Request, error: Exception) -> Response:
    _log.error("a fault while answering %s %s", request.method, request.url.path, exc_info=error)
    return respond(Failure(500, "fault", "a fault of the server; its log says more", retry="same"))


class AccessLog:
    """Log each request: who isn't a secret, what was shown is. The query is left out, as it may hold values."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and log how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = perf_counter(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            took = (perf_counter() - began) * 1_000
            _access.info("%s %s %d %.1f ms", scope["method"], _harmless(scope["path"]), status, took)


def _harmless(path: str) -> str:
    """Return an address with nothing in it that could begin another line."""
    return path.encode("unicode_escape").decode()[:500]


class HeaderBound:
    """Refuse requests whose address and headers together are larger than any that is meant."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and _size(scope) > limits.SERVED_HEADER_BYTES:
            most = f"an address and its headers have at most {limits.SERVED_HEADER_BYTES} bytes together"
            await respond(Failure(431, "limit_exceeded", most))(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _size(scope: Scope) -> int:
    return len(scope["raw_path"]) + len(scope["query_string"]) + sum(len(a) + len(b) for a, b in scope["headers"])
