"""What CEL's checker is told: functions, and types of roots as protocol buffers.

Fields are declared as wrappers (``Int64Value`` …), so that all of them can be compared with
null; whether one may be absent is the business of
:mod:`comity.deciding.expressions.nullness`. Protocol buffers are for checking only: a
message evaluates an absent number as 0 and an absent time as 1970.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, struct_pb2, timestamp_pb2, wrappers_pb2

from comity.deciding.expressions.paths import Root
from comity.deciding.expressions.types import FieldType

PACKAGE: Final = "comity.roots"
ELEMENTS: Final = "comity.elements"
"""Where the records in lists are declared: apart, as a kind may be called like a root."""

_FILES: Final = (
    wrappers_pb2.DESCRIPTOR, timestamp_pb2.DESCRIPTOR, duration_pb2.DESCRIPTOR, struct_pb2.DESCRIPTOR,
)  # fmt: skip
_MESSAGES: Final = {
    "string": "StringValue",
    "integer": "Int64Value",
    "number": "DoubleValue",
    "boolean": "BoolValue",
    "time": "Timestamp",
    "duration": "Duration",
    "map": "Struct",
    "list": "ListValue",
    "any": "Value",
}

# -- functions

_ORDERED: Final = ("bool", "int", "double", "string", "bytes", "timestamp", "duration")
_MIXED: Final = (("int", "double"), ("double", "int"))
_MATERIAL: Final = (("int", "int", "int"), ("double", "double", "double"), *((*pair, "double") for pair in _MIXED))
_SHIFTED: Final = (("duration", "duration", "duration"), ("timestamp", "duration", "timestamp"))

Signature = tuple[str, ...]
"""Parameters and result; ``A`` and ``B`` are any types, ``list`` is a list of ``A``, ``map`` one of ``A`` to ``B``."""


def signatures() -> dict[str, list[Signature]]:
    """Return the functions that are declared otherwise than CEL does: mixed numbers, ``null`` for objects, ours."""
    order = [(one, one, "bool") for one in _ORDERED] + [(*pair, "bool") for pair in _MIXED]
    equality = [("A", "A", "bool"), *((*pair, "bool") for pair in _MIXED)]
    equality += [("map", "null_type", "bool"), ("null_type", "map", "bool")]
    mixed_members = [(one, f"list {other}", "bool") for one, other in _MIXED]
    joined = [("string",) * 3, ("bytes",) * 3, ("list",) * 3]
    return {
        **dict.fromkeys(("_<_", "_<=_", "_>_", "_>=_"), order),
        **dict.fromkeys(("_==_", "_!=_"), equality),
        "_+_": [*_MATERIAL, *joined, *_SHIFTED, ("duration", "timestamp", "timestamp")],
        "_-_": [*_MATERIAL, *_SHIFTED, ("timestamp", "timestamp", "duration")],
        "_*_": list(_MATERIAL),
        "_/_": list(_MATERIAL),
        "@in": [("A", "list", "bool"), ("A", "map", "bool"), *mixed_members],
        "_?_:_": [("bool", "A", "A", "A"), *(("bool", *pair, "double") for pair in _MIXED)],
        "default": [("A", "A", "A"), *((*pair, "double") for pair in _MIXED)],
    }


def _config() -> cel.EnvConfig:
    declared = signatures()
    replaced = [{"name": name} for name in declared if name != "default"]
    functions = [{"name": name, "overloads": list(_overloads(name, given))} for name, given in declared.items()]
    # JSON is YAML.
    return cel.NewEnvConfigFromYaml(
        json.dumps({"name": "comity", "stdlib": {"exclude_functions": replaced}, "functions": functions})
    )


def _overloads(name: str, given: Iterable[Signature]) -> Iterator[dict[str, Any]]:
    for at, (*parameters, result) in enumerate(given):
        yield {"id": f"{name}_{at}", "args": [_type(one) for one in parameters], "return": _type(result)}


def _type(name: str) -> dict[str, Any]:
    container, _, item = name.partition(" ")
    if container == "list":
        return {"type_name": "list", "params": [_type(item or "A")]}
    if name == "map":
        return {"type_name": "map", "params": [_type("A"), _type("B")]}
    return {"type_name": name, "is_type_param": True} if name in ("A", "B") else {"type_name": name}


_CONFIG: Final = _config()

CLOCK_METHODS: Final = frozenset(
    {"getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"}
    | {"getHours", "getMinutes", "getSeconds", "getMilliseconds"}
)
"""What takes a time apart, in UTC or in a time zone."""

FUNCTIONS: Final = CLOCK_METHODS | (
    {"size", "startsWith", "endsWith", "contains", "matches", "default", "has", "type", "dyn"}
    | {"int", "double", "string", "bool", "duration", "timestamp"}
    | {"all", "exists", "exists_one", "map", "filter"}
)
"""What can be called; for suggestions."""

PARSER: Final = cel.NewEnv()
"""Reads the structure of an expression and checks nothing."""

# -- roots


def build_environment(roots: Iterable[Root]) -> cel.Env:
    """Return the checker for expressions over these roots. Nothing is shared between two of them."""
    roots = tuple(roots)
    elements = _describe_elements(roots)
    described = descriptor_pb2.FileDescriptorProto(
        name="comity/roots.proto", package=PACKAGE, dependency=[*(file.name for file in _FILES), elements.name]
    )
    variables: dict[str, cel.Type] = {}
    for root in roots:
        if root.scalar is not None:
            variables[root.name] = _variable(root.scalar)
        elif root.fields is None:
            variables[root.name] = cel.Type("map<string,dyn>")
        else:
            _describe(described, root)
            variables[root.name] = cel.Type(f"{PACKAGE}.{root.name}")
    return cel.NewEnv(descriptor_pool=_pool(elements, described), config=_CONFIG, variables=variables)


def _variable(type_: FieldType) -> cel.Type:
    if type_.item is None:
        return cel.Type.TIMESTAMP
    return cel.Type(f"list<{ELEMENTS}.{type_.item.label}>")


def _pool(*described: descriptor_pb2.FileDescriptorProto) -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for file in _FILES:
        pool.AddSerializedFile(file.serialized_pb)
    for added in described:
        pool.AddSerializedFile(added.SerializeToString())
    return pool


def records_in(roots: Iterable[Root]) -> dict[str, FieldType]:
    """Return the types of the records in the roots' lists, by what the checker calls them."""
    types = (type_ for root in roots for type_ in (root.scalar, *(root.fields or {}).values()))
    items = (type_.item for type_ in types if type_ is not None)
    return {f"{ELEMENTS}.{item.label}": item for item in items if item is not None and item.name == "record"}


def _describe_elements(roots: Iterable[Root]) -> descriptor_pb2.FileDescriptorProto:
    described = descriptor_pb2.FileDescriptorProto(
        name="comity/elements.proto", package=ELEMENTS, dependency=[file.name for file in _FILES]
    )
    for item in records_in(roots).values():
        message = described.message_type.add(name=item.label)
        for name, type_ in (item.fields or {}).items():
            _declare(message, name, type_)
    return described


def _describe(described: descriptor_pb2.FileDescriptorProto, root: Root) -> None:
    message = described.message_type.add(name=root.name)
    for name in root.names():
        _declare(message, name, root.field(name))


def _declare(message: descriptor_pb2.DescriptorProto, name: str, type_: FieldType) -> None:
    is_list = type_.name == "list"
    number = len(message.field) + 1
    message.field.add(
        name=name,
        number=number,
        label=descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED if is_list else 1,
        type=descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE,
        type_name=_message(type_.item if is_list else type_),
        json_name=f"f{number}",
    )


def _message(type_: FieldType | None) -> str:
    if type_ is not None and type_.name == "record":
        return f".{ELEMENTS}.{type_.label}"
    return f".google.protobuf.{_MESSAGES['any' if type_ is None else type_.name]}"


def describe_root(roots: Mapping[str, Root], message: str) -> Root | None:
    """Return the root whose declared type has a name, as the checker's messages give it, or one like it."""
    element = records_in(roots.values()).get(message)
    if element is not None:
        return Root(element.label, element.label, element.fields)
    return roots.get(message.removeprefix(f"{PACKAGE}."))
