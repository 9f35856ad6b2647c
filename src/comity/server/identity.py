"""Who asks: by the key that a request shows, or on a server for trying things out by the name that it claims."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from comity.errors import NotPermitted, UnknownAgent
from comity.server.problems import Failure
from comity.server.settings import Settings
from comity.workspace import Workspace
from comity.workspace.session import Session

AGENT_HEADER: Final = "comity-agent"
_SCHEME: Final = "bearer "


def by_name(request: Request, workspace: Workspace, settings: Settings) -> Session:
    """Return the session of an agent that only says who it is; raises Failure with 401 where that isn't enough."""
    name = request.headers.get(AGENT_HEADER)
    if not settings.dev:
        raise Failure(401, "unauthenticated", "show a key: 'Authorization: Bearer comity_…'")
    if name is None:
        raise Failure(401, "unauthenticated", "say who you are: 'Comity-Agent: sales'")
    try:
        return workspace.session(name)
    except UnknownAgent as error:
        raise Failure(401, error.code, str(error)) from None


def by_key(shown: str, workspace: Workspace) -> Session:
    """Return the session of whoever's the key is that a header shows; raises Failure with 401 for none."""
    if not shown.lower().startswith(_SCHEME):
        raise Failure(401, "unauthenticated", "a key is shown as 'Authorization: Bearer comity_…'")
    try:
        return workspace.session(key=shown[len(_SCHEME) :].strip())
    except NotPermitted as error:
        raise Failure(401, "unauthenticated", str(error)) from None
