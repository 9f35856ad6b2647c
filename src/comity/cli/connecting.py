"""Commands that connect clients of the Model Context Protocol: serve one agent, and tell a client how to."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import Parameter

from comity.cli import exits
from comity.cli.freestanding import AS_JSON
from comity.cli.output import Output
from comity.cli.workspaces import AGENT_VARIABLE, DB_VARIABLE, KEY_VARIABLE, Access, opened
from comity.errors import ComityError, InvalidRequest
from comity.store.places import is_database
from comity.workspace import Agent

HELP: Final = "Tools for models, by the Model Context Protocol."
Client = Literal["claude-code", "claude-desktop", "cursor", "vscode"]
Tools = Literal["all", "basic"]

_WHERE: Final[Mapping[Client, str]] = {
    "claude-code": ".mcp.json in the project's folder",
    "claude-desktop": "claude_desktop_config.json, which Settings > Developer > Edit Config opens",
    "cursor": ".cursor/mcp.json in the project's folder, or ~/.cursor/mcp.json",
    "vscode": ".vscode/mcp.json in the project's folder",
}
_URL: Final = Parameter(
    name=("--url", "--db"), help=f"the workspace's file or URL; else {DB_VARIABLE}, else the only one here"
)
_AGENT: Final = Parameter(name=("--agent", "--as"), help=f"who acts; else {AGENT_VARIABLE}")
_KEY_FILE: Final = Parameter(help=f"a file with the agent's key; else {KEY_VARIABLE}, which no configuration holds")
_TOOLS: Final = Parameter(help="all twelve tools, or the five that most agents need")


def commands(output: Output) -> dict[str, Callable[..., int]]:
    """Return the commands by name, as they come after ``comity mcp``."""

    def serve(
        *,
        url: Annotated[str | None, _URL] = None,
        agent: Annotated[str | None, _AGENT] = None,
        key_file: Annotated[str | None, _KEY_FILE] = None,
        tools: Annotated[Tools, _TOOLS] = "all",
        as_json: Annotated[bool, AS_JSON] = False,
    ) -> int:
        """Serve one agent by standard input and output, as clients start it, until the client leaves."""
        serve_stdio = _serving()
        with opened(Access(url, _named(agent), key_file), may_make=True) as speaker:
            if not isinstance(speaker, Agent):
                raise InvalidRequest(f"say who acts, with --agent NAME or {AGENT_VARIABLE}")
            serve_stdio(speaker, tools=tools)
        return exits.OK

    def install(
        client: Annotated[Client, Parameter(help="whose configuration")],
        /,
        *,
        url: Annotated[str | None, _URL] = None,
        agent: Annotated[str | None, _AGENT] = None,
        key_file: Annotated[str | None, _KEY_FILE] = None,
        tools: Annotated[Tools, _TOOLS] = "all",
        name: Annotated[str, Parameter(help="what the client calls it")] = "comity",
        write: Annotated[Path | None, Parameter(help="write it into this file, beside what is there")] = None,
        force: Annotated[
            bool, Parameter(negative=(), show_default=False, help="replace another entry of the same name")
        ] = False,
        as_json: Annotated[bool, AS_JSON] = False,
    ) -> int:
        """Print what a client needs in its configuration to serve one agent, or write it there."""
        entry = _entry(client, url or os.environ.get(DB_VARIABLE), _named(agent), key_file, tools)
        part = _part_of(client)
        if write is None:
            document = {part: {name: entry}}
            sentence = f"For {_WHERE[client]}:\n{_shown(document)}"
        else:
            document = _written(write, part, name, entry, force=force)
            sentence = f"Wrote {name!r} into {write}. Start the client anew for it to see the tools."
        output.tell(document, sentence)
        return exits.OK

    return {"serve": serve, "install": install}


def _named(agent: str | None) -> str:
    name = agent or os.environ.get(AGENT_VARIABLE)
    if not name:
        raise InvalidRequest(f"say who acts, with --agent NAME or {AGENT_VARIABLE}")
    return name


def _serving() -> Callable[..., None]:
    try:
        return import_module("comity.server.mcp").serve_stdio
    except ModuleNotFoundError as error:
        raise ComityError(f"this needs the extra: pip install 'comity[mcp]' ({error.name} is missing)") from None


def _part_of(client: Client) -> str:
    return "servers" if client == "vscode" else "mcpServers"


def _entry(client: Client, url: str | None, agent: str, key_file: str | None, tools: Tools) -> dict[str, Any]:
    """Return how a client starts the server: by absolute paths, as it does so from a folder of its own."""
    if url is None:
        raise InvalidRequest(f"say which workspace, with --url FILE or {DB_VARIABLE}")
    place = url if is_database(url) else str(Path(url).absolute())
    options = ["--url", place, "--agent", agent]
    options += ["--key-file", str(Path(key_file).absolute())] if key_file is not None else []
    options += ["--tools", tools] if tools != "all" else []
    found = shutil.which("comity")
    program = [str(Path(found).absolute())] if found else [sys.executable, "-m", "comity"]
    entry: dict[str, Any] = {"command": program[0], "args": [*program[1:], "mcp", "serve", *options]}
    return {"type": "stdio", **entry} if client == "vscode" else entry


def _written(file: Path, part: str, name: str, entry: dict[str, Any], *, force: bool) -> dict[str, Any]:
    """Return a configuration after an entry was put into it; whatever else it holds stays.

    Raises InvalidRequest for a file that can't be understood, which is left alone, and where
    there is another entry of that name.
    """
    document = _read(file)
    entries = document.setdefault(part, {})
    if not isinstance(entries, dict):
        raise InvalidRequest(
            f"{file}: {part} isn't an object: put the entry in by hand, as it is printed without --write"
        )
    if name in entries and entries[name] != entry and not force:
        raise InvalidRequest(f"{file} has another {name!r} already: choose a --name, or say --force")
    entries[name] = entry
    _replace(file, _shown(document) + "\n")
    return document


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else "{}"
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest(
            f"{file} isn't plain JSON (comments, perhaps): put the entry in by hand, as it is printed without --write"
        ) from None
    except OSError as error:
        raise InvalidRequest(f"{file}: {error.strerror or error}") from None


def _replace(file: Path, text: str) -> None:
    """Write a file at once or not at all; it stays a link where it is one, and keeps its mode."""
    target = file.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        if target.exists():
            shutil.copymode(target, beside)
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise InvalidRequest(f"{file}: {error.strerror or error}") from None


def _shown(document: Mapping[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
