"""Workflows whose effects, names, leases and answers somebody meddles with (S21, S24, S33, S34, S35)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.coordination.deliveries import Tried
from comity.errors import Refused
from comity.lane import Answer
from comity.model.flows import run_id
from comity.model.proposals import Caller, Emit, Proposal
from comity.testing.manual_clock import ManualClock
from tests.semantics.conftest import Open
from tests.semantics.working import Stage, step, workflow

Staging = Callable[[str], Stage]

MAIL = 'effects = [{ name = "email", target = "customer/{c}", data = { subject = "Bye" } }]'
LEAVING = 'as = "support"\nset = { "customer/{c}" = { status = "leaving" } }'
AT_RISK = 'as = "support"\nset = { "customer/{c}" = { status = "at_risk" } }'
LEFT = 'as = "sales"\nset = { "customer/{c}" = { status = "left" } }'
BACK = 'undo = { set = { "customer/{c}" = { status = "active" } } }'
EXPORT = 'task = { to = "product", text = "Export." }'
LEASE = 'leases = [{ on = "customer/{c}" }]'
NOTE = """
[workflows.note]
params = { c = { ref = "customer", required = true } }
steps  = [{ name = "n", as = "product", set = { "customer/{c}" = { note = "x" } } }]
"""
ASKING = """
[workflows.asking]
params = { c = { ref = "customer", required = true } }
steps  = [{ name = "ok", approval = { to = "operations", text = "May they?" } }]
"""
BIG = """
[[rules]]
name = "big ones"
when = "customer.seats == 5"
then = "ask"
"""
HOUR = 3_600


@pytest.fixture
def staging(open_again: Open, define: Callable[[str], Path], clock: ManualClock) -> Staging:
    return lambda text: Stage(open_again(definition=define(text), clock=clock), clock)


def mailing(stage: Stage) -> list[str]:
    """Deliver e-mails; return their subjects, as they are sent."""
    sent: list[str] = []
    stage.ws.handle("email", lambda delivery: sent.append(delivery.data["subject"]))
    return sent


def after_hours(stage: Stage, hours: float) -> None:
    """Let time pass, do what is due, and wait for what is being sent."""
    stage.later(hours * HOUR)
    assert stage.ws._engine.outbox.settle(5)


# -- effects of steps


def test_s34_later_steps_count_neither_against_what_a_step_wrote_nor_what_it_rests_on(staging: Staging) -> None:
    stage = staging(workflow(step("a", LEAVING) + step("b", f"{AT_RISK}\n{MAIL}") + step("c", LEFT)))
    sent = mailing(stage)
    stage.sales.start("w", c="acme")
    stage.go()
    assert stage.values()["status"] == "left"
    after_hours(stage, 1)
    assert sent == ["Bye"]


def test_s34_what_is_due_does_not_leave_once_its_run_was_cancelled(staging: Staging) -> None:
    stage = staging(workflow(step("a", f"{LEAVING}\n{MAIL}") + step("b", 'wait = "5h"')))
    sent = mailing(stage)
    run = stage.sales.start("w", c="acme")
    stage.go()
    stage.clock.advance(seconds=HOUR)
    run.cancel(reason="they stay")
    stage.ws.run_effects()
    assert sent == []
    assert "withdrawn" in str(stage.ws.effects(state="cancelled").effects[0].answer)


def test_s34_a_try_that_fails_while_its_step_is_undone_is_not_made_again(staging: Staging) -> None:
    stage = staging(workflow(step("a", f"{LEAVING}\n{MAIL}\n{BACK}") + step("b", 'wait = "5h"')))
    run = stage.sales.start("w", c="acme")
    stage.go()
    stage.clock.advance(seconds=HOUR)
    outbox = stage.ws._engine.outbox
    begun = outbox.begin(stage.ws.effects().effects[0].effect)
    assert begun is not None
    run.cancel(reason="they stay")
    stage.go()
    assert (run.state, stage.values()["status"]) == ("cancelled", "active")
    outbox.finish(begun, Tried(error="503"))
    sent = mailing(stage)
    after_hours(stage, 1)
    assert sent == []
    assert stage.ws.effects(state="all").effects[0].state == "cancelled"


def test_s35_nobody_can_take_the_key_of_a_steps_effect(staging: Staging) -> None:
    stage = staging(workflow(step("z", 'wait = "1h"') + step("a", f"{LEAVING}\n{MAIL}")))
    sent = mailing(stage)
    run = stage.sales.start("w", c="acme")
    stage.go()
    stage.product.effect("email", "customer/acme", subject="You owe us", once=f"{run.run}/a", hold="20d")
    after_hours(stage, 1)
    after_hours(stage, 2)
    assert sent == ["Bye"]


# -- names of runs


def test_s23_nobody_can_begin_another_workflow_under_the_name_of_a_run(staging: Staging) -> None:
    stage = staging(workflow(step("a", LEAVING)) + NOTE)
    terms = {
        "workflow": "note",
        "params": {"c": "acme"},
        "definition": 1,
        "steps": 1,
        "name": "n",
        "subjects": ["customer/acme"],
        "deadline": format_time(stage.clock.wall_us() + limits.WORKFLOW_DEADLINE_S * SECOND_US),
    }
    run = run_id("w", "acme leaves")
    with pytest.raises(Refused) as refused:
        stage.product.emit(f"$workflow/{run}", "started", terms)
    assert [finding.code for finding in refused.value.decision.findings] == ["workflow.misnamed"]
    begun = stage.sales.start("w", c="acme", key="acme leaves")
    stage.go()
    assert (begun.run, begun.show().workflow, stage.values()["status"]) == (run, "w", "leaving")


# -- leases


def test_s33_a_hold_that_others_call_like_a_run_is_not_the_runs(staging: Staging) -> None:
    stage = staging(workflow(step("z", 'wait = "1h"') + step("a", LEAVING), head=LEASE))
    run = stage.sales.start("w", c="acme")
    with pytest.raises(Refused, match=r"lease\.hold"), stage.product.lease("customer/acme", hold=run.run):
        pass
    stage.later(HOUR)
    assert run.state == "done"


def test_a_run_that_is_done_stays_so_though_its_lease_ends_at_that_moment(
    staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = staging(workflow(step("a", f"{LEAVING}\n{BACK}") + step("b", EXPORT), head=LEASE))
    run = stage.sales.start("w", c="acme")
    stage.go()
    engine, broken = stage.ws._engine, list[str]()
    propose = engine.propose_each

    def break_first(steps: Iterable[tuple[Proposal, Caller]], *, dry: bool = False) -> list[Answer]:
        steps = list(steps)
        ending = [change for one, _ in steps for change in one.changes if isinstance(change, Emit)]
        if not broken and any(change.event == "completed" for change in ending):
            broken.append(stage.ops.break_lease("customer/acme", reason="mine now").id)
        return propose(steps, dry=dry)

    monkeypatch.setattr(engine, "propose_each", break_first)
    stage.accept_task(stage.product)
    assert broken
    assert (run.state, stage.values()["status"]) == ("done", "leaving")


# -- tasks and approvals


def test_the_tasks_of_others_do_not_hide_ones_own(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TASKS_PAGE", 3)
    stage = staging(workflow(step("a", EXPORT)) + ASKING)
    for number in range(8):
        stage.product.start("w", c="acme", key=f"{number}")
    stage.go()
    stage.sales.start("asking", c="acme")
    stage.go()
    assert [task.text for task in stage.ops.tasks(limit=3).tasks] == ["May they?"]
    assert any("May they?" in item.text for item in stage.ops.inbox().items)
    assert stage.product.tasks(limit=3).is_cut


def test_what_others_are_asked_is_no_reason_to_look_at_a_run(staging: Staging) -> None:
    stage = staging(workflow(step("a", EXPORT)))
    runs = [stage.sales.start("w", c="acme", key=f"{number}") for number in range(20)]
    stage.go()
    workflows = stage.ws._engine.workflows
    before = dict(workflows._looks)
    stage.product.finish_task(stage.product.tasks().tasks[0], answer="done")
    stage.go()
    assert sorted(run.state for run in runs) == ["done"] + ["waiting"] * 19
    looked = [id for id, look in workflows._looks.items() if before.get(id) != look]
    assert len(looked) <= 1


def test_s21_nobody_approves_what_a_run_does_that_they_started(staging: Staging) -> None:
    stage = staging(workflow(step("a", LEAVING)) + BIG)
    boss = stage.ws.agent("boss", key=stage.ops.issue_key("boss").key)
    run = stage.ops.start("w", c="acme")
    stage.go()
    ticket = run.show().ticket
    assert ticket is not None
    with pytest.raises(Refused, match=r"workflow\.own_step"):
        stage.ops.approve(ticket)
    boss.approve(ticket)
    stage.go()
    assert (run.state, stage.values()["status"]) == ("done", "leaving")


def test_what_would_undo_a_step_knows_of_it_however_much_has_happened_since(
    staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "QUERY_RECORDS", 8)
    stage = staging(workflow(step("z", EXPORT) + step("a", f"{LEAVING}\n{BACK}") + step("b", 'wait = "5h"')))
    run = stage.sales.start("w", c="acme")
    stage.go()
    for _ in range(4):
        pin = stage.ops.pin("customer/acme", reason="checking", ttl="1h")
        stage.go()
        stage.ops.lift(pin)
        stage.go()
    stage.accept_task(stage.product)
    stage.support.put("customer/acme", status="at_risk", was={"status": "leaving"})
    run.cancel(reason="they stay")
    stage.go()
    assert (run.state, stage.values()["status"]) == ("stuck", "at_risk")
    assert [one.state for one in run.show().steps] == ["done", "stuck", "left out"]
