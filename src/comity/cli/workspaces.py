"""Which workspace a command is about, who gives it, and what proves that."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from comity.cli.arguments import read_text
from comity.errors import InvalidRequest, NotFound, StoreError
from comity.store.places import file_of, is_database, is_there, shown
from comity.store.sqlite.opening import is_base
from comity.workspace import Agent, Workspace, open

DB_VARIABLE: Final = "COMITY_DB"
AGENT_VARIABLE: Final = "COMITY_AGENT"
KEY_VARIABLE: Final = "COMITY_KEY"
MAKERS: Final = ("put", "create", "propose", "apply")
"""The operations that make a workspace: any other finds nothing in a new one, so that its file was mistyped."""
HOW_MADE: Final = f"a workspace is made by {', '.join(MAKERS[:-1])} or {MAKERS[-1]}"


class Access(msgspec.Struct, frozen=True):
    """Be what every command is told beside its own arguments."""

    db: str | None = None
    agent: str | None = None
    key_file: str | None = None

    @property
    def key(self) -> str | None:
        """Return the key that is shown, or None. It is never an argument: others could see it in the process list."""
        if self.key_file is not None:
            return read_text(self.key_file).strip()
        return os.environ.get(KEY_VARIABLE) or None


@contextmanager
def opened(access: Access, *, may_make: bool) -> Generator[Workspace | Agent, None, None]:
    """Open the workspace and give the handle of who acts: the agent named, or the system's user.

    Raises NotFound for a file that isn't there or is empty, unless ``may_make``, and the
    store's errors with the name of the file.
    """
    name = access.agent or os.environ.get(AGENT_VARIABLE) or None
    key = access.key
    if key is not None and name is None:
        raise InvalidRequest(f"a key is shown, but not whose: say it with --as NAME or {AGENT_VARIABLE}")
    with _open(_file(access.db or os.environ.get(DB_VARIABLE) or None, may_make)) as workspace:
        yield workspace if name is None else workspace.agent(name, key=key)


@contextmanager
def kept(access: Access, warn: Callable[[str], None]) -> Generator[Workspace, None, None]:
    """Open the workspace and do what is due there; tell what can't be done. Raises as :func:`opened` does."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        workspace = _open(_file(access.db or os.environ.get(DB_VARIABLE) or None, False), duties=True)
    with workspace:
        for warning in warned:
            warn(str(warning.message))
        yield workspace


def _open(file: str, *, duties: bool = False) -> Workspace:
    try:
        return open(file, duties=duties)
    except StoreError as error:
        named = shown(file)
        if Path(named).name in str(error):
            raise
        raise type(error)(f"{named[:200]}: {error}") from error


def file_meant(named: str | None) -> str:
    """Return the file of the workspace that is named, or of the only one in this folder; raises NotFound for none."""
    return _file(named, may_make=False)


def _file(named: str | None, may_make: bool) -> str:
    if named is None:
        return str(_only_workspace(Path.cwd()))
    if may_make:
        return named
    if is_database(named):
        if not is_there(named):
            raise NotFound(f"there is no workspace at {shown(named)[:200]}: {HOW_MADE}")
        return named
    path = file_of(named)
    if not os.path.exists(path):
        raise NotFound(f"there is no file {named[:200]!r}: {HOW_MADE}")
    if os.path.isfile(path) and not os.path.getsize(path) and not is_base(path):
        raise NotFound(f"{named[:200]!r} is empty: {HOW_MADE}")
    return named


def _only_workspace(folder: Path) -> Path:
    found = [path for path in sorted(folder.glob("*.db")) if is_base(path)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise InvalidRequest(f"there are several workspaces here ({names}): name one with --db or {DB_VARIABLE}")
    raise InvalidRequest(
        f"there is no workspace in this folder: name one with --db FILE or {DB_VARIABLE};"
        f" {HOW_MADE}, as in 'comity put customer/acme status=active --db crm.db'"
    )
