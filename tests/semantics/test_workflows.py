"""Workflows (design §7, S24, S34, S35): steps under the checks, waiting, going backwards, whoever comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import comity
from comity.errors import InvalidRequest, NotFound, Refused
from comity.model.proposals import Caller, Emit, Proposal, Set
from comity.operations import WorkflowAnswer
from comity.testing.manual_clock import ManualClock
from tests.semantics.conftest import Open
from tests.semantics.working import DAY, OFFBOARD, Stage, states, step, workflow

Staging = Callable[[str], Stage]


@pytest.fixture
def staging(open_again: Open, define: Callable[[str], Path], clock: ManualClock) -> Staging:
    return lambda text: Stage(open_again(definition=define(text), clock=clock), clock)


@pytest.fixture
def stage(staging: Staging) -> Stage:
    return staging(OFFBOARD)


SET_LEAVING = """as = "support"\nset = { "customer/{c}" = { status = "leaving" } }"""
UNDO_LEAVING = """undo = { set = { "customer/{c}" = { status = "active" } } }"""
SET_LEFT = """as = "sales"\nset = { "customer/{c}" = { status = "left" } }"""


def test_a_customer_leaves_over_sales_support_and_product(stage: Stage) -> None:
    sent: list[str] = []
    stage.ws.handle("email", lambda delivery: sent.append(delivery.data["subject"]))
    run = stage.sales.start("offboard", customer="acme")
    stage.go()
    assert stage.values()["status"] == "leaving"
    assert states(run.show()) == ["done", "waiting", "to come", "to come", "to come", "to come"]
    stage.later(2 * 3_600)
    stage.accept_task(stage.product, "in the archive")
    assert run.show().step == "grace"
    stage.later(3 * DAY)
    assert [task.purpose for task in stage.ops.tasks().tasks] == ["approval"]
    stage.accept_task(stage.ops)
    shown = run.show()
    assert (shown.state, states(shown)) == ("done", ["done"] * 6)
    assert [one.by for one in shown.steps] == ["support", "product", "comity", "ops", "product", "sales"]
    assert shown.steps[1].why == "in the archive"
    assert (stage.values()["status"], stage.values()["seats"]) == ("left", 0)
    stage.ws._engine.outbox.close()
    assert sent == ["Goodbye, acme"]
    assert not stage.ws.leases().places
    assert not stage.ws.workflows().runs
    assert stage.ws.workflows(over=True, record="customer/acme").runs[0].run == run.run
    assert stage.ws.verify().is_clean


def test_what_was_done_is_undone_backwards_when_it_is_cancelled(stage: Stage) -> None:
    run = stage.sales.start("offboard", customer="acme")
    stage.go()
    stage.accept_task(stage.product)
    stage.later(3 * DAY)
    stage.accept_task(stage.ops)
    assert run.state == "done"
    other = stage.sales.start("offboard", customer="acme", key="again")
    stage.go()
    assert stage.values()["status"] == "leaving"
    other.cancel(reason="they stay")
    stage.go()
    assert (other.state, stage.values()["status"]) == ("cancelled", "active")
    assert [task.state for task in stage.product.tasks(over=True).tasks][-1] == "withdrawn"
    assert states(other.show())[0] == "undone"
    assert not stage.ws.leases().places


def test_compensation_runs_in_the_order_opposite_to_the_steps(staging: Staging) -> None:
    steps = "".join(
        step(
            name,
            f"""as = "sales"
set = {{ "customer/{{c}}" = {{ note = "{name}" }} }}
undo = {{ set = {{ "customer/{{c}}" = {{ note = "undo {name}" }} }} }}""",
        )
        for name in "abc"
    )
    last = step("d", 'as = "support"\nset = { "customer/{c}" = { open_tickets = 1 } }\nguard = "customer.seats == 0"')
    stage = staging(workflow(steps + last))
    run = stage.sales.start("w", c="acme")
    stage.go()
    assert run.state == "compensated"
    written = [event.now.get("note") for event in reversed(stage.ws.history("customer/acme").events) if event.now]
    assert [text for text in written if text] == ["a", "b", "c", "undo c", "undo b", "undo a"]
    assert states(run.show()) == ["undone", "undone", "undone", "left out"]


def test_s35_an_effect_of_a_step_is_sent_once_and_withdrawn_when_it_goes_backwards(stage: Stage) -> None:
    run = stage.sales.start("offboard", customer="acme")
    stage.go()
    [effect] = stage.ws.effects().effects
    assert effect.state == "held"
    run.cancel()
    stage.go()
    assert not stage.ws.effects().effects
    assert run.state == "cancelled"


def test_s34_later_steps_of_the_same_workflow_do_not_stop_an_effect(staging: Staging) -> None:
    mail = 'effects = [{ name = "email", target = "customer/{c}", data = { subject = "Bye" } }]'
    stage = staging(workflow(step("a", f"{SET_LEAVING}\n{mail}") + step("b", SET_LEFT)))
    sent: list[str] = []
    stage.ws.handle("email", lambda delivery: sent.append(delivery.data["subject"]))
    stage.sales.start("w", c="acme")
    stage.go()
    assert stage.values()["status"] == "left"
    stage.later(3_600)
    stage.ws._engine.outbox.close()
    assert sent == ["Bye"]


def test_s34_a_change_by_somebody_else_does_stop_it(staging: Staging) -> None:
    mail = 'effects = [{ name = "email", target = "customer/{c}", data = { subject = "Bye" } }]'
    stage = staging(workflow(step("a", f"{SET_LEAVING}\n{mail}") + step("b", 'wait = "2h"')))
    sent: list[str] = []
    stage.ws.handle("email", lambda delivery: sent.append(delivery.data["subject"]))
    stage.sales.start("w", c="acme")
    stage.go()
    stage.support.put("customer/acme", status="at_risk", was={"status": "leaving"})
    stage.later(3_600)
    stage.ws._engine.outbox.close()
    assert sent == []


# -- starting


def test_started_with_the_same_key_again_it_is_the_same_run(stage: Stage) -> None:
    first = stage.sales.start("offboard", customer="acme", key="k")
    assert stage.sales.start("offboard", customer="customer/acme", key="k").run == first.run
    stage.go()
    assert stage.ops.start("offboard", customer="acme", key="k").run == first.run
    assert stage.sales.start("offboard", customer="acme").run != first.run
    stage.sales.put("customer/other", name="Other")
    with pytest.raises(InvalidRequest, match="other parameters"):
        stage.sales.start("offboard", customer="other", key="k")


def test_who_may_start_and_cancel_it(stage: Stage) -> None:
    with pytest.raises(Refused, match="not_starter"):
        stage.product.start("offboard", customer="acme")
    run = stage.ops.start("offboard", customer="acme")
    with pytest.raises(Refused, match="not_starter"):
        stage.product.cancel_workflow(run.run)
    stage.sales.cancel_workflow(run.run)


@pytest.mark.parametrize(
    ("params", "what"),
    [({}, "customer is missing"), ({"customer": "nobody"}, "absent"), ({"customer": "acme", "x": 1}, "takes no 'x'")],
)
def test_what_it_is_started_with_is_checked(stage: Stage, params: dict[str, Any], what: str) -> None:
    with pytest.raises(Refused, match=what):
        stage.sales.start("offboard", **params)


def test_an_unknown_workflow_is_named_with_the_nearest(stage: Stage) -> None:
    with pytest.raises(NotFound, match="did you mean 'offboard'"):
        stage.sales.start("ofboard", customer="acme")
    with pytest.raises(NotFound, match="Workflows here: offboard"):
        stage.sales.start("x", customer="acme")


def test_names_that_find_no_run_are_told(stage: Stage) -> None:
    assert not stage.ws.workflows(workflow="offboard", record="customer/acme").runs
    misspelt: list[tuple[dict[str, Any], str]] = [
        ({"workflow": "ofboard"}, "'offboard'"),
        ({"record": "customer/acne"}, "'customer/acme'"),
    ]
    for asked, nearest in misspelt:
        with pytest.raises(NotFound, match=f"did you mean {nearest}"):
            stage.ws.workflows(**asked)


def test_a_later_definition_does_not_change_a_run(stage: Stage, define: Callable[[str], Path]) -> None:
    run = stage.sales.start("offboard", customer="acme")
    stage.go()
    shorter = OFFBOARD.split("[workflows.offboard]")[0]
    stage.ops.apply(define(shorter))
    stage.accept_task(stage.product)
    assert run.show().step == "grace"
    assert len(run.show().steps) == 6


# -- nobody else can be a workflow


def test_s25_no_request_can_act_as_a_workflow(stage: Stage) -> None:
    engine = stage.ws._engine
    proposal = Proposal(id="p1", changes=(Emit("customer/acme", "x"),))
    decision = engine.propose(proposal, Caller("support", "workflow"))
    assert "identity.unknown" in [finding.code for finding in decision.refusals]


@pytest.mark.parametrize("event", ["advanced", "completed", "turned", "undone", "ended", "waited", "leased"])
def test_s23_agents_cannot_move_a_run(stage: Stage, event: str) -> None:
    run = stage.sales.start("offboard", customer="acme")
    proposal = Proposal(id="p1", changes=(Emit(f"$workflow/{run.run}", event, {"step": 0, "attempt": 0}),))
    assert not stage.ops.propose(proposal).is_committed
    assert run.state == "running"


# -- waiting


def test_a_guard_waits_until_it_holds(stage: Stage) -> None:
    stage.support.put("customer/acme", open_tickets=1, was={"open_tickets": 0})
    run = stage.sales.start("offboard", customer="acme")
    stage.go()
    assert (run.state, stage.values()["status"]) == ("waiting", "active")
    revision = stage.ws.revision
    stage.later(600)
    assert stage.ws.revision == revision
    stage.support.put("customer/acme", open_tickets=0, was={"open_tickets": 1})
    stage.go()
    assert stage.values()["status"] == "leaving"


def test_a_step_waits_for_a_condition(staging: Staging) -> None:
    until = """wait = { until = "customer.open_tickets == 0" }"""
    stage = staging(workflow(step("rest", until) + step("go", SET_LEFT)))
    stage.support.put("customer/acme", open_tickets=2, was={"open_tickets": 0})
    run = stage.sales.start("w", c="acme")
    stage.go()
    assert run.state == "waiting"
    stage.support.put("customer/acme", open_tickets=0, was={"open_tickets": 2})
    stage.go()
    assert (run.state, stage.values()["status"]) == ("done", "left")


def test_a_refused_step_is_retried_so_many_times_then_it_goes_backwards(staging: Staging) -> None:
    failing = f'{SET_LEFT}\nguard = "customer.seats == 0"\non_refusal = "retry"\nattempts = 3'
    stage = staging(workflow(step("a", f"{SET_LEAVING}\n{UNDO_LEAVING}") + step("b", failing)))
    run = stage.sales.start("w", c="acme")
    stage.go()
    for _ in range(8):
        stage.later(60)
    assert [*stage.events(run)].count("refused") == 2
    assert (run.state, stage.values()["status"]) == ("compensated", "active")


def test_somebody_is_asked_about_a_refused_step(staging: Staging) -> None:
    failing = f'{SET_LEFT}\nguard = "customer.seats == 0"\non_refusal = "ask"\nask = ["operations"]'
    stage = staging(workflow(step("b", failing)))
    run = stage.sales.start("w", c="acme")
    stage.go()
    [question] = stage.ops.tasks().tasks
    assert question.purpose == "question"
    assert "b was refused" in question.text
    stage.product.put("customer/acme", seats=0, was={"seats": 5})
    stage.accept_task(stage.ops)
    assert (run.state, stage.values()["status"]) == ("done", "left")


def test_a_question_that_is_answered_no_has_it_go_backwards(staging: Staging) -> None:
    failing = f'{SET_LEFT}\nguard = "customer.seats == 0"\non_refusal = "ask"'
    stage = staging(workflow(step("a", f"{SET_LEAVING}\n{UNDO_LEAVING}") + step("b", failing)))
    run = stage.sales.start("w", c="acme")
    stage.go()
    [question] = stage.ops.tasks().tasks
    stage.ops.fail_task(question, answer="no")
    stage.go()
    assert (run.state, stage.values()["status"]) == ("compensated", "active")


def test_a_task_that_fails_has_it_go_backwards(stage: Stage) -> None:
    run = stage.sales.start("offboard", customer="acme")
    stage.go()
    [task] = stage.product.tasks().tasks
    assert [item.kind for item in stage.product.inbox().items] == ["task"]
    stage.product.fail_task(task, answer="no disk")
    stage.go()
    assert (run.state, run.show().why) == ("compensated", "product: no disk")


def test_a_task_is_for_those_to_whom_it_is_put(stage: Stage) -> None:
    stage.sales.start("offboard", customer="acme")
    stage.go()
    [task] = stage.ws.tasks(all=True).tasks
    with pytest.raises(Refused):
        stage.support.finish_task(task)
    assert not stage.support.tasks().tasks


def test_nobody_approves_what_they_started(stage: Stage) -> None:
    boss = stage.ws.agent("boss", key=stage.ops.issue_key("boss").key)
    run = stage.ops.start("offboard", customer="acme")
    stage.go()
    stage.accept_task(stage.product)
    stage.later(3 * DAY)
    [task] = [task for task in stage.ws.tasks(all=True).tasks if task.purpose == "approval"]
    assert not stage.ops.tasks().tasks
    with pytest.raises(Refused):
        stage.ops.finish_task(task)
    with pytest.raises(Refused):
        boss.finish_task(task)
    assert run.show().step == "sign off"


# -- deadlines


def test_a_step_that_takes_too_long_has_it_go_backwards(stage: Stage) -> None:
    run = stage.sales.start("offboard", customer="acme")
    stage.go()
    stage.later(2 * DAY)
    assert (run.state, stage.values()["status"]) == ("compensated", "active")
    assert not stage.product.tasks().tasks


def test_a_workflow_that_takes_too_long_goes_backwards(stage: Stage) -> None:
    run = stage.sales.start("offboard", customer="acme")
    stage.go()
    stage.accept_task(stage.product)
    stage.later(15 * DAY)
    assert (run.state, stage.values()["status"]) == ("compensated", "active")


def test_s24_it_pauses_under_a_freeze_and_its_deadlines_stop(stage: Stage) -> None:
    run = stage.sales.start("offboard", customer="acme")
    stage.go()
    freeze = stage.ops.freeze(ttl="10d", reason="audit")
    stage.go()
    assert (run.state, run.show().deadline) == ("paused", None)
    stage.later(5 * DAY)
    assert run.state == "paused"
    stage.ops.lift(freeze)
    stage.go()
    assert run.state == "waiting"
    stage.later(1 * DAY)
    assert run.state == "waiting"
    stage.accept_task(stage.product)
    assert run.show().step == "grace"


@pytest.mark.parametrize(
    "hold",
    [
        lambda ops: ops.pin("customer/acme", ttl="1d", reason="mine"),
        lambda ops: ops.pin("customer/acme", "status", ttl="1d", reason="mine"),
        lambda ops: ops.pause("support", ttl="1d", reason="mine"),
        lambda ops: ops.freeze(ttl="1d", reason="mine"),
        lambda ops: ops.freeze(ttl="1d", reason="mine", yields="queue"),
    ],
)
def test_s24_what_a_human_holds_a_step_waits_for(stage: Stage, hold: Callable[[comity.Agent], comity.Decision]) -> None:
    override = hold(stage.ops)
    stage.ops.start("offboard", customer="acme", key="k")
    stage.go()
    [run] = stage.ws.workflows().runs
    assert (run.state, stage.values()["status"]) == ("paused", "active")
    stage.ops.lift(override)
    stage.go()
    assert stage.values()["status"] == "leaving"


# -- leases


def test_s33_it_holds_what_it_needs_and_goes_on_once_it_has_it(stage: Stage) -> None:
    with stage.support.lease("customer/acme", ttl="1h"):
        run = stage.sales.start("offboard", customer="acme")
        stage.go()
        assert (run.state, stage.values()["status"]) == ("waiting", "active")
    stage.go()
    assert stage.values()["status"] == "leaving"
    decision = stage.sales.propose(
        Proposal(id="p9", changes=(Set("customer/acme", {"status": "active"}),), accept=stage.ws.revision)
    )
    assert [finding.code for finding in decision.refusals] == ["lease.held"]
    stage.product.put("customer/acme", seats=6, was={"seats": 5})


def test_s33_a_broken_lease_refuses_the_next_step(stage: Stage) -> None:
    run = stage.sales.start("offboard", customer="acme")
    stage.go()
    with pytest.raises(Refused):
        stage.product.break_lease("customer/acme", reason="mine")
    stage.support.break_lease("customer/acme", reason="the customer called")
    stage.accept_task(stage.product)
    stage.later(3 * DAY)
    stage.accept_task(stage.ops)
    assert (run.state, stage.values()["status"]) == ("compensated", "active")
    assert "lease" in (run.show().why or "")


def test_s18_its_leases_are_kept_as_long_as_it_runs(stage: Stage) -> None:
    run = stage.sales.start("offboard", customer="acme")
    stage.go()
    stage.accept_task(stage.product)
    for _ in range(6):
        stage.later(DAY // 2)
    [place] = stage.ws.leases().places
    assert place.hold == run.run
    assert run.show().step == "sign off"


def test_two_workflows_hold_the_same_one_after_the_other(stage: Stage) -> None:
    first = stage.sales.start("offboard", customer="acme")
    second = stage.sales.start("offboard", customer="acme")
    stage.go()
    assert (first.show().place, second.show().place) == (1, 0)
    first.cancel()
    stage.go()
    assert (first.state, second.show().place) == ("cancelled", 1)


# -- stuck


def test_what_cannot_be_undone_waits_for_a_human(staging: Staging) -> None:
    stage = staging(workflow(step("a", f"{SET_LEAVING}\n{UNDO_LEAVING}") + step("b", 'wait = "1d"')))
    run = stage.sales.start("w", c="acme")
    stage.go()
    stage.sales.put("customer/acme", status="at_risk", was={"status": "leaving"})
    run.cancel()
    stage.go()
    shown = run.show()
    assert (shown.state, shown.steps[0].state) == ("stuck", "stuck")
    assert "status" in (shown.why or "")
    assert [item.kind for item in stage.ops.inbox().items] == ["workflow"]
    assert stage.values()["status"] == "at_risk"
    with pytest.raises(Refused):
        stage.sales.resume_workflow(run.run)
    stage.ops.resume_workflow(run.run)
    stage.go()
    assert run.state == "stuck"
    stage.ops.resume_workflow(run.run, skip=True)
    stage.go()
    assert (run.state, stage.values()["status"]) == ("cancelled", "at_risk")


# -- under the checks


@pytest.mark.parametrize("answer", ["approve", "deny"])
def test_s21_a_rule_that_asks_about_a_step_is_answered_by_a_human(staging: Staging, answer: str) -> None:
    rule = """
[[rules]]
name = "seats first"
when = "agent.role == 'support' && default(customer.seats, 0) > 0"
then = "ask"
to   = "ops"
mode = "enforce"
"""
    stage = staging(workflow(step("a", f"{SET_LEAVING}\n{UNDO_LEAVING}") + step("b", SET_LEFT)) + rule)
    run = stage.sales.start("w", c="acme")
    stage.go()
    assert run.state == "waiting"
    [ticket] = stage.ops.approvals().tickets
    assert run.show().ticket == ticket.ticket
    if answer == "approve":
        stage.ops.approve(ticket.ticket)
    else:
        stage.ops.deny(ticket.ticket, reason="no")
    stage.go()
    assert (run.state, stage.values()["status"]) == (("done", "left") if answer == "approve" else ("failed", "active"))


def test_a_step_stands_in_line_behind_who_holds_what_it_changes(staging: Staging) -> None:
    stage = staging(workflow(step("a", f'{SET_LEAVING}\non_refusal = "wait"')))
    with stage.sales.lease("customer/acme", ttl="1h"):
        run = stage.sales.start("w", c="acme")
        stage.go()
        assert run.state == "waiting"
        assert (run.show().ticket or "").startswith("$queue/")
    stage.go()
    assert (run.state, stage.values()["status"]) == ("done", "leaving")


def test_a_cancelled_run_takes_its_place_in_line_back(staging: Staging) -> None:
    stage = staging(workflow(step("a", f'{SET_LEAVING}\non_refusal = "wait"')))
    with stage.sales.lease("customer/acme", ttl="1h"):
        run = stage.sales.start("w", c="acme")
        stage.go()
        run.cancel()
        stage.go()
        assert not stage.ws.queue().queued
    stage.go()
    assert (run.state, stage.values()["status"]) == ("cancelled", "active")


def test_it_is_started_and_waited_for_in_an_event_loop(stage: Stage) -> None:
    async def main() -> WorkflowAnswer:
        run = await stage.ws.async_agent("sales").start("offboard", customer="acme")
        return await run.wait_async(1)

    assert asyncio.run(main()).step == "export data"
