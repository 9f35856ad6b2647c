"""Runs of workflows as duties look at them: which there are, and what each of them is to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from comity import limits
from comity.clock import SECOND_US, parse_time
from comity.coordination.written import changed_by, put_back
from comity.coordinator import Coordinator
from comity.coordinator.holding import Held
from comity.coordinator.round import DEFINITION
from comity.deciding.definitions import compiled_from
from comity.deciding.plans import Plan
from comity.deciding.view import View
from comity.errors import ComityError
from comity.model.built_in import WORKFLOW
from comity.model.events import Event
from comity.model.proposals import AnyChange, Create, Put, Read, Set
from comity.model.records import RecordState
from comity.model.workflows import StepDefinition, Work
from comity.store.contract import EventFilter, Snapshot

_SETTING: Final = (Create, Set, Put)


class Runs:
    """Hold the runs that aren't over, those started first in front. Whoever made it brings it up to date."""

    def __init__(self, states: Iterable[RecordState] = ()) -> None:
        self.states: dict[str, RecordState] = {}
        for state in sorted(states, key=_started_in):
            self.take(state)

    def take(self, state: RecordState) -> None:
        """Take what became of a run."""
        if state.is_live:
            self.states[state.id] = state
        else:
            self.states.pop(state.id, None)


def _started_in(state: RecordState) -> int:
    return state.blame.get("started_at", 0)


RUNS: Final = Held(WORKFLOW, Runs, limits.WORKFLOWS_LIVE)


class Scene(msgspec.Struct, frozen=True):
    """Be what runs are looked at with: one snapshot, and the view of it."""

    coordinator: Coordinator
    snapshot: Snapshot
    view: View

    @property
    def now_us(self) -> int:
        """Return the moment."""
        return self.view.now_us

    def is_over(self, time: str | None) -> bool:
        """Tell whether a time has come."""
        return time is not None and parse_time(time) <= self.now_us


class Run(msgspec.Struct, frozen=True):
    """Be one run: its record, what it does, and the event that began it."""

    state: RecordState
    plan: Plan
    cause: str

    @property
    def place(self) -> int:
        """Return the place of the present step."""
        place: int = self.state.values["step"]
        return place

    @property
    def attempt(self) -> int:
        """Return the number of the present try."""
        attempt: int = self.state.values["attempt"]
        return attempt

    @property
    def step(self) -> StepDefinition | None:
        """Return the present step; None where all are done."""
        return self.plan.steps[self.place] if self.place < len(self.plan.steps) else None

    @property
    def step_due_us(self) -> int | None:
        """Return when the present step counts as refused for good, or None."""
        told: str | None = self.state.values.get("step_deadline")
        if told is not None:
            return parse_time(told)
        if self.step is None or self.step.deadline_s is None:
            return None
        return parse_time(self.state.values["step_at"]) + self.step.deadline_s * SECOND_US

    @property
    def undoing(self) -> int | None:
        """Return the place of the step that is undone next, or None where none of them is left."""
        last: int = self.state.values.get("undo", -1)
        places = range(min(last, len(self.plan.steps) - 1), -1, -1)
        return next((place for place in places if self.plan.steps[place].undo is not None), None)


class Plans:
    """Know what runs are to do: by the definition as it was when each began."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, int], tuple[Plan, str]] = {}

    def run_of(self, state: RecordState, snapshot: Snapshot) -> Run | None:
        """Return a run; None where the definition that it began with can't be read any more."""
        place = snapshot.head.incarnation, state.id, _started_in(state)
        known = self._known.get(place)
        if known is None:
            if len(self._known) >= limits.WORKFLOWS_LIVE:
                self._known.clear()
            known = self._read(state, snapshot)
            if known is None:
                return None
            self._known[place] = known
        return Run(state, *known)

    def _read(self, state: RecordState, snapshot: Snapshot) -> tuple[Plan, str] | None:
        begun = snapshot.events(EventFilter(kind=WORKFLOW, id=state.id, type="started", limit=1))
        try:
            definition = snapshot.records_at([DEFINITION], begun[0].revision if begun else 0).get(DEFINITION)
            workflow = compiled_from(definition).workflows[state.values["workflow"]]
            return Plan(state.id, workflow, state.values.get("params", {})), begun[0].event_id
        except (ComityError, LookupError):
            return None


def ends_of(run: str, snapshot: Snapshot, types: Iterable[str]) -> list[Event]:
    """Return the events that ended a step of a run, or undid it, in order: there are few, whatever else happened."""
    chosen = [EventFilter(kind=WORKFLOW, id=run, type=type, limit=limits.WORKFLOW_EVENTS) for type in types]
    return sorted((event for one in chosen for event in snapshot.events(one)), key=_place_of)


def _place_of(event: Event) -> tuple[int, int]:
    return event.revision, event.ordinal


# -- what a run has written


def own_reads(run: Run, work: Work, snapshot: Snapshot) -> Iterator[Read]:
    """Yield, of what a step would write, what the run has written before, as read at its last write.

    So the step is refused where somebody else has changed it since.
    """
    wanted = dict.fromkeys(pair for change in work.changes for pair in _written(change))
    if wanted.keys().isdisjoint(_ever_written(run.plan)):
        return
    last: dict[tuple[str, str], int] = {}
    for revision, done in _done(run, snapshot):
        last.update(dict.fromkeys(done, revision))
    for record, field in wanted:
        if (record, field) in last:
            yield Read(record, last[record, field], (field,), whole=False, touched=True)


def _written(change: AnyChange) -> list[tuple[str, str]]:
    return [(change.record, name) for name in change.fields] if isinstance(change, _SETTING) else []


def _ever_written(plan: Plan) -> set[tuple[str, str]]:
    works = [work for step in plan.steps for work in (step.work, step.undo) if work is not None]
    written = [pair for work in works for change in work.changes for pair in _written(change)]
    return {pair for pair in written if written.count(pair) > 1}


def _done(run: Run, snapshot: Snapshot) -> Iterator[tuple[int, Iterable[tuple[str, str]]]]:
    """Yield what was written by the steps that were done, and by what undid some, each with its revision, in order."""
    names = {step.name: step for step in run.plan.steps}
    for event in ends_of(run.state.id, snapshot, ("advanced", "undone")):
        step = names.get(event.payload.data.get("name", "")) if event.payload is not None else None
        if step is not None and step.work is not None and event.type == "advanced":
            yield event.revision, [pair for change in step.work.changes for pair in _written(change)]
        elif step is not None and step.undo is not None and event.type == "undone":
            undo = put_back(step, changed_by(run.state.id, run.plan.steps.index(step), snapshot))
            yield event.revision, [pair for change in (undo.changes if undo else ()) for pair in _written(change)]
