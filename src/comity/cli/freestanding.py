"""Commands that need no workspace: init, demo, simulate, version.

What only one of them needs is loaded when it is called: a command that isn't fast isn't used.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from comity.cli import exits
from comity.cli.output import Output
from comity.errors import InvalidRequest
from comity.operations import Request, RuleTestsAnswer, RunRuleTests
from comity.verbs.draft import draft_from, template
from comity.verbs.rules import examine

DEMO_FOLDER: Final = Path("comity-demo")
AS_JSON: Final = Parameter(name="--json", negative=(), show_default=False, help="print one JSON document")


def commands(output: Output) -> dict[str, Callable[..., int]]:
    """Return the commands by name."""

    def init(
        file: Annotated[str, Parameter(help="the file to write")] = "comity.toml",
        /,
        *,
        source: Annotated[str | None, Parameter(name="--from", help="draft it from a CSV or an SQLite file")] = None,
        kind: Annotated[
            str | None, Parameter(help="what the records of a CSV are; of an SQLite file: this one only")
        ] = None,
        force: Annotated[
            bool, Parameter(negative=(), show_default=False, help="write over a file that is there")
        ] = False,
        as_json: Annotated[bool, AS_JSON] = False,
    ) -> int:
        """Write a commented definition to start from, or draft one from what is there."""
        path = Path(file)
        text = template(Path.cwd().name or "workspace") if source is None else draft_from(source, kind)
        write_new(path, text, force=force)
        output.tell(
            {"file": str(path), "from": source}, f"Wrote {path}. Read it through, then: comity apply {path} --db FILE"
        )
        return exits.OK

    def play(
        *,
        folder: Annotated[Path, Parameter(help="where its files go")] = DEMO_FOLDER,
        as_json: Annotated[bool, AS_JSON] = False,
    ) -> int:
        """Play three agents on the same records, first without Comity, then with it."""
        return int(import_module("comity.cli.demo.playing").run(folder, as_json=as_json))

    def simulate(
        *,
        seed: Annotated[int, Parameter(help="of which everything follows")] = 1,
        actions: Annotated[int, Parameter(help="how many the agents set out to do")] = 1_000,
        svg: Annotated[Path | None, Parameter(help="draw it into this file")] = None,
        as_json: Annotated[bool, AS_JSON] = False,
    ) -> int:
        """Count what goes wrong among agents, with one pattern more switched on each time."""
        return int(import_module("comity.cli.simulate.playing").run(output, seed, actions, svg))

    def version(*, as_json: Annotated[bool, AS_JSON] = False) -> int:
        """Show the versions of Comity and of what it stands on."""
        parts: dict[str, str] = import_module("comity.cli.versions").versions()
        output.tell(parts, f"comity {parts['comity']} (Python {parts['python']}, apsw {parts['apsw']})")
        return exits.OK

    return {"init": init, "demo": play, "simulate": simulate, "version": version}


def answer_of(request: Request) -> RuleTestsAnswer | None:
    """Return the answer to a request that needs no workspace: the tests of a file; None for any other."""
    if isinstance(request, RunRuleTests) and request.source is not None:
        return examine(request.source, request.origin)
    return None


def write_new(path: Path, text: str, *, force: bool) -> None:
    """Write a file; raises InvalidRequest where there is one already, unless ``force``."""
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InvalidRequest(f"{path} is there already: name another file, or say --force") from None
    except OSError as error:
        raise InvalidRequest(f"{path}: {error.strerror or error}") from None
