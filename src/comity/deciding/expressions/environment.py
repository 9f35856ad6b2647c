"""What the expressions of one definition may look at, and their way through all checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from cel_expr_python import cel
from msgspec.structs import replace

from comity import limits
from comity.deciding.expressions.bounds import Bounds
from comity.deciding.expressions.conditions import Condition, condition_of
from comity.deciding.expressions.declarations import PARSER, build_environment, records_in
from comity.deciding.expressions.evaluation import Expression
from comity.deciding.expressions.nullness import Nullness, names_in
from comity.deciding.expressions.paths import IDENTITY, Path, Root, Scope
from comity.deciding.expressions.problems import explain, explain_bare
from comity.deciding.expressions.rewriting import Rewriter, as_condition
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
NO_REFERRERS: Final[Mapping[str, frozenset[str]]] = MappingProxyType({})

_OPTIONAL: Final = FieldType("string")
_AGE: Final = FieldType("duration", nullable=False)
_WHO: Final = {"agent": _TEXT, "role": _TEXT, "kind": _TEXT, "age": _AGE}


def _list_root(name: str, fields: Mapping[str, FieldType]) -> Root:
    record = FieldType("record", nullable=False, fields=fields, label=name)
    return Root(name, name, scalar=FieldType("list", record, nullable=False))


RECENT: Final = _list_root("recent", {**_WHO, "type": _TEXT, "record": _TEXT, "fields": FieldType("list", _TEXT)})
INTENTS: Final = _list_root("intents", {**_WHO, "action": _OPTIONAL, "plan": _OPTIONAL})

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

    ``kinds`` are the declared kinds with the types of their fields, ``referrers`` those that
    refer to a kind, by that kind. Where it ``takes_undeclared`` kinds, rules may name others.
    Every method raises InvalidExpression, with position and hint, for what can't be relied on
    to give an answer.

    >>> environment = Environment({"customer": {"open_tickets": FieldType("integer", nullable=False)}})
    >>> environment.assumption("customer.open_tickets == 0").holds({"customer": {"open_tickets": 2}})
    False
    """

    def __init__(
        self,
        kinds: Mapping[str, Mapping[str, FieldType]],
        *,
        referrers: Mapping[str, frozenset[str]] = NO_REFERRERS,
        takes_undeclared: bool = False,
    ) -> None:
        self._referrers = referrers
        self._takes_undeclared = takes_undeclared
        self._variables: dict[Path, str] = {}
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

    def transition(self, kind: str, event: Mapping[str, FieldType], source: str) -> Expression:
        """Return whether a transition may start: true or false of ``record``, ``event``, ``agent`` and ``now``."""
        happens = Root("event", "event", {"at": _TIME, "by": _TEXT, **event})
        return self._compile(source, (self._record("record", kind), happens, _AGENT, _NOW))

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

    # -- rules

    def rule(self, source: str) -> Condition:
        """Return when a rule applies: true or false of its subjects by their kind, and of what happens around them.

        These are ``related``, ``recent`` and ``intents``, with ``agent``, ``action`` and
        ``now``; ``before`` and ``after`` where it names exactly one kind.
        """
        subjects = self._subjects(source)
        if len(subjects) > limits.KINDS_PER_RULE:
            names = ", ".join(subject.name for subject in subjects)
            raise InvalidExpression(f"names {len(subjects)} kinds ({names}), of at most {limits.KINDS_PER_RULE}")
        roots = (*self._around(source, subjects), *_changes(source, subjects), _AGENT, _ACTION)
        return self._condition(source, roots, subjects)

    def until(self, source: str, kinds: frozenset[str]) -> Expression:
        """Return when a wait is over: true or false of a subject of the rule and of what happens around it.

        ``kinds`` are those that the rule names, as it names them; it may name one of them.
        """
        subjects = self._subjects(source)
        if len(subjects) > 1:
            raise InvalidExpression("a wait is for one subject", hint="name one kind only")
        for subject in subjects:
            if subject.name not in kinds:
                raise InvalidExpression(f"{subject.name} is no subject of this rule", hint=_one_of(kinds))
        return self._condition(source, self._around(source, subjects), subjects).whole

    def _condition(self, source: str, roots: tuple[Root, ...], subjects: list[Root]) -> Condition:
        every = (*map(self._subject, self._kinds), *roots)
        tree, scope = self._checked(source, roots, explained=every)
        return condition_of(source, tree, scope, frozenset(root.name for root in subjects), self._variables)

    def _subjects(self, source: str) -> list[Root]:
        """Return the subjects that a rule names; of undeclared kinds only where these may be used."""
        _check_text(source, limits.EXPRESSION_CHARS)
        named = sorted(_free_names(source) - RESERVED_NAMES)
        return [self._subject(name) for name in named if name in self._kinds or self._takes_undeclared]

    def _around(self, source: str, subjects: list[Root]) -> tuple[Root, ...]:
        roots = (*subjects, RECENT, INTENTS, _NOW)
        if "related" not in _free_names(source):
            return roots
        fields = {name: type_ for subject in subjects for name, type_ in self._referring(subject.label)}
        if not subjects:
            hint = "name the kind that is referred to, as in customer != null && …"
            raise InvalidExpression("related needs a subject", hint=hint)
        names = " or ".join(subject.name for subject in subjects)
        if not fields:
            raise InvalidExpression(f"no kind refers to {names}", hint="declare a field with 'ref'")
        return (*roots, Root("related", f"related of {names}", fields))

    def _referring(self, kind: str) -> Iterator[tuple[str, FieldType]]:
        """Yield the kinds that refer to a kind, each with the type of a list of its records."""
        for referrer in sorted(self._referrers.get(kind, ())):
            name = variable_name(referrer)
            fields = {"id": IDENTITY, **self._kinds[name][1]}
            yield name, FieldType("list", FieldType("record", nullable=False, fields=fields, label=name))

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
        tree, scope = self._checked(source, roots, target=target, allow_loops=allow_loops)
        rewriter = Rewriter(tree)
        node = rewriter.rewrite(tree.root, scope)
        node = as_condition(node, tree) if target is None else node
        return Expression(source, node, rewriter.leaves, scope.roots, kinds=kinds, target=target)

    def _checked(
        self,
        source: str,
        roots: tuple[Root, ...],
        *,
        target: FieldType | None = None,
        allow_loops: bool = True,
        explained: tuple[Root, ...] = (),
    ) -> tuple[Tree, Scope]:
        """Return the tree of an expression in which nothing is wrong; ``explained`` are roots that may be suggested."""
        _check_text(source, limits.EXPRESSION_CHARS)
        named = {root.name: root for root in roots}
        tree = _check(source, self._checker(_Roots(roots)), {root.name: root for root in (*explained, *roots)})
        scope = Scope(named, records=records_in(roots))
        Bounds(tree, frozenset(named), allow_loops).check()
        Nullness(tree).check(scope, result_nullable=target is not None and target.nullable)
        _check_result(tree, target)
        return tree, scope


class _Roots(tuple[Root, ...]):
    """Be roots as the key of a cache: the same where names and types are."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash(tuple(root.name for root in self))


def _changes(source: str, subjects: list[Root]) -> tuple[Root, ...]:
    """Return the subject before and after the proposal, where the rule looks at these."""
    asked = sorted(_free_names(source) & {"before", "after"})
    if not asked:
        return ()
    if len(subjects) != 1:
        hint = "name that kind, as in customer != null && …" if not subjects else "name one kind only"
        raise InvalidExpression(f"{' and '.join(asked)} are of the one kind that a rule names", hint=hint)
    return tuple(replace(subjects[0], name=name, nullable=True) for name in asked)


def _one_of(names: Iterable[str]) -> str:
    return f"it names {', '.join(sorted(names)) or 'no kind'}"


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
