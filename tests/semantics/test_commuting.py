"""S14, S15: what commutes; assumptions before, guards after."""

# ruff: noqa: PT012 - what happens inside the blocks is what is tested

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import comity
from comity.model.proposals import (
    Add,
    Append,
    Create,
    Delete,
    Exclude,
    Include,
    Read,
    Restore,
    Set,
)
from tests.semantics.asking import codes, propose
from tests.semantics.conftest import Open

# -- S14: what commutes


COMMUTING: list[tuple[str, Any, Any, dict[str, Any]]] = [
    ("add and add", Add("a/1", {"n": 1}), Add("a/1", {"n": 10}), {"n": 11, "t": ["x"]}),
    ("different elements", Include("a/1", {"t": ["y"]}), Include("a/1", {"t": ["z"]}), {"n": 0, "t": ["x", "y", "z"]}),
    ("in and out", Include("a/1", {"t": ["y"]}), Exclude("a/1", {"t": ["x"]}), {"n": 0, "t": ["y"]}),
    ("the same element twice", Include("a/1", {"t": ["y"]}), Include("a/1", {"t": ["y"]}), {"n": 0, "t": ["x", "y"]}),
    ("append keeps the order", Append("a/1", {"t": [1]}), Append("a/1", {"t": [2]}), {"n": 0, "t": ["x", 1, 2]}),
]


@pytest.mark.parametrize(
    ("first", "second", "expected"), [case[1:] for case in COMMUTING], ids=[case[0] for case in COMMUTING]
)
@pytest.mark.parametrize("sight", [(), (Read("a/1", 1, (), touched=True),)], ids=["unseen", "at hand"])
def test_s14_commutative_changes_never_go_stale(
    ws: comity.Workspace, first: Any, second: Any, expected: dict[str, Any], sight: tuple[Read, ...]
) -> None:
    one, two = ws.agent("one"), ws.agent("two")
    one.put("a/1", n=0, t=["x"])
    assert propose(one, first, reads=sight).is_committed
    assert propose(two, second, reads=sight).is_committed
    state = ws.get("a/1")
    assert {"n": state.n, "t": list(state.t)} == expected


ONE_ELEMENT: list[tuple[str, Any, Any]] = [
    ("out after in", Include("a/1", {"t": ["y"]}), Exclude("a/1", {"t": ["y"]})),
    ("in after out", Exclude("a/1", {"t": ["x"]}), Include("a/1", {"t": ["x"]})),
]


@pytest.mark.parametrize(("first", "second"), [case[1:] for case in ONE_ELEMENT], ids=[case[0] for case in ONE_ELEMENT])
def test_s14_one_element_in_and_out_needs_to_have_been_seen(ws: comity.Workspace, first: Any, second: Any) -> None:
    one, two = ws.agent("one"), ws.agent("two")
    one.put("a/1", n=0, t=["x"])
    before = (Read("a/1", ws.revision, (), touched=True),)
    assert propose(one, first, reads=before).is_committed
    assert codes(propose(two, second, reads=before)) == ["freshness.changed"]
    after = (Read("a/1", ws.revision, (), touched=True),)
    assert propose(two, second, reads=after).is_committed


def test_s14_a_list_that_was_read_is_stale_for_who_rests_on_it(ws: comity.Workspace) -> None:
    one, two = ws.agent("one"), ws.agent("two")
    one.put("a/1", n=0, t=["x"])
    with pytest.raises(comity.Conflict), one.edit("a/1") as record:
        assert record.t == ("x",)
        two.include("a/1", t="y")
        record.include(t="z")


def test_s14_guards_bind_commutative_changes(open_again: Open, define: Callable[[str], Path]) -> None:
    source = """
[kinds.item.fields]
stock = { type = "integer", default = 0 }
[[kinds.item.guards]]
name = "in stock"
check = "after.stock >= 0"
"""
    ws = open_again(definition=define(source))
    ws.agent("one").create("item/1", stock=2)
    answers = [propose(ws.agent(f"a{n}"), Add("item/1", {"stock": -1})) for n in range(3)]
    assert [codes(answer) for answer in answers] == [[], [], ["guard.in_stock"]]
    assert ws.get("item/1").stock == 0


def test_s14_numbers_that_overflow_are_refused(ws: comity.Workspace) -> None:
    ws.agent("one").put("a/1", n=2**63 - 1)
    assert codes(propose(ws.agent("one"), Add("a/1", {"n": 1}))) == ["shape.invalid_value"]


# -- S15: assumptions before, guards after


def test_s15_assumptions_are_judged_before_the_own_changes(crm: comity.Workspace) -> None:
    sales = crm.agent("sales")
    sales.create("customer/acme", name="Acme", status="active")
    intent = sales.intent()
    intent.assume("customer.status == 'active'")
    intent.get("customer/acme").status = "at_risk"
    assert intent.propose().is_committed
    again = sales.intent()
    again.assume("customer.status == 'active'")
    again.get("customer/acme").status = "active"
    assert codes(again.propose()) == ["guard.assumption"]


def test_s15_an_assumption_is_judged_at_the_head_without_any_read(crm: comity.Workspace) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    sales.create("customer/acme", name="Acme", status="active")
    intent = sales.intent(about="customer/acme")
    intent.assume("customer.open_tickets == 0 && customer.status == 'active'")
    intent.create("note/1", text="upsell")
    support.set("customer/acme", open_tickets=1, was={"open_tickets": 0})
    decision = intent.propose()
    assert codes(decision) == ["guard.assumption"]
    assert "support" in decision.refusals[0].message


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("customer.status == 'active'", []),
        ("customer.status == 'churned'", ["guard.assumption"]),
        ("customer.statsu == 'active'", ["guard.assumption"]),
        ("customer.status ==", ["guard.assumption"]),
        ("ticket.title == 'x'", ["guard.assumption"]),
        ("customer.value > 3.0", ["guard.assumption"]),
        ("default(customer.value, 0.0) < 3.0", []),
        ("[1].exists(x, x == 1)", ["guard.assumption"]),
        ("x" * 501, ["guard.assumption"]),
    ],
)
def test_s15_what_can_not_be_judged_never_passes(crm: comity.Workspace, expression: str, expected: list[str]) -> None:
    sales = crm.agent("sales")
    sales.create("customer/acme", name="Acme", status="active")
    decision = propose(sales, Create("note/1", {"text": "x"}), about=("customer/acme",), assumptions=(expression,))
    assert codes(decision) == expected


@pytest.mark.parametrize("life", ["absent", "archived", "deleted"])
def test_s15_nothing_is_assumed_of_a_record_that_is_not_live(crm: comity.Workspace, life: str) -> None:
    sales = crm.agent("sales")
    if life != "absent":
        sales.create("customer/acme", name="Acme", status="active")
        getattr(sales, "archive" if life == "archived" else "delete")("customer/acme", accept=crm.revision)
    for assumption in ("customer.status == 'active'", "customer.status == null", "customer.status != 'x'"):
        decision = propose(sales, Create("note/1"), about=("customer/acme",), assumptions=(assumption,))
        assert codes(decision) == ["guard.assumption"]


def test_s15_an_assumption_holds_for_every_subject_of_its_kind(crm: comity.Workspace) -> None:
    sales = crm.agent("sales")
    sales.create("customer/a", name="A", status="active")
    sales.create("customer/b", name="B", status="at_risk")
    about = ("customer/a", "customer/b")
    decision = propose(sales, Create("note/1"), about=about, assumptions=("customer.status == 'active'",))
    assert [finding.subject for finding in decision.refusals] == ["customer/b"]


def test_s15_guards_judge_the_final_state_of_the_whole_proposal(crm: comity.Workspace) -> None:
    sales = crm.agent("sales")
    sales.create("customer/acme", name="Acme", status="active")
    through = (
        Set("customer/acme", {"status": "churned"}),
        Set("customer/acme", {"status": "active"}),
        Set("customer/acme", {"health": "x"}),
    )
    assert propose(sales, *through, accept=crm.revision).is_committed
    sales.set("customer/acme", status="churned", accept=crm.revision)
    assert codes(propose(sales, Set("customer/acme", {"status": "active"}), accept=crm.revision)) == [
        "guard.churned_is_final"
    ]


def test_s15_a_guard_can_not_be_walked_around_by_archiving(crm: comity.Workspace) -> None:
    sales = crm.agent("sales")
    sales.create("customer/acme", name="Acme", status="churned")
    sales.archive("customer/acme", accept=crm.revision)
    back = (Restore("customer/acme"), Set("customer/acme", {"status": "active"}))
    assert codes(propose(sales, *back, accept=crm.revision)) == ["guard.churned_is_final"]
    assert propose(sales, Restore("customer/acme"), accept=crm.revision).is_committed


def test_s15_a_guard_can_not_be_walked_around_by_deleting_within_one_proposal(crm: comity.Workspace) -> None:
    sales = crm.agent("sales")
    sales.create("customer/acme", name="Acme", status="churned")
    swap = (Delete("customer/acme"), Create("customer/acme", {"name": "Acme", "status": "active"}))
    assert codes(propose(sales, *swap, accept=crm.revision)) == ["guard.churned_is_final"]
