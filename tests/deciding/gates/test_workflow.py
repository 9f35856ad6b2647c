"""Who may start, cancel and answer what, and what no run may touch while another may still undo it."""

from __future__ import annotations

from typing import Any

import pytest

from comity.clock import SECOND_US, format_time
from comity.deciding.gates.workflow import judge
from comity.deciding.view import Cause
from comity.model.flows import proposal_id
from comity.model.proposals import Caller, Emit, Set
from tests.deciding.cases import NOW_US, World, state

SOURCE = """
[agents]
sales   = { role = "selling" }
support = { role = "support" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
status = { type = "string" }
note   = { type = "string" }

[workflows.offboard]
starters = ["selling"]
deadline = "10d"
params   = { customer = { ref = "customer", required = true }, seats = { type = "integer" } }
steps    = [{ name = "grace", wait = "3d" }, { name = "more", wait = "{{s" }]
""".replace("{{s", "1d")
ACME = state("customer/acme", status="active")
TERMS: dict[str, Any] = {
    "workflow": "offboard",
    "params": {"customer": "acme"},
    "definition": 1,
    "steps": 2,
    "name": "grace",
    "starters": ["selling"],
    "subjects": ["customer/acme"],
    "deadline": format_time(NOW_US + 10 * 86_400 * SECOND_US),
}
SALES, SUPPORT = Caller("sales"), Caller("support")
OPS = Caller("ops", "key", "k1")


def started(world: World, caller: Caller = SALES, **terms: Any) -> list[str]:
    return world.codes(judge, Emit("$workflow/offboard~1", "started", TERMS | terms), caller=caller)


@pytest.mark.parametrize(("caller", "code"), [(SALES, []), (SUPPORT, ["workflow.not_starter"]), (OPS, [])])
def test_it_is_started_by_those_whom_it_names_and_by_operators(caller: Caller, code: list[str]) -> None:
    assert started(World(ACME, source=SOURCE), caller) == code


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"workflow": "ofboard"}, "workflow.unknown"),
        ({"params": {}}, "workflow.params"),
        ({"params": {"customer": "nobody"}}, "workflow.params"),
        ({"params": {"customer": "acme", "seats": "many"}}, "workflow.params"),
        ({"params": {"customer": "acme", "x": 1}}, "workflow.params"),
        ({"params": {"customer": "a/b"}}, "workflow.params"),
        ({"definition": 2}, "workflow.changed"),
        ({"steps": 1}, "workflow.changed"),
        ({"name": "other"}, "workflow.changed"),
        ({"starters": ["support"]}, "workflow.changed"),
        ({"subjects": []}, "workflow.changed"),
        ({"deadline": format_time(NOW_US + 20 * 86_400 * SECOND_US)}, "workflow.changed"),
    ],
)
def test_its_start_says_what_the_definition_says(terms: dict[str, Any], code: str) -> None:
    assert code in started(World(ACME, source=SOURCE), **terms)


def run(**values: Any) -> Any:
    kept: dict[str, Any] = {"state": "running", "started_by": "sales", "starters": ["selling"], **values}
    return state("$workflow/offboard~1", **kept)


@pytest.mark.parametrize(("caller", "code"), [(SALES, []), (SUPPORT, ["workflow.not_starter"]), (OPS, [])])
def test_who_may_cancel_it(caller: Caller, code: list[str]) -> None:
    world = World(ACME, run(), source=SOURCE)
    assert world.codes(judge, Emit("$workflow/offboard~1", "cancelled", {"answer": "x"}), caller=caller) == code


@pytest.mark.parametrize("event", ["done", "failed"])
@pytest.mark.parametrize(
    ("to", "caller", "code"),
    [([], SUPPORT, ["workflow.not_asked"]), ([], OPS, []), (["support"], SUPPORT, []), (["x"], SUPPORT, [])],
)
def test_what_is_put_to_nobody_in_particular_is_for_humans(
    event: str, to: list[str], caller: Caller, code: list[str]
) -> None:
    world = World(state("$task/t", to=to, purpose="task", started_by="sales"), source=SOURCE)
    assert world.codes(judge, Emit("$task/t", event, {"answer": "x"}), caller=caller) == code


STEP = proposal_id("offboard~2", "step", 0, 0)
OTHER = proposal_id("offboard~1", "step", 0, 0)


@pytest.mark.parametrize(
    ("writer", "life", "field", "code"),
    [
        (OTHER, "live", "status", ["workflow.in_use"]),
        (OTHER, "archived", "status", []),
        (OTHER, "live", "note", []),
        (STEP, "live", "status", []),
        ("p1", "live", "status", []),
    ],
)
def test_what_another_run_has_written_is_in_use_until_that_is_over(
    writer: str, life: str, field: str, code: list[str]
) -> None:
    acme = state("customer/acme", at={"status": 7}, status="leaving", note="n")
    other = state("$workflow/offboard~1", life)  # type: ignore[arg-type]
    own = state("$workflow/offboard~2")
    world = World(acme, other, own, source=SOURCE, revision=9)
    world.causes[7] = Cause(7, "support", None, None, writer), (("customer", "acme"),)
    changes = (Set("customer/acme", {field: "x"}), Emit("$workflow/offboard~2", "advanced", {"step": 0, "attempt": 0}))
    assert world.codes(judge, *changes, caller=Caller("sales", "workflow"), id=STEP) == code


def test_agents_are_not_asked_that() -> None:
    acme = state("customer/acme", at={"status": 7}, status="leaving")
    world = World(acme, run(), source=SOURCE, revision=9)
    assert world.codes(judge, Set("customer/acme", {"status": "x"})) == []
    assert not world.causes
