"""Workflows and tasks, as people read them."""

from __future__ import annotations

import msgspec

from comity.operations import (
    ListTasks,
    ListWorkflows,
    ShowWorkflow,
    StepAnswer,
    TaskAnswer,
    TasksAnswer,
    WorkflowAnswer,
    WorkflowsAnswer,
)
from tests.cli.rendering.test_holding import UNTIL, shown

STEPS = (
    StepAnswer(step="announce", what="work", state="done", by="support", at=UNTIL, revision=7),
    StepAnswer(step="export", what="task", state="waiting", why="It waits for product."),
    StepAnswer(step="leave", what="work", state="to come"),
)
RUN = WorkflowAnswer(
    run="offboard~1",
    workflow="offboard",
    state="waiting",
    started_by="sales",
    started_at=UNTIL,
    step="export",
    place=1,
    of=3,
    why="It waits for product.",
    deadline=UNTIL,
)
TASK = TaskAnswer(
    task="offboard~1~1", run="offboard~1", step="export", purpose="task", state="open", to=("product",),
    text="Export it.", opened_at=UNTIL, deadline=UNTIL,
)  # fmt: skip


def test_a_run_shows_its_steps_as_a_table() -> None:
    text = shown(ShowWorkflow(run="offboard~1"), msgspec.structs.replace(RUN, steps=STEPS))
    for words in ("offboard~1", "waiting at export, 1 of 3 steps done", "announce", "support", "to come", "until"):
        assert words in text


def test_runs_are_told_one_after_the_other() -> None:
    text = shown(ListWorkflows(), WorkflowsAnswer(runs=(RUN, RUN), is_cut=True))
    assert "2 runs, and there are more" in text
    assert str(WorkflowsAnswer(runs=())) == "No workflow runs."


def test_a_task_shows_how_to_answer_it() -> None:
    text = shown(ListTasks(), TasksAnswer(tasks=(TASK,)))
    assert "offboard~1~1  open  task for product, until" in text
    assert "Export it." in text
    assert str(TasksAnswer(tasks=())) == "There is nothing to do."
