"""Plans: the workflows of a definition with the parameters of one run put in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from comity.deciding.compiled import CompiledWorkflow
from comity.errors import InvalidReference
from comity.model import refs, templates
from comity.model.flows import Phase, once_of
from comity.model.proposals import AnyChange, Effect, Emit
from comity.model.workflows import Errand, LeaseDefinition, StepDefinition, Work


class Plan:
    """Be what one run does: its steps and leases, and the records that it is about, with their ``kinds``."""

    def __init__(self, run: str, workflow: CompiledWorkflow, params: Mapping[str, Any]) -> None:
        """Raise InvalidReference where a parameter makes no address."""
        self.run = run
        self.definition = workflow.definition
        self._values = {param: params.get(param) for param in workflow.params}
        self.leases = tuple(self._lease(lease) for lease in workflow.definition.leases)
        self.steps = tuple(self._step(step) for step in workflow.definition.steps)
        self.about = tuple(_referred(workflow, params))
        self.kinds = frozenset(refs.split(record)[0] for record in self.records())

    def records(self) -> Iterator[str]:
        """Yield the records that it is about, holds or changes; some more than once."""
        yield from self.about
        yield from (lease.on for lease in self.leases)
        for step in self.steps:
            for work in (step.work, step.undo):
                if work is not None:
                    yield from records_of(work)

    def _lease(self, lease: LeaseDefinition) -> LeaseDefinition:
        return replace(lease, on=templates.fill_text(lease.on, self._values))

    def _step(self, step: StepDefinition) -> StepDefinition:
        return replace(
            step,
            work=self._work(step.work, "step", step.name),
            undo=self._work(step.undo, "undo", step.name),
            errand=self._errand(step.errand),
        )

    def _errand(self, errand: Errand | None) -> Errand | None:
        return None if errand is None else replace(errand, text=templates.fill_text(errand.text, self._values))

    def _work(self, work: Work | None, phase: Phase, step: str) -> Work | None:
        if work is None:
            return None
        changes = tuple(map(self._change, work.changes))
        return replace(work, changes=changes, effects=tuple(self._effects(work.effects, phase, step)))

    def _change(self, change: AnyChange) -> AnyChange:
        record = templates.fill_text(change.record, self._values)
        if isinstance(change, Emit):
            return Emit(record, change.event, templates.fill(change.data, self._values))
        fields: dict[str, Any] | None = getattr(change, "fields", None)
        if fields is None:
            return replace(change, record=record)
        return replace(change, record=record, fields=templates.fill(fields, self._values))

    def _effects(self, effects: Iterable[Effect], phase: Phase, step: str) -> Iterator[Effect]:
        for effect in effects:
            yield replace(
                effect,
                target=None if effect.target is None else templates.fill_text(effect.target, self._values),
                data=templates.fill(effect.data, self._values),
                once=once_of(self.run, phase, step, effect.once),
            )


def records_of(work: Work) -> Iterator[str]:
    """Yield the records that a step's work changes, or whose effects concern them."""
    yield from (change.record for change in work.changes)
    yield from (effect.target for effect in work.effects if effect.target is not None)


def _referred(workflow: CompiledWorkflow, params: Mapping[str, Any]) -> Iterator[str]:
    """Yield the records that the parameters of a run refer to."""
    for name, field in workflow.params.items():
        kind, value = field.definition.ref, params.get(name)
        if kind is not None:
            for id in value if isinstance(value, list) else [value] if value is not None else []:
                yield f"{kind}/{id}"


def problem_of(workflow: CompiledWorkflow, params: Mapping[str, Any]) -> str | None:
    """Return why no plan can be made with these parameters, or None."""
    try:
        Plan("x", workflow, params)
    except InvalidReference as error:
        return str(error)
    return None
