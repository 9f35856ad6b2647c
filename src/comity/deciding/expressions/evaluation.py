"""Compiled expressions: bind what they name, run them, and take nothing but a clear answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from cel_expr_python import cel

from comity import limits
from comity.clock import format_time
from comity.deciding.expressions.binding import EXACT, Binding, ExpressionFailed, Roots, bind, binding_of
from comity.deciding.expressions.paths import Root, read_of
from comity.deciding.expressions.rewriting import Leaf
from comity.deciding.expressions.runtime import complaint_of, load, plain_of, tidy
from comity.deciding.expressions.syntax import Name, Node
from comity.deciding.expressions.types import FieldType

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

ANSWERS_KEPT: Final = 4_096
"""Of answers, of all expressions together; beyond it they are given afresh."""
_ANSWER_TEXT_BYTES: Final = 256
"""Of texts in what an answer is kept for."""
_ANSWERS: Final[dict[tuple[object, ...], bool]] = {}
"""What expressions answer to exact values. An answer depends on nothing else, the same few values come again and again,
and to run an expression costs most of all."""


class Expression:
    """Be an expression that can be judged, from any thread.

    ``reads`` names what it looks at, as root and field; existence is ``$life`` and a
    record's id ``$id``. ``roots`` names all roots that it looks at. ``kinds`` are the kinds
    that an assumption or a rule names, as it names them (see :func:`variable_name`).
    """

    __slots__ = (
        "_bindings",
        "_copied",
        "_is_exact",
        "_program",
        "_target",
        "kinds",
        "parts",
        "reads",
        "roots",
        "source",
    )

    def __init__(
        self,
        source: str,
        node: Node,
        leaves: Iterable[Leaf],
        roots: Mapping[str, Root],
        *,
        kinds: frozenset[str] = frozenset(),
        target: FieldType | None = None,
    ) -> None:
        self.source = source
        self.kinds = kinds
        self._target = target
        self._program = load(node)
        leaves = tuple(leaves)
        self.parts = (node, leaves, roots)
        self.roots = frozenset(str(leaf.path[0]) for leaf in leaves)
        found = [(leaf, roots[str(leaf.path[0])]) for leaf in leaves]
        self.reads = frozenset(read_of(root, leaf.path) for leaf, root in found if root.scalar is None)
        self._bindings = tuple(binding_of(leaf, root) for leaf, root in found)
        self._is_exact = all(binding.convert in EXACT for binding in self._bindings)
        is_copy = isinstance(node, Name) and target is not None and target.name == "string"
        is_text = len(leaves) == 1 and leaves[0].type.name == "string" and len(leaves[0].path) == 2
        self._copied = self._bindings[0] if is_copy and is_text else None

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"

    def holds(self, roots: Roots) -> bool:
        """Tell whether it is true; raises ExpressionFailed if it is neither true nor false.

        ``roots`` holds each root's values by its name; None stands for a record that isn't there.
        """
        data, size = bind(self._bindings, roots)
        if not self._is_exact or size > _ANSWER_TEXT_BYTES:
            return self._answer(data)
        key = (self, *data.values())
        known = _ANSWERS.get(key)
        if known is None:
            known = self._answer(data)
            if len(_ANSWERS) >= ANSWERS_KEPT:
                _ANSWERS.clear()
            _ANSWERS[key] = known
        return known

    def _answer(self, data: Mapping[str, object]) -> bool:
        answer = self._run(data)
        value = answer.value()
        # An error's value is a text, and any text counts as true: only the very objects will do.
        if value is True or value is False:
            return value
        raise ExpressionFailed(complaint_of(answer) or "the result is neither true nor false")

    def prepare(self) -> None:
        """Have the runtime plan it now, not when it is judged for the first time."""
        self._program.eval(data={})

    def value(self, roots: Roots) -> object:
        """Return its value as JSON, with times as RFC 3339 in UTC; raises ExpressionFailed."""
        if self._copied is not None:
            return self._copy(self._copied, roots)
        answer = self._run(bind(self._bindings, roots)[0])
        complaint = complaint_of(answer)
        if complaint is not None:
            raise ExpressionFailed(complaint)
        value = to_json(plain_of(answer))
        if self._target is not None and not fits(value, self._target):
            raise ExpressionFailed(f"the result is no {self._target.name}")
        return value

    def _copy(self, binding: Binding, roots: Roots) -> object:
        """Return a text that is only handed on: nothing is computed with it, so its size is no matter of ours."""
        values = roots.get(binding.root)
        value = values.get(binding.key) if isinstance(values, Mapping) else None
        if value is None or isinstance(value, str):
            return value
        raise ExpressionFailed(f"{self.source} is no text")

    def _run(self, data: Mapping[str, object]) -> cel.Value:
        try:
            return self._program.eval(data=data)
        except (RuntimeError, TypeError, ValueError, OverflowError) as error:
            raise ExpressionFailed(tidy(str(error))) from None


def to_json(value: object) -> object:
    """Return a value of the runtime as JSON; raises ExpressionFailed for what JSON can't say."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        if limits.INTEGER_MIN <= value <= limits.INTEGER_MAX:
            return value
        raise ExpressionFailed("the result doesn't fit in 64 bits")
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise ExpressionFailed("the result is no finite number")
    if isinstance(value, datetime):
        return format_time((value - _EPOCH) // _MICROSECOND)
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: to_json(item) for key, item in value.items()}
    raise ExpressionFailed("the result is no JSON value")


def fits(value: object, target: FieldType) -> bool:
    """Tell whether a JSON value has a type."""
    match target.name:
        case "any":
            return True
        case "integer":
            return value is None or (isinstance(value, int) and not isinstance(value, bool))
        case "number":
            return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
        case "boolean":
            return value is None or isinstance(value, bool)
        case "duration" | "record":
            return False
        case "string" | "time":
            return value is None or isinstance(value, str)
        case "list":
            item = target.item
            is_list = isinstance(value, list)
            return value is None or (is_list and (item is None or all(fits(each, item) for each in value)))
        case "map":
            return value is None or isinstance(value, dict)
