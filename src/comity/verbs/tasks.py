"""Tasks that workflows give to somebody: listing and answering them."""

from __future__ import annotations

from itertools import islice
from typing import Any

from comity import limits
from comity.coordination.tasks import all_tasks, tasks_for
from comity.deciding.case import identify
from comity.errors import LimitExceeded
from comity.model import refs
from comity.model.built_in import TASK, WORKFLOW
from comity.model.decisions import Decision
from comity.model.proposals import Caller, Emit, Proposal
from comity.model.records import RecordState
from comity.operations import FailTask, FinishTask, ListTasks, TaskAnswer, TasksAnswer
from comity.store.contract import EventFilter
from comity.verbs import names
from comity.verbs.engine import Engine
from comity.verbs.onward import told


def list_tasks(engine: Engine, caller: Caller, request: ListTasks) -> TasksAnswer:
    """Return the tasks that the caller may answer, or all, the oldest first."""
    if not 0 < request.limit <= limits.TASKS_PAGE:
        raise LimitExceeded(f"limit: between 1 and {limits.TASKS_PAGE}")
    with engine.store.snapshot() as snapshot:
        agent = identify(caller, engine.coordinator.definition(snapshot))
        over = request.over
        chosen = all_tasks(snapshot, over=over) if request.all else tasks_for(snapshot, agent, over=over)
        found = list(islice(chosen, request.limit + 1))
    tasks = tuple(_answer(state) for state in found[: request.limit])
    return TasksAnswer(tasks=tasks, is_cut=len(found) > request.limit)


def _answer(state: RecordState) -> TaskAnswer:
    values = state.values
    return TaskAnswer(
        task=state.id,
        run=values["workflow"].removeprefix(f"{WORKFLOW}/"),
        step=values["step"],
        purpose=values["purpose"],
        state=values["state"],
        to=tuple(values.get("to", ())),
        text=values["text"],
        subjects=tuple(values.get("subjects", ())),
        opened_at=values["opened_at"],
        deadline=values.get("deadline"),
        closed_by=values.get("closed_by"),
        answer=values.get("answer"),
    )


def finish(engine: Engine, caller: Caller, request: FinishTask) -> Decision:
    """Return the decision on a task that is done; raises NotFound for one that never was."""
    data = {} if request.answer is None else {"answer": request.answer}
    return _propose(engine, caller, request.task, "done", data, request.answer)


def fail(engine: Engine, caller: Caller, request: FailTask) -> Decision:
    """Return the decision on a task that can't be done; raises NotFound for one that never was."""
    return _propose(engine, caller, request.task, "failed", {"answer": request.answer}, request.answer)


def _propose(
    engine: Engine, caller: Caller, task: str, event: str, data: dict[str, Any], reason: str | None
) -> Decision:
    with engine.store.snapshot() as snapshot:
        ref = refs.split(task if task.startswith(f"{TASK}/") else f"{TASK}/{task}")
        names.check_record(snapshot, engine.coordinator.definition(snapshot), ref)
        opened = snapshot.events(EventFilter(kind=TASK, id=ref[1], type="opened", limit=1))
    change = Emit("/".join(ref), event, data)
    cause = opened[0].event_id if opened else None
    proposal = Proposal(id=engine.make_id(), changes=(change,), reason=reason, cause=cause)
    return told(engine, engine.propose(proposal, caller, is_new=True))
