"""Steps that find things so already have nothing to undo (S36), and rely on nobody's unfinished work (S34)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from comity.testing.manual_clock import ManualClock
from tests.semantics.conftest import Open
from tests.semantics.working import Stage, states, step, workflow

Staging = Callable[[str], Stage]

BOTH = """as = "support"
set = { "customer/{c}" = { status = "leaving", note = "they go" } }
undo = { set = { "customer/{c}" = { status = "active", note = "they stayed" } } }"""
ONE = """as = "support"
set = { "customer/{c}" = { status = "leaving" } }
undo = { set = { "customer/{c}" = { status = "active" } } }"""
AGAIN = ONE.replace('status = "active"', 'status = "at_risk"')
SIGN = 'task = { to = "product", text = "Sign." }'
LEFT = 'as = "sales"\nset = { "customer/{c}" = { status = "left" } }'
MAIL = 'effects = [{ name = "email", target = "customer/{c}", data = { subject = "Bye" } }]'
SORRY = """undo = { set = { "customer/{c}" = { status = "active" } }, effects = [
  { name = "email", target = "customer/{c}", data = { subject = "Sorry" } }] }"""


@pytest.fixture
def staging(open_again: Open, define: Callable[[str], Path], clock: ManualClock) -> Staging:
    return lambda text: Stage(open_again(definition=define(text), clock=clock), clock)


def test_s36_a_step_that_changed_nothing_has_nothing_to_undo(staging: Staging) -> None:
    stage = staging(workflow(step("a", ONE) + step("sign", SIGN)))
    stage.sales.put("customer/acme", status="leaving", was={"status": "active"})
    before = stage.ws.get("customer/acme").version
    run = stage.sales.start("w", c="acme")
    stage.go()
    run.cancel(reason="a mistake")
    stage.go()
    shown = run.show()
    assert (shown.state, states(shown)) == ("cancelled", ["undone", "left out"])
    assert shown.steps[0].why == "It had changed nothing."
    assert stage.ws.get("customer/acme").version == before


def test_s36_what_another_run_has_finished_meanwhile_stays(staging: Staging) -> None:
    stage = staging(workflow(step("a", ONE) + step("sign", SIGN)))
    first = stage.sales.start("w", c="acme", key="1")
    stage.go()
    stage.accept_task(stage.product)
    assert first.state == "done"
    second = stage.sales.start("w", c="acme", key="2")
    stage.go()
    second.cancel()
    stage.go()
    assert (second.state, stage.values()["status"]) == ("cancelled", "leaving")


def test_s34_what_a_step_finds_as_another_run_has_left_it_may_still_be_undone(staging: Staging) -> None:
    waiting = step("a", ONE + '\non_refusal = "wait"')
    stage = staging(workflow(waiting + step("sign", SIGN)))
    first = stage.sales.start("w", c="acme", key="1")
    stage.go()
    second = stage.sales.start("w", c="acme", key="2")
    stage.go()
    assert f"$workflow/{first.run} wrote the status" in (second.show().why or "")
    first.cancel()
    stage.go()
    stage.later(60)
    assert (first.state, second.show().step) == ("cancelled", "sign")
    assert stage.values()["status"] == "leaving"


def test_s36_of_what_a_step_wrote_only_what_it_changed_is_put_back(staging: Staging) -> None:
    stage = staging(workflow(step("a", BOTH) + step("sign", SIGN)))
    stage.sales.put("customer/acme", status="leaving", was={"status": "active"})
    run = stage.sales.start("w", c="acme")
    stage.go()
    run.cancel()
    stage.go()
    assert run.state == "cancelled"
    assert (stage.values()["status"], stage.values()["note"]) == ("leaving", "they stayed")


def test_s36_an_earlier_step_is_undone_whose_value_a_later_one_found(staging: Staging) -> None:
    stage = staging(workflow(step("a", ONE) + step("b", AGAIN) + step("sign", SIGN)))
    run = stage.sales.start("w", c="acme")
    stage.go()
    run.cancel()
    stage.go()
    assert (run.state, stage.values()["status"]) == ("cancelled", "active")
    assert states(run.show()) == ["undone", "undone", "left out"]


def test_s36_what_somebody_else_changed_since_is_kept_though_a_step_between_changed_nothing(staging: Staging) -> None:
    stage = staging(workflow(step("a", ONE) + step("b", AGAIN) + step("sign", SIGN)))
    run = stage.sales.start("w", c="acme")
    stage.go()
    stage.sales.put("customer/acme", status="left", was={"status": "leaving"})
    run.cancel()
    stage.go()
    assert (run.state, stage.values()["status"]) == ("stuck", "left")


def test_s36_a_step_whose_effect_was_wanted_is_made_good_by_an_effect_alone(staging: Staging) -> None:
    stage = staging(workflow(step("a", f"{ONE.partition('undo')[0]}{MAIL}\n{SORRY}") + step("sign", SIGN)))
    stage.sales.put("customer/acme", status="leaving", was={"status": "active"})
    run = stage.sales.start("w", c="acme")
    stage.go()
    run.cancel()
    stage.go()
    assert (run.state, stage.values()["status"]) == ("cancelled", "leaving")
    assert [effect.data["subject"] for effect in stage.ws.effects().effects] == ["Sorry"]


def test_s36_what_is_done_is_done_although_it_was_so_already(staging: Staging) -> None:
    stage = staging(workflow(step("a", ONE) + step("leave", LEFT)))
    stage.sales.put("customer/acme", status="leaving", was={"status": "active"})
    run = stage.sales.start("w", c="acme")
    stage.go()
    assert (run.state, stage.values()["status"]) == ("done", "left")
