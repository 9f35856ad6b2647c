"""Workflows and tasks, from the side of a handle."""

from __future__ import annotations

import asyncio
from typing import Any

from comity.model.decisions import Decision
from comity.model.durations import parse_duration
from comity.operations import (
    CancelWorkflow,
    FailTask,
    FinishTask,
    ListTasks,
    ListWorkflows,
    ResumeWorkflow,
    ShowWorkflow,
    Start,
    TaskAnswer,
    TasksAnswer,
    WorkflowAnswer,
    WorkflowsAnswer,
)
from comity.operations.working import RunState
from comity.workspace.changes import text_in
from comity.workspace.outcomes import raise_unless_committed
from comity.workspace.session import Session
from comity.workspace.waiting import span_of

_BITE_S = 1
"""How long a task waits at most in another thread, so that one that is cancelled leaves it soon."""


class Workflow:
    """Be one run of a workflow."""

    def __init__(self, session: Session, run: str) -> None:
        self._session = session
        self.run = run

    def __repr__(self) -> str:
        return f"<Workflow {self.run}>"

    @property
    def state(self) -> RunState:
        """Return the state that it is in now."""
        return self.show().state

    def show(self) -> WorkflowAnswer:
        """Return how far it is, step by step. Prints well."""
        return self._session.call(ShowWorkflow(run=self.run))

    def wait(self, timeout: str | int = "30s") -> WorkflowAnswer:
        """Return how far it is as soon as it is over or stuck, or when the time is over.

        While it waits it does what is due in the workspace, its own steps among it.
        """
        return self._session.call(ShowWorkflow(run=self.run, timeout=span_of(timeout)))

    async def wait_async(self, timeout: str | int = "30s") -> WorkflowAnswer:
        """Return the same, without blocking the event loop."""
        left_s = parse_duration(span_of(timeout))
        while True:
            bite_s = min(left_s, _BITE_S)
            answer = await asyncio.to_thread(self.wait, bite_s)
            left_s -= bite_s
            if answer.is_over or answer.state == "stuck" or left_s <= 0:
                return answer

    def cancel(self, *, reason: str | None = None) -> Decision:
        """Have it go backwards, undoing what it did. For who may start it, and operators."""
        return raise_unless_committed(self._session.call(CancelWorkflow(run=self.run, reason=reason)))

    def resume(self, *, skip: bool = False, reason: str | None = None) -> Decision:
        """Have it try again to undo the step at which it is stuck, or with ``skip`` leave that as it is."""
        return raise_unless_committed(self._session.call(ResumeWorkflow(run=self.run, skip=skip, reason=reason)))


class Starting:
    """Start workflows."""

    _session: Session

    def start(
        self,
        workflow: str,
        /,
        *,
        key: str | None = None,
        reason: str | None = None,
        cause: str | None = None,
        **params: Any,
    ) -> Workflow:
        """Start a workflow: ``sales.start("offboard", customer="acme")``; returns the handle of its run.

        Started with the same ``key`` again it is the same run, however often; ``cause`` is the
        event that led to it. A parameter named like one of these is given by
        ``agent.answer(Start(…))``. Raises Refused where it may not be started.
        """
        request = Start(workflow=workflow, params=params, key=key, reason=reason, cause=cause)
        answer: WorkflowAnswer = self._session.call(request)
        return Workflow(self._session, answer.run)


class Working:
    """See what workflows run, and answer the tasks that they give."""

    _session: Session

    def workflows(
        self,
        *,
        workflow: str | None = None,
        record: str | None = None,
        state: RunState | None = None,
        over: bool = False,
        limit: int = 100,
    ) -> WorkflowsAnswer:
        """Return the workflows that run, the latest first; with ``over`` also those that don't any more."""
        request = ListWorkflows(workflow=workflow, record=record, state=state, over=over, limit=limit)
        return self._session.call(request)

    def workflow(self, run: str | WorkflowAnswer) -> Workflow:
        """Return the handle of a run."""
        return Workflow(self._session, text_in("run", run))

    def cancel_workflow(self, run: str | WorkflowAnswer, *, reason: str | None = None) -> Decision:
        """Have a run go backwards, undoing what it did. For who may start it, and operators."""
        return self.workflow(run).cancel(reason=reason)

    def resume_workflow(self, run: str | WorkflowAnswer, *, skip: bool = False, reason: str | None = None) -> Decision:
        """Have a run that is stuck go on. For operators."""
        return self.workflow(run).resume(skip=skip, reason=reason)

    def tasks(self, *, all: bool = False, over: bool = False, limit: int = 100) -> TasksAnswer:
        """Return the open tasks that are yours to answer, the oldest first; with ``all`` those of others too."""
        return self._session.call(ListTasks(all=all, over=over, limit=limit))

    def finish_task(self, task: str | TaskAnswer, *, answer: str | None = None) -> Decision:
        """Say that a task is done, or approve what it asks for: the workflow goes on."""
        return raise_unless_committed(self._session.call(FinishTask(task=text_in("task", task), answer=answer)))

    def fail_task(self, task: str | TaskAnswer, *, answer: str) -> Decision:
        """Say that a task can't be done, or deny what it asks for, and why."""
        return raise_unless_committed(self._session.call(FailTask(task=text_in("task", task), answer=answer)))
