"""Nothing that may be absent is computed with: found when an expression is compiled.

The walk carries the paths known to lead to a value, as a compiler's flow analysis does: on
the right of ``x != null &&`` and of ``x == null ||``, and in the branches of ``? :``, it
knows more. Only ``==``, ``!=``, ``in``, ``has`` and ``default`` take what may be absent.
"""

from __future__ import annotations

from typing import Final

import msgspec

from comity.deciding.expressions.paths import Path, Scope, prefixes, text_of, without
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
    children_of,
)
from comity.deciding.expressions.types import ANYTHING, FieldType
from comity.errors import InvalidExpression

Known = frozenset[Path]

NOTHING: Final[Known] = frozenset()
PRESENT: Final = FieldType("any", nullable=False)


class Outcome(msgspec.Struct, frozen=True):
    """Be what is known of a value: may it be absent, may its elements, and which paths it proves.

    ``when_true`` holds the paths that lead to a value if it is true, ``when_false`` if it isn't.
    """

    nullable: bool = False
    items: FieldType = ANYTHING
    when_true: Known = NOTHING
    when_false: Known = NOTHING


class Nullness:
    """Check one expression."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def check(self, scope: Scope, *, result_nullable: bool = False) -> None:
        """Raise InvalidExpression if something that may be absent is computed with, or is the result."""
        outcome = self.visit(self.tree.root, scope, NOTHING)
        if outcome.nullable and not result_nullable:
            self._refuse(self.tree.root, scope)

    def visit(self, node: Node, scope: Scope, known: Known) -> Outcome:
        """Return what is known of a node's value."""
        path = scope.path_of(node)
        if path is not None:
            return self._visit_path(path, node, scope, known)
        tested = scope.tested_path(node)
        if tested is not None:
            return Outcome(when_true=prefixes(tested))
        match node:
            case Call():
                return self._visit_call(node, scope, known)
            case ListLiteral(items=items):
                nullable = [self.visit(item, scope, known).nullable for item in items]
                return Outcome(items=FieldType("any", nullable=any(nullable)))
            case Loop():
                return self._visit_loop(node, scope, known)
            case Constant(value=None):
                return Outcome(nullable=True)
            case Select(operand=operand, test=test):
                self._require(operand, scope, known)
                record = scope.record_type(self.tree.type_of(operand))
                return Outcome(nullable=not test) if record is None else _field_of(record, node)
            case MapLiteral(entries=entries):
                for key, value in entries:
                    self._require(key, scope, known)
                    self.visit(value, scope, known)
                return Outcome(items=PRESENT)
            case _:
                return Outcome()

    def _visit_path(self, path: Path, node: Node, scope: Scope, known: Known) -> Outcome:
        if scope.is_record(path):
            self._refuse_whole(path, node, scope)
        type_ = scope.type_of(path)
        items = PRESENT if type_.name == "map" else type_.item or ANYTHING
        return Outcome(scope.is_nullable(path, known), items)

    def _visit_call(self, node: Call, scope: Scope, known: Known) -> Outcome:
        match node.function, node.arguments:
            case "_&&_", (left, right):
                return self._visit_and(left, right, scope, known)
            case "_||_", (left, right):
                return self._visit_or(left, right, scope, known)
            case "!_", (operand,):
                outcome = self._require(operand, scope, known)
                return Outcome(when_true=outcome.when_false, when_false=outcome.when_true)
            case "_?_:_", (condition, yes, no):
                return self._visit_choice(condition, yes, no, scope, known)
            case (("_==_" | "_!=_"), (left, right)):
                return self._visit_equality(node, left, right, scope, known)
            case "@in", (left, right):
                return self._visit_membership(left, right, scope, known)
            case "default", (given, otherwise):
                return self._visit_default(node, given, otherwise, scope, known)
            case _:
                return self._visit_function(node, scope, known)

    def _visit_and(self, left: Node, right: Node, scope: Scope, known: Known) -> Outcome:
        first = self._require(left, scope, known)
        second = self._require(right, scope, known | first.when_true)
        return Outcome(
            when_true=first.when_true | second.when_true,
            when_false=first.when_false & (first.when_true | second.when_false),
        )

    def _visit_or(self, left: Node, right: Node, scope: Scope, known: Known) -> Outcome:
        first = self._require(left, scope, known)
        second = self._require(right, scope, known | first.when_false)
        return Outcome(
            when_true=first.when_true & (first.when_false | second.when_true),
            when_false=first.when_false | second.when_false,
        )

    def _visit_choice(self, condition: Node, yes: Node, no: Node, scope: Scope, known: Known) -> Outcome:
        asked = self._require(condition, scope, known)
        then = self.visit(yes, scope, known | asked.when_true)
        otherwise = self.visit(no, scope, known | asked.when_false)
        return Outcome(
            then.nullable or otherwise.nullable,
            _either(then.items, otherwise.items),
            (asked.when_true | then.when_true) & (asked.when_false | otherwise.when_true),
            (asked.when_true | then.when_false) & (asked.when_false | otherwise.when_false),
        )

    def _visit_equality(self, node: Call, left: Node, right: Node, scope: Scope, known: Known) -> Outcome:
        first, first_nullable = self._compared(left, right, scope, known)
        second, second_nullable = self._compared(right, left, scope, known)
        equal, different = NOTHING, NOTHING
        if _is_null(left) or _is_null(right):
            different = first | second
        else:
            equal = (NOTHING if second_nullable else first) | (NOTHING if first_nullable else second)
        return Outcome(
            when_true=equal if node.function == "_==_" else different,
            when_false=different if node.function == "_==_" else equal,
        )

    def _compared(self, node: Node, other: Node, scope: Scope, known: Known) -> tuple[Known, bool]:
        """Visit one side of a comparison; return the paths that it names, and whether it may be absent."""
        path = scope.path_of(node)
        if path is None:
            return NOTHING, self.visit(node, scope, known).nullable
        if not scope.is_record(path):
            return prefixes(path), self.visit(node, scope, known).nullable
        if not _is_null(other):
            self._refuse_whole(path, node, scope)
        return prefixes(path), True

    def _visit_membership(self, left: Node, right: Node, scope: Scope, known: Known) -> Outcome:
        self.visit(left, scope, known)
        path = scope.path_of(left)
        among = self._require(right, scope, known)
        return Outcome(when_true=prefixes(path) if path is not None and not among.items.nullable else NOTHING)

    def _visit_default(self, node: Call, given: Node, otherwise: Node, scope: Scope, known: Known) -> Outcome:
        path = scope.path_of(given)
        if path is None or scope.is_record(path):
            position = self.tree.position_of(node)
            raise InvalidExpression("default() takes a field first", position=position, hint="default(record.x, 0)")
        first = self.visit(given, scope, known)
        second = self.visit(otherwise, scope, known)
        return Outcome(second.nullable, _either(first.items, second.items))

    def _visit_function(self, node: Call, scope: Scope, known: Known) -> Outcome:
        outcomes = [self._require(operand, scope, known) for operand in node.operands()]
        if node.function == "_[_]":
            items = outcomes[0].items
            is_list = self.tree.type_of(node.arguments[0]).name == "list"
            return Outcome(items.nullable if is_list else True, items.item or ANYTHING)
        if node.function == "_+_":
            return Outcome(items=_either(outcomes[0].items, outcomes[1].items))
        return Outcome()

    def _visit_loop(self, node: Loop, scope: Scope, known: Known) -> Outcome:
        over = self._require(node.range, scope, known)
        known = without(known, (node.variable,))
        start = self.visit(node.start, scope, known)
        item = scope.element_type(self.tree.type_of(node.range)) or over.items
        inner = scope.within(**{node.variable: item, node.total: FieldType("list", start.items, nullable=False)})
        self._require(node.condition, inner, known)
        step = self._require(node.step, inner, known)
        self._require(node.result, inner, known)
        return Outcome(items=step.items)

    def _require(self, node: Node, scope: Scope, known: Known) -> Outcome:
        """Visit a node that is computed with; raise InvalidExpression if it may be absent."""
        outcome = self.visit(node, scope, known)
        if outcome.nullable:
            self._refuse(node, scope)
        return outcome

    def _refuse(self, node: Node, scope: Scope) -> None:
        """Raise InvalidExpression for a node that may be absent, with the ways out."""
        place = self._culprit(node, scope)
        position = self.tree.position_of(place)
        path = scope.path_of(place)
        if path is None:
            raise InvalidExpression(
                "this may be null, and is computed with", position=position, hint="give a value in every case"
            )
        text = text_of(path)
        has = f"has({text}) && …, " if len(path) > 1 else ""
        raise InvalidExpression(
            f"{text} may be absent",
            position=position,
            hint=f"write {text} != null && …, {has}{text} == null || …, a ternary, or default({text}, value)",
        )

    def _culprit(self, node: Node, scope: Scope) -> Node:
        """Return the part of a choice that may be absent, or the node itself."""
        if isinstance(node, Call) and node.function == "_?_:_":
            paths = [part for part in node.arguments[1:] if scope.path_of(part) is not None]
            return next((part for part in paths if self.visit(part, scope, NOTHING).nullable), node)
        return node

    def _refuse_whole(self, path: Path, node: Node, scope: Scope) -> None:
        """Raise InvalidExpression for a root that stands where a value must."""
        root = scope.roots[str(path[0])]
        example = next(iter(root.names()), "status")
        raise InvalidExpression(
            f"{root.name} is no value",
            position=self.tree.position_of(node),
            hint=f"name a field of it, such as {root.name}.{example}; only {root.name} == null takes the whole",
        )


def _either(left: FieldType, right: FieldType) -> FieldType:
    return left if left == right else FieldType("any", nullable=left.nullable or right.nullable)


def _field_of(record: FieldType, node: Select) -> Outcome:
    type_ = (record.fields or {}).get(node.field, ANYTHING)
    is_nullable = type_.nullable and type_.name != "list" and not node.test
    return Outcome(is_nullable, PRESENT if type_.name == "map" else type_.item or ANYTHING)


def _is_null(node: Node) -> bool:
    return isinstance(node, Constant) and node.value is None


def names_in(node: Node) -> frozenset[str]:
    """Return the names that a tree uses and doesn't bind itself."""
    if isinstance(node, Name):
        return frozenset({node.name})
    found = frozenset[str]().union(*map(names_in, children_of(node)))
    return found - {node.variable, node.total} if isinstance(node, Loop) else found
