"""S36: derived writes, references, and undoing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import comity
from comity import limits
from comity.model.decisions import Decision
from comity.model.proposals import Create, Delete, Emit, Proposal, Put, Read, Set, Undo
from comity.operations import RevertAnswer
from tests.semantics.conftest import Open

NEXT = iter(range(10**9))


def propose(agent: comity.Agent, *changes: Any, **options: Any) -> Decision:
    return agent.propose(Proposal(id=f"p{next(NEXT)}", changes=changes, **options))


def codes(decision: Decision) -> list[str]:
    return [finding.code for finding in decision.refusals]


def left(answer: RevertAnswer) -> list[tuple[str, str]]:
    return [(one.record, one.field) for one in answer.left]


def reverted(answer: RevertAnswer) -> list[tuple[str, Any, Any]]:
    return [(one.field, one.was, one.now) for one in answer.reverted]


# -- references and what follows from a removal


@pytest.fixture
def acme(crm: comity.Workspace) -> comity.Workspace:
    sales = crm.agent("sales")
    sales.create("customer/acme", name="Acme", status="active")
    sales.create("customer/other", name="Other")
    return crm


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("acme", []),
        ("nobody", ["integrity.missing_target"]),
        ("customer/acme", []),
        ("customer/nobody", ["integrity.missing_target"]),
        ("ticket/acme", ["shape.invalid_value", "integrity.missing_target"]),
        ("archived", ["integrity.missing_target"]),
        ("deleted", ["integrity.missing_target"]),
        ("", ["shape.invalid_value", "integrity.missing_target"]),
    ],
)
def test_s36_references_lead_to_live_records(acme: comity.Workspace, target: str, expected: list[str]) -> None:
    sales = acme.agent("sales")
    for name in ("archived", "deleted"):
        sales.create(f"customer/{name}", name="X")
    sales.archive("customer/archived", accept=acme.revision)
    sales.delete("customer/deleted", accept=acme.revision)
    assert codes(propose(acme.agent("support"), Create("ticket/1", {"customer": target}))) == expected


def test_s36_a_reference_may_lead_to_what_the_same_proposal_creates(acme: comity.Workspace) -> None:
    sales = acme.agent("sales")
    assert propose(sales, Create("note/1", {"customer": "new"}), Create("customer/new", {"name": "N"})).is_committed
    both = (Create("note/2", {"customer": "other"}), Delete("customer/other"))
    assert propose(sales, *both, accept=acme.revision).is_committed
    assert acme.get("note/2").customer is None


@pytest.mark.parametrize("verb", ["archive", "delete"])
def test_s36_a_removal_is_refused_naming_the_referrers(acme: comity.Workspace, verb: str) -> None:
    support = acme.agent("support")
    for n in range(7):
        support.create(f"ticket/{n}", title="x", customer="acme")
    with pytest.raises(comity.Refused) as refused:
        getattr(acme.agent("sales"), verb)("customer/acme", accept=acme.revision)
    (finding,) = refused.value.decision.refusals
    assert finding.code == "integrity.referenced"
    assert finding.data["referrers"] == [f"ticket/{n}" for n in range(7)]
    assert acme.get("customer/acme").life == "live"


@pytest.mark.parametrize(("verb", "life"), [("archive", "archived"), ("delete", "deleted")])
def test_s36_a_removal_detaches_and_cascades_as_declared(acme: comity.Workspace, verb: str, life: str) -> None:
    product, sales = acme.agent("product"), acme.agent("sales")
    product.create("note/1", customer="acme", text="x")
    product.create("note/2", customer="other", text="x")
    product.create("visit/1", customer="acme")
    getattr(sales, verb)("customer/acme", accept=acme.revision)
    assert acme.get("note/1").customer is None
    assert acme.get("note/2").customer == "other"
    assert acme.get("visit/1").life == life
    derived = {event.record: (event.derived, event.by) for event in acme.history().events if event.derived}
    assert derived == {
        "note/1": ("detach:customer/acme", "sales"),
        "visit/1": ("cascade:customer/acme", "sales"),
    }
    assert acme.verify().is_clean


def test_s36_a_cascade_goes_on_and_stops_where_something_is_refused(
    open_again: Open, define: Callable[..., Path]
) -> None:
    source = """
[kinds.a.fields]
n = { type = "integer" }
[kinds.b.fields]
a = { ref = "a", on_removal = "cascade" }
[kinds.c.fields]
b = { ref = "b", on_removal = "cascade" }
c = { ref = "c", on_removal = "cascade" }
[kinds.d.fields]
c = { ref = "c" }
"""
    ws = open_again(definition=define(source))
    one = ws.agent("one")
    one.create("a/1", n=1)
    one.create("b/1", a="1")
    one.create("c/1", b="1")
    one.create("c/2", c="1")
    one.set("c/1", c="2")  # A circle.
    one.create("d/1", c="2")
    refused = propose(one, Delete("a/1"), accept=ws.revision)
    assert codes(refused) == ["integrity.referenced"]
    one.delete("d/1", accept=ws.revision)
    assert propose(one, Delete("a/1"), accept=ws.revision).is_committed
    assert {ws.get(ref).life for ref in ("a/1", "b/1", "c/1", "c/2")} == {"deleted"}
    assert ws.verify().is_clean


def test_s36_a_reference_that_comes_within_the_batch_is_seen(acme: comity.Workspace) -> None:
    """Referrers are looked for at the head: one that came a moment ago stands in the way."""
    intent = acme.agent("sales").intent()
    intent.get("customer/acme")
    intent.delete("customer/acme")
    assert intent.check().is_allowed
    acme.agent("support").create("ticket/1", title="x", customer="acme")
    assert codes(intent.propose()) == ["integrity.referenced"]


def test_s36_what_is_deleted_and_made_anew_takes_nobody_along(acme: comity.Workspace) -> None:
    sales = acme.agent("sales")
    sales.create("visit/1", customer="acme")
    swap = (Delete("customer/acme"), Create("customer/acme", {"name": "Acme again"}))
    assert propose(sales, *swap, accept=acme.revision).is_committed
    assert acme.get("visit/1").life == "live"
    assert acme.verify().is_clean


def test_s36_a_named_event_carries_its_consequences(acme: comity.Workspace) -> None:
    support = acme.agent("support")
    support.create("ticket/1", title="late", customer="acme")
    decision = support.emit("customer/acme", "TicketOpened", ticket="1", reason="called")
    event = acme.history("customer/acme").events[0]
    assert (event.type, event.data, event.was, event.now) == (
        "TicketOpened",
        {"ticket": "1"},
        {"open_tickets": 0},
        {"open_tickets": 1},
    )
    assert event.event == decision.events[0]
    assert codes(propose(support, Emit("customer/acme", "TicketOpened", {"ticket": "none"}))) == [
        "integrity.missing_target"
    ]
    assert codes(propose(support, Emit("customer/acme", "TicketClosed"))) == ["shape.unknown_event"]


def test_s36_a_declared_event_tells_from_and_to(acme: comity.Workspace) -> None:
    acme.agent("support").set("customer/acme", status="at_risk", was={"status": "active"}, reason="T-42")
    event = acme.history("customer/acme", type="StatusChanged").events[0]
    assert (event.was, event.now, event.by, event.reason) == (
        {"status": "active"},
        {"status": "at_risk"},
        "support",
        "T-42",
    )


# -- undoing


def test_s36_a_commit_is_undone_field_by_field(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", x=1, y=1, z=1)
    bad = sales.put("a/1", x=2, y=2, w=2, accept=ws.revision)
    support.put("a/1", y=3, was={"y": 2})
    answer = ws.revert(commit=bad.revision, reason="wrong customer")
    assert sorted(reverted(answer)) == [("w", 2, None), ("x", 2, 1)]
    assert left(answer) == [("a/1", "y")]
    assert "support at revision 3" in answer.left[0].why
    assert dict(ws.get("a/1")) == {"x": 1, "y": 3, "z": 1}
    event = ws.history("a/1").events[0]
    assert (event.type, event.reason, event.known) == ("a.reverted", "wrong customer", "os_user")
    assert ws.verify().is_clean


def test_s36_an_agents_work_is_undone_where_it_was_the_last(ws: comity.Workspace) -> None:
    """x: good, bad, bad · y: bad, good · z: bad, good, bad · w: bad's since before the point."""
    good, bad = ws.agent("good"), ws.agent("bad")
    good.put("a/1", x=0, y=0, z=0)
    bad.put("a/1", w=1)
    since = ws.revision
    for agent, change in (
        (bad, {"x": 1, "y": 1, "z": 1}),
        (good, {"y": 2, "z": 2}),
        (bad, {"x": 2, "z": 3}),
        (bad, {"x": 3}),
    ):
        agent.put("a/1", change, accept=ws.revision)
    bad.create("a/2", n=1)
    bad.create("a/3", n=1)
    good.put("a/3", m=1)
    answer = ws.revert(agent="bad", since=since)
    assert dict(ws.get("a/1")) == {"x": 0, "y": 2, "z": 2, "w": 1}
    assert ws.get("a/2").life == "deleted"
    assert (ws.get("a/3").life, ws.get("a/3").get("m")) == ("live", 1)
    assert left(answer) == [("a/1", "y"), ("a/3", "$life")]
    assert ws.verify().is_clean


def test_s36_what_others_added_since_is_never_undone_with_a_creation(ws: comity.Workspace) -> None:
    ws.agent("sales").put("a/1", x=1)
    ws.agent("support").put("a/1", y=2)
    answer = ws.revert(commit=1)
    assert ("a/1", "$life") in left(answer)
    assert ws.get("a/1").y == 2


@pytest.mark.parametrize("verb", ["archive", "delete"])
def test_s36_a_removal_is_undone(ws: comity.Workspace, verb: str) -> None:
    sales = ws.agent("sales")
    sales.put("a/1", x=1)
    decision = getattr(sales, verb)("a/1", accept=ws.revision)
    ws.revert(commit=decision.revision)
    assert (ws.get("a/1").life, ws.get("a/1").x) == ("live", 1)
    again = ws.revert(commit=ws.revision)
    assert again.decisions[0].is_committed
    assert ws.get("a/1").life == ("archived" if verb == "archive" else "deleted")
    assert ws.verify().is_clean


def test_s36_a_cascade_is_undone_as_a_whole(acme: comity.Workspace) -> None:
    sales = acme.agent("sales")
    sales.create("visit/1", customer="acme")
    sales.create("note/1", customer="acme")
    removal = sales.delete("customer/acme", accept=acme.revision)
    answer = acme.revert(commit=removal.revision)
    assert answer.left == ()
    assert [acme.get(ref).life for ref in ("customer/acme", "visit/1")] == ["live", "live"]
    assert acme.get("note/1").customer == "acme"
    assert acme.verify().is_clean


def test_s36_undoing_is_judged_like_anything_else(acme: comity.Workspace) -> None:
    """A former value that would break a reference or a guard by now stays out, and is listed."""
    sales = acme.agent("sales")
    sales.create("note/1", customer="other", text="x")
    moved = propose(sales, Set("note/1", {"customer": "acme"}), accept=acme.revision)
    sales.delete("customer/other", accept=acme.revision)
    with pytest.raises(comity.Refused, match="customer/other is deleted"):
        acme.revert(commit=moved.revision)
    answer = acme.revert(commit=moved.revision, dry=True)
    assert left(answer) == [("note/1", "customer")]
    assert "customer/other is deleted" in answer.left[0].why
    assert acme.get("note/1").customer == "acme"


def test_s36_one_record_that_can_not_be_undone_does_not_hold_up_the_others(acme: comity.Workspace) -> None:
    sales = acme.agent("sales")
    sales.create("note/1", customer="other", text="x")
    sales.create("note/2", text="old")
    both = propose(sales, Set("note/1", {"customer": "acme"}), Set("note/2", {"text": "new"}), accept=acme.revision)
    sales.delete("customer/other", accept=acme.revision)
    answer = acme.revert(commit=both.revision)
    assert left(answer) == [("note/1", "customer")]
    assert acme.get("note/2").text == "old"


def test_s36_undoing_needs_the_owners_or_an_operator(acme: comity.Workspace) -> None:
    sales, support, product = acme.agent("sales"), acme.agent("support"), acme.agent("product")
    bad = sales.set("customer/acme", name="Wrong", status="at_risk", was={"name": "Acme", "status": "active"})
    looked = product.revert(commit=bad.revision, dry=True)
    assert (len(looked.left), looked.reverted) == (2, ())
    for other in (product, support):
        with pytest.raises(comity.Refused, match="belongs to sales"):
            other.revert(commit=bad.revision)
    assert acme.get("customer/acme").name == "Wrong"
    assert reverted(acme.revert(commit=bad.revision)) != []
    assert (acme.get("customer/acme").name, acme.get("customer/acme").status) == ("Acme", "active")


def test_s36_with_a_human_in_charge_the_system_user_undoes_nothing_in_others_domains(acme: comity.Workspace) -> None:
    sales = acme.agent("sales")
    bad = sales.set("customer/acme", name="Wrong", was={"name": "Acme"})
    ops = acme.agent("ops", key=acme.issue_key("ops").key)
    with pytest.raises(comity.Refused, match="belongs to sales"):
        acme.revert(commit=bad.revision)
    assert acme.get("customer/acme").name == "Wrong"
    assert ops.revert(commit=bad.revision).left == ()
    assert acme.get("customer/acme").name == "Acme"


def test_s36_a_dry_revert_tells_and_does_nothing(ws: comity.Workspace) -> None:
    ws.agent("sales").put("a/1", x=1)
    ws.agent("sales").put("a/1", x=2, was={"x": 1})
    answer = ws.revert(commit=2, dry=True)
    assert reverted(answer) == [("x", 2, 1)]
    assert (ws.revision, ws.get("a/1").x) == (2, 2)


def test_s36_a_revert_can_be_reverted(ws: comity.Workspace) -> None:
    ws.agent("sales").put("a/1", x=1)
    ws.agent("sales").put("a/1", x=2, was={"x": 1})
    ws.revert(commit=2)
    ws.revert(commit=3)
    assert ws.get("a/1").x == 2


@pytest.mark.parametrize("asked", [{}, {"commit": 1, "agent": "sales"}])
def test_s36_one_thing_is_named(ws: comity.Workspace, asked: dict[str, Any]) -> None:
    with pytest.raises(comity.InvalidRequest):
        ws.revert(**asked)


@pytest.mark.parametrize("asked", [{"commit": 9}, {"agent": "nobody"}, {"agent": "sales", "since": 1}])
def test_s36_nothing_to_undo_is_said(ws: comity.Workspace, asked: dict[str, Any]) -> None:
    ws.agent("sales").put("a/1", x=1)
    with pytest.raises(comity.NotFound):
        ws.revert(**asked)


def test_s36_much_is_undone_in_batches(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    for start in range(0, 240, 120):
        with sales.intent() as intent:
            for n in range(start, start + 120):
                intent.create(f"a/{n}", n=n)
    answer = ws.revert(agent="sales")
    assert len(answer.decisions) == 3
    assert ws.count("a") == 0
    assert ws.count("a", life="deleted") == 240


def test_s36_an_agents_history_longer_than_a_page_is_undone_whole(
    ws: comity.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sales = ws.agent("sales")
    for n in range(3):
        with sales.intent() as intent:
            for m in range(4):
                intent.create(f"a/{n}-{m}")
    monkeypatch.setattr(limits, "HISTORY_PAGE", 5)
    ws.revert(agent="sales")
    assert ws.count("a") == 0


def test_s36_undoing_what_someone_changes_meanwhile_is_a_conflict(ws: comity.Workspace) -> None:
    """The revert reads what it puts back; what moves between its look and the head is not undone."""
    sales = ws.agent("sales")
    sales.put("a/1", x=1)
    sales.put("a/1", x=2, was={"x": 1})
    plan = Proposal(
        id="undo",
        changes=(Undo("a/1", {"x": 1}),),
        reads=(Read("a/1", 2, ("x",), whole=False),),
    )
    ws.agent("support").put("a/1", x=3, was={"x": 2})
    assert comity.Agent(ws._session).propose(plan).is_conflict
    assert propose(sales, Put("a/1", {"y": 1})).is_committed
