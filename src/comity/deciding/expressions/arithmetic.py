"""Arithmetic with floats, and with numbers whose type is known only as it runs.

Results are finite or an error. Two integers give an integer, except that a division of
numbers from an undeclared field is exact: there 5 and 5.0 are the same value (S16), so
they must divide to the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from cel_expr_python import cel

from comity import limits
from comity.deciding.expressions.rewriting import FINITE, WIDEN

Number = int | float

Parameters = Sequence[cel.Type]

_INT, _DOUBLE = cel.Type.INT, cel.Type.DOUBLE
NUMBERS: Final = ((_INT, _INT), (_INT, _DOUBLE), (_DOUBLE, _INT), (_DOUBLE, _DOUBLE))
SEQUENCES: Final = ((cel.Type.STRING, cel.Type.STRING), (cel.Type.LIST, cel.Type.LIST))


def add(left: Number, right: Number) -> Number:
    """Return the sum; raises ArithmeticError where it is no finite number or leaves 64 bits."""
    return bounded(left + right)


def join(left: list[object], right: list[object]) -> list[object]:
    """Return two lists, or two texts, as one."""
    return left + right


def subtract(left: Number, right: Number) -> Number:
    """Return the difference; raises ArithmeticError as :func:`add` does."""
    return bounded(left - right)


def multiply(left: Number, right: Number) -> Number:
    """Return the product; raises ArithmeticError as :func:`add` does."""
    return bounded(left * right)


def divide(left: Number, right: Number) -> Number:
    """Return the quotient, an integer where it is one; raises ArithmeticError as :func:`add` does."""
    if right == 0:
        raise ArithmeticError("divide by zero")
    if isinstance(left, int) and isinstance(right, int) and left % right == 0:
        return bounded(left // right)
    return bounded(left / right)


def widen(value: int | None) -> float | None:
    """Return an integer as a float, and null as it is."""
    return None if value is None else float(value)


def bounded(value: Number) -> Number:
    """Return a number that is finite and, if an integer, fits in 64 bits; raises ArithmeticError for others."""
    if isinstance(value, int):
        if limits.INTEGER_MIN <= value <= limits.INTEGER_MAX:
            return value
        raise ArithmeticError("integer overflow")
    if math.isfinite(value):
        return value
    raise ArithmeticError("the result is no finite number")


def function(name: str, overloads: Sequence[tuple[Parameters, Callable[..., object]]]) -> cel.FunctionDecl:
    """Return a function for CEL's runtime, which chooses the overload by the arguments it meets."""
    declared = [
        cel.Overload(f"comity_{name}_{at}", return_type=cel.Type.DYN, parameters=parameters, impl=implementation)
        for at, (parameters, implementation) in enumerate(overloads)
    ]
    return cel.FunctionDecl(name, declared)


FUNCTIONS: Final = (
    function("add", [(pair, add) for pair in NUMBERS] + [(pair, join) for pair in SEQUENCES]),
    function("subtract", [(pair, subtract) for pair in NUMBERS]),
    function("multiply", [(pair, multiply) for pair in NUMBERS]),
    function("divide", [(pair, divide) for pair in NUMBERS]),
    function(FINITE, [((_DOUBLE,), bounded)]),
    function(WIDEN, [((_INT,), widen), ((cel.Type.NULL,), widen)]),
)
