"""The command that serves workspaces over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from comity.cli.freestanding import AS_JSON
from comity.cli.output import Output
from comity.errors import InvalidRequest, StoreUnsupported

MISSING = "serving needs more packages: pip install 'comity[server]'"


def commands(output: Output) -> dict[str, Callable[..., int]]:
    """Return the commands by name."""

    def serve(
        *,
        db: Annotated[
            str | None, Parameter(help="the file or the database to serve; else as for other commands")
        ] = None,
        workspace: Annotated[
            list[str] | None, Parameter(help="serve several: NAME=FILE-OR-URL, once for each", negative=())
        ] = None,
        config: Annotated[Path | None, Parameter(help="a TOML file with the settings")] = None,
        host: Annotated[str | None, Parameter(help="where to listen; 127.0.0.1 unless said")] = None,
        port: Annotated[int | None, Parameter(help="on which port; 8080 unless said, 0 for a free one")] = None,
        dev: Annotated[
            bool, Parameter(negative=(), show_default=False, help="take agents by their name, unproven; loopback only")
        ] = False,
        as_json: Annotated[bool, AS_JSON] = False,
    ) -> int:
        """Serve workspaces over HTTP, and do what is due in them, until Ctrl-C."""
        given = {"host": host, "port": port, "dev": dev or None, "workspaces": _workspaces(db, workspace)}
        return int(_running().run(output, config, given))

    return {"serve": serve}


def _workspaces(db: str | None, several: list[str] | None) -> dict[str, str] | None:
    """Return what is to be served by name, as far as the command line says it."""
    if several and db:
        raise InvalidRequest("--db names the only workspace, --workspace one of several: use one of the two")
    if db:
        return {name_of(db): db}
    found: dict[str, str] = {}
    for text in several or ():
        name, equals, url = text.partition("=")
        if not equals or not name or not url:
            raise InvalidRequest(f"--workspace: {text[:80]!r} should be NAME=FILE-OR-URL, such as crm=crm.db")
        found[name] = url
    return found or None


def name_of(db: str) -> str:
    """Return the name under which a file or a database is served where only that one is."""
    if "://" in db:
        return "main"
    plain = "".join(one if one.isalnum() and one.isascii() else "-" for one in Path(db).stem.lower()).strip("-")
    return plain or "main"


def _running() -> Any:
    try:
        return import_module("comity.cli.served")
    except ModuleNotFoundError as error:
        raise StoreUnsupported(f"{MISSING} ({error.name} is missing)") from None
