"""Carrying workflows on: what is looked at when, how many at a time, and what it costs to wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.errors import InvalidRequest, LimitExceeded
from comity.testing.manual_clock import ManualClock
from tests.semantics.working import Stage, step, workflow

WORK = 'as = "sales"\nset = { "customer/{c}" = { note = "x" } }'


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def opened(tmp_path: Path, clock: ManualClock) -> Iterator[list[comity.Workspace]]:
    kept: list[comity.Workspace] = []
    yield kept
    for ws in kept:
        ws.close()


def stage(tmp_path: Path, clock: ManualClock, opened: list[comity.Workspace], text: str) -> Stage:
    (tmp_path / "comity.toml").write_text(text, encoding="utf-8")
    ws = comity.open(tmp_path / "crm.db", definition=tmp_path / "comity.toml", clock=clock)
    opened.append(ws)
    return Stage(ws, clock)


def test_many_runs_share_commits_and_are_carried_on_in_turn(
    tmp_path: Path, clock: ManualClock, opened: list[comity.Workspace]
) -> None:
    made = stage(tmp_path, clock, opened, workflow(step("a", WORK) + step("b", WORK.replace("x", "y"))))
    runs = []
    for number in range(6):
        made.sales.put(f"customer/{number}", name="n")
        runs.append(made.sales.start("w", c=str(number)))
    engine = made.ws._engine
    assert [engine.workflows.run(4) for _ in range(4)] == [4, 4, 4, 0]
    assert {run.state for run in runs} == {"done"}


def test_what_waits_is_looked_at_when_something_happens_to_what_it_is_about(
    tmp_path: Path, clock: ManualClock, opened: list[comity.Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stage(
        tmp_path,
        clock,
        opened,
        workflow(step("a", f'{WORK}\nguard = "customer.open_tickets == 1"\non_refusal = "wait"')),
    )
    run = made.sales.start("w", c="acme")
    made.go()
    assert run.state == "waiting"
    workflows, looked = made.ws._engine.workflows, list[str]()
    look = workflows._next
    monkeypatch.setattr(workflows, "_next", lambda run, scene: looked.append(run.state.id) or look(run, scene))
    for _ in range(5):
        workflows.run(10)
    assert len(looked) <= 1
    clock.advance(seconds=limits.WORKFLOW_LOOK_S)
    workflows.run(10)
    assert 1 <= len(looked) <= 2
    made.support.put("customer/acme", open_tickets=1, was={"open_tickets": 0})
    workflows.run(10)
    assert run.state == "done"


def test_two_processes_carry_the_same_runs_on(
    tmp_path: Path, clock: ManualClock, opened: list[comity.Workspace]
) -> None:
    made = stage(tmp_path, clock, opened, workflow("".join(step(str(n), WORK.replace("x", f"x{n}")) for n in range(5))))
    other = comity.open(tmp_path / "crm.db", clock=clock)
    opened.append(other)
    run = made.sales.start("w", c="acme")
    for _ in range(3):
        made.ws._engine.workflows.run(10)
        other._engine.workflows.run(10)
    assert run.state == "done"
    assert [*made.events(run)] == ["started", *["advanced"] * 4, "completed"]
    assert not made.ws.refusals().refusals


def test_a_waiting_caller_carries_its_run_on(
    tmp_path: Path, clock: ManualClock, opened: list[comity.Workspace]
) -> None:
    made = stage(tmp_path, clock, opened, workflow(step("a", WORK)))
    assert made.sales.start("w", c="acme").wait("30s").state == "done"


def test_bounds(
    tmp_path: Path, clock: ManualClock, opened: list[comity.Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stage(tmp_path, clock, opened, workflow(step("a", 'wait = "1d"')))
    with pytest.raises(LimitExceeded):
        made.ws.workflows(limit=limits.TASKS_PAGE + 1)
    with pytest.raises(LimitExceeded):
        made.ws.tasks(limit=limits.TASKS_PAGE + 1)
    run = made.sales.start("w", c="acme")
    with pytest.raises(InvalidRequest):
        run.wait("soon")
    with pytest.raises(LimitExceeded):
        run.wait("9999h")
    monkeypatch.setattr(limits, "WORKFLOWS_LIVE", 1)
    with pytest.raises(comity.Refused, match="too_many"):
        made.sales.start("w", c="acme")
    assert limits.WORKFLOW_LEASE_S <= 86_400
    assert limits.WORKFLOW_EVENTS >= limits.WORKFLOW_STEPS * 2


def test_no_agent_takes_up_the_room_of_others(
    tmp_path: Path, clock: ManualClock, opened: list[comity.Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stage(tmp_path, clock, opened, workflow(step("a", 'wait = "1d"')))
    assert limits.WORKFLOWS_PER_AGENT * 5 <= limits.WORKFLOWS_LIVE
    monkeypatch.setattr(limits, "WORKFLOWS_PER_AGENT", 2)
    runs = [made.sales.start("w", c="acme") for _ in range(2)]
    with pytest.raises(comity.Refused, match=r"2 workflows that sales has started run already"):
        made.sales.start("w", c="acme")
    assert made.support.start("w", c="acme").state == "running"
    assert [made.ops.start("w", c="acme").state for _ in range(3)] == ["running"] * 3
    runs[0].cancel(reason="enough")
    made.go()
    assert made.sales.start("w", c="acme").state == "running"
