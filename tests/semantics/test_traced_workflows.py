"""What led to the steps of a workflow, and what they led to, is in the log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from comity.testing.manual_clock import ManualClock
from tests.semantics.conftest import Open
from tests.semantics.working import DAY, OFFBOARD, Stage, states, step, workflow

Staging = Callable[[str], Stage]

WORK = """as = "support"
set = { "customer/{c}" = { status = "leaving" } }
undo = { set = { "customer/{c}" = { status = "active" } } }"""


@pytest.fixture
def staging(open_again: Open, define: Callable[[str], Path], clock: ManualClock) -> Staging:
    return lambda text: Stage(open_again(definition=define(text), clock=clock), clock)


@pytest.fixture
def stage(staging: Staging) -> Stage:
    return staging(OFFBOARD)


def test_every_step_names_what_led_to_it(stage: Stage) -> None:
    run = stage.sales.start("offboard", customer="acme")
    stage.go()
    begun = next(event for event in stage.ws.history(f"$workflow/{run.run}").events if event.type == "started")
    caused = [event for event in stage.ws.history("customer/acme").events if event.by == "support"]
    assert caused[0].known == "workflow"
    assert stage.ws.trace(begun.event).led_to


def test_a_trace_of_a_run_shows_who_answered_its_tasks(stage: Stage) -> None:
    run = stage.sales.start("offboard", customer="acme")
    stage.go()
    stage.accept_task(stage.product)
    stage.later(3 * DAY)
    stage.accept_task(stage.ops)
    assert run.state == "done"
    begun = next(event for event in stage.ws.history(f"$workflow/{run.run}").events if event.type == "started")
    led_to = stage.ws.trace(begun.event).led_to
    answered = [place for place, one in enumerate(led_to) if one.by in ("product", "ops") and one.depth == 2]
    assert [led_to[place].by for place in answered] == ["product", "ops"]
    for place in answered:
        asked, answer, follows = led_to[place - 1 : place + 2]
        assert [asked.depth, answer.depth, follows.depth] == [1, 2, 3]
        assert answer.records[0] in asked.records
        assert f"$workflow/{run.run}" in follows.records
    assert max(one.depth for one in led_to) == 3


def test_a_task_is_answered_however_much_led_to_its_workflow(staging: Staging) -> None:
    task = step("a", 'task = { to = "product", text = "Export." }')
    stage = staging(workflow(task) + "\n[cascades]\ndepth = 1\n")
    event = stage.ws.history("customer/acme").events[-1].event
    run = stage.sales.start("w", c="acme", cause=event)
    stage.go()
    stage.accept_task(stage.product)
    assert run.state == "done"


def test_a_run_goes_on_however_much_led_to_its_start(staging: Staging) -> None:
    steps = step("a", WORK) + step("b", 'wait = "1d"')
    stage = staging(workflow(steps) + "\n[cascades]\ndepth = 1\n")
    event = stage.ws.history("customer/acme").events[-1].event
    run = stage.sales.start("w", c="acme", cause=event)
    stage.go()
    run.cancel()
    stage.go()
    assert (run.state, states(run.show())) == ("cancelled", ["undone", "left out"])
