"""What an expression may cost, found when it is compiled.

CEL always ends, but has no limit of time: its own are 10,000 rounds of loops per evaluation
and 32 levels of nesting. What is refused here is what stays slow within them.
"""

from __future__ import annotations

from typing import Final

import msgspec

from comity import limits
from comity.deciding.expressions.declarations import CLOCK_METHODS, ELEMENTS
from comity.deciding.expressions.nullness import names_in
from comity.deciding.expressions.runtime import try_out
from comity.deciding.expressions.syntax import (
    Call,
    CheckedType,
    Constant,
    ListLiteral,
    Loop,
    MapLiteral,
    Name,
    Node,
    Select,
    Tree,
    children_of,
    is_finite,
)
from comity.errors import InvalidExpression

SCALARS: Final = frozenset({"bool", "int", "double", "string", "timestamp", "duration", "null"})
KEEPING: Final = frozenset({"_[_]", "_?_:_", "_+_", "default"})
"""What makes of records other records, or lists of them."""
NUMBERS_AND_TIMES: Final = frozenset({"int", "double", "timestamp", "duration"})


class Bounds(msgspec.Struct, frozen=True):
    """Check one expression. ``roots`` are the names that no loop may take."""

    tree: Tree
    roots: frozenset[str]
    allow_loops: bool = True

    def check(self) -> None:
        """Raise InvalidExpression for the first thing that is out of bounds."""
        self._walk(self.tree.root, ())

    def _walk(self, node: Node, variables: tuple[str, ...]) -> None:
        match node:
            case Constant():
                self._check_constant(node)
            case Name(name=name) if name.startswith("."):
                self._refuse(node, "names are written without a dot in front")
            case MapLiteral(type=str() as type_) if type_:
                self._refuse(node, "values of a declared type can't be made here")
            case Call():
                self._check_call(node, variables)
            case Loop():
                self._walk_loop(node, variables)
                return
            case _:
                pass
        if self.tree.type_of(node).name == "uint":
            self._refuse(node, "there are no unsigned numbers here", "write 1, not 1u")
        self._check_wholes(node)
        for child in children_of(node):
            self._walk(child, variables)

    def _check_wholes(self, node: Node) -> None:
        """Refuse records out of lists as values: of each only the fields named are at hand."""
        is_counting = isinstance(node, Call) and node.function == "size"
        is_keeping = isinstance(node, ListLiteral) or (isinstance(node, Call) and node.function in KEEPING)
        if is_counting or isinstance(node, (Select, Loop)) or (is_keeping and _holds_record(self.tree.type_of(node))):
            return
        for child in children_of(node):
            if _holds_record(self.tree.type_of(child)):
                self._refuse(child, "a record out of a list is no value", "name a field of it, such as its id or agent")

    def _walk_loop(self, node: Loop, variables: tuple[str, ...]) -> None:
        if not self.allow_loops:
            self._refuse(node, "an assumption holds no loops", "compare fields, or use 'x in list'")
        if node.variable in self.roots:
            self._refuse(node, f"{node.variable!r} is taken", "give the loop's variable another name")
        self._walk(node.range, variables)
        inner = (*variables, node.variable)
        if len(inner) > limits.EXPRESSION_LOOP_NESTING:
            self._refuse(node, f"loops may be nested {limits.EXPRESSION_LOOP_NESTING} deep")
        self._walk(node.start, inner)
        self._walk(node.condition, inner)
        self._walk(node.step, inner)
        self._walk(node.result, inner)

    def _check_constant(self, node: Constant) -> None:
        if isinstance(node.value, str) and "\0" in node.value:
            self._refuse(node, "texts may not hold U+0000")
        if not is_finite(node.value):
            self._refuse(node, "numbers must be finite")

    def _check_call(self, node: Call, variables: tuple[str, ...]) -> None:
        if node.function == "matches":
            self._check_pattern(node, variables)
        elif node.function in CLOCK_METHODS and node.arguments:
            self._check_zone(node)
        elif variables:
            self._check_call_in_loop(node, variables)

    def _check_pattern(self, node: Call, variables: tuple[str, ...]) -> None:
        pattern = node.arguments[-1]
        if variables:
            self._refuse(node, "matches() stands outside of loops")
        if not isinstance(pattern, Constant) or not isinstance(pattern.value, str):
            self._refuse(node, "the pattern of matches() is a text written out")
        elif len(pattern.value) > limits.PATTERN_CHARS:
            self._refuse(node, f"a pattern has at most {limits.PATTERN_CHARS} characters")
        elif "{" in pattern.value:
            self._refuse(node, "a pattern holds no counted repetition", "repeat the part, or use * or +")
        elif complaint := try_out(Call("matches", (Constant(""), pattern))):
            self._refuse(node, complaint)

    def _check_zone(self, node: Call) -> None:
        # The runtime keeps every name of a time zone that it ever met: names from data would fill the memory.
        zone = node.arguments[0]
        if not isinstance(zone, Constant):
            self._refuse(node, "a time zone is a text written out", "such as 'Europe/Berlin'")
        elif complaint := try_out(Call(node.function, (zone,), Call("timestamp", (Constant(0),)))):
            self._refuse(node, complaint)

    def _check_call_in_loop(self, node: Call, variables: tuple[str, ...]) -> None:
        is_nested = len(variables) > 1
        types = {self.tree.type_of(operand).name for operand in node.operands()}
        match node.function:
            case "contains" if is_nested:
                self._refuse(node, "contains() stands outside of nested loops")
            case "contains" if not self._is_small_search(node, variables):
                self._refuse(node, "contains() in a loop looks for, or in, the loop's variable")
            case "_+_" if is_nested and not types <= NUMBERS_AND_TIMES and not _is_collecting(node):
                self._refuse(node, "nested loops add numbers and times, not texts or lists")
            case "_==_" | "_!=_" if is_nested and types & {"list", "map"}:
                self._refuse(node, "nested loops compare no lists or objects")
            case "_==_" | "_!=_" if is_nested and not types & SCALARS:
                self._refuse(node, "nested loops compare no lists or objects", "one side must have a known simple type")
            case "@in" if is_nested and names_in(node.arguments[1]):
                self._refuse(node, "nested loops look only into lists written out")
            case _:
                pass

    def _is_small_search(self, node: Call, variables: tuple[str, ...]) -> bool:
        names = [names_in(operand) for operand in node.operands()]
        return isinstance(node.arguments[0], Constant) or any(found & set(variables) for found in names)

    def _refuse(self, node: Node, message: str, hint: str | None = None) -> None:
        """Raise InvalidExpression at a node."""
        raise InvalidExpression(message, position=self.tree.position_of(node), hint=hint)


def _holds_record(type_: CheckedType) -> bool:
    return type_.message.startswith(ELEMENTS) or any(map(_holds_record, type_.parameters))


def _is_collecting(node: Call) -> bool:
    """Tell whether an addition is the one that ``map`` and ``filter`` make."""
    first = node.arguments[0]
    return isinstance(first, Name) and first.name.startswith("@")
