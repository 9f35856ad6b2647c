"""What the tools take, and how a model's arguments are read: leniently where the meaning is plain.

Schemas are flat, without ``anyOf``, ``oneOf`` or null, as some clients can't show these to
their models. A JSON text where an object or a list belongs is taken as what it says, one
text where a list belongs as its only item, null as nothing. What can't be understood is
answered with what would be right, and an example.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, Literal, TypeVar, cast

import msgspec
from msgspec import inspect

from comity import limits
from comity.errors import InvalidRequest
from comity.model import refs
from comity.model.texts import listed, quote, suggestion

T = TypeVar("T", bound="Arguments")

Deed = Literal["put", "add", "include", "exclude", "append", "create", "archive", "restore", "delete"]
Verdict = Literal["accept", "decline", "withdraw", "done", "failed"]


class Arguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Be what a tool takes; ``intent`` is the handle that the last answer gave."""

    intent: str = ""


class Read(Arguments, frozen=True, kw_only=True):
    """Be what ``read`` takes."""

    records: list[str]
    fields: list[str] = []


class Find(Arguments, frozen=True, kw_only=True):
    """Be what ``find`` takes."""

    kind: str = ""
    where: list[str] = []
    order: str = ""
    limit: int = 0
    after: str = ""


class Changing(Arguments, frozen=True, kw_only=True):
    """Be what every tool takes that changes something."""

    reason: str = ""
    action: str = ""
    accept: int = -1
    again: bool = False


class Write(Changing, frozen=True, kw_only=True):
    """Be what ``write`` takes."""

    record: str
    fields: dict[str, Any] = {}
    do: Deed = "put"


class Act(Changing, frozen=True, kw_only=True):
    """Be what ``act`` takes."""

    name: str
    record: str = ""
    data: dict[str, Any] = {}


class Wait(Arguments, frozen=True, kw_only=True):
    """Be what ``wait`` takes."""

    ticket: str
    seconds: int = 30


class Begin(Arguments, frozen=True, kw_only=True):
    """Be what ``begin`` takes."""

    about: list[str]
    plan: str = ""
    action: str = ""
    exclusive: bool = False


class WriteAll(Changing, frozen=True, kw_only=True):
    """Be what ``write_all`` takes."""

    changes: list[dict[str, Any]]


class Offer(Changing, frozen=True, kw_only=True):
    """Be what ``offer`` takes."""

    record: str
    fields: dict[str, Any]
    ttl: str = ""


class Inbox(Arguments, frozen=True, kw_only=True):
    """Be what ``inbox`` takes."""

    done: list[str] = []


class Answer(Arguments, frozen=True, kw_only=True):
    """Be what ``answer`` takes."""

    id: str
    verdict: Verdict
    reason: str = ""


class Claim(Arguments, frozen=True, kw_only=True):
    """Be what ``claim`` takes."""

    records: list[str]
    ttl: str = "5m"
    wait: str = ""
    release: bool = False


class History(Arguments, frozen=True, kw_only=True):
    """Be what ``history`` takes."""

    record: str
    field: str = ""
    at: str = ""
    limit: int = 0


_NEEDS_INTENT: Final = (Changing, Claim)
_HOLDERS: Final[dict[type, str]] = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "object"}


def schema_of(arguments: type[Arguments]) -> dict[str, Any]:
    """Return the JSON Schema of a tool's arguments, those it needs first."""
    fields = sorted(_fields(arguments), key=lambda one: not _is_needed(arguments, one))
    needed = [one.encode_name for one in fields if _is_needed(arguments, one)]
    properties = {one.encode_name: _property(one.type) for one in fields}
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return {**schema, "required": needed} if needed else schema


@cache
def _fields(arguments: type[Arguments]) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(arguments)
    assert isinstance(described, inspect.StructType)
    return described.fields


def _is_needed(arguments: type[Arguments], field: inspect.Field) -> bool:
    return field.required or (field.name == "intent" and issubclass(arguments, _NEEDS_INTENT))


def _property(declared: inspect.Type) -> dict[str, Any]:
    if isinstance(declared, inspect.LiteralType):
        return {"type": "string", "enum": list(declared.values)}
    if isinstance(declared, inspect.ListType):
        return {"type": "array", "items": _property(declared.item_type)}
    return {"type": _HOLDERS[_plain(declared)]}


def _plain(declared: inspect.Type) -> type:
    plain: tuple[tuple[type[inspect.Type], type], ...] = (
        (inspect.BoolType, bool),
        (inspect.IntType, int),
        (inspect.ListType, list),
        (inspect.DictType, dict),
    )
    return next((python for described, python in plain if isinstance(declared, described)), str)


def read_arguments(arguments: type[T], given: Mapping[str, Any] | None) -> T:
    """Return a tool's arguments; raises InvalidRequest, naming everything that is wrong."""
    values = {name: value for name, value in (given or {}).items() if value is not None}
    if problems := [*_unknown(arguments, values), *_missing(arguments, values)]:
        raise InvalidRequest("; ".join(problems))
    known = {one.encode_name: one.type for one in _fields(arguments)}
    meant = {name: _meant(name, value, known[name]) for name, value in values.items()}
    try:
        return msgspec.convert(meant, arguments)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_explained(arguments, str(error))) from None


def _unknown(arguments: type[Arguments], values: Mapping[str, Any]) -> Iterator[str]:
    known = [one.encode_name for one in _fields(arguments)]
    for name in [name for name in values if name not in known][:5]:
        near = suggestion(refs.nearest(name, known)) or f"; it takes {listed(known, 12)}"
        yield f"there is no argument {name[:40]!r}{near}"


def _missing(arguments: type[Arguments], values: Mapping[str, Any]) -> Iterator[str]:
    for field in _fields(arguments):
        if _is_needed(arguments, field) and not values.get(field.encode_name, ""):
            if field.name == "intent":
                yield "intent is missing: give the handle of the last answer; read or find first where you have none"
            elif field.encode_name not in values:
                yield f"{field.encode_name} is missing"


def _meant(name: str, value: Any, declared: inspect.Type) -> Any:
    """Return what a value means where another type belongs; as it is, where that is not plain."""
    wanted = _plain(declared)
    if wanted is str and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and wanted in (dict, list, int, bool):
        value = _from_text(name, value.strip(), wanted)
    if wanted is list and isinstance(declared, inspect.ListType):
        items = cast("list[Any]", value) if isinstance(value, list) else [value]
        return [_meant(name, item, declared.item_type) for item in items]
    return value


def _from_text(name: str, text: str, wanted: type) -> Any:
    """Return what a JSON text says; the text itself where it is none, or says something else."""
    if len(text.encode("utf-8", "replace")) > limits.MCP_TEXT_BYTES:
        raise InvalidRequest(f"{name}: a text of more than {limits.MCP_TEXT_BYTES:,} bytes")
    try:
        said: Any = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return said if isinstance(said, wanted) or (wanted is list and isinstance(said, dict)) else text


def _explained(arguments: type[Arguments], message: str) -> str:
    """Return what is wrong with a value, with the choices where it should be one of them."""
    problem, _, place = message.partition(" - at ")
    name = place.strip("`").removeprefix("$.").partition("[")[0]
    field = next((one for one in _fields(arguments) if one.encode_name == name), None)
    if field is not None and isinstance(field.type, inspect.LiteralType):
        return f"{name} is one of {listed([str(one) for one in field.type.values], 12)}"
    return f"{name}: {problem}" if name else problem


def example(tool: str, given: Mapping[str, Any]) -> str:
    """Return an example of a call."""
    return f"{tool} {msgspec.json.encode(given).decode()}"


def named(what: str, name: str, known: Mapping[str, object] | list[str]) -> str:
    """Return that something isn't known by a name, with the nearest, or with what is."""
    near = suggestion(refs.nearest(name, known)) or (f"; known: {listed(sorted(known), 12)}" if known else "")
    return f"there is no {what} {quote(name)}{near}"


__all__ = [
    "Act",
    "Answer",
    "Arguments",
    "Begin",
    "Changing",
    "Claim",
    "Deed",
    "Find",
    "History",
    "Inbox",
    "Offer",
    "Read",
    "Verdict",
    "Wait",
    "Write",
    "WriteAll",
    "example",
    "named",
    "read_arguments",
    "schema_of",
]
