"""Commands about several workspaces at once: copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from cyclopts import Parameter
from msgspec import to_builtins

from comity.cli import exits
from comity.cli.freestanding import AS_JSON
from comity.cli.output import Output
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

    return {"copy": copy_workspace}
