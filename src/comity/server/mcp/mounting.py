"""The tools in the service: for each workspace one address, beside those of HTTP, for whoever shows the same key."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from comity.server.app import Face
from comity.server.hosting import Hosts
from comity.server.intents import HeldIntents
from comity.server.mcp.serving import mcp_app
from comity.server.mcp.visiting import Visitor
from comity.workspace import Agent

PATH = "/v1/{workspace}/mcp"


def mounted(hosts: Hosts) -> Face:
    """Return what a service adds for models, in the workspaces that it has open."""

    async def visitor_of(request: Request) -> Visitor:
        hosted, session = await hosts.admit(request, "read")
        return Visitor(Agent(session), hosted.name, session.caller.agent in hosts.settings.read_only)

    served = mcp_app(visitor_of, held=HeldIntents())
    return Face((Route(PATH, _Plain(served.app)),), served.lifespan)


class _Plain:
    """Be an application at an address of its own, which a function would not be taken for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is asked there."""
        await self._app(scope, receive, send)
