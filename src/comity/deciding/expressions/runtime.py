"""CEL's runtime: programs, and what it says when one fails."""

from __future__ import annotations

from typing import Final

from cel_expr_python import cel

from comity.deciding.expressions.arithmetic import FUNCTIONS
from comity.deciding.expressions.syntax import Node, write_tree
from comity.errors import InvalidExpression

_RUNTIME: Final = cel.NewEnv(functions=FUNCTIONS)
"""It declares no variable: they are bound by name, and their types are found as a program runs."""

_CODES: Final = ("UNKNOWN", "INVALID_ARGUMENT", "OUT_OF_RANGE", "NOT_FOUND", "INTERNAL")


def load(node: Node) -> cel.Expression:
    """Return the program of a rewritten tree; raises InvalidExpression if it is nested too deeply."""
    try:
        return _RUNTIME.deserialize(write_tree(node))
    except RuntimeError:
        raise InvalidExpression("nested too deeply") from None


def try_out(node: Node) -> str | None:
    """Run a tree that looks at nothing; return what is wrong with it, or None."""
    return complaint_of(load(node).eval(data={}))


def plain_of(value: cel.Value) -> object:
    """Return a value as Python has it.

    The library gives a reference to None away with each null that it hands out, alone or in
    a list or map, and doesn't hold one (cel-expr-python 0.1.3): a process whose expressions
    yield null often enough is aborted. So a null is never asked for its value.
    """
    if value.type() == cel.Type.NULL:
        return None
    plain = value.value()
    if type(plain) is list:
        return [plain_of(item) for item in plain]
    if type(plain) is dict:
        return {key: plain_of(item) for key, item in plain.items()}
    return plain


def complaint_of(answer: cel.Value) -> str | None:
    """Return what an answer says is wrong, or None if it is a value."""
    type_ = answer.type()
    return tidy(str(answer.value())) if type_ == cel.Type.ERROR or type_ == cel.Type.UNKNOWN else None


def tidy(message: str) -> str:
    """Return the words of the runtime's message.

    >>> tidy("INVALID_ARGUMENT: divide by zero")
    'divide by zero'
    """
    for code in _CODES:
        message = message.removeprefix(f"{code}: ").removesuffix(f" [{code}]")
    if message.startswith("No matching overloads found"):
        return "something is null, or of another type than it is used as"
    return message
