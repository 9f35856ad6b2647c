"""Conditions of rules: there may be hundreds, and nearly all of them don't hold.

So much is known of each before it is judged: what it demands of agent and action, and
which of it can be judged without fetching anything. Many can be asked in one go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Final

import msgspec
from msgspec.structs import replace

from comity.deciding.expressions import rewriting
from comity.deciding.expressions.evaluation import Expression
from comity.deciding.expressions.nullness import names_in
from comity.deciding.expressions.paths import Path, Root, Scope
from comity.deciding.expressions.rewriting import Leaf, Rewriter
from comity.deciding.expressions.syntax import Call, Constant, ListLiteral, Name, Node, Tree

FETCHED: Final = frozenset({"related", "recent", "intents"})
"""Roots that have to be looked up."""

DEMANDED: Final = (("agent", "id"), ("agent", "role"), ("agent", "kind"), ("action", "name"), ("action", "kind"))
"""What is known of a proposal before its records are looked at."""


class Demand(msgspec.Struct, frozen=True):
    """Be a condition that must hold whatever the rest: ``path`` (one of ``DEMANDED``) is one of ``values``."""

    path: tuple[str, str]
    values: frozenset[str]


class Condition(msgspec.Struct, frozen=True):
    """Be a rule's condition.

    ``quick`` is what of it is judged first and needs nothing fetched: the whole, a part, or
    None where that would tell nothing new. If it doesn't hold, the whole doesn't.
    """

    whole: Expression
    quick: Expression | None
    demands: tuple[Demand, ...]


def condition_of(source: str, tree: Tree, scope: Scope, kinds: frozenset[str], variables: dict[Path, str]) -> Condition:
    """Return the condition that a checked tree is. ``variables`` are shared by those that may be asked in one go."""
    conjuncts = list(conjuncts_of(tree.root))
    found = (_demand_of(conjunct, scope) for conjunct in conjuncts)
    demands = tuple(demand for demand in found if demand is not None)
    quick = list(takewhile(lambda node: not names_in(node) & FETCHED, conjuncts))
    whole = _express(source, tree, [tree.root], scope, kinds, variables)
    if len(quick) == len(conjuncts):
        return Condition(whole, whole, demands)
    is_telling = any(_demand_of(node, scope) is None and not _is_certain(node, scope) for node in quick)
    return Condition(whole, _express(source, tree, quick, scope, kinds, variables) if is_telling else None, demands)


def _express(
    source: str, tree: Tree, nodes: Sequence[Node], scope: Scope, kinds: frozenset[str], variables: dict[Path, str]
) -> Expression:
    rewriter = Rewriter(tree, variables)
    node = rewriting.as_condition(rewriting.all_of([rewriter.rewrite(one, scope) for one in nodes]), tree)
    return Expression(source, node, rewriter.leaves, scope.roots, kinds=kinds)


def any_of(expressions: Iterable[Expression]) -> Expression:
    """Return the expression that holds if any of these does; they look at the same kinds."""
    nodes: list[Node] = []
    leaves: dict[str, Leaf] = {}
    roots: dict[str, Root] = {}
    for expression in expressions:
        node, looked_at, known = expression.parts
        nodes.append(node)
        for leaf in looked_at:
            known_as = leaves.get(leaf.variable)
            leaves[leaf.variable] = leaf if known_as is None else _joined(known_as, leaf)
        roots.update(known)
    joined = Expression("any of several", rewriting.any_of(nodes), leaves.values(), roots)
    joined.prepare()
    return joined


def _joined(one: Leaf, other: Leaf) -> Leaf:
    """Return a leaf that two expressions share; of the records in a list it shows what either of them names."""
    item, more = one.type.item, other.type.item
    if item is None or more is None or item.fields is None or more.fields is None:
        return one
    both = replace(item, fields={**item.fields, **more.fields})
    return Leaf(one.variable, one.path, replace(one.type, item=both))


def conjuncts_of(node: Node) -> Iterator[Node]:
    """Yield the parts of ``a && b && …``, in their order."""
    match node:
        case Call(function="_&&_", arguments=arguments):
            for argument in arguments:
                yield from conjuncts_of(argument)
        case _:
            yield node


def _is_certain(node: Node, scope: Scope) -> bool:
    """Tell whether a part says no more than that a subject is there, which it always is."""
    match node:
        case Call(function="_!=_", arguments=(Name(name=name), Constant(value=None))):
            return name in scope.roots and not scope.roots[name].nullable
        case _:
            return False


def _demand_of(node: Node, scope: Scope) -> Demand | None:
    """Return what a part says of agent or action, where it compares them with texts written out."""
    match node:
        case Call(function="_==_", arguments=(given, Constant(value=str() as text))):
            values = [text]
        case Call(function="_==_", arguments=(Constant(value=str() as text), given)):
            values = [text]
        case Call(function="@in", arguments=(given, ListLiteral(items=items))):
            values = [item.value for item in items if isinstance(item, Constant) and isinstance(item.value, str)]
            if len(values) < len(items):
                return None
        case _:
            return None
    path = scope.path_of(given)
    known = next((one for one in DEMANDED if one == path), None)
    return None if known is None else Demand(known, frozenset(values))
