"""The checker's messages, in the words of those who write definitions and assumptions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from comity.deciding.expressions.declarations import FUNCTIONS, describe_root
from comity.deciding.expressions.paths import Root
from comity.deciding.expressions.syntax import Call, Loop, Name, Node, Select, Tree, children_of
from comity.deciding.expressions.types import ROOTS, variable_name
from comity.errors import InvalidExpression

_FIRST: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_FIELD: Final = re.compile(r"undefined field '([^']*)' not found in struct '([^']*)'")
_REFERENCE: Final = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD: Final = re.compile(r"found no matching overload for '([^']*)' applied to '(.*)'")
_TYPE: Final = re.compile(r"wrapper\((\w+)\)|[\w.]+")
_TEXT: Final = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_FOREIGN: Final = re.compile(
    rf"{_TEXT}|(?P<sign>===|<>|(?<![=!<>])=(?!=)|(?<!&)&(?!&)|(?<!\|)\|(?!\|)|(?<![.\w])(?:and|or|not|is)(?!\w))",
    re.IGNORECASE,
)
"""What other languages write, outside of texts."""
_OURS: Final = {
    "=": "equal is written ==",
    "===": "equal is written ==",
    "<>": "not equal is written !=",
    "and": "write &&",
    "&": "write &&",
    "or": "write ||",
    "|": "write ||",
    "not": "write !( … )",
    "is": "write ==",
}
_LITERALS: Final = {"none": "null", "nil": "null", "null": "null", "true": "true", "false": "false"}
_WORDS: Final = {
    "int": "integer",
    "double": "number",
    "string": "text",
    "bool": "true or false",
    "google.protobuf.Timestamp": "time",
    "timestamp": "time",
    "google.protobuf.Duration": "duration",
    "null_type": "null",
    "dyn": "anything",
    "map": "object",
}


def explain(error: RuntimeError, source: str, roots: Mapping[str, Root]) -> InvalidExpression:
    """Return what the checker found, with its position and, for a name, the nearest one."""
    found = _FIRST.search(str(error))
    if found is None:
        return InvalidExpression("nested too deeply" if "recursion" in str(error) else "is no CEL expression")
    line, column, message = int(found[1]), int(found[2]), found[3]
    if "recursion" in message:
        return InvalidExpression("nested too deeply")
    position = _position(source, line, column)
    if field := _FIELD.search(message):
        return _unknown_field(field[1], describe_root(roots, field[2]), position)
    if reference := _REFERENCE.search(message):
        return _unknown_name(reference[1], source, position, roots)
    if overload := _OVERLOAD.search(message):
        return _wrong_types(overload[1], overload[2], position, roots)
    return _foreign(source) or InvalidExpression(message.partition(" expecting ")[0], position=position)


def _foreign(source: str) -> InvalidExpression | None:
    """Return what another language's operator is written like here, if the source has one."""
    found = next((found for found in _FOREIGN.finditer(source) if found["sign"]), None)
    if found is None:
        return None
    sign = found["sign"]
    return InvalidExpression(f"{sign!r} is no operator", position=found.start(), hint=_OURS[sign.lower()])


def explain_bare(tree: Tree, kinds: Mapping[str, tuple[str, Iterable[str]]]) -> InvalidExpression | None:
    """Return what is wrong with a name that stands for itself in an assumption, where only records have names.

    ``kinds`` are the declared ones by what expressions call them, each with its own name and its fields.
    """
    for node in _bare_names(tree.root):
        if node.name not in kinds and node.name not in ROOTS and not node.name.startswith("."):
            hint = _whole_name(node.name, kinds)
            return InvalidExpression(
                f"nothing is called {node.name!r} here", position=tree.position_of(node), hint=hint
            )
    return None


def _bare_names(node: Node) -> Iterator[Name]:
    """Yield the names of which no field is looked at, outside of loops."""
    match node:
        case Name():
            yield node
        case Select(operand=Name()) | Call(function="_[_]", arguments=(Name(), _)) | Loop():
            return
        case _:
            for child in children_of(node):
                yield from _bare_names(child)


def _whole_name(name: str, kinds: Mapping[str, tuple[str, Iterable[str]]]) -> str:
    if name.lower() in _LITERALS:
        return f"write {_LITERALS[name.lower()]}"
    hyphened = next((variable for variable, (kind, _) in kinds.items() if kind.startswith(f"{name}-")), None)
    if hyphened is not None:
        return f"write {hyphened}"
    having = [f"{variable}.{name}" for variable, (_, fields) in kinds.items() if name in fields]
    if having:
        return f"write {' or '.join(having[:3])}"
    return f"write the kind before it, as in customer.{name}, or put a text in quotes: '{name}'"


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Return a hint at the choice that is spelt most like a name, or None."""
    close = get_close_matches(name, list(choices), n=1)
    return f"did you mean {close[0]!r}?" if close else None


def _position(source: str, line: int, column: int) -> int | None:
    if line < 1:
        return None
    before = source.split("\n")[: line - 1]
    return sum(len(text) + 1 for text in before) + column - 1


def _unknown_field(name: str, root: Root | None, position: int | None) -> InvalidExpression:
    if root is None:
        return InvalidExpression(f"there is no field {name!r}", position=position)
    hint = nearest(name, root.names()) or f"it has {', '.join(sorted(root.names())[:10])}"
    return InvalidExpression(f"{root.label} has no field {name!r}", position=position, hint=hint)


def _unknown_name(name: str, source: str, position: int | None, roots: Mapping[str, Root]) -> InvalidExpression:
    if name.startswith("."):
        return InvalidExpression("names are written without a dot in front", position=position)
    first = name.partition(".")[0]
    if position is not None and source[position : position + 1] == "(":
        if first.lower() == "not":
            begin = source.lower().rindex("not", 0, position)
            return InvalidExpression("'not' is no operator", position=begin, hint=_OURS["not"])
        return InvalidExpression(f"there is no function {first!r}", position=position, hint=nearest(first, FUNCTIONS))
    if first in ROOTS and first not in roots:
        return InvalidExpression(f"{first!r} isn't known here", position=position, hint=f"there are {_listed(roots)}")
    hint = _whole_path(first, roots) or nearest(first, roots) or f"there are {_listed(roots)}"
    return InvalidExpression(f"nothing is called {first!r} here", position=position, hint=hint)


def _whole_path(name: str, roots: Mapping[str, Root]) -> str | None:
    """Return where a name leads: to a value that is written otherwise, to the record itself, or to a field."""
    if name.lower() in _LITERALS:
        return f"write {_LITERALS[name.lower()]}"
    called = [root.name for root in roots.values() if root.is_record and variable_name(root.label) == name]
    if called:
        return f"here it is called {' or '.join(called)}"
    having = [f"{root.name}.{name}" for root in roots.values() if name in root.names()]
    return f"write {' or '.join(having)}" if having else None


def _listed(roots: Iterable[str]) -> str:
    return ", ".join(sorted(roots)[:10])


def _wrong_types(function: str, types: str, position: int | None, roots: Mapping[str, Root]) -> InvalidExpression:
    name = function.replace("_", " ").strip(" @") if function.startswith(("_", "@", "!", "-")) else function

    def word(found: re.Match[str]) -> str:
        root = describe_root(roots, found[0])
        return root.name if root is not None else _WORDS.get(found[1] or found[0], found[1] or found[0])

    return InvalidExpression(
        f"{name!r} can't be applied to {_TYPE.sub(word, types)}", position=position, hint=_hint(name, types)
    )


def _hint(name: str, types: str) -> str | None:
    if name in ("==", "!=") and "list(" in types and "null" in types:
        return "a list is never null, an absent one is empty: write size(x) == 0 or has(x)"
    if name in ("<", "<=", ">", ">=", "+", "-", "==", "!=") and "Timestamp" in types and "string" in types:
        return "write times as timestamp('2026-01-31T12:00:00Z')"
    if name in ("<", "<=", ">", ">=", "==", "!=") and "Duration" in types:
        return "write spans as duration('5m')"
    if name == "contains" and "list(" in types.partition(",")[0]:
        return "whether a list holds something is written: x in list"
    return None
