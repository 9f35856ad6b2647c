"""All rules of a definition, so arranged that only those which may apply are looked at.

A proposal meets few of them. First those go out that demand another agent or another
action; this is known per agent and action, and kept. The rest is asked in chunks, each one
expression that tells whether any of its rules may apply: mostly none does. Where there are
many, chunks of chunks are asked first: what an expression costs is mostly that it is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, islice
from typing import Final, TypeVar

from comity.deciding.expressions import DEMANDED, FETCHED, Condition, Expression, any_of
from comity.model.definition import AgentDefinition, RuleDefinition

CHUNK: Final = 8
"""Of rules asked in one go."""

PARTS: Final = 8
"""Of chunks asked in one go."""

SELECTIONS_CACHED: Final = 1_024

T = TypeVar("T")
Key = tuple[str | None, ...]
"""What a proposal answers to each of ``DEMANDED``; None for whatever no rule demands."""


@dataclass(frozen=True, slots=True, eq=False)
class CompiledRule:
    """Be a rule that can be judged.

    ``code`` is that of its findings; ``digest`` tells whether it is still worded as it was.
    ``kinds`` are those that it names, as expressions name them; ``place`` is its place in the definition.
    """

    definition: RuleDefinition
    code: str
    digest: str
    place: int
    when: Condition
    until: Expression | None
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Be rules about the same kinds; if ``gist`` doesn't hold, none of them applies.

    ``is_fetching`` tells that the gist looks at what has to be looked up first. Where it has
    ``parts``, these are the chunks that the rules are asked in.
    """

    gist: Expression
    rules: tuple[CompiledRule, ...]
    is_fetching: bool
    parts: tuple[Chunk, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Be all rules about the same kinds; ``roots`` is what they look at."""

    kinds: tuple[str, ...]
    roots: frozenset[str]
    chunks: tuple[Chunk, ...]


class Rulebook:
    """Hold the rules of a definition."""

    def __init__(self, rules: Sequence[CompiledRule] = ()) -> None:
        self.rules: Mapping[str, CompiledRule] = {rule.definition.name: rule for rule in rules}
        self._groups = tuple(_groups(rules))
        self._demanded = _demanded(rules)
        self._select = lru_cache(SELECTIONS_CACHED)(self._selected)

    def named(self, name: str) -> CompiledRule | None:
        """Return a rule by its name, or None."""
        return self.rules.get(name)

    def select(self, agent: AgentDefinition, action: str | None, action_kind: str | None) -> tuple[Group, ...]:
        """Return the rules that may apply to what an agent does under an action."""
        given = (agent.name, agent.role, agent.kind, action, action_kind)
        key = (
            value if value in demanded else None for value, demanded in zip(given, self._demanded.values(), strict=True)
        )
        return self._select(tuple(key))

    def _selected(self, key: Key) -> tuple[Group, ...]:
        given = dict(zip(self._demanded, key, strict=True))
        found = (_select(group, given) for group in self._groups)
        return tuple(group for group in found if group.chunks)


def _demanded(rules: Sequence[CompiledRule]) -> dict[tuple[str, str], set[str]]:
    """Return which values any rule demands of agent and action."""
    found: dict[tuple[str, str], set[str]] = {path: set() for path in DEMANDED}
    for rule in rules:
        for demand in rule.when.demands:
            found[demand.path] |= demand.values
    return found


def _select(group: Group, given: Mapping[tuple[str, str], str | None]) -> Group:
    """Return what of a group may apply."""
    chunks = tuple(_some(group.chunks, given))
    roots = frozenset(root for chunk in chunks for rule in chunk.rules for root in rule.when.whole.roots)
    return Group(group.kinds, roots, chunks)


def _some(chunks: Iterable[Chunk], given: Mapping[tuple[str, str], str | None]) -> Iterator[Chunk]:
    """Yield chunks with what of them may apply; one of whose parts but one may is that part."""
    for chunk in chunks:
        rules = tuple(rule for rule in chunk.rules if _may_apply(rule, given))
        parts = tuple(_some(chunk.parts, given))
        if len(parts) == 1:
            yield from parts
        elif rules:
            yield Chunk(chunk.gist, rules, chunk.is_fetching, parts)


def _may_apply(rule: CompiledRule, given: Mapping[tuple[str, str], str | None]) -> bool:
    return all(given[demand.path] in demand.values for demand in rule.when.demands)


def _groups(rules: Sequence[CompiledRule]) -> Iterator[Group]:
    by_kinds: dict[tuple[str, ...], list[CompiledRule]] = {}
    for rule in rules:
        by_kinds.setdefault(rule.kinds, []).append(rule)
    for kinds, members in by_kinds.items():
        yield Group(kinds, frozenset(), tuple(_chunks(members)))


def _chunks(rules: Sequence[CompiledRule]) -> Iterator[Chunk]:
    """Yield rules in chunks, together those that look up the same; those that demand the same stay or go together."""
    ordered = sorted(rules, key=lambda rule: (_fetched(rule), _demands(rule)))
    for fetched, members in groupby(ordered, key=_fetched):
        chunks = (Chunk(any_of(map(_gist, part)), part, bool(fetched)) for part in _batched(members, CHUNK))
        yield from map(_joined, _batched(chunks, PARTS))


def _joined(parts: tuple[Chunk, ...]) -> Chunk:
    """Return chunks that look up the same as one."""
    first = parts[0]
    if len(parts) == 1:
        return first
    rules = tuple(rule for part in parts for rule in part.rules)
    return Chunk(any_of(part.gist for part in parts), rules, first.is_fetching, parts)


def _batched(given: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Yield what is given in tuples of at most ``size``."""
    left = iter(given)
    while part := tuple(islice(left, size)):
        yield part


def _gist(rule: CompiledRule) -> Expression:
    return rule.when.quick or rule.when.whole


def _fetched(rule: CompiledRule) -> list[tuple[str, str]]:
    """Return what a rule's gist looks up: roots, and the kinds of related records."""
    gist = _gist(rule)
    related = {(root, kind) for root, kind in gist.reads if root == "related"}
    return sorted(related | {(root, "") for root in gist.roots & FETCHED})


def _demands(rule: CompiledRule) -> list[tuple[tuple[str, str], list[str]]]:
    return sorted((demand.path, sorted(demand.values)) for demand in rule.when.demands)
