"""The checker's messages, in the words of those who write definitions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

from comity.deciding.expressions.declarations import FUNCTIONS, describe_root
from comity.deciding.expressions.paths import Root
from comity.deciding.expressions.types import ROOTS
from comity.errors import InvalidExpression

_FIRST: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_FIELD: Final = re.compile(r"undefined field '([^']*)' not found in struct '([^']*)'")
_REFERENCE: Final = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD: Final = re.compile(r"found no matching overload for '([^']*)' applied to '(.*)'")
_TYPE: Final = re.compile(r"wrapper\((\w+)\)|[\w.]+")
_WORDS: Final = {
    "int": "integer",
    "double": "number",
    "string": "text",
    "bool": "true or false",
    "google.protobuf.Timestamp": "time",
    "timestamp": "time",
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
    return InvalidExpression(message.partition(" expecting ")[0], position=position)


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
        return InvalidExpression(f"there is no function {first!r}", position=position, hint=nearest(first, FUNCTIONS))
    if first in ROOTS and first not in roots:
        return InvalidExpression(f"{first!r} isn't known here", position=position, hint=f"there are {_listed(roots)}")
    hint = nearest(first, roots) or f"there are {_listed(roots)}"
    return InvalidExpression(f"nothing is called {first!r} here", position=position, hint=hint)


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
    return None
