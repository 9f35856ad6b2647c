"""Serving over HTTP, from the first key to the last answer; loaded only where it is asked for."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec

from comity.cli import exits
from comity.cli.output import Output
from comity.cli.serving import name_of
from comity.cli.workspaces import file_meant
from comity.errors import InvalidRequest
from comity.operations import KeyAnswer
from comity.server.app import Face, app
from comity.server.hosting import Hosts
from comity.server.serving import listen, serve
from comity.server.settings import Settings, is_loopback, read_settings
from comity.workspace import Workspace, open

FIRST: Final = "comity.db"
"""The file that a server makes where there is no workspace yet."""
ADMIN: Final = "admin"
"""Who gets the first key, where no agents are declared."""


def run(output: Output, config: Path | None, given: Mapping[str, Any]) -> int:
    """Serve until interrupted or terminated; return the exit code."""
    settings = read_settings(config, given)
    if not settings.workspaces:
        found = _found()
        settings = msgspec.structs.replace(settings, workspaces={name_of(found): found})
    for name, url in settings.workspaces.items():
        with open(url) as workspace:
            if not settings.dev:
                _first_key(output, name, workspace)
    if not is_loopback(settings.host) and settings.certificate is None:
        output.warn(
            "what is sent, keys too, can be read on its way: put a proxy that speaks TLS before it, or set certificate"
        )
    listener = listen(settings)
    base = f"{'https' if settings.certificate else 'http'}://{_host(settings)}:{listener.getsockname()[1]}"
    _log(settings)
    serve(app(settings, faces=_faces()), settings, listener, lambda: _announce(output, base, settings))
    return exits.OK


def _faces() -> list[Callable[[Hosts], Face]]:
    """Return the further ways to speak to the server, as far as their packages are there."""
    if find_spec("mcp") is None:
        return []
    return [import_module("comity.server.mcp.mounting").mounted]


def _found() -> str:
    """Return the only workspace of this folder, or the file that becomes it."""
    try:
        return file_meant(None)
    except InvalidRequest:
        if any(Path.cwd().glob("*.db")):
            raise
        return FIRST


def _first_key(output: Output, name: str, workspace: Workspace) -> None:
    """Issue the first key of a workspace that nobody has one for yet, and show it, this once."""
    agents = workspace.agents().agents
    if any(one.kind == "human" and one.key_status == "active" for one in agents):
        return
    humans = [one.agent for one in agents if one.is_declared and one.kind == "human"]
    if not humans and any(one.is_declared for one in agents):
        raise InvalidRequest(
            f"{name} declares no human, and a server needs one who issues keys:"
            ' add [agents] admin = { kind = "human" } with comity apply'
        )
    issued: KeyAnswer = workspace.issue_key(humans[0] if humans else ADMIN, reason="the first key, as a server began")
    output.tell(
        {"workspace": name, "agent": issued.agent, "key": issued.key},
        f"The key of {issued.agent} in {name}, shown this once: {issued.key}\n"
        f"Issue others with it: COMITY_KEY=… comity agents key NAME --as {issued.agent} --db {workspace.url}",
    )


def _announce(output: Output, base: str, settings: Settings) -> None:
    names = {name: f"{base}/v1/{name}" for name in settings.workspaces}
    first = next(iter(names.values()))
    header = "-H 'Comity-Agent: sales'" if settings.dev else '-H "Authorization: Bearer $COMITY_KEY"'
    output.tell(
        {"listening": base, "workspaces": names, "dev": settings.dev},
        f"Serving {', '.join(names)} at {base} until Ctrl-C; what there is: {base}/docs\n"
        f"Try: curl {header} -H 'Content-Type: application/json' {first}/operations/put"
        """ -d '{"record": "customer/acme", "fields": {"status": "active"}}'""",
    )
    sys.stdout.flush()


def _host(settings: Settings) -> str:
    return f"[{settings.host}]" if ":" in settings.host else settings.host


def _log(settings: Settings) -> None:
    """Have what the server logs go to the standard error, a line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("comity.server", "comity.access") if settings.access_log else ("comity.server",):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        logger.propagate = False
