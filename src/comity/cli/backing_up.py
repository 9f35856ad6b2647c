"""Commands that make a backup of a workspace, and put one in place."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter

from comity.cli import exits
from comity.cli.freestanding import AS_JSON
from comity.cli.output import Output
from comity.cli.workspaces import DB_VARIABLE, file_meant
from comity.workspace.backups import make_backup, restore_backup

HELP: Final = "A copy of the workspace, made while it is in use, and put back as a new life of it."


def commands(output: Output) -> dict[str, Callable[..., int]]:
    """Return the commands by name, as they come after ``comity backup``."""

    def back_up(
        file: Annotated[str, Parameter(help="the file to make; it must not be there yet")],
        /,
        *,
        db: Annotated[
            str | None, Parameter(help=f"the workspace's file; else {DB_VARIABLE}, else the only workspace here")
        ] = None,
        as_json: Annotated[bool, AS_JSON] = False,
    ) -> int:
        """Copy the workspace into one file, as it is at this moment, while others go on writing to it."""
        source = file_meant(db or os.environ.get(DB_VARIABLE) or None)
        with output.progress("backup") as progress:
            made = make_backup(source, file, progress=progress)
        output.tell(msgspec.to_builtins(made), str(made))
        return exits.OK

    def put_back(
        file: Annotated[str, Parameter(help="the backup; it stays as it is")],
        target: Annotated[str, Parameter(help="the workspace's file; nothing may be there yet")],
        /,
        *,
        at: Annotated[
            str | None, Parameter(help="as it was at this revision or time, 17 or 2026-11-24T10:00:00Z")
        ] = None,
        as_json: Annotated[bool, AS_JSON] = False,
    ) -> int:
        """Verify a backup and put it in place. A new life begins: effects that were pending wait for a human."""
        with output.progress("restore") as progress:
            restored = restore_backup(file, target, at=at, progress=progress)
        output.tell(msgspec.to_builtins(restored), str(restored))
        return exits.OK

    return {"make": back_up, "restore": put_back}
