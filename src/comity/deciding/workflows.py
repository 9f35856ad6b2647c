"""Compiling the workflows of a definition: may each step do what it says, and is there all that it names?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

import msgspec

from comity.deciding.compiled import CompiledEffect, CompiledKind, CompiledWorkflow
from comity.deciding.examples import ExampleChecker
from comity.deciding.expressions import Environment
from comity.deciding.outward import Fields
from comity.errors import InvalidExpression
from comity.model import templates
from comity.model.definition import WorkflowDefinition
from comity.model.proposals import AnyChange, Create, Effect, Emit, Put, Undo
from comity.model.proposals import Set as SetFields
from comity.model.reading import Path, Reading, mentions
from comity.model.workflows import StepDefinition, Work

_PLAIN = (Create, SetFields, Put)


def compile_workflows(reading: Reading, fields: Fields) -> dict[str, CompiledWorkflow]:
    """Return the workflows of the definition, with what they are started with."""
    found: dict[str, CompiledWorkflow] = {}
    for workflow in reading.definition.workflows:
        path: Path = ("workflows", workflow.name, "params")
        params = {one.name: fields.field(one, (), (*path, one.name)) for one in workflow.params}
        found[workflow.name] = CompiledWorkflow(workflow, params)
    return found


def check_workflows(
    reading: Reading,
    kinds: Mapping[str, CompiledKind],
    effects: Mapping[str, CompiledEffect],
    environment: Environment,
) -> None:
    """Note what workflows name that isn't there, what their agents may not do, and expressions that are wrong."""
    for workflow in reading.definition.workflows:
        _Checker(reading, kinds, effects, environment).check(workflow)


class _Checker:
    """Check one workflow."""

    def __init__(
        self,
        reading: Reading,
        kinds: Mapping[str, CompiledKind],
        effects: Mapping[str, CompiledEffect],
        environment: Environment,
    ) -> None:
        self.problems = reading.problems
        self.unread = reading.unread
        self.kinds = kinds
        self.effects = effects
        self.environment = environment
        self.agents = {agent.name: agent for agent in reading.definition.agents}
        self.actions = {action.name: action for action in reading.definition.actions}
        self.changes = ExampleChecker(reading, kinds)

    def check(self, workflow: WorkflowDefinition) -> None:
        path: Path = ("workflows", workflow.name)
        for place, lease in enumerate(workflow.leases):
            if not lease.on:
                continue  # It is told already.
            kind = self.changes.kind(lease.on, (*path, "leases", place, "on"))
            for name in lease.fields if kind is not None else ():
                self.field(kind, name, (*path, "leases", place, "fields"))
        for place, step in enumerate(workflow.steps):
            self.step(step, (*path, "steps", place))

    def field(self, kind: CompiledKind | None, name: str, path: Path) -> None:
        if kind is not None and name not in kind.fields and name not in self.unread.fields[kind.name]:
            self.problems.add(path, f"{kind.name} has no field {name!r}", given=name, choices=kind.fields)

    def step(self, step: StepDefinition, path: Path) -> None:
        if step.work is not None:
            self.work(step.work, path)
            self.expression(step.work.guard, (*path, "guard"))
        if step.undo is not None:
            self.work(step.undo, (*path, "undo"))
        if step.rest is not None:
            self.expression(step.rest.until, (*path, "wait", "until"))

    def expression(self, source: str | None, path: Path) -> None:
        if source is None:
            return
        try:
            self.environment.assumption(source)
        except InvalidExpression as error:
            if not mentions(source, self.unread.kinds.union(*self.unread.fields.values())):
                self.problems.add_expression(path, error)

    # -- work

    def work(self, work: Work, path: Path) -> None:
        self.changes.action(work.action, (*path, "action"))
        if self.actions and work.action is None:
            self.problems.add(path, "'action' is missing: where actions are declared, everything is done under one")
        for change in work.changes:
            self.changes.change(_unfilled(change), (*path, *_place_of(change)))
            self.ownership(work.agent, change, (*path, *_place_of(change)))
        wanted: set[tuple[str, str | None, str | None]] = set()
        for place, effect in enumerate(work.effects):
            self.effect(effect, work, (*path, "effects", place))
            if (effect.name, effect.target, effect.once) in wanted:
                message = f"the step wants {effect.name!r} to the same target twice: give each a 'once' of its own"
                self.problems.add((*path, "effects", place), message)
            wanted.add((effect.name, effect.target, effect.once))

    def ownership(self, agent: str, change: AnyChange, path: Path) -> None:
        """Note what the agent of a step may not write."""
        kind, party = self.kinds.get(change.record.partition("/")[0]), self.agents.get(agent)
        if kind is None or party is None:
            return
        for what, owners in _owned(change, kind):
            if owners and not owners & {party.name, party.role} and not owners & self.unread.owners:
                whose = " and ".join(sorted(owners))
                self.problems.add(path, f"{agent!r} may not write {what}: it belongs to {whose}")

    def effect(self, effect: Effect, work: Work, path: Path) -> None:
        action = self.actions.get(work.action or "")
        if action is not None and effect.name and effect.name not in action.effects:
            self.problems.add((*path, "name"), f"the action {action.name!r} doesn't list the effect {effect.name!r}")
        if effect.still is not None:
            self.expression(effect.still, (*path, "still"))
        compiled = self.effects.get(effect.name)
        if compiled is None:
            if self.effects and effect.name:
                choices = sorted(self.effects)
                message = f"there is no effect {effect.name!r}"
                self.problems.add((*path, "name"), message, given=effect.name, choices=choices)
            return
        self.target(effect, compiled, path)
        self.data(effect, compiled, path)

    def target(self, effect: Effect, compiled: CompiledEffect, path: Path) -> None:
        kind = effect.target.partition("/")[0] if effect.target is not None else None
        wanted = compiled.definition.kind
        if wanted is not None and kind != wanted:
            self.problems.add((*path, "target"), f"{effect.name!r} concerns a record of the kind {wanted!r}")
        elif kind is not None:
            self.changes.kind(f"{kind}/x", (*path, "target"))

    def data(self, effect: Effect, compiled: CompiledEffect, path: Path) -> None:
        for name, value in effect.data.items():
            field = compiled.data.get(name)
            if field is None and compiled.data:
                message = f"{effect.name} carries no {name!r}"
                self.problems.add((*path, "data", name), message, given=name, choices=compiled.data)
            elif field is not None and not any(templates.places_in(value)):
                for problem in field.problems(value):
                    self.problems.add((*path, "data", name), problem)
        for name, field in compiled.data.items():
            if field.definition.required and name not in effect.data:
                self.problems.add(path, f"{effect.name} needs data.{name}")


def _place_of(change: AnyChange) -> Path:
    """Return where a change stands in the table of its step."""
    verb = type(change).__name__.lower()
    return (verb,) if verb in ("archive", "restore", "delete") else (verb, change.record)


def _unfilled(change: AnyChange) -> AnyChange:
    """Return a change without the values that are known only once the workflow is started."""
    if isinstance(change, _PLAIN):
        known = {name: None if any(templates.places_in(value)) else value for name, value in change.fields.items()}
        return msgspec.structs.replace(change, fields=known)
    return change


def _owned(change: AnyChange, kind: CompiledKind) -> Iterable[tuple[str, Set[str]]]:
    """Yield what a change writes, each with its owners; none of them stand for everyone."""
    if isinstance(change, Emit):
        event = kind.events.get(change.event)
        if event is not None:
            yield f"{kind.name}.{change.event}", event.owners
        return
    fields: dict[str, Any] = {} if isinstance(change, Undo) else getattr(change, "fields", {})
    for name in fields:
        if name in kind.fields:
            yield f"{kind.name}.{name}", kind.fields[name].owners
    if not fields or isinstance(change, Create):
        yield f"a {kind.name}'s life", kind.owners
