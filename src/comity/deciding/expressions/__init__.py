"""The expression language: guards, assumptions, consequences and rules in CEL.

- :class:`Environment` compiles an expression, with everything checked that can be: names,
  types, absent values, bounds. What can't be relied on to give an answer is refused with its
  position and a way out.
- :class:`Expression` is judged on plain values, in a few microseconds, from any thread. It
  gives true, false, a value, or :class:`ExpressionFailed`: never anything in between.

Nothing else in Comity knows CEL or protocol buffers, and no type of theirs leaves this
package. Forbidden here: input and output, a clock, knowledge of records beyond their values.
"""

from __future__ import annotations

from comity.deciding.expressions.binding import ExpressionFailed
from comity.deciding.expressions.conditions import DEMANDED, FETCHED, Condition, any_of
from comity.deciding.expressions.environment import Environment
from comity.deciding.expressions.evaluation import Expression
from comity.deciding.expressions.types import RESERVED_NAMES, FieldType, protobuf_key, variable_name

__all__ = [
    "DEMANDED",
    "FETCHED",
    "RESERVED_NAMES",
    "Condition",
    "Environment",
    "Expression",
    "ExpressionFailed",
    "FieldType",
    "any_of",
    "protobuf_key",
    "variable_name",
]
