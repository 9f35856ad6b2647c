"""Deadlines of workflows under overrides follow from the records, whoever looks, whenever (S24)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from comity.testing.manual_clock import ManualClock
from tests.semantics.conftest import Open
from tests.semantics.working import DAY, Stage, step, workflow

Staging = Callable[[str], Stage]

EXPORT = 'task = { to = "product", text = "Export." }'
LEAVING = 'as = "support"\nset = { "customer/{c}" = { status = "leaving" } }'
NOTE = 'as = "product"\nset = { "customer/{c}" = { note = "x" } }'
BACK = 'undo = { set = { "customer/{c}" = { note = "" } } }'
LEASE = 'leases = [{ on = "customer/{c}" }]'
HOUR = 3_600


@pytest.fixture
def staging(open_again: Open, define: Callable[[str], Path], clock: ManualClock) -> Staging:
    return lambda text: Stage(open_again(definition=define(text), clock=clock), clock)


def commits_of(stage: Stage, looks: int = 20) -> int:
    """Do the duties so many times; return how many commits that made."""
    before = stage.ws.revision
    for _ in range(looks):
        stage.ws._engine.workflows.run(64)
    return stage.ws.revision - before


# -- deadlines


def test_s24_a_deadline_stands_still_under_a_freeze_that_no_duty_has_noticed(staging: Staging) -> None:
    stage = staging(workflow(step("export", f'{EXPORT}\ndeadline = "2d"')))
    run = stage.sales.start("w", c="acme")
    stage.go()
    stage.clock.advance(seconds=DAY)
    stage.ops.freeze(reason="audit", ttl="5d")
    stage.clock.advance(seconds=5 * DAY + HOUR)
    stage.go()
    assert (run.state, run.show().why) == ("waiting", "It waits for product.")
    stage.later(DAY - 2 * HOUR)
    assert run.state == "waiting"
    stage.later(2 * HOUR)
    assert (run.state, run.show().why) == ("failed", "It was not done in time.")


def test_s24_of_overrides_that_overlap_each_moment_counts_once(staging: Staging) -> None:
    stage = staging(workflow(step("export", EXPORT), head='deadline = "10d"'))
    run = stage.sales.start("w", c="acme")
    stage.go()
    stage.ops.freeze(reason="audit", ttl="4d")
    stage.clock.advance(seconds=2 * DAY)
    pin = stage.ops.pin("customer/acme", reason="call", ttl="20d")
    stage.clock.advance(seconds=4 * DAY)
    stage.ops.lift(pin)
    stage.clock.advance(seconds=10 * DAY - HOUR)
    stage.go()
    assert run.state == "waiting"
    stage.later(2 * HOUR)
    assert run.state == "failed"


def test_s24_what_is_held_once_it_is_too_late_revives_nothing(staging: Staging) -> None:
    stage = staging(workflow(step("export", f'{EXPORT}\ndeadline = "1d"')))
    run = stage.sales.start("w", c="acme")
    stage.go()
    stage.clock.advance(seconds=2 * DAY)
    stage.ops.freeze(reason="audit", ttl="1d")
    stage.clock.advance(seconds=DAY + 1)
    stage.go()
    assert run.state == "failed"


def test_s24_what_held_an_earlier_step_unnoticed_counts_for_the_run(staging: Staging) -> None:
    steps = step("a", f"{LEAVING}\naction = 'a'") + step("export", EXPORT)
    stage = staging(workflow(step("rest", 'wait = "1d"') + steps, head='deadline = "3d"'))
    run = stage.sales.start("w", c="acme")
    stage.go()
    stage.ops.freeze(reason="audit", ttl="2d")
    stage.clock.advance(seconds=2 * DAY + 1)
    stage.go()
    stage.later(2 * DAY)
    assert (run.state, run.show().step) == ("waiting", "export")
    stage.later(DAY)
    assert run.state == "compensated"


def test_s24_who_pauses_a_run_late_does_not_cost_it_time(staging: Staging) -> None:
    stage = staging(workflow(step("export", EXPORT)))
    run = stage.sales.start("w", c="acme")
    stage.go()
    stage.ops.freeze(reason="audit", ttl="3d")
    stage.later(DAY)
    assert run.state == "paused"
    stage.later(4 * DAY)
    due = run.show().deadline
    assert (run.state, due) == ("waiting", "2023-12-17T22:13:20Z")


def test_s24_a_task_whose_agents_are_all_paused_does_not_run_late(staging: Staging) -> None:
    stage = staging(workflow(step("export", f'{EXPORT}\ndeadline = "1h"')))
    run = stage.sales.start("w", c="acme")
    stage.go()
    stage.ops.pause("product", reason="odd", ttl="5h")
    stage.later(2 * HOUR)
    assert run.state == "paused"
    stage.later(4 * HOUR - 60)
    assert run.state == "waiting"
    stage.later(60)
    assert (run.state, run.show().why) == ("failed", "It was not done in time.")


@pytest.mark.parametrize(("what", "why"), [(EXPORT, "It waits for product."), ('wait = "9d"', "It waits for a time.")])
def test_s24_a_run_goes_on_waiting_for_what_it_says(staging: Staging, what: str, why: str) -> None:
    stage = staging(workflow(step("a", what)))
    run = stage.sales.start("w", c="acme")
    stage.go()
    freeze = stage.ops.freeze(reason="audit", ttl="1d")
    stage.go()
    assert run.state == "paused"
    stage.ops.lift(freeze)
    stage.go()
    assert (run.state, run.show().why) == ("waiting", why)


def test_a_step_is_late_though_its_run_waits_for_a_lease(staging: Staging) -> None:
    stage = staging(workflow(step("a", f'{LEAVING}\ndeadline = "1h"'), head=LEASE))
    stage.product.lease("customer/acme", hold="p", ttl="20h").take()
    run = stage.sales.start("w", c="acme")
    stage.go()
    assert run.state == "waiting"
    stage.later(HOUR)
    assert (run.state, run.show().why) == ("failed", "It was not done in time.")


# -- what the overrides themselves hold


@pytest.mark.parametrize("work", [LEAVING, 'as = "sales"\narchive = "customer/{c}"'])
def test_s24_a_run_rests_under_a_pin_that_only_the_checks_see(staging: Staging, work: str) -> None:
    stage = staging(workflow(step("a", work)))
    stage.ops.pin("customer/acme", "status", value="active", reason="call", ttl="2h")
    run = stage.sales.start("w", c="acme")
    assert commits_of(stage) <= 2
    assert run.state == "paused"
    assert "pinned to active" in str(run.show().why)
    stage.later(2 * HOUR + 1)
    assert run.state == "done"


def test_s24_a_pinned_value_that_a_step_writes_anyway_holds_nothing_up(staging: Staging) -> None:
    stage = staging(workflow(step("a", LEAVING)))
    stage.ops.pin("customer/acme", "status", value="leaving", reason="call", ttl="2h")
    run = stage.sales.start("w", c="acme")
    stage.go()
    assert run.state == "done"


def test_an_undoing_that_can_not_be_done_any_more_once_a_pin_is_over_gets_stuck(staging: Staging) -> None:
    stage = staging(workflow(step("a", f"{NOTE}\n{BACK}") + step("rest", 'wait = "5h"')))
    run = stage.sales.start("w", c="acme")
    stage.go()
    stage.ops.pin("customer/acme", reason="call", ttl="1h")
    run.cancel(reason="they stay")
    stage.go()
    assert run.state == "compensating"
    stage.ops.put("customer/acme", note="mine", was={"note": "x"})
    stage.later(HOUR + 60)
    assert run.state == "stuck"
    assert [item.kind for item in stage.ops.inbox().items if item.kind == "workflow"] == ["workflow"]


def test_s24_a_run_that_is_undone_under_a_pin_says_which_and_afterwards_why_it_went_back(staging: Staging) -> None:
    stage = staging(workflow(step("a", f"{NOTE}\n{BACK}") + step("rest", 'wait = "5h"')))
    run = stage.sales.start("w", c="acme")
    stage.go()
    first = stage.ops.pin("customer/acme", reason="first", ttl="1h")
    run.cancel(reason="they stay")
    stage.go()
    assert run.show().why == 'customer/acme is pinned until 2023-11-14T23:13:20Z by ops: "first".'
    stage.ops.pin("customer/acme", "note", reason="second", ttl="2h")
    stage.ops.lift(first)
    stage.go()
    assert run.show().why == 'customer/acme.note is pinned until 2023-11-15T00:13:20Z by ops: "second".'
    assert commits_of(stage) == 0
    stage.later(2 * HOUR)
    assert (run.state, run.show().why) == ("cancelled", "they stay")


def test_a_run_that_was_stuck_says_afterwards_why_it_went_back(staging: Staging) -> None:
    stage = staging(workflow(step("a", f"{NOTE}\n{BACK}") + step("rest", 'wait = "5h"')))
    run = stage.sales.start("w", c="acme")
    stage.go()
    stage.ops.put("customer/acme", note="mine", was={"note": "x"})
    run.cancel(reason="they stay")
    stage.go()
    assert run.state == "stuck"
    stage.ops.resume_workflow(run.run, skip=True)
    stage.go()
    assert (run.state, run.show().why) == ("cancelled", "they stay")
