"""Workflows with their steps, and tasks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from comity.cli.rendering.words import dim, line, moment, quoted, table
from comity.model.texts import counted
from comity.operations import Request, TaskAnswer, TasksAnswer, WorkflowAnswer, WorkflowsAnswer

_STYLES: Final = {
    "done": "green",
    "running": "cyan",
    "next": "cyan",
    "waiting": "yellow",
    "paused": "yellow",
    "compensating": "yellow",
    "undone": "yellow",
    "stuck": "bold red",
    "failed": "red",
}


def workflow(request: Request, answer: WorkflowAnswer) -> Iterator[RenderableType]:
    """Yield one run: how it stands, and its steps one in a line."""
    yield from _heading(answer)
    if answer.steps:
        yield _steps(answer)
    if answer.next is not None:
        yield Text.assemble(("Next: ", "bold"), answer.next)


def _steps(answer: WorkflowAnswer) -> RenderableType:
    made = table("step", "what", "state", "by", "when", "why")
    for one in answer.steps:
        when = moment(one.at) if one.at is not None else ""
        made.add_row(
            line(one.step), one.what, _state(one.state), one.by or "", when, quoted(one.why) if one.why else Text()
        )
    return made


def workflows(request: Request, answer: WorkflowsAnswer) -> Iterator[RenderableType]:
    """Yield runs, the latest first."""
    for one in answer.runs:
        yield from _heading(one)
    more = ", and there are more (--limit shows more)" if answer.is_cut else ""
    yield dim(f"{counted(len(answer.runs), 'run')}{more}")


def _heading(one: WorkflowAnswer) -> Iterator[RenderableType]:
    at = f" at {line(one.step)}" if one.step else ""
    yield Text.assemble((line(one.run), "bold"), "  ", _state(one.state), f"{at}, {one.place} of {one.of} steps done")
    if one.why:
        yield Text.assemble("  ", quoted(one.why))
    due = f", until {moment(one.deadline)}" if one.deadline else ""
    yield dim(f"  started by {one.started_by} at {moment(one.started_at)}{due}")


def _state(state: str) -> Text:
    return Text(state, style=_STYLES.get(state, "dim"))


def tasks(request: Request, answer: TasksAnswer) -> Iterator[RenderableType]:
    """Yield tasks, the oldest first, each with the id by which it is answered."""
    for one in answer.tasks:
        yield Text.assemble((line(one.task), "bold"), "  ", _state(one.state), f"  {_whom(one)}")
        yield Text.assemble("  ", quoted(one.text))
    more = ", and there are more (--limit shows more)" if answer.is_cut else ""
    yield dim(f"{counted(len(answer.tasks), 'task')}{more}")


def _whom(one: TaskAnswer) -> str:
    due = f", until {moment(one.deadline)}" if one.deadline else ""
    return f"{one.purpose} for {', '.join(one.to) or 'a human'}{due}"
