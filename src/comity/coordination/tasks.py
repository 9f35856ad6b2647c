"""Tasks: what workflows have somebody do, and who that may be."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import msgspec

from comity import limits
from comity.clock import parse_time
from comity.model.built_in import TASK, WORKFLOW
from comity.model.definition import AgentDefinition
from comity.model.filters import Condition, Order, Query, page_after
from comity.model.records import RecordState
from comity.model.texts import quote
from comity.operations import InboxItem
from comity.store.contract import Snapshot

OPERATOR = "operator"
"""The role of whoever runs the workspace's machine."""


def all_tasks(snapshot: Snapshot, *, over: bool = False) -> Iterator[RecordState]:
    """Yield the open tasks, or also those that are over, the oldest first."""
    query = _query(over=over)
    page = snapshot.find(query) if TASK in snapshot.kinds() else []
    while page:
        yield from page
        query = msgspec.structs.replace(query, after=page_after(query, page[-1]))
        page = snapshot.find(query) if len(page) == query.limit else []


def tasks_for(snapshot: Snapshot, agent: AgentDefinition, *, over: bool = False) -> Iterator[RecordState]:
    """Yield the tasks that an agent may answer, the oldest first, however many there are for others."""
    if is_overseer(agent):
        states = all_tasks(snapshot, over=over)
    else:
        meant = [Condition("to", "has", name) for name in {agent.name, agent.role}] if TASK in snapshot.kinds() else []
        found = {state.id: state for one in meant for state in snapshot.find(_query(one, over=over))}
        states = iter(sorted(found.values(), key=_opened_at))
    return (state for state in states if is_asked(state, agent))


def _query(*where: Condition, over: bool) -> Query:
    return Query(TASK, where, (Order("opened_at"),), limits.TASKS_PAGE + 1, life="kept" if over else "live")


def _opened_at(task: RecordState) -> tuple[str, str]:
    return task.values["opened_at"], task.id


def is_asked(task: RecordState, agent: AgentDefinition) -> bool:
    """Tell whether an agent may answer a task; who started a workflow doesn't approve it."""
    to: list[str] = task.values.get("to", [])
    is_meant = not {agent.name, agent.role}.isdisjoint(to) if to else is_overseer(agent)
    if task.values["purpose"] != "approval":
        return is_meant
    return is_meant and agent.kind == "human" and task.values["started_by"] != agent.name


def is_overseer(agent: AgentDefinition) -> bool:
    """Tell whether somebody is asked where nobody in particular is: humans, and operators."""
    return agent.kind == "human" or agent.role == OPERATOR


def find_tasks(snapshot: Snapshot, agent: AgentDefinition) -> Iterator[InboxItem]:
    """Yield the open tasks of an agent, as far as an inbox goes."""
    yield from map(_item, islice(tasks_for(snapshot, agent), limits.INBOX_ITEMS))


def _item(task: RecordState) -> InboxItem:
    values = task.values
    due = f" until {values['deadline']}" if values.get("deadline") else ""
    approval = "Approve it as done, or deny it as failed, with a reason"
    run = values["workflow"].removeprefix(f"{WORKFLOW}/")
    return InboxItem(
        id=f"task:{task.id}:{task.version}",
        kind="task",
        about=task.ref,
        text=f"{run} needs you for {values['step']!r}: {quote(values['text'])}",
        next=f"{approval if values['purpose'] == 'approval' else 'Answer done, or failed with a reason'}{due}.",
        at=parse_time(values["opened_at"]),
    )


def find_stuck(snapshot: Snapshot, agent: AgentDefinition) -> Iterator[InboxItem]:
    """Yield the workflows that can't go on by themselves, to humans and operators."""
    if WORKFLOW not in snapshot.kinds() or not is_overseer(agent):
        return
    query = Query(WORKFLOW, (Condition("state", "=", "stuck"),), limit=limits.INBOX_ITEMS)
    for run in snapshot.find(query):
        yield InboxItem(
            id=f"workflow:{run.id}:{run.version}",
            kind="workflow",
            about=run.ref,
            text=f"{run.id} is stuck going backwards: {quote(run.values.get('why', ''))}",
            next=f"Mend what stands in the way and resume {run.id}, or resume it with skip to leave the step as it is.",
            at=parse_time(run.values["step_at"]),
        )
