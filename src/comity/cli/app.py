"""The application: commands made from the table, errors told, exit codes given."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from cyclopts import App, CycloptsError, Group, Parameter
from cyclopts.exceptions import UnusedCliTokensError

from comity import __version__
from comity.cli import backing_up, connecting, exits, freestanding, moving, running, serving, watching
from comity.cli.arguments import request_of, signature_of, usage_of, value_options
from comity.cli.output import Output
from comity.cli.workspaces import AGENT_VARIABLE, DB_VARIABLE, KEY_VARIABLE, MAKERS, Access, opened
from comity.errors import ComityError
from comity.model.texts import listed
from comity.operations import OPERATIONS, Apply, Operation
from comity.verbs.enacting import check_source

HELP: Final = "Comity: several agents on the same records, without treading on each other."
COMMON: Final = Group("Workspace", sort_key=100)
PARTS: Final = {
    "alerts": "What looks wrong in the log, and who takes care of it.",
    "agents": "Who acts: agents, and the keys of humans.",
    "approvals": "What waits for a human.",
    "consumers": "Who follows the feed under a name, and how far they are.",
    "effects": "What is to be done outside, held until it is judged again, and what became of it.",
    "grants": "Ownership, lent for a time.",
    "inbox": "What waits for you, and what became of what you proposed.",
    "intents": "What agents have announced that they are going to do.",
    "leases": "Who holds what, for a time, and who waits for it.",
    "offers": "What is offered to its owner.",
    "override": "What humans hold still, while agents yield.",
    "queue": "Who waits for a turn.",
    "rules": "Who goes first: the rules in force, their tests, and what others would have decided.",
    "tasks": "What workflows have given to agents and humans.",
    "workflows": "Plans of several steps that Comity carries out, and how far they are.",
}
GROUPS: Final = {
    "start": Group("Start", sort_key=1),
    "read": Group("Look", sort_key=2),
    "write": Group("Change", sort_key=3),
    "operate": Group("Operate", sort_key=4),
}

_Option = inspect.Parameter.KEYWORD_ONLY
_OPTIONS: Final = 6
_WORD: Final = 40
"""How many options, and of a word how many characters, are shown where a word is too many."""
_JSON = Annotated[
    bool,
    Parameter(
        name="--json", negative=(), show_default=False, group=COMMON, help="print the answer as one JSON document"
    ),
]
_ACCESS: Final[Mapping[str, tuple[str, str]]] = {
    "db": ("--db", f"the workspace's file; else {DB_VARIABLE}, else the only workspace in this folder"),
    "agent_name": ("--as", f"act as this agent; else {AGENT_VARIABLE}, else as the system's user"),
    "key_file": (
        "--key-file",
        f"a file with the agent's key; else {KEY_VARIABLE}. The key itself is no argument: others could read it",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    output = Output(as_json="--json" in words)
    try:
        code = _run(words, output)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as interrupt:
        output.complain(exits.Fault("interrupted", ": ".join(["interrupted", *map(str, interrupt.args)]), "reread"))
        return exits.INTERRUPTED
    except BrokenPipeError:
        # What is left in the buffer would raise once more when the interpreter closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.BROKEN_PIPE


def _run(words: list[str], output: Output) -> int:
    try:
        "".join(words).encode()
        app = build_app(output, operations_for(words))
        result = app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except UnicodeEncodeError:
        output.complain(exits.Fault("usage", "the arguments are no UTF-8", "never"))
        return exits.INVALID
    except CycloptsError as error:
        told = _too_many(error) if isinstance(error, UnusedCliTokensError) else str(error)
        output.complain(exits.Fault("usage", f"{told} Try: {' '.join(['comity', *_path(error)])} --help", "never"))
        return exits.INVALID
    except ComityError as error:
        output.complain(exits.fault_of(error))
        return exits.code_of_error(error)
    return result if isinstance(result, int) else exits.OK


def _too_many(error: UnusedCliTokensError) -> str:
    """Return that a word has no place, and which options there are that may say what it means."""
    path = tuple(_path(error))
    operation = next((one for one in OPERATIONS if one.command == path), None)
    options = [] if operation is None else value_options(operation)
    hint = f"; options that take a value: {listed([f'--{name}' for name in options], _OPTIONS)}" if options else ""
    word = (error.unused_tokens or [""])[0]
    return f"{word[:_WORD]!r} is one word too many{hint}."


def _path(error: CycloptsError) -> Sequence[str]:
    return error.command_chain or ()


def operations_for(words: Sequence[str]) -> Sequence[Operation]:
    """Return the rows that a command line may mean: those of its first word, else all; making each takes time."""
    rows = [operation for operation in OPERATIONS if "cli" in operation.surfaces]
    if words[:1] == ["watch"]:
        return ()
    return [operation for operation in rows if operation.command[0] in words[:1]] or rows


def build_app(output: Output, operations: Sequence[Operation]) -> App:
    """Return the application; its commands print to ``output`` and return their exit codes."""
    app = App(
        name="comity",
        help=HELP,
        version=__version__,
        help_format="plaintext",
        help_epilogue=_epilogue(),
        suppress_keyboard_interrupt=False,  # It is told in one place, here, with what it carries.
    )
    parts: dict[str, App] = {}
    for operation in operations:
        _add(operation, app, parts, output)
    for name, function in freestanding.commands(output).items():
        app.command(function, name=name, group=GROUPS["start"], help_epilogue="")
    for name, function in {**moving.commands(output), **serving.commands(output)}.items():
        app.command(function, name=name, group=GROUPS["operate"], help_epilogue="")
    _add_backup(app, output)
    _add_mcp(app, output)
    _add_watch(app, output)
    _add_run(app, output)
    app.register_install_completion_command(add_to_startup=False, group=GROUPS["start"])
    return app


def _add(operation: Operation, app: App, parts: dict[str, App], output: Output) -> None:
    owner = app
    for part in operation.command[:-1]:
        if part not in parts:
            parts[part] = App(
                name=part, help=PARTS[part], help_format="plaintext", help_epilogue="", group=GROUPS["operate"]
            )
            app.command(parts[part])
        owner = parts[part]
    group = GROUPS[operation.permission] if owner is app else None
    usage = usage_of(operation)
    owner.command(
        _command(operation, output),
        name=operation.command[-1],
        help=operation.summary,
        usage=usage,
        group=group,
        help_epilogue="",
    )


def _add_watch(app: App, output: Output) -> None:
    """Add the command that shows the feed as it comes, which is no row: an answer of it has no end."""
    own = inspect.Signature([*watching.parameters(), *access_parameters()])

    def watch(**options: Any) -> int:
        arguments = own.bind(**options).arguments
        return watching.watch(arguments, _access_of(arguments), output)

    watch.__signature__ = own
    watch.__annotations__ = {name: parameter.annotation for name, parameter in own.parameters.items()}
    app.command(watch, name="watch", help=watching.HELP, group=GROUPS["read"], help_epilogue="")


def _add_backup(app: App, output: Output) -> None:
    """Add the commands that make and restore backups, which are no rows: they are about files, whoever asks."""
    part = App(name="backup", help=backing_up.HELP, help_format="plaintext", help_epilogue="", group=GROUPS["operate"])
    for name, function in backing_up.commands(output).items():
        part.command(function, name=name, help_epilogue="")
    app.command(part)


def _add_mcp(app: App, output: Output) -> None:
    """Add the commands that connect clients of models, which are no rows: they are about programs, not records."""
    part = App(name="mcp", help=connecting.HELP, help_format="plaintext", help_epilogue="", group=GROUPS["start"])
    for name, function in connecting.commands(output).items():
        part.command(function, name=name, help_epilogue="")
    app.command(part)


def _add_run(app: App, output: Output) -> None:
    """Add the command that does duties, which is no row: it has no end of its own."""
    own = inspect.Signature(access_parameters())

    def run(**options: Any) -> int:
        return running.run(_access_of(own.bind(**options).arguments), output)

    run.__signature__ = own
    run.__annotations__ = {name: parameter.annotation for name, parameter in own.parameters.items()}
    app.command(run, name="run", help=running.HELP, group=GROUPS["operate"], help_epilogue="")


def _epilogue() -> str:
    codes = ", ".join(f"{code} {meaning}" for code, meaning in exits.MEANINGS.items())
    return f"Exit codes: {codes}."


def _command(operation: Operation, output: Output) -> Callable[..., int]:
    """Return the function that a command calls, with a signature made from the table."""
    own = inspect.Signature([*signature_of(operation), *access_parameters()])

    def command(*words: Any, **options: Any) -> int:
        arguments = own.bind(*words, **options).arguments
        return perform(operation, arguments, _access_of(arguments), output)

    command.__signature__ = own
    command.__annotations__ = {name: parameter.annotation for name, parameter in own.parameters.items()}
    return command


def _access_of(arguments: dict[str, Any]) -> Access:
    """Take what every command is told out of the arguments of one."""
    arguments.pop("as_json", None)
    return Access(arguments.pop("db", None), arguments.pop("agent_name", None), arguments.pop("key_file", None))


def access_parameters() -> list[inspect.Parameter]:
    """Return the options that every command has."""
    named = [
        inspect.Parameter(
            name,
            _Option,
            annotation=Annotated[str | None, Parameter(name=option, group=COMMON, help=help)],
            default=None,
        )
        for name, (option, help) in _ACCESS.items()
    ]
    return [*named, inspect.Parameter("as_json", _Option, annotation=_JSON, default=False)]


def perform(operation: Operation, arguments: Mapping[str, Any], access: Access, output: Output) -> int:
    """Carry out one operation, print its answer, return the exit code."""
    request = request_of(operation, arguments)
    if (alone := freestanding.answer_of(request)) is not None:
        output.show(request, alone)
        return exits.code_of_answer(alone)
    if isinstance(request, Apply):
        check_source(request.source, request.origin)  # Before a file is made for what can't be in it.
    with opened(access, may_make=operation.name in MAKERS) as speaker, output.progress(operation.name) as progress:
        answer = speaker.answer(request, progress)
    output.show(request, answer)
    return exits.code_of_answer(answer)
