"""What the expressions of one definition may look at, and their way through all checks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from cel_expr_python import cel

from comity import limits
from comity.deciding.expressions.bounds import Bounds
from comity.deciding.expressions.declarations import PARSER, build_environment
from comity.deciding.expressions.evaluation import Expression
from comity.deciding.expressions.nullness import Nullness, names_in
from comity.deciding.expressions.paths import Root, Scope
from comity.deciding.expressions.problems import explain, explain_bare
from comity.deciding.expressions.rewriting import Rewriter
from comity.deciding.expressions.syntax import CheckedType, Tree, read_tree
from comity.deciding.expressions.types import ANYTHING, RESERVED_NAMES, FieldType, variable_name
from comity.errors import InvalidExpression

ENVIRONMENTS_CACHED: Final = 64
"""Of the checkers that assumptions over different kinds need."""

_TEXT: Final = FieldType("string", nullable=False)
_TIME: Final = FieldType("time", nullable=False)
_AGENT: Final = Root("agent", "agent", {"id": _TEXT, "role": _TEXT, "kind": _TEXT})
_ACTION: Final = Root(
    "action",
    "action",
    {"name": FieldType("string"), "kind": FieldType("string"), "effects": FieldType("list", _TEXT)},
)
_NOW: Final = Root("now", "now", scalar=_TIME)

_RESULTS: Final[Mapping[str, frozenset[str]]] = {
    "string": frozenset({"string"}),
    "integer": frozenset({"int"}),
    "number": frozenset({"int", "double"}),
    "boolean": frozenset({"bool"}),
    "time": frozenset({"timestamp"}),
    "list": frozenset({"list"}),
    "map": frozenset({"map"}),
    "any": frozenset({"string", "int", "double", "bool", "timestamp", "list", "map", "null"}),
}
_WORDS: Final = {"int": "an integer", "double": "a number", "string": "a text", "bool": "true or false"} | {
    "timestamp": "a time",
    "list": "a list",
    "map": "an object",
    "message": "a record",
    "null": "null",
}


class Environment:
    """Compile the expressions of one definition.

    ``kinds`` are the declared kinds with the types of their fields. Every method raises
    InvalidExpression, with position and hint, for what can't be relied on to give an answer.

    >>> environment = Environment({"customer": {"open_tickets": FieldType("integer", nullable=False)}})
    >>> environment.assumption("customer.open_tickets == 0").holds({"customer": {"open_tickets": 2}})
    False
    """

    def __init__(self, kinds: Mapping[str, Mapping[str, FieldType]]) -> None:
        self._kinds = MappingProxyType({variable_name(kind): (kind, fields) for kind, fields in kinds.items()})
        self._checker = lru_cache(ENVIRONMENTS_CACHED)(_build)

    def guard(self, kind: str, source: str) -> Expression:
        """Return a guard of a kind: true or false of ``before``, ``after``, ``agent``, ``action`` and ``now``.

        ``before`` is null where the record is being created.
        """
        before, after = self._record("before", kind, nullable=True), self._record("after", kind)
        return self._compile(source, (before, after, _AGENT, _ACTION, _NOW))

    def consequence(self, kind: str, event: Mapping[str, FieldType], source: str, target: FieldType) -> Expression:
        """Return the new value of a field of type ``target`` after an event.

        It is computed from ``record``, ``event`` (its data, and ``at`` and ``by``), ``agent`` and ``now``.
        """
        happened = Root("event", "event", {"at": _TIME, "by": _TEXT, **event})
        return self._compile(source, (self._record("record", kind), happened, _AGENT, _NOW), target=target)

    def assumption(self, source: str) -> Expression:
        """Return what an agent assumes: true or false of subjects by their kind, ``agent``, ``action`` and ``now``.

        It is shorter than what a definition holds, and has no loops. A name that is no
        declared kind is taken for an undeclared one, of which nothing is checked.
        """
        _check_text(source, limits.AGENT_EXPRESSION_CHARS)
        subjects = {name: self._subject(name) for name in sorted(_free_names(source)) if name not in RESERVED_NAMES}
        roots = (*subjects.values(), _AGENT, _ACTION, _NOW)
        try:
            return self._compile(source, roots, kinds=frozenset(subjects), allow_loops=False)
        except InvalidExpression as error:
            raise explain_bare(_parse(source), self._kinds) or error from None

    def _subject(self, name: str) -> Root:
        return self._record(name, self._kinds[name][0]) if name in self._kinds else Root(name, name, is_record=True)

    def _record(self, name: str, kind: str, *, nullable: bool = False) -> Root:
        fields = self._kinds[variable_name(kind)][1]
        return Root(name, kind, fields, is_record=True, nullable=nullable)

    def _compile(
        self,
        source: str,
        roots: tuple[Root, ...],
        *,
        kinds: frozenset[str] = frozenset(),
        target: FieldType | None = None,
        allow_loops: bool = True,
    ) -> Expression:
        _check_text(source, limits.EXPRESSION_CHARS)
        named = {root.name: root for root in roots}
        tree = _check(source, self._checker(_Roots(roots)), named)
        scope = Scope(named)
        Bounds(tree, frozenset(named), allow_loops).check()
        Nullness(tree).check(scope, result_nullable=target is not None and target.nullable)
        _check_result(tree, target)
        rewriter = Rewriter(tree)
        node = rewriter.rewrite(tree.root, scope)
        return Expression(source, node, rewriter.leaves.values(), named, kinds=kinds, target=target)


class _Roots(tuple[Root, ...]):
    """Be roots as the key of a cache: the same where names and types are."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash(tuple(root.name for root in self))


def _build(roots: _Roots) -> cel.Env:
    return build_environment(roots)


def _check_text(source: str, chars: int) -> None:
    if len(source) > chars:
        raise InvalidExpression(f"longer than {chars} characters")
    if not source.strip():
        raise InvalidExpression("is empty")
    if "\0" in source or any("\ud800" <= char <= "\udfff" for char in source):
        raise InvalidExpression("holds U+0000 or a lone surrogate")


def _free_names(source: str) -> frozenset[str]:
    return frozenset(name for name in names_in(_parse(source).root) if not name.startswith("."))


def _parse(source: str) -> Tree:
    try:
        return read_tree(PARSER.compile(source, disable_check=True).serialize())
    except RuntimeError as error:
        raise explain(error, source, {}) from None


def _check(source: str, checker: cel.Env, roots: Mapping[str, Root]) -> Tree:
    try:
        return read_tree(checker.compile(source).serialize())
    except RuntimeError as error:
        raise explain(error, source, roots) from None


def _check_result(tree: Tree, target: FieldType | None) -> None:
    wanted = target or FieldType("boolean")
    found = tree.type_of(tree.root)
    if (found.name == "null" and wanted.nullable) or _is_assignable(found, wanted):
        return
    raise InvalidExpression(
        f"gives {_WORDS.get(found.name, f'a {found.name}')}, where {_article(wanted)} is wanted",
        position=tree.position_of(tree.root),
        hint=_hint(found.name, wanted.name),
    )


def _is_assignable(found: CheckedType, wanted: FieldType) -> bool:
    if found.name == "dyn":
        return True
    if found.name not in _RESULTS[wanted.name]:
        return False
    if found.name == "list":
        return _is_assignable(found.parameters[0], wanted.item or ANYTHING)
    if found.name == "map":
        key, value = found.parameters
        return key.name in ("string", "dyn") and _is_assignable(value, ANYTHING)
    return True


def _article(wanted: FieldType) -> str:
    words = {"string": "a text", "integer": "an integer", "boolean": "true or false", "map": "an object"}
    return words.get(wanted.name, "a JSON value" if wanted.name == "any" else f"a {wanted.name}")


def _hint(found: str, wanted: str) -> str | None:
    return {
        ("string", "time"): "write timestamp('…')",
        ("timestamp", "string"): "write string(…)",
        ("double", "integer"): "write int(…)",
    }.get((found, wanted))
