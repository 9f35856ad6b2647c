"""A definition made ready for judging: plain data that gates reach into for every proposal.

The built-in kinds are among the kinds. Nothing here changes after it was made, so all
threads share it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import msgspec

from comity.deciding.expressions import Expression
from comity.deciding.fields import CompiledField
from comity.deciding.modes import Modes
from comity.deciding.readers import Address, Limited, Readers, limited
from comity.deciding.rulebook import Rulebook
from comity.model import refs
from comity.model.definition import (
    ActionDefinition,
    AgentDefinition,
    BlindWrites,
    Definition,
    EffectDefinition,
    Freshness,
    Mode,
    OnRemoval,
    WorkflowDefinition,
)
from comity.model.filters import Condition, Query
from comity.model.reading import nearest
from comity.model.records import Life

_CHANGES_CACHED: Final = 256
"""Of sets of fields that are changed together, for each kind."""


@dataclass(frozen=True, slots=True)
class CompiledGuard:
    """Be what must hold after every change of a record."""

    name: str
    why: str | None
    expression: Expression


@dataclass(frozen=True, slots=True)
class CompiledEvent:
    """Be a named event: who may emit it, what it carries, what it makes of the record's fields.

    ``actors`` isn't empty for a transition, and for these alone ``lives``, ``leads_to``,
    ``check`` (what must hold for it to start) and ``why`` (what is said where it doesn't) matter.
    """

    name: str
    owners: frozenset[str]
    data: Mapping[str, CompiledField]
    then: Mapping[str, Expression]
    lives: tuple[Life, ...]
    leads_to: Life
    actors: tuple[str, ...]
    check: Expression | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Referrer:
    """Be a field that refers to records of some kind, and what happens to it when one of them goes."""

    kind: str
    field: str
    on_removal: OnRemoval
    is_list: bool


@dataclass(frozen=True, slots=True)
class CompiledEffect:
    """Be an act on the outside world: as declared, with what it carries."""

    definition: EffectDefinition
    data: Mapping[str, CompiledField]


@dataclass(frozen=True, slots=True)
class CompiledWorkflow:
    """Be work of several steps: as declared, with what it is started with."""

    definition: WorkflowDefinition
    params: Mapping[str, CompiledField]


@dataclass(frozen=True)
class CompiledKind:
    """Be a kind, with the workspace's settings applied.

    Empty ``owners`` mean everyone, and so do empty ``readers``, who see what names none of
    its own (S39). ``required`` and ``defaults`` are what a new record
    needs and gets; ``named_events`` gives the event that a change of a field makes.
    """

    name: str
    owners: frozenset[str]
    fields: Mapping[str, CompiledField]
    guards: tuple[CompiledGuard, ...]
    events: Mapping[str, CompiledEvent]
    required: tuple[str, ...]
    defaults: Mapping[str, object]
    named_events: Mapping[str, str]
    freshness: Freshness
    blind_writes: BlindWrites
    readers: frozenset[str] = frozenset()

    @cached_property
    def events_of(self) -> Callable[[tuple[str, ...]], tuple[tuple[str | None, tuple[str, ...]], ...]]:
        """Return what tells which events a change of fields makes, each with its fields; None is the unnamed one."""
        return lru_cache(_CHANGES_CACHED)(self._events_of)

    def _events_of(self, names: tuple[str, ...]) -> tuple[tuple[str | None, tuple[str, ...]], ...]:
        events = dict.fromkeys(map(self.named_events.get, names))
        return tuple((event, tuple(name for name in names if self.named_events.get(name) == event)) for event in events)

    @cached_property
    def is_built_in(self) -> bool:
        """Tell whether it is one of Comity's own."""
        return refs.is_built_in(self.name)

    @cached_property
    def guards_look_around(self) -> bool:
        """Tell whether any guard looks at more than the record itself, before and after."""
        return not all(guard.expression.roots <= {"before", "after"} for guard in self.guards)

    @cached_property
    def references(self) -> tuple[tuple[str, str], ...]:
        """Return the fields that refer to other records, each with the kind that it refers to."""
        refer = ((name, field.definition.ref) for name, field in self.fields.items())
        return tuple((name, kind) for name, kind in refer if kind)

    @cached_property
    def field_names(self) -> tuple[str, ...]:
        """Return the names of the fields."""
        return tuple(self.fields)

    def normalise(self, query: Query) -> Query:
        """Return a query that compares with values in the form that records hold: times in UTC, references as ids."""
        where = tuple([self._normalise_condition(condition) for condition in query.where])
        return query if where == query.where else msgspec.structs.replace(query, where=where)

    def _normalise_condition(self, condition: Condition) -> Condition:
        field = self.fields.get(condition.field)
        if field is None:
            return condition
        return Condition(condition.field, condition.op, field.normalise_operand(condition.op, condition.value))


@dataclass(frozen=True, slots=True)
class Compiled:
    """Be a whole definition: ``number`` is the version that decisions are recorded with.

    ``kinds`` holds declared and built-in ones; ``referrers`` the fields that refer to a
    kind, by that kind. ``assume`` compiles an assumption, and keeps it for the next time.
    ``modes`` says which checks only tell what they find, ``shadowed`` which rules do so as
    they were new and don't say otherwise themselves (S26). ``readers`` is None where
    everyone sees everything.
    """

    definition: Definition
    number: int
    kinds: Mapping[str, CompiledKind]
    agents: Mapping[str, AgentDefinition]
    actions: Mapping[str, ActionDefinition]
    effects: Mapping[str, CompiledEffect]
    workflows: Mapping[str, CompiledWorkflow]
    referrers: Mapping[str, tuple[Referrer, ...]]
    has_declared_kinds: bool
    any_kind: CompiledKind
    assume: Callable[[str], Expression]
    rules: Rulebook
    modes: Modes
    shadowed: tuple[str, ...] = ()
    readers: Readers | None = None

    def kind(self, name: str) -> CompiledKind | None:
        """Return a declared or built-in kind, or None."""
        return self.kinds.get(name)

    def undeclared(self) -> CompiledKind:
        """Return what holds for the records of every kind that isn't declared."""
        return self.any_kind

    def assumption(self, source: str) -> Expression:
        """Return an agent's assumption, compiled; raises InvalidExpression."""
        return self.assume(source)

    def mode(self, gate: str, kind: str | None, agent: str) -> Mode:
        """Return whether what a gate finds stands in the way of an agent, or is only told (S22).

        ``kind`` is that of the record found fault with. The most specific setting counts:
        the agent's, its role's, the kind's, the workspace's.
        """
        return self.modes.of(gate, kind, agent)

    def suggest_kind(self, name: str) -> str | None:
        """Return the declared kind that a misspelt name most likely means, or None."""
        return _nearest_other(name, (kind for kind in self.kinds if not refs.is_built_in(kind)))

    def suggest_agent(self, name: str) -> str | None:
        """Return the declared agent that a misspelt name most likely means, or None."""
        return _nearest_other(name, self.agents)

    def suggest_action(self, name: str) -> str | None:
        """Return the declared action that a misspelt name most likely means, or None."""
        return _nearest_other(name, self.actions)


def _nearest_other(name: str, choices: Iterable[str]) -> str | None:
    return nearest(name, (choice for choice in choices if choice != name))


def readers_of(
    kinds: Iterable[CompiledKind], effects: Mapping[str, CompiledEffect], workflows: Mapping[str, CompiledWorkflow]
) -> Readers | None:
    """Return who may see what of all that holds values; None where everyone sees everything."""
    things: dict[Address, Limited] = {}
    for kind in kinds:
        things[kind.name,] = limited(kind.fields, kind.readers)
        things.update(((kind.name, event.name), limited(event.data)) for event in kind.events.values())
    things.update((("effects", name, "data"), limited(effect.data)) for name, effect in effects.items())
    things.update((("workflows", name, "params"), limited(one.params)) for name, one in workflows.items())
    kept = {address: one for address, one in things.items() if one}
    return Readers(kept) if kept else None
