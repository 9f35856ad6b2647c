"""Workflows: starting, listing, showing, cancelling, resuming.

What a run does next is for the duties (:mod:`comity.coordination.workflows`); here its
transitions are proposed that agents and operators make.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.coordination import waiting
from comity.coordination.runs import Plans, Run, ends_of
from comity.deciding.compiled import CompiledWorkflow
from comity.deciding.plans import Plan
from comity.errors import Conflict, InvalidReference, InvalidRequest, LimitExceeded, NotFound, Pending, Refused
from comity.model import refs
from comity.model.built_in import WORKFLOW
from comity.model.decisions import Decision
from comity.model.events import Commit, Event
from comity.model.filters import Condition, Order, Query
from comity.model.flows import run_id
from comity.model.proposals import Caller, Emit, Proposal
from comity.model.records import RecordState
from comity.model.workflows import StepDefinition
from comity.operations import (
    CancelWorkflow,
    ListWorkflows,
    ResumeWorkflow,
    ShowWorkflow,
    Start,
    StepAnswer,
    WorkflowAnswer,
    WorkflowsAnswer,
)
from comity.operations.working import OVER, StepSort, StepState
from comity.store.contract import Snapshot
from comity.verbs import names
from comity.verbs.engine import Engine
from comity.verbs.onward import onward, told
from comity.verbs.waiting import timeout_of

_STANDING: Final = OVER | {"stuck"}
"""The states in which nothing more happens by itself."""
_ENDING: Final = ("advanced", "completed", "undone")
"""The events that tell of a step by its name."""


def start(engine: Engine, caller: Caller, request: Start) -> WorkflowAnswer:
    """Return the run that was started, now or before under the same key.

    Raises NotFound for a workflow that isn't declared, InvalidRequest for a key that stands for
    another start, Conflict or Refused where it may not be started, Pending where that waits.
    """
    run = run_id(request.workflow, request.key if request.key is not None else engine.make_id())
    with engine.store.snapshot() as snapshot:
        known = snapshot.records([(WORKFLOW, run)]).get((WORKFLOW, run))
        compiled = engine.coordinator.definition(snapshot)
        now_us = engine.coordinator.time_at(snapshot.head).now_us
        number = compiled.number
        if known is None:
            names.check_workflow(snapshot, compiled, request.workflow)
    if known is not None:
        return _same(engine, known, request)
    workflow = compiled.workflows.get(request.workflow)
    if workflow is None:
        raise NotFound(f"the workflow {request.workflow!r} is no longer declared")
    change = Emit(f"{WORKFLOW}/{run}", "started", _terms(run, workflow, number, request, now_us))
    decision = engine.propose(
        Proposal(id=engine.make_id(), changes=(change,), reason=request.reason, cause=request.cause),
        caller,
        is_new=True,
    )
    if not decision.is_committed:
        _raise(engine, decision, run, request)
    return show(engine, caller, ShowWorkflow(run=run))


def _raise(engine: Engine, decision: Decision, run: str, request: Start) -> None:
    """Raise that a workflow wasn't started, unless somebody else has started the same at the same moment."""
    with engine.store.snapshot() as snapshot:
        known = snapshot.records([(WORKFLOW, run)]).get((WORKFLOW, run))
    if known is not None:
        _same(engine, known, request)
        return
    if decision.is_pending:
        raise Pending(decision)
    raise Conflict(decision) if decision.is_conflict else Refused(decision)


def _same(engine: Engine, known: RecordState, request: Start) -> WorkflowAnswer:
    with engine.store.snapshot() as snapshot:
        workflow = engine.coordinator.definition(snapshot).workflows.get(request.workflow)
    given = request.params if workflow is None else _normalised(workflow, request.params)
    if known.values["workflow"] != request.workflow or known.values.get("params", {}) != given:
        raise InvalidRequest(f"key: {known.ref} was started with other parameters under this key; take another one")
    with engine.store.snapshot() as snapshot:
        return _shown(snapshot, known, onward(engine))


def _terms(run: str, workflow: CompiledWorkflow, number: int, request: Start, now_us: int) -> dict[str, Any]:
    """Return what the start of a run says: what the definition says of it now."""
    declared = workflow.definition
    params = _normalised(workflow, request.params)
    try:
        about = Plan(run, workflow, params).about
    except InvalidReference:
        about = ()  # The checks say what is wrong with the parameters.
    terms = {
        "workflow": declared.name,
        "params": params,
        "definition": number,
        "steps": len(declared.steps),
        "name": declared.steps[0].name,
        "starters": list(declared.starters),
        "subjects": list(about),
        "reason": request.reason,
        "deadline": format_time(now_us + declared.deadline_s * SECOND_US),
    }
    return {name: value for name, value in terms.items() if value is not None}


def _normalised(workflow: CompiledWorkflow, params: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in params.items():
        field = workflow.params.get(name)
        try:
            found[name] = value if field is None else field.normalise(value)
        except ValueError as error:
            raise InvalidRequest(f"params: {name}: {error}") from None
    return found


# -- looking


def list_workflows(engine: Engine, caller: Caller, request: ListWorkflows) -> WorkflowsAnswer:
    """Return the runs chosen, the latest first; raises NotFound for a workflow or a record that never was."""
    if not 0 < request.limit <= limits.TASKS_PAGE:
        raise LimitExceeded(f"limit: between 1 and {limits.TASKS_PAGE}")
    chosen = (("workflow", request.workflow), ("state", request.state))
    where = tuple(Condition(field, "=", value) for field, value in chosen if value is not None)
    if request.record is not None:
        where = (*where, Condition("subjects", "has", request.record))
    is_over = request.over or request.state is not None
    order = (Order("started_at", descending=True),)
    query = Query(WORKFLOW, where, order, request.limit + 1, life="kept" if is_over else "live")
    with engine.store.snapshot() as snapshot:
        states = snapshot.find(query) if WORKFLOW in snapshot.kinds() else []
        if not states:
            _check_names(engine, snapshot, request)
    runs = tuple(_answer(state) for state in states[: request.limit])
    return WorkflowsAnswer(runs=runs, is_cut=len(states) > request.limit)


def _check_names(engine: Engine, snapshot: Snapshot, request: ListWorkflows) -> None:
    """Raise NotFound where nothing is found as there is no such workflow, or record."""
    compiled = engine.coordinator.definition(snapshot)
    if request.workflow is not None:
        names.check_workflow(snapshot, compiled, request.workflow)
    if request.record is not None:
        names.check_record(snapshot, compiled, refs.split(request.record))


def show(engine: Engine, caller: Caller, request: ShowWorkflow) -> WorkflowAnswer:
    """Return how far a run is, as soon as it is over or the time is; raises NotFound for one that never was."""
    timeout_s = timeout_of(request.timeout)

    with engine.store.snapshot() as snapshot:
        ref = _meant(engine, snapshot, request.run)

    def look() -> RecordState:
        with engine.store.snapshot() as snapshot:
            return snapshot.records([ref])[ref]

    state = waiting.watch(engine, look, lambda state: state.values["state"] in _STANDING, timeout_s)
    with engine.store.snapshot() as snapshot:
        # Who waited did the duties meanwhile.
        return _shown(snapshot, snapshot.records([ref]).get(ref, state), onward(engine) if not timeout_s else None)


def _meant(engine: Engine, snapshot: Snapshot, name: str) -> tuple[str, str]:
    ref = refs.split(name if name.startswith(f"{WORKFLOW}/") else f"{WORKFLOW}/{name}")
    names.check_record(snapshot, engine.coordinator.definition(snapshot), ref)
    return ref


def _answer(state: RecordState, steps: tuple[StepAnswer, ...] = (), after: str | None = None) -> WorkflowAnswer:
    values = state.values
    return WorkflowAnswer(
        run=state.id,
        workflow=values["workflow"],
        state=values["state"],
        params=values.get("params", {}),
        started_by=values["started_by"],
        started_at=values["started_at"],
        step=values.get("step_name"),
        place=values["step"],
        of=values["steps"],
        why=values.get("why"),
        deadline=values.get("deadline"),
        ticket=values.get("ticket"),
        task=values.get("task"),
        closed_at=values.get("closed_at"),
        steps=steps,
        next=after,
    )


def _shown(snapshot: Snapshot, state: RecordState, after: str | None) -> WorkflowAnswer:
    """Return a run with its steps, and ``after`` where it is due to go on."""
    run = Plans().run_of(state, snapshot)
    steps = tuple(_steps(run, snapshot)) if run is not None else ()
    return _answer(state, steps, after if _is_due(snapshot, state) else None)


def _is_due(snapshot: Snapshot, state: RecordState) -> bool:
    """Tell whether a run waits for nothing but to be carried on."""
    values = state.values
    if values["state"] != "waiting":
        return values["state"] in ("running", "compensating")
    task = refs.split(values["task"]) if values.get("task") else None
    return task is not None and not snapshot.records([task])[task].is_live


def _steps(run: Run, snapshot: Snapshot) -> Iterator[StepAnswer]:
    """Yield the steps of a run, each with what was told of it last."""
    told: dict[str, Event] = {}
    for event in ends_of(run.state.id, snapshot, _ENDING):
        if event.payload is not None and "name" in event.payload.data:
            told[event.payload.data["name"]] = event
    commits = snapshot.commits_of([event.revision for event in told.values()])
    for place, step in enumerate(run.plan.steps):
        event = told.get(step.name)
        yield _step(run, place, step, event, commits.get(event.revision) if event is not None else None)


def _step(run: Run, place: int, step: StepDefinition, event: Event | None, commit: Commit | None) -> StepAnswer:
    data = event.payload.data if event is not None and event.payload is not None else {}
    is_present = place == run.place or (place == run.undoing and run.state.values["state"] in ("compensating", "stuck"))
    return StepAnswer(
        step=step.name,
        what=_what(step),
        state=_state_of(run, place, event),
        by=data.get("who") or (commit.agent if commit is not None else None),
        at=format_time(commit.at) if commit is not None else None,
        revision=event.revision if event is not None else None,
        why=run.state.values.get("why") if is_present else data.get("answer"),
    )


def _what(step: StepDefinition) -> StepSort:
    if step.errand is not None:
        return "approval" if step.errand.purpose == "approval" else "task"
    return "wait" if step.rest is not None else "work"


def _state_of(run: Run, place: int, event: Event | None) -> StepState:
    if event is not None:
        is_stuck = run.state.values["state"] == "stuck" and place == run.undoing
        return "stuck" if is_stuck else "undone" if event.type == "undone" else "done"
    if not run.state.is_live or run.state.values["state"] in ("compensating", "stuck"):
        return "left out"
    if place != run.place:
        return "to come"
    return "waiting" if run.state.values["state"] in ("waiting", "paused") else "next"


# -- cancelling and resuming


def cancel(engine: Engine, caller: Caller, request: CancelWorkflow) -> Decision:
    """Return the decision on cancelling a run; raises NotFound for one that never was."""
    answer = request.reason or f"{caller.agent} cancelled it."
    return _propose(engine, caller, request.run, "cancelled", {"answer": answer}, request.reason)


def resume(engine: Engine, caller: Caller, request: ResumeWorkflow) -> Decision:
    """Return the decision on having a run that is stuck go on; raises NotFound for one that never was."""
    return _propose(engine, caller, request.run, "resumed", {"skip": request.skip}, request.reason)


def _propose(
    engine: Engine, caller: Caller, run: str, event: str, data: dict[str, Any], reason: str | None
) -> Decision:
    with engine.store.snapshot() as snapshot:
        ref = _meant(engine, snapshot, run)
    change = Emit("/".join(ref), event, data)
    proposal = Proposal(id=engine.make_id(), changes=(change,), reason=reason)
    return told(engine, engine.propose(proposal, caller, is_new=True))
