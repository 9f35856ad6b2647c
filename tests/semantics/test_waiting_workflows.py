"""Runs of workflows that wait for one another, and for agents, are edges of the wait-for graph (S31, S32)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from comity.errors import Refused
from comity.model.proposals import Proposal, Set
from comity.testing.manual_clock import ManualClock
from tests.semantics.conftest import Open
from tests.semantics.working import AGENTS, Stage, states, step, workflow

Staging = Callable[[str], Stage]

HOUR = 3_600
LEAVING = 'as = "support"\nset = { "customer/{c}" = { status = "leaving" } }'
BETA = 'as = "product"\nset = { "customer/beta" = { note = "x" } }\non_refusal = "wait"'
LEASE = 'leases = [{ on = "customer/{c}" }]'
RING = (
    AGENTS
    + """
[workflows.w]
params = { a = { ref = "customer", required = true }, b = { ref = "customer", required = true } }

[[workflows.w.steps]]
name = "one"
as   = "product"
set  = { "customer/{a}" = { note = "{a}" } }
undo = { set = { "customer/{a}" = { note = "undone" } } }

[[workflows.w.steps]]
name = "gap"
wait = "1h"

[[workflows.w.steps]]
name       = "two"
as         = "product"
set        = { "customer/{b}" = { note = "{a}" } }
on_refusal = "wait"
"""
)


@pytest.fixture
def staging(open_again: Open, define: Callable[[str], Path], clock: ManualClock) -> Staging:
    def stage(text: str) -> Stage:
        staged = Stage(open_again(definition=define(text), clock=clock), clock)
        staged.sales.put("customer/beta", name="Beta", status="active")
        staged.sales.put("customer/gamma", name="Gamma", status="active")
        return staged

    return stage


def propose(stage: Stage, agent: str, record: str, **fields: object) -> Proposal:
    """Return a proposal to set fields, having seen all there is, which waits where somebody holds the record."""
    change = Set(record, dict(fields))
    return Proposal(id=f"{agent}.1", changes=(change,), accept=stage.ws.revision, if_held="queue")


@pytest.mark.parametrize("ring", [["acme", "beta"], ["acme", "beta", "gamma"]])
def test_s31_of_runs_that_wait_for_each_others_fields_one_goes_back_and_says_why(
    staging: Staging, ring: list[str]
) -> None:
    stage = staging(RING)
    pairs = zip(ring, [*ring[1:], ring[0]], strict=True)
    runs = [stage.sales.start("w", a=first, b=second) for first, second in pairs]
    stage.go()
    stage.later(HOUR)
    for _ in ring:
        stage.later(60)
    shown = [run.show() for run in runs]
    assert sorted(one.state for one in shown) == ["compensated", *["done"] * (len(ring) - 1)]
    [back] = [one for one in shown if one.state == "compensated"]
    assert back.why is not None
    assert back.why.startswith(f"Nobody would ever go on: $workflow/{back.run} waits for $workflow/")
    assert all(f"$workflow/{run.run}" in back.why for run in runs)


def test_s31_a_run_that_waits_for_another_goes_on_once_that_is_over(staging: Staging) -> None:
    stage = staging(RING)
    first = stage.sales.start("w", a="acme", b="beta")
    second = stage.sales.start("w", a="gamma", b="acme")
    stage.go()
    stage.later(HOUR)
    stage.later(60)
    assert (first.state, second.state) == ("done", "done")
    assert stage.values("customer/acme")["note"] == "gamma"


def test_s31_a_step_that_would_wait_for_who_waits_for_the_runs_lease_is_refused(staging: Staging) -> None:
    stage = staging(workflow(step("gap", 'wait = "1h"') + step("b", BETA), head=LEASE))
    run = stage.sales.start("w", c="acme")
    stage.go()
    stage.support.lease("customer/beta", hold="b", ttl="20h").take()
    stage.support.lease("customer/acme", hold="a", wait="20h").join()
    stage.later(HOUR)
    shown = run.show()
    assert states(shown) == ["done", "left out"]
    assert shown.why is not None
    assert "product waits for support" in shown.why
    assert f"who waits for $workflow/{run.run} (lease a)" in shown.why
    assert stage.support.lease("customer/acme", hold="a").take().state == "held"


def test_s31_who_has_a_runs_task_may_not_wait_for_the_runs_lease(staging: Staging) -> None:
    stage = staging(workflow(step("export", 'task = { to = "product", text = "Export." }'), head=LEASE))
    run = stage.sales.start("w", c="acme")
    stage.go()
    decision = stage.product.propose(propose(stage, "product", "customer/acme", seats=0))
    assert [finding.code for finding in decision.refusals if finding.severity == "refuse"] == ["queue.cycle"]
    assert f"product waits for $workflow/{run.run}" in decision.refusals[-1].message
    with pytest.raises(Refused, match=r"queue\.cycle"):
        stage.product.lease("customer/acme", hold="p", wait="1h").join()
    # Others may: they don't keep the run from going on.
    assert stage.support.propose(propose(stage, "support", "customer/acme", status="at_risk")).is_pending


def test_s32_the_run_that_holds_a_lease_passes_those_who_wait_for_it(staging: Staging) -> None:
    stage = staging(workflow(step("gap", 'wait = "1m"') + step("a", LEAVING), head=LEASE))
    run = stage.sales.start("w", c="acme")
    stage.go()
    waiting = stage.sales.propose(propose(stage, "sales", "customer/acme", status="at_risk"))
    assert waiting.is_pending
    assert f"$workflow/{run.run}" in waiting.next
    stage.later(60)
    assert run.state == "done"
    stage.go()
    assert stage.ws.queue().queued == ()
