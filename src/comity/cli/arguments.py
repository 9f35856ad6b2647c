"""From a row of the table to the arguments of a command, and from arguments to a request.

A request's fields without a default become positional, the others options. Three things
can't be said by the table: which optional fields come without their name, which one takes
all words that are left, and which are read from a file. They are said here.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec
from cyclopts import Parameter
from msgspec import Meta

from comity import operations
from comity.clock import SystemClock
from comity.errors import InvalidRequest, NotFound
from comity.model.codec import read_proposal
from comity.model.ids import make_id
from comity.model.proposals import Read
from comity.operations import Operation, Request

UNNAMED: Final[Mapping[type[Request], tuple[str, ...]]] = {
    operations.At: ("target",),
    operations.CancelEffects: ("effect",),
    operations.Diff: ("until",),
    operations.History: ("record",),
    operations.ListLeases: ("subject",),
    operations.ListIntents: ("record",),
    operations.Pin: ("record", "field"),
    operations.Revert: ("commit",),
    operations.RunRuleTests: ("source",),
    operations.ScanAlerts: ("source",),
    operations.Why: ("field",),
}
"""Optional fields that are given by their place."""

REST: Final[Mapping[type[Request], str]] = {
    operations.Acknowledge: "items",
    operations.Announce: "about",
    operations.At: "where",
    operations.Count: "where",
    operations.Find: "where",
    operations.Erase: "records",
    operations.GetMany: "records",
    operations.Stale: "reads",
    operations.TellNews: "records",
    operations.Watch: "record",
    operations.TakeLease: "subjects",
    operations.RenewLease: "subjects",
    operations.ReleaseLease: "subjects",
    operations.Start: "params",
    **dict.fromkeys(
        (
            operations.Put,
            operations.Set,
            operations.Create,
            operations.Add,
            operations.Include,
            operations.Exclude,
            operations.Append,
            operations.Emit,
            operations.Check,
            operations.Offer,
        ),
        "fields",
    ),
}
"""The field that takes all words that are left."""

FROM_FILE: Final[Mapping[type[Request], tuple[str, str]]] = {
    operations.Apply: ("source", "the definition, a TOML file"),
    operations.Backtest: ("source", "the definition to try, a TOML file"),
    operations.RunRuleTests: ("source", "the definition with the tests, a TOML file; the one in force, unless given"),
    operations.ScanAlerts: (
        "source",
        "the definition with the thresholds, a TOML file; the one in force, unless given",
    ),
    operations.Propose: ("proposal", "the proposal, a JSON file; '-' for standard input"),
    operations.Split: ("proposal", "the proposal, a JSON file; '-' for standard input"),
}
"""The field whose contents are read from a file named on the command line."""

FILE_DEFAULTS: Final[Mapping[type[Request], str]] = {operations.Apply: "comity.toml"}
NOT_OFFERED: Final = frozenset({"arrived", "incarnation", "origin", "read", "relies_on"})
"""What only a program can say."""

WORDS: Final = {
    "about": "RECORD",
    "items": "ITEM",
    "fields": "NAME=VALUE",
    "params": "NAME=VALUE",
    "where": "CONDITION",
    "record": "RECORD",
    "records": "RECORD",
    "subjects": "SUBJECT",
    "reads": "RECORD@REVISION[:FIELD,FIELD]",
}
"""What the words that are left look like."""

LISTS: Final = frozenset({operations.Include, operations.Exclude, operations.Append})
"""The requests whose fields are lists: one value stands for a list of one."""

VALUES: Final = frozenset({"value"})
"""Options that hold any value: JSON where the word parses as JSON, else a text."""

STDIN: Final = "-"
_Positional = inspect.Parameter.POSITIONAL_ONLY
_Option = inspect.Parameter.KEYWORD_ONLY


def signature_of(operation: Operation) -> list[inspect.Parameter]:
    """Return the parameters of an operation's command, in the order in which they are given."""
    request = operation.request
    unnamed = UNNAMED.get(request, ())
    fields = {field.name: field for field in msgspec.structs.fields(request) if field.name not in NOT_OFFERED}
    rest = fields.pop(REST.get(request, ""), None)
    positional = [field for field in fields.values() if field.required]
    positional += [fields[name] for name in unnamed]
    parameters = [_positional(field, request) for field in positional]
    if rest is not None:
        parameter = Parameter(name=WORDS[rest.name], help=_help(rest))
        parameters.append(_parameter(rest.name, inspect.Parameter.VAR_POSITIONAL, str, parameter))
    parameters += [_option(field) for field in fields.values() if field not in positional]
    return parameters


def value_options(operation: Operation) -> list[str]:
    """Return the names of the options of an operation's command that take a value."""
    options = (one for one in signature_of(operation) if one.kind is _Option)
    return [one.name.replace("_", "-") for one in options if get_args(one.annotation)[0] is not bool]


def _positional(field: msgspec.structs.FieldInfo, request: type[Request]) -> inspect.Parameter:
    if request in FROM_FILE and field.name == FROM_FILE[request][0]:
        parameter = Parameter(help=FROM_FILE[request][1], allow_leading_hyphen=True)
        otherwise = inspect.Parameter.empty if field.required else None
        annotation = str if field.required else str | None
        return _parameter("file", _Positional, annotation, parameter, FILE_DEFAULTS.get(request, otherwise))
    default = inspect.Parameter.empty if field.required else None
    parameter = Parameter(help=_help(field), allow_leading_hyphen=field.name == "file")
    return _parameter(field.name, _Positional, _bare(field.type), parameter, default)


def _option(field: msgspec.structs.FieldInfo) -> inspect.Parameter:
    bare = _bare(field.type)
    if field.name in VALUES:
        return _parameter(field.name, _Option, str | None, Parameter(help=_help(field), negative=()), None)
    if get_origin(bare) in (dict, tuple):
        is_pairs = get_origin(bare) is dict
        help = f"{_help(field)}{': name=value' if is_pairs else ''} (may be repeated)"
        option = Parameter(help=help, negative=(), allow_leading_hyphen=True, show_default=False)
        return _parameter(field.name, _Option, tuple[str, ...], option, ())
    option = Parameter(help=_help(field), negative=(), show_default=field.default not in (None, False))
    return _parameter(field.name, _Option, bare, option, field.default)


def _parameter(
    name: str, kind: Any, annotation: Any, parameter: Parameter, default: object = inspect.Parameter.empty
) -> inspect.Parameter:
    return inspect.Parameter(name, kind, annotation=Annotated[annotation, parameter], default=default)


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _help(field: msgspec.structs.FieldInfo) -> str:
    metas = get_args(field.type)[1:] if get_origin(field.type) is Annotated else ()
    return next((meta.description for meta in metas if isinstance(meta, Meta) and meta.description), "")


# -- from arguments to a request


def request_of(operation: Operation, arguments: Mapping[str, Any]) -> Request:
    """Return the request that a command's arguments make; raises InvalidRequest and NotFound."""
    values = dict(arguments)
    _refuse_option(values.get("file"))
    _refuse_nothing(operation, values)
    if operation.request in FROM_FILE:
        values |= _read(operation.request, values.pop("file", FILE_DEFAULTS.get(operation.request)))
    for field in msgspec.structs.fields(operation.request):
        if field.name in values and get_origin(_bare(field.type)) is dict:
            values[field.name] = pairs(values[field.name])
    values |= {name: value_of(values[name]) for name in VALUES & values.keys()}
    if operation.request in LISTS:
        values["fields"] = {name: as_list(value) for name, value in values.get("fields", {}).items()}
    if "reads" in values:
        values["reads"] = tuple([read_of(word) for word in values["reads"]])
    if "order" in values:
        values["order"] = tuple([field for word in values["order"] for field in word.split(",")])
    return operation.request(**values)


def _refuse_nothing(operation: Operation, values: Mapping[str, Any]) -> None:
    """Raise InvalidRequest where nothing is given of what at least one is needed of."""
    rest = REST.get(operation.request)
    if rest is not None and _needs_rest(operation.request) and not values.get(rest):
        raise InvalidRequest(f"name at least one {WORDS[rest]}. {usage_of(operation)}")


def _needs_rest(request: type[Request]) -> bool:
    fields = msgspec.structs.fields(request)
    return any(field.required for field in fields if field.name == REST.get(request))


def _refuse_option(file: str | None) -> None:
    """Raise InvalidRequest for an unknown option that was taken for a file, as ``-`` may stand for one."""
    if file is not None and file.startswith("-") and file != STDIN:
        raise InvalidRequest(f"unknown option {file[:80]!r}; a file of that name is written ./{file[:80]}")


def _read(request: type[Request], file: str | None) -> dict[str, Any]:
    if file is None:
        return {}
    text = read_text(file)
    if FROM_FILE[request][0] == "source":
        return {"source": text, "origin": Path(file).name}
    return {"proposal": read_proposal(text, id=make_id(SystemClock(), os.urandom))}


def read_text(file: str) -> str:
    """Return the contents of a file, ``-`` being standard input; raises NotFound and InvalidRequest."""
    try:
        return sys.stdin.read() if file == STDIN else Path(file).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"there is no file {file!r}") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"{file} is no text in UTF-8") from None
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{file}: {getattr(error, 'strerror', None) or error}") from None


def usage_of(operation: Operation) -> str:
    """Return the line that shows how a command is called."""
    words: list[str] = []
    for parameter in signature_of(operation):
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            several = f"{WORDS[parameter.name]} ..."
            words.append(several if _needs_rest(operation.request) else f"[{several}]")
        elif parameter.kind is _Positional:
            is_needed = parameter.default is inspect.Parameter.empty
            words.append(parameter.name.upper() if is_needed else f"[{parameter.name.upper()}]")
    return " ".join(["Usage: comity", *operation.command, *words, "[OPTIONS]"])


def read_of(word: str) -> Read:
    """Return the read that a word names: ``kind/id@revision``, with ``:field,field`` if only these count.

    >>> read_of("customer/acme@17:status")
    Read(record='customer/acme', revision=17, fields=('status',), whole=True, touched=False)
    """
    record, _, tail = word.rpartition("@")
    revision, colon, fields = tail.partition(":")
    if not record or not revision.isascii() or not revision.isdigit() or len(revision) > 18:
        raise InvalidRequest(
            f"{word[:80]!r} should be record@revision, such as customer/acme@17 or customer/acme@17:status"
        )
    return Read(record, int(revision), tuple(fields.split(",")) if colon else None)


def pairs(words: Iterable[str]) -> dict[str, Any]:
    """Return what ``name=value`` words say; raises InvalidRequest.

    A value is JSON where it parses as JSON, else a text; ``@name.json`` is what a file holds.

    >>> pairs(["status=active", "tickets = 2", 'zip="04109"', "tier=null"])
    {'status': 'active', 'tickets': 2, 'zip': '04109', 'tier': None}
    """
    found: dict[str, Any] = {}
    for name, value in _split(words):
        if name in found:
            raise InvalidRequest(f"{name!r} is given twice")
        found[name] = value_of(value)
    return found


def _split(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        left, sign, value = word.partition("=")
        name = left.strip()
        if not sign or not name:
            raise InvalidRequest(f"{word[:80]!r} should be name=value, such as status=active")
        # Spaces on both sides of the sign are between the words, as in a condition.
        yield name, value.strip() if left != name else value


def as_list(value: Any) -> list[Any]:
    """Return the elements that a value stands for: its own, or itself.

    >>> as_list(["a", "b"]), as_list("a")
    (['a', 'b'], ['a'])
    """
    return value if isinstance(value, list) else [value]


def value_of(word: str) -> Any:
    """Return what a word stands for: JSON, the contents of a JSON file, or itself."""
    if word.startswith("@") and word.endswith(".json"):
        try:
            return msgspec.json.decode(read_text(word[1:]))
        except msgspec.DecodeError as error:
            raise InvalidRequest(f"{word[1:]}: not JSON: {error}") from None
    try:
        return msgspec.json.decode(word)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return word
