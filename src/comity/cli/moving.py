"""Commands about workspaces as a whole: copy, migrate."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated

from cyclopts import Parameter
from msgspec import to_builtins

from comity.cli import exits
from comity.cli.freestanding import AS_JSON
from comity.cli.output import Output
from comity.cli.workspaces import DB_VARIABLE, file_meant
from comity.model.texts import counted
from comity.store.places import bring_up_to_date, steps_left
from comity.workspace import copy


def commands(output: Output) -> dict[str, Callable[..., int]]:
    """Return the commands by name."""

    def copy_workspace(
        source: Annotated[str, Parameter(help="the workspace to copy")],
        target: Annotated[str, Parameter(help="where to: nothing, an empty workspace, or a copy that was broken off")],
        /,
        *,
        as_json: Annotated[bool, AS_JSON] = False,
    ) -> int:
        """Copy a workspace with its whole history to another place, and verify the copy; can be resumed."""
        with output.progress("copy") as progress:
            answer = copy(source, target, progress=progress)
        output.tell(to_builtins(answer), str(answer))
        return exits.OK

    def migrate(
        *,
        db: Annotated[
            str | None, Parameter(help=f"the workspace's file; else {DB_VARIABLE}, else the only workspace here")
        ] = None,
        check: Annotated[
            bool, Parameter(negative=(), show_default=False, help="only tell which steps are left; 6 if any are")
        ] = False,
        as_json: Annotated[bool, AS_JSON] = False,
    ) -> int:
        """Bring the schema of a workspace up to date, as whoever opens it does; or tell what is left to do."""
        url = file_meant(db or os.environ.get(DB_VARIABLE) or None)
        steps = steps_left(url)
        if not check:
            bring_up_to_date(url)
        done = f"{counted(len(steps), 'step')} {'left' if check else 'taken'}: {', '.join(steps)}"
        output.tell({"left" if check else "taken": steps}, done if steps else "The schema is up to date.")
        return exits.PROBLEMS if check and steps else exits.OK

    return {"copy": copy_workspace, "migrate": migrate}
