"""From the checked tree to the one that runs.

- Each path that begins at a root becomes one variable, a *leaf*: only what is named is bound.
- ``has(x)`` becomes ``x != null``, ``default(x, y)`` becomes ``x != null ? x : y``.
- Inside loops, a field that an element doesn't have is null, as everywhere.
- ``a && b`` becomes ``a ? b : false`` and ``a || b`` becomes ``a ? true : b``. CEL lets
  ``error || true`` be true; here an error on the left always comes out. Where this gives a
  value, CEL gives the same.
- Arithmetic in which a float may take part goes through functions of ours that refuse
  infinities and add what CEL doesn't: integers with floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from comity.deciding.expressions.paths import Path, Scope
from comity.deciding.expressions.syntax import (
    Call,
    Constant,
    ListLiteral,
    Loop,
    MapLiteral,
    Name,
    Node,
    Select,
    Tree,
)
from comity.deciding.expressions.types import ANYTHING, FieldType

ARITHMETIC: Final = {"_+_": "add", "_-_": "subtract", "_*_": "multiply", "_/_": "divide"}
"""Operators, and the functions of :mod:`comity.deciding.expressions.arithmetic` that stand for them."""

FINITE: Final = "finite"
WIDEN: Final = "widen"
NULL: Final = Constant(None)
TRUE: Final = Constant(True)
FALSE: Final = Constant(False)


class Leaf(msgspec.Struct, frozen=True):
    """Be one value to bind: the variable that stands for it, where it is found, its type."""

    variable: str
    path: Path
    type: FieldType


class Rewriter:
    """Rewrite one tree, and learn what it looks at.

    ``variables`` names the variable of each path. Where several trees share them, their
    programs can be joined into one.
    """

    def __init__(self, tree: Tree, variables: dict[Path, str] | None = None) -> None:
        self.tree = tree
        self._variables = {} if variables is None else variables
        self._leaves: dict[Path, Leaf] = {}
        self._used: dict[str, set[str]] = {}

    @property
    def leaves(self) -> list[Leaf]:
        """Return what the trees turned out to look at; of the records in lists only the fields that are named."""
        return [self._narrow(leaf) for leaf in self._leaves.values()]

    def _narrow(self, leaf: Leaf) -> Leaf:
        item = leaf.type.item
        if item is None or item.fields is None:
            return leaf
        used = self._used.get(item.label, set())
        named = {name: type_ for name, type_ in item.fields.items() if name in used}
        return Leaf(leaf.variable, leaf.path, replace(leaf.type, item=replace(item, fields=named)))

    def rewrite(self, node: Node, scope: Scope) -> Node:
        """Return the node that runs in the place of a checked one."""
        path = scope.path_of(node)
        if path is not None:
            return self._rewrite_path(path, scope)
        tested = scope.tested_path(node)
        if tested is not None:
            return self._presence(tested, scope)
        match node:
            case Call():
                return self._rewrite_call(node, scope)
            case Select():
                return self._rewrite_select(node, scope)
            case ListLiteral(items=items):
                return ListLiteral(tuple(self.rewrite(item, scope) for item in items))
            case MapLiteral(entries=entries):
                return MapLiteral(
                    tuple((self.rewrite(key, scope), self.rewrite(value, scope)) for key, value in entries)
                )
            case Loop():
                return self._rewrite_loop(node, scope)
            case _:
                return node

    # -- paths

    def _rewrite_select(self, node: Select, scope: Scope) -> Node:
        """Return a field of what is no path: of an element of a list that is computed, most often."""
        operand = self.rewrite(node.operand, scope)
        record = scope.record_type(self.tree.type_of(node.operand))
        if record is None:
            return Select(operand, node.field, node.test)
        self._used.setdefault(record.label, set()).add(node.field)
        value = Select(operand, node.field)
        return _present(value, (record.fields or {}).get(node.field, ANYTHING)) if node.test else value

    def _rewrite_path(self, path: Path, scope: Scope) -> Node:
        for length in range(1, len(path)):
            record = scope.type_of(path[:length])
            if record.name == "record":
                self._used.setdefault(record.label, set()).add(str(path[length]))
        length = leaf_length(path, scope)
        first = Name(str(path[0])) if length == 0 else Name(self._leaf(path[:length], scope).variable)
        return follow(first, path[max(length, 1) :])

    def _leaf(self, path: Path, scope: Scope) -> Leaf:
        known = self._leaves.get(path)
        if known is None:
            # No name in a source can begin with "@", so no loop's variable can be meant.
            variable = self._variables.setdefault(path, f"@{len(self._variables)}")
            known = Leaf(variable, path, scope.type_of(path) if len(path) > 1 else _whole(path, scope))
            self._leaves[path] = known
        return known

    def _presence(self, path: Path, scope: Scope) -> Node:
        return _present(self._rewrite_path(path, scope), scope.type_of(path))

    # -- calls

    def _rewrite_call(self, node: Call, scope: Scope) -> Node:
        if node.function == "default":
            return self._rewrite_default(node, scope)
        target = None if node.target is None else self.rewrite(node.target, scope)
        arguments = tuple(self.rewrite(argument, scope) for argument in node.arguments)
        if node.function == "_&&_":
            return choose(arguments[0], arguments[1], FALSE)
        if node.function == "_||_":
            return choose(arguments[0], TRUE, arguments[1])
        if node.function == "_?_:_":
            return choose(arguments[0], *_alike(arguments[1], arguments[2], self._types_of(node)[1:]))
        if node.function == "double" and self._types_of(node)[0] in ("string", "dyn"):
            return Call(FINITE, (Call("double", arguments),))
        return Call(self._function_of(node), arguments, target)

    def _rewrite_default(self, node: Call, scope: Scope) -> Node:
        given, otherwise = node.arguments
        path = scope.path_of(given)
        assert path is not None, "the nullness check lets only paths through"
        value, instead = self._rewrite_path(path, scope), self.rewrite(otherwise, scope)
        value, instead = _alike(value, instead, self._types_of(node))
        return choose(self._presence(path, scope), value, instead)

    def _function_of(self, node: Call) -> str:
        if node.function not in ARITHMETIC:
            return node.function
        left, right = self._types_of(node)
        numeric = {"int", "double", "dyn"}
        if left == right == "int" or left not in numeric or right not in numeric:
            return node.function
        return ARITHMETIC[node.function]

    def _types_of(self, node: Call) -> tuple[str, ...]:
        return tuple(self.tree.type_of(argument).name for argument in node.arguments)

    # -- loops

    def _rewrite_loop(self, node: Loop, scope: Scope) -> Node:
        path = scope.path_of(node.range)
        item = scope.element_type(self.tree.type_of(node.range))
        if item is None:
            item = ANYTHING if path is None else scope.type_of(path).item or ANYTHING
        inner = scope.within(**{node.variable: item, node.total: ANYTHING})
        return Loop(
            variable=node.variable,
            range=self.rewrite(node.range, scope),
            total=node.total,
            start=self.rewrite(node.start, inner),
            condition=self.rewrite(node.condition, inner),
            step=self.rewrite(node.step, inner),
            result=self.rewrite(node.result, inner),
        )


def leaf_length(path: Path, scope: Scope) -> int:
    """Return how much of a path is bound as one variable: none of it in a loop's variable."""
    if path[0] in scope.variables:
        return 0
    places = [at for at, step in enumerate(path) if isinstance(step, int)]
    return places[0] if places else len(path)


def follow(value: Node, steps: Path) -> Node:
    """Return the node that goes on from a value by fields and places; null where a field is missing."""
    conditions: list[Node] = []
    for at, step in enumerate(steps, 1):
        if isinstance(step, int):
            value = Call("_[_]", (value, Constant(step)))
        else:
            conditions.append(Select(value, step, test=True))
            value = Select(value, step)
            if at < len(steps):
                conditions.append(Call("_!=_", (value, NULL)))
    return choose(all_of(conditions), value, NULL) if conditions else value


def all_of(conditions: Sequence[Node]) -> Node:
    """Return the conjunction of conditions, in their order and nested as little as possible."""
    if len(conditions) == 1:
        return conditions[0]
    middle = len(conditions) // 2
    return choose(all_of(conditions[:middle]), all_of(conditions[middle:]), FALSE)


def choose(condition: Node, yes: Node, no: Node) -> Call:
    """Return ``condition ? yes : no``."""
    return Call("_?_:_", (condition, yes, no))


def as_condition(node: Node, tree: Tree) -> Node:
    """Return the rewritten root of a tree as a condition: nothing that isn't true or false comes out of it.

    Null must not: see :func:`comity.deciding.expressions.runtime.plain_of`.
    """
    return choose(node, TRUE, FALSE) if tree.type_of(tree.root).name == "dyn" else node


def _present(value: Node, type_: FieldType) -> Node:
    if type_.name == "list":
        return Call("_>_", (Call("size", (value,)), Constant(0)))
    return Call("_!=_", (value, NULL))


def any_of(conditions: Sequence[Node]) -> Node:
    """Return the disjunction of conditions, in their order and nested as little as possible."""
    if len(conditions) == 1:
        return conditions[0]
    middle = len(conditions) // 2
    return choose(any_of(conditions[:middle]), TRUE, any_of(conditions[middle:]))


def _whole(path: Path, scope: Scope) -> FieldType:
    scalar = scope.roots[str(path[0])].scalar
    return FieldType("any") if scalar is None else scalar


def _alike(left: Node, right: Node, types: tuple[str, ...]) -> tuple[Node, Node]:
    """Return two alternatives; where one is an integer and the other a float, both as floats."""
    match types:
        case ("double", "int"):
            return left, Call(WIDEN, (right,))
        case ("int", "double"):
            return Call(WIDEN, (left,)), right
        case _:
            return left, right
