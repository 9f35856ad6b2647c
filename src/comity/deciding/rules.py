"""Compiling the rules of a definition, with what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Final

from msgspec.structs import replace

from comity.deciding.codes import code_of
from comity.deciding.expressions import Condition, Environment, Expression
from comity.deciding.rulebook import CompiledRule, Rulebook
from comity.errors import InvalidExpression
from comity.model.codec import encode
from comity.model.definition import Definition, RuleDefinition
from comity.model.reading import Path, Reading, mentions

DIGEST_CHARS: Final = 12
OPERATOR: Final = "operator"
"""The role of whoever runs the workspace's machine; it is never declared."""


def compile_rules(reading: Reading, environment: Environment, shadowed: Collection[str] = ()) -> Rulebook:
    """Return the rules that can be compiled; what is wrong with the others is noted.

    Those ``shadowed`` run in shadow unless they say themselves what they do.
    """
    compiler = _RuleCompiler(reading, environment)
    meant = (_with_mode(rule, shadowed) for rule in reading.definition.rules)
    rules = (compiler.rule(place, rule) for place, rule in enumerate(meant))
    return Rulebook([rule for rule in rules if rule is not None])


def _with_mode(rule: RuleDefinition, shadowed: Collection[str]) -> RuleDefinition:
    return replace(rule, mode="shadow") if rule.mode is None and rule.name in shadowed else rule


class _RuleCompiler:
    """Compile rules one by one, noting problems."""

    def __init__(self, reading: Reading, environment: Environment) -> None:
        self.problems = reading.problems
        self.unread = reading.unread
        self.environment = environment
        self.known = _known_values(reading.definition)
        self.codes: dict[str, str] = {}

    def rule(self, place: int, rule: RuleDefinition) -> CompiledRule | None:
        path: Path = ("rules", self.unread.positions.get(("rules", rule.name), place))
        code = f"rule.{code_of(rule.name)}"
        other = self.codes.setdefault(code, rule.name)
        if other != rule.name:
            self.problems.add((*path, "name"), f"findings of {rule.name!r} and {other!r} would both be called {code}")
        when = self.when(rule, (*path, "when"))
        if when is None:
            return None
        until = self.until(rule, when.whole.kinds, (*path, "until"))
        digest = sha256(encode(rule)).hexdigest()[:DIGEST_CHARS]
        return CompiledRule(rule, code, digest, place, when, until, tuple(sorted(when.whole.kinds)))

    def when(self, rule: RuleDefinition, path: Path) -> Condition | None:
        try:
            when = self.environment.rule(rule.when)
        except InvalidExpression as error:
            self.note(rule.when, path, error)
            return None
        self.check_demands(when, path)
        return when

    def until(self, rule: RuleDefinition, kinds: frozenset[str], path: Path) -> Expression | None:
        if rule.until is None:
            return None
        try:
            return self.environment.until(rule.until, kinds)
        except InvalidExpression as error:
            self.note(rule.until, path, error)
            return None

    def note(self, source: str, path: Path, error: InvalidExpression) -> None:
        """Note what is wrong with an expression, unless it looks at something that couldn't be read."""
        if not mentions(source, self.unread.kinds.union(*self.unread.fields.values())):
            self.problems.add_expression(path, error)

    def check_demands(self, when: Condition, path: Path) -> None:
        """Note an agent, a role or an action that isn't there: the rule would never apply, and nobody would know."""
        for demand in when.demands:
            choices = self.known.get(demand.path)
            for value in sorted(demand.values):
                if choices and value not in choices and value not in self.unread.owners | self.unread.actions:
                    what = f"{'.'.join(demand.path)} is never {value!r}"
                    self.problems.add(path, what, given=value, choices=sorted(choices))


def _known_values(definition: Definition) -> Mapping[tuple[str, str], set[str]]:
    """Return which values there are of what rules compare with texts; empty where any goes."""
    agents, actions = definition.agents, definition.actions
    roles = {agent.role for agent in agents}
    return {
        ("agent", "id"): {agent.name for agent in agents},
        ("agent", "role"): roles | {OPERATOR} if roles else set(),
        ("agent", "kind"): {"agent", "human", "service"},
        ("action", "name"): {action.name for action in actions},
        ("action", "kind"): {action.kind for action in actions if action.kind is not None},
    }
