"""The reference of the command line, written from the table: ``python -m comity.cli.reference > docs/cli.md``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, get_args, get_origin

from cyclopts import Parameter

from comity.cli import backing_up, connecting, exits, freestanding, moving, watching
from comity.cli.app import access_parameters
from comity.cli.arguments import WORDS, signature_of, usage_of
from comity.cli.output import Output
from comity.operations import OPERATIONS, Operation

HEAD: Final = """\
# The command line

<!-- Written by `python -m comity.cli.reference`; a test fails when it is out of date. -->

Every operation of Comity is a command. A workspace's file is made by the first `put`,
`create`, `propose` or `apply`; other commands want it to be there:

```console
$ comity put customer/acme status=active open_tickets=0 --db crm.db --as sales
$ comity set customer/acme status=at_risk --was status=active --reason "escalation T-42" --as support
$ comity include customer/acme tags=vip --as sales
$ comity find customer 'open_tickets = 0' status=at_risk --order name,-open_tickets
$ comity why customer/acme status
$ comity get customer/acme --json
$ comity get customer/nobody  # exit 3
```

A value is JSON where it parses as JSON, else a text: `n=2` is a number, `n='"2"'` a text, `n=null` clears the
field, `tags='["a","b"]'` is a list, and `profile=@profile.json` takes what the file holds. Where a list is asked for
(`include`, `exclude`, `append`) a single element stands for a list of one. `python -m comity` is the same as `comity`.

With `--json` an answer is one JSON document on the standard output, fields at their default left out. An error is
one on the standard error, `{"error": {"code": …, "message": …, "retry": "never" | "reread" | "same"}}`, with the
`decision` where there is one. A refused proposal is an answer, not an error: it comes as a decision, with exit code 1.

`comity --install-completion` completes commands and options in your shell.

## For every command

"""

TAIL: Final = """\

The workspace is the file named by `--db` or `COMITY_DB`, or the only workspace in the folder. Without `--as` and
`COMITY_AGENT` you act as the system's user. A key is never an argument, since every user of the machine can read
the arguments of a running command: put it into a file that only you can read, or into `COMITY_KEY`.

## Exit codes

| code | meaning |
|---|---|
"""

FREE: Final = "## Without a workspace\n\n"
TITLES: Final = {"read": "## Look", "write": "## Change", "operate": "## Operate"}
FILES: Final = {
    "propose": """\
The file holds a [proposal as JSON](proposals.md); its `id` may be left out.
""",
    "import": """\
A file is CSV, JSON (a list of objects, or an object with a list for each kind) or NDJSON (an object in each line, or
what `export` writes). The id is the column named by `--key`, else `$id`, `id`, `<kind>_id`, or the first column if it
ends in `_id`; the kind is that of `--kind`, else the file's name in the singular. Cells are typed as their fields are
declared; a column of an undeclared field holds numbers, truth values or JSON only if all its cells do. An empty cell
says nothing, and clears nothing.

Each row is a proposal of its own. What somebody else changes after the import began isn't overwritten: such rows are
listed as errors. Repeated after a crash, the import goes on where it stopped; rows that it committed before are left
alone unless `--again` is said, and rows that were refused are tried anew. The same file is one of the same name with
the same contents: one that was edited since, or that says the same under another name, is an import of its own, and all
its rows are taken.
""",
    "export": """\
Live records only, of one consistent snapshot. CSV takes one kind; its first column is the id, and a text that would
be taken for something else is written as a JSON string. The file appears when it is whole, and is never one of the
workspace's own.
""",
}


def reference() -> str:
    """Return the page."""
    return "".join(_pieces())


def _pieces() -> Iterator[str]:
    yield HEAD
    yield from _rows(access_parameters())
    yield TAIL
    yield from (f"| {code} | {meaning} |\n" for code, meaning in exits.MEANINGS.items())
    for permission, title in TITLES.items():
        yield f"\n{title}\n"
        if permission == "read":
            yield f"\n### comity watch\n\n{watching.HELP}\n\n"
            yield from _rows(watching.parameters())
        for operation in OPERATIONS:
            if operation.permission == permission and "cli" in operation.surfaces:
                yield from _operation(operation)
        if permission == "operate":
            for name, function in backing_up.commands(Output(as_json=False)).items():
                yield from _freestanding(f"backup {name}", function)
    yield f"\n{FREE}".rstrip("\n") + "\n"
    output = Output(as_json=False)
    for name, function in (freestanding.commands(output) | moving.commands(output)).items():
        yield from _freestanding(name, function)
    for name, function in connecting.commands(output).items():
        yield from _freestanding(f"mcp {name}", function)


def _operation(operation: Operation) -> Iterator[str]:
    yield f"\n### comity {' '.join(operation.command)}\n\n{operation.summary}\n\n"
    yield f"```text\n{usage_of(operation).removeprefix('Usage: ')}\n```\n"
    if operation.name in FILES:
        yield f"\n{FILES[operation.name]}"
    parameters = signature_of(operation)
    if parameters:
        yield "\n"
        yield from _rows(parameters)


def _freestanding(name: str, function: Callable[..., int]) -> Iterator[str]:
    yield f"\n### comity {name}\n\n{inspect.getdoc(function)}\n\n"
    yield from _rows(list(inspect.signature(function, eval_str=True).parameters.values()))


def _rows(parameters: list[inspect.Parameter]) -> Iterator[str]:
    yield "| argument | meaning |\n|---|---|\n"
    for parameter in parameters:
        bare, given = get_args(parameter.annotation)[:2]
        meaning = given.help + _default(parameter)
        yield f"| `{_name(parameter, bare, given)}` | {meaning.replace('|', chr(92) + '|')} |\n"


def _name(parameter: inspect.Parameter, bare: Any, given: Parameter) -> str:
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return f"{WORDS[parameter.name]} ..."
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        return parameter.name.upper()
    option = next(iter(given.name or ()), f"--{parameter.name.replace('_', '-')}")
    kind = _kind(bare)
    return f"{option} {kind}" if kind else option


def _kind(bare: Any) -> str:
    """Return what an option's value looks like; nothing for one without a value."""
    if bare is bool:
        return ""
    for part in (bare, *get_args(bare)):
        if get_origin(part) is Literal:
            return "/".join(get_args(part))
    return "N" if bare is int or set(get_args(bare)) == {int, type(None)} else "TEXT"


def _default(parameter: inspect.Parameter) -> str:
    shown = parameter.default
    return "" if shown in (None, False, (), inspect.Parameter.empty) else f" (default: {shown})"


if __name__ == "__main__":
    sys.stdout.write(reference())
