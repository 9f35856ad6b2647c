"""Expressions as trees: read from what CEL's checker gives, written for CEL's runtime.

CEL exchanges expressions as protocol buffers (cel-spec, ``proto/cel/expr/syntax.proto`` and
``checked.proto``). Of these messages only the fields used here are described below; their
numbers are the ones of the specification.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from comity.errors import InvalidExpression

Literal = bool | int | float | str | bytes | None


class Constant(msgspec.Struct, frozen=True):
    """Be a literal."""

    value: Literal
    id: int = 0


class Name(msgspec.Struct, frozen=True):
    """Be a variable, or a type."""

    name: str
    id: int = 0


class Select(msgspec.Struct, frozen=True):
    """Be ``operand.field``, or where ``test`` is set ``has(operand.field)``."""

    operand: Node
    field: str
    test: bool = False
    id: int = 0


class Call(msgspec.Struct, frozen=True):
    """Be a function, an operator or a method (then ``target`` is set) with its arguments."""

    function: str
    arguments: tuple[Node, ...]
    target: Node | None = None
    id: int = 0

    def operands(self) -> tuple[Node, ...]:
        """Return the target, where there is one, and the arguments."""
        return self.arguments if self.target is None else (self.target, *self.arguments)


class ListLiteral(msgspec.Struct, frozen=True):
    """Be ``[a, b]``."""

    items: tuple[Node, ...]
    id: int = 0


class MapLiteral(msgspec.Struct, frozen=True):
    """Be ``{'a': b}``; with a ``type``, a message of it."""

    entries: tuple[tuple[Node, Node], ...]
    type: str = ""
    id: int = 0


class Loop(msgspec.Struct, frozen=True):
    """Be what ``all``, ``exists``, ``exists_one``, ``map`` and ``filter`` stand for.

    For each ``variable`` of ``range``, while ``condition`` holds, ``total`` becomes ``step``.
    """

    variable: str
    range: Node
    total: str
    start: Node
    condition: Node
    step: Node
    result: Node
    id: int = 0


Node = Constant | Name | Select | Call | ListLiteral | MapLiteral | Loop


class CheckedType(msgspec.Struct, frozen=True):
    """Be the type that the checker found, wrapped or not: ``int``, ``list``, ``message``.

    ``message`` is the name of a declared type.
    """

    name: str
    parameters: tuple[CheckedType, ...] = ()
    message: str = ""


DYNAMIC: Final = CheckedType("dyn")


class Tree(msgspec.Struct, frozen=True):
    """Be a checked expression: its root, the types and the positions of its nodes by their id."""

    root: Node
    types: Mapping[int, CheckedType]
    positions: Mapping[int, int]

    def type_of(self, node: Node) -> CheckedType:
        """Return the type of a node, dynamic where the checker doesn't know it."""
        return self.types.get(node.id, DYNAMIC)

    def position_of(self, node: Node) -> int | None:
        """Return where a node stands in the source, in characters; a path stands where it begins."""
        while isinstance(node, Select):
            node = node.operand
        return self.positions.get(node.id)


def children_of(node: Node) -> Iterator[Node]:
    """Yield the nodes directly below a node."""
    match node:
        case Select(operand=operand):
            yield operand
        case Call():
            yield from node.operands()
        case ListLiteral(items=items):
            yield from items
        case MapLiteral(entries=entries):
            for key, value in entries:
                yield key
                yield value
        case Loop():
            yield from (node.range, node.start, node.condition, node.step, node.result)
        case _:
            return


_SCALARS: Final = {"double": 1, "int64": 3, "uint64": 4, "int32": 5, "bool": 8, "string": 9, "bytes": 12}
_MESSAGES: Final = {
    "Parsed": "expr=2.Expr source=3.Source",
    "Checked": "types=3*TypeEntry expr=4.Expr source=5.Source",
    "Source": "positions=4*Position",
    "Position": "id=1.int64 offset=2.int32",
    "Expr": "id=2.int64 constant=3.Constant name=4.Name select=5.Select call=6.Call list=7.List struct=8.Struct "
    "loop=9.Loop",
    "Constant": "null=1.int32 bool=2.bool int=3.int64 uint=4.uint64 double=5.double string=6.string bytes=7.bytes",
    "Name": "name=1.string",
    "Select": "operand=1.Expr field=2.string test=3.bool",
    "Call": "target=1.Expr function=2.string arguments=3*Expr",
    "List": "elements=1*Expr",
    "Struct": "type=1.string entries=2*Entry",
    "Entry": "field=2.string key=3.Expr value=4.Expr",
    "Loop": "variable=1.string range=2.Expr total=3.string start=4.Expr condition=5.Expr step=6.Expr result=7.Expr",
    "TypeEntry": "id=1.int64 type=2.Type",
    "Type": "null=2.int32 primitive=3.int32 wrapper=4.int32 known=5.int32 list=6.ListType map=7.MapType "
    "message=9.string type=11.Type",
    "ListType": "item=1.Type",
    "MapType": "key=1.Type value=2.Type",
}
_PRIMITIVES: Final = ("dyn", "bool", "int", "uint", "double", "string", "bytes")
_WELL_KNOWN: Final = ("dyn", "dyn", "timestamp", "duration")


def _describe(package: str) -> descriptor_pb2.FileDescriptorProto:
    described = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package)
    for message, fields in _MESSAGES.items():
        target = described.message_type.add(name=message)
        for field in fields.split():
            name, _, rest = field.partition("=")
            many = "*" in rest
            number, _, kind = rest.partition("*" if many else ".")
            added = target.field.add(name=name, number=int(number), label=3 if many else 1)
            if kind in _SCALARS:
                added.type = _SCALARS[kind]  # pyright: ignore[reportAttributeAccessIssue]
            else:
                added.type_name = f".{package}.{kind}"
                added.type = 11  # pyright: ignore[reportAttributeAccessIssue]
    return described


_POOL: Final = descriptor_pool.DescriptorPool()
_POOL.AddSerializedFile(_describe("comity.syntax").SerializeToString())
# Messages made at run time have no static type: these three names are the only untyped ones.
_CHECKED: Final[Any] = message_factory.GetMessageClass(_POOL.FindMessageTypeByName("comity.syntax.Checked"))
_PARSED: Final[Any] = message_factory.GetMessageClass(_POOL.FindMessageTypeByName("comity.syntax.Parsed"))
_EXPR: Final[Any] = message_factory.GetMessageClass(_POOL.FindMessageTypeByName("comity.syntax.Expr"))


def read_tree(serialized: bytes) -> Tree:
    """Return the tree of a compiled expression, as CEL serializes it; without types if it wasn't checked.

    Raises InvalidExpression if it is nested deeper than protocol buffers can say.
    """
    try:
        wrapped = any_pb2.Any.FromString(serialized)
        is_checked = wrapped.type_url.endswith(".CheckedExpr")
        message = (_CHECKED if is_checked else _PARSED).FromString(wrapped.value)
    except DecodeError:
        raise InvalidExpression("nested too deeply") from None
    return Tree(
        _read_node(message.expr),
        {entry.id: _read_type(entry.type) for entry in message.types} if is_checked else {},
        {entry.id: entry.offset for entry in message.source.positions},
    )


def write_tree(root: Node) -> bytes:
    """Return an expression in the form that CEL deserializes, unchecked: types are found as it runs.

    Raises InvalidExpression if it is nested deeper than protocol buffers can say.
    """
    try:
        parsed = _PARSED(expr=_write_node(root))
    except DecodeError:
        raise InvalidExpression("nested too deeply") from None
    wrapped = any_pb2.Any(type_url="type.googleapis.com/cel.expr.ParsedExpr", value=parsed.SerializeToString())
    return wrapped.SerializeToString()


def _read_type(message: Any) -> CheckedType:
    kinds = [field.name for field, _ in message.ListFields()]
    match kinds[0] if kinds else "dyn":
        case "primitive":
            return CheckedType(_PRIMITIVES[message.primitive])
        case "wrapper":
            return CheckedType(_PRIMITIVES[message.wrapper])
        case "known":
            return CheckedType(_WELL_KNOWN[message.known])
        case "list":
            return CheckedType("list", (_read_type(message.list.item),))
        case "map":
            return CheckedType("map", (_read_type(message.map.key), _read_type(message.map.value)))
        case "message":
            return CheckedType("message", message=message.message)
        case kind:
            return CheckedType(kind)


def _read_node(message: Any) -> Node:
    kinds = [field.name for field, _ in message.ListFields() if field.name != "id"]
    id_: int = message.id
    match kinds[0] if kinds else "":
        case "constant":
            return Constant(_read_constant(message.constant), id_)
        case "name":
            return Name(message.name.name, id_)
        case "select":
            part = message.select
            return Select(_read_node(part.operand), part.field, part.test, id_)
        case "call":
            part = message.call
            target = _read_node(part.target) if part.HasField("target") else None
            return Call(part.function, tuple(map(_read_node, part.arguments)), target, id_)
        case "list":
            return ListLiteral(tuple(map(_read_node, message.list.elements)), id_)
        case "struct":
            return _read_map(message.struct, id_)
        case "loop":
            return _read_loop(message.loop, id_)
        case _:
            raise InvalidExpression("holds something that isn't CEL")


def _read_constant(message: Any) -> Literal:
    for field, value in message.ListFields():
        return None if field.name == "null" else value
    return None


def _read_map(part: Any, id_: int) -> MapLiteral:
    entries = tuple(
        (_read_node(entry.key) if entry.HasField("key") else Constant(entry.field), _read_node(entry.value))
        for entry in part.entries
    )
    return MapLiteral(entries, part.type, id_)


def _read_loop(part: Any, id_: int) -> Loop:
    return Loop(
        part.variable,
        _read_node(part.range),
        part.total,
        _read_node(part.start),
        _read_node(part.condition),
        _read_node(part.step),
        _read_node(part.result),
        id_,
    )


def _write_node(node: Node) -> Any:
    match node:
        case Constant(value=value):
            return _EXPR(id=node.id, constant=_write_constant(value))
        case Name(name=name):
            return _EXPR(id=node.id, name={"name": name})
        case Select():
            part = {"operand": _write_node(node.operand), "field": node.field, "test": node.test}
            return _EXPR(id=node.id, select=part)
        case Call(function=function, target=target):
            part = {"function": function, "arguments": [_write_node(argument) for argument in node.arguments]}
            return _EXPR(id=node.id, call=part if target is None else part | {"target": _write_node(target)})
        case ListLiteral(items=items):
            return _EXPR(id=node.id, list={"elements": [_write_node(item) for item in items]})
        case MapLiteral(entries=entries):
            pairs = [{"key": _write_node(key), "value": _write_node(value)} for key, value in entries]
            return _EXPR(id=node.id, struct={"entries": pairs})
        case Loop():
            return _EXPR(id=node.id, loop=_write_loop(node))


def _write_loop(node: Loop) -> dict[str, Any]:
    return {
        "variable": node.variable,
        "range": _write_node(node.range),
        "total": node.total,
        "start": _write_node(node.start),
        "condition": _write_node(node.condition),
        "step": _write_node(node.step),
        "result": _write_node(node.result),
    }


def _write_constant(value: Literal) -> dict[str, Any]:
    match value:
        case None:
            return {"null": 0}
        case bool():
            return {"bool": value}
        case int():
            return {"int": value}
        case float():
            return {"double": value}
        case str():
            return {"string": value}
        case bytes():
            return {"bytes": value}


def is_finite(value: Literal) -> bool:
    """Tell whether a literal is anything but a NaN or an infinity."""
    return not isinstance(value, float) or math.isfinite(value)
