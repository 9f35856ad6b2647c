"""Workflows and tasks: starting, showing, cancelling, resuming; listing tasks and answering them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from comity.model.texts import counted, listed, quote
from comity.model.workflows import Purpose
from comity.operations.arguments import Answer, Fields, Limit, Reason, Request

RunState = Literal[
    "running", "waiting", "paused", "compensating", "stuck", "done", "compensated", "failed", "cancelled"
]
StepSort = Literal["work", "task", "approval", "wait"]
StepState = Literal["done", "next", "waiting", "stuck", "undone", "to come", "left out"]
TaskState = Literal["open", "done", "failed", "withdrawn"]
RunId = Annotated[str, Meta(description="the run, as 'workflows list' shows it")]
TaskId = Annotated[str, Meta(description="the task, as 'tasks list' shows it")]

OVER: Final = frozenset({"done", "compensated", "failed", "cancelled"})
"""The states of a run that is over."""


class Start(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Start a workflow; started with the same key again it is the same run."""

    workflow: Annotated[str, Meta(description="the workflow, as declared under [workflows]")]
    params: Annotated[Fields, Meta(description="what it is started with: name=value")] = {}
    key: Annotated[str | None, Meta(description="what tells this run from others: with the same key it is one run")] = (
        None
    )
    reason: Reason = None
    cause: Annotated[str | None, Meta(description="the event that led to it, as revision.ordinal")] = None


class ListWorkflows(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List the workflows that run, or also those that are over, the latest first."""

    workflow: Annotated[str | None, Meta(description="runs of this workflow only")] = None
    record: Annotated[str | None, Meta(description="runs about this record only")] = None
    state: Annotated[RunState | None, Meta(description="runs in this state only")] = None
    over: Annotated[bool, Meta(description="also those that are over")] = False
    limit: Limit = 100


class ShowWorkflow(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Show how far a run of a workflow is, step by step; or wait until it is over."""

    run: RunId
    timeout: Annotated[str, Meta(description="how long to wait until it is over, such as 30s; 0s looks once")] = "0s"


class CancelWorkflow(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Cancel a run of a workflow: what it did is undone."""

    run: RunId
    reason: Reason = None


class ResumeWorkflow(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Have a run that is stuck try again to undo its step, or leave the step as it is."""

    run: RunId
    skip: Annotated[bool, Meta(description="leave the step as it is, and undo those before it")] = False
    reason: Reason = None


class ListTasks(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List the open tasks that are the caller's to answer, or all of them."""

    all: Annotated[bool, Meta(description="also those of others")] = False
    over: Annotated[bool, Meta(description="also those that were answered or withdrawn")] = False
    limit: Limit = 100


class FinishTask(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Say that a task is done, or approve what it asks for: the workflow goes on."""

    task: TaskId
    answer: Annotated[str | None, Meta(description="what there is to say of it")] = None


class FailTask(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Say that a task can't be done, or deny what it asks for, and why."""

    task: TaskId
    answer: Annotated[str, Meta(description="why")]


class StepAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one step of a run: what it is, how far it is, who did it, when, and why it waits."""

    step: str
    what: StepSort
    state: StepState
    by: str | None = None
    at: str | None = None
    revision: int | None = None
    why: str | None = None


class WorkflowAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one run of a workflow; ``steps`` is empty in a list. ``next`` tells who carries it on."""

    run: str
    workflow: str
    state: RunState
    params: Fields = {}
    started_by: str
    started_at: str
    step: str | None = None
    place: int
    of: int
    why: str | None = None
    deadline: str | None = None
    ticket: str | None = None
    task: str | None = None
    closed_at: str | None = None
    steps: tuple[StepAnswer, ...] = ()
    next: str | None = None

    @property
    def is_over(self) -> bool:
        """Tell whether it ran to its end, either way."""
        return self.state in OVER

    def __str__(self) -> str:
        """Return it as people and models read it."""
        return "\n".join([_run(self), *map(_step, self.steps), *([f"  {self.next}"] if self.next else [])])


class WorkflowsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be the runs found."""

    runs: tuple[WorkflowAnswer, ...]
    is_cut: bool = False

    def __str__(self) -> str:
        """Return them, one in a line."""
        return "\n".join(map(_run, self.runs)) or "No workflow runs."


class TaskAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one task."""

    task: str
    run: str
    step: str
    purpose: Purpose
    state: TaskState
    to: tuple[str, ...]
    text: str
    opened_at: str
    subjects: tuple[str, ...] = ()
    deadline: str | None = None
    closed_by: str | None = None
    answer: str | None = None

    def __str__(self) -> str:
        """Return it in a line."""
        return _task(self)


class TasksAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be the tasks found."""

    tasks: tuple[TaskAnswer, ...]
    is_cut: bool = False

    def __str__(self) -> str:
        """Return them, one in a line."""
        return "\n".join(map(_task, self.tasks)) or "There is nothing to do."


def _run(one: WorkflowAnswer) -> str:
    at = f" at {one.step!r}" if one.step else ""
    why = f": {quote(one.why)}" if one.why else ""
    return f"{one.workflow} {one.run}: {one.state}{at} ({one.place} of {counted(one.of, 'step')}){why}"


def _step(one: StepAnswer) -> str:
    by = f" by {one.by}" if one.by else ""
    why = f": {quote(one.why)}" if one.why else ""
    return f"  {one.step} ({one.what}): {one.state}{by}{why}"


def _task(one: TaskAnswer) -> str:
    whom = listed(list(one.to), 3) or "a human"
    due = f", until {one.deadline}" if one.deadline else ""
    return f"{one.task} for {whom}{due} ({one.state}): {quote(one.text)}"
