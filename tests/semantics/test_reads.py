"""S9 to S18: what counts as read, what is stale, and what commutes."""

# ruff: noqa: PT012 - what happens inside the blocks is what is tested

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import comity
from comity import limits
from comity.clock import SystemClock
from comity.coordinator import Coordinator, submit
from comity.model.decisions import Decision
from comity.model.filters import page_after, query
from comity.model.proposals import (
    Add,
    Append,
    Archive,
    Caller,
    Create,
    Delete,
    Exclude,
    Include,
    Proposal,
    Put,
    QueryRead,
    Read,
    Restore,
    Set,
    Was,
)
from comity.model.texts import tokens
from comity.store.sqlite import SqliteStore
from tests.semantics.conftest import Open

Change = Callable[[comity.Agent], object]
NEXT = iter(range(10**9))


def propose(agent: comity.Agent, *changes: Any, reads: tuple[Any, ...] = (), **options: Any) -> Decision:
    return agent.propose(Proposal(id=f"p{next(NEXT)}", changes=changes, reads=reads, **options))


def codes(decision: Decision) -> list[str]:
    return [finding.code for finding in decision.refusals]


def moved(decision: Decision) -> list[tuple[str, Any, Any]]:
    return [(one.field, one.was, one.now) for finding in decision.refusals for one in finding.moved]


# -- S9: existence is a field


LIVES: list[tuple[str, list[Change], bool]] = [
    ("nothing happened", [], False),
    ("deleted", [lambda a: a.delete("a/1", accept=a.get("a/1").revision)], True),
    ("archived", [lambda a: a.archive("a/1", accept=a.get("a/1").revision)], True),
    (
        "archived and restored: the same life again",
        [lambda a: a.archive("a/1", accept=a.get("a/1").revision), lambda a: a.restore("a/1")],
        False,
    ),
    (
        "deleted and created with the same values: another life",
        [
            lambda a: a.delete("a/1", accept=a.get("a/1").revision),
            lambda a: a.create("a/1", n=1, m=1, tags=["x"]),
        ],
        True,
    ),
    (
        "deleted and restored: another life",
        [lambda a: a.delete("a/1", accept=a.get("a/1").revision), lambda a: a.restore("a/1")],
        True,
    ),
]

CHANGES: dict[str, Any] = {
    "set": Set("a/1", {"n": 2}),
    "put": Put("a/1", {"n": 2}),
    "put, replacing": Put("a/1", {"n": 2}, replace=True),
    "add": Add("a/1", {"n": 1}),
    "include": Include("a/1", {"tags": ["y"]}),
    "exclude": Exclude("a/1", {"tags": ["x"]}),
    "append": Append("a/1", {"tags": ["y"]}),
    "archive": Archive("a/1"),
    "delete": Delete("a/1"),
    "another record": Put("b/1", {"n": 1}),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("meanwhile", "is_stale"), [case[1:] for case in LIVES], ids=[case[0] for case in LIVES])
def test_s09_every_read_reads_the_life_of_the_record(
    ws: comity.Workspace, change: str, meanwhile: list[Change], is_stale: bool
) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", n=1, m=1, tags=["x"])
    seen = sales.get("a/1")
    for step in meanwhile:
        step(support)
    decision = propose(sales, CHANGES[change], reads=(Read("a/1", seen.revision, ("n",)),))
    assert decision.is_conflict is is_stale
    assert decision.is_committed is not is_stale
    if is_stale:
        assert "freshness.changed" in codes(decision)
        assert "$life" in [field for field, _, _ in moved(decision)]


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "another record"])
@pytest.mark.parametrize(
    ("meanwhile", "is_stale"),
    [case[1:] for case in LIVES if case[0] != "archived"],
    ids=[case[0] for case in LIVES if case[0] != "archived"],
)
def test_s09_accepting_a_revision_is_having_seen_the_record_then(
    ws: comity.Workspace, change: str, meanwhile: list[Change], is_stale: bool
) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", n=1, m=1, tags=["x"])
    accepted = ws.revision
    for step in meanwhile:
        step(support)
    assert propose(sales, CHANGES[change], accept=accepted).is_committed is not is_stale


def test_s09_finding_nothing_is_a_read_of_nothing(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    with pytest.raises(comity.Conflict) as conflict, sales.intent() as intent:
        if not intent.get("ticket/1"):
            support.create("ticket/1", title="theirs")
            intent.put("customer/acme", open=False)
    assert moved(conflict.value.decision) == [("$life", "absent", "live")]


def test_s09_two_who_find_nothing_do_not_both_create(ws: comity.Workspace) -> None:
    first, second = ws.agent("one").intent(), ws.agent("two").intent()
    for intent in (first, second):
        intent.get("a/1").set(owner=intent.id)
    assert first.propose().is_committed
    assert codes(second.propose())[0] == "freshness.changed"


@pytest.mark.parametrize("change", [Add("a/1", {"n": 1}), Include("a/1", {"t": ["x"]}), Append("a/1", {"t": ["x"]})])
@pytest.mark.parametrize("life", ["absent", "archived", "deleted"])
def test_s09_commutative_changes_need_a_live_record(ws: comity.Workspace, change: Any, life: str) -> None:
    sales = ws.agent("sales")
    if life != "absent":
        sales.put("a/1", n=1)
        getattr(sales, "archive" if life == "archived" else "delete")("a/1", accept=ws.revision)
    assert codes(propose(sales, change)) == ["integrity.missing" if life == "absent" else f"integrity.{life}"]


def test_s09_versions_never_restart(ws: comity.Workspace) -> None:
    """A version that is used again would let a stale read pass for a fresh one."""
    sales = ws.agent("sales")
    sales.put("a/1", n=1)
    sales.delete("a/1", accept=ws.revision)
    sales.create("a/1", n=1)
    sales.delete("a/1", accept=ws.revision)
    sales.put("a/1", n=1)
    assert ws.get("a/1").version == 5
    assert [event.version for event in ws.history("a/1", oldest_first=True).events] == [1, 2, 3, 4, 5]
    assert ws.verify().is_clean


def test_s09_what_was_there_is_not_there_in_a_deleted_record(ws: comity.Workspace) -> None:
    """The tombstone keeps its last values; nobody may take them for a live record's."""
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", n=1)
    support.delete("a/1", accept=ws.revision)
    for change in (Put("a/1", {"n": 2}), Put("b/1", {"n": 2})):
        assert propose(sales, change, reads=(Was("a/1", {"n": 1}),)).is_conflict
    assert ws.get("a/1").life == "deleted"
    assert propose(sales, Put("a/1", {"n": 2}), reads=(Was("a/1", {"n": None}),)).is_committed


def test_s09_was_in_a_former_life_is_not_so_by_an_accepted_revision(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    sales.put("a/1", n=1)
    accepted = ws.revision
    sales.delete("a/1", accept=accepted)
    assert propose(sales, Put("a/1", {"n": 2}), reads=(Was("a/1", {"n": 1}),), accept=accepted).is_conflict


# -- S10: what counts as read


USES: dict[str, tuple[Callable[[comity.Record], object], bool, bool]] = {
    # use: (reads `other`, reads `status`)
    "attribute": (lambda r: r.status, False, True),
    "item": (lambda r: r["status"], False, True),
    "get": (lambda r: r.get("status"), False, True),
    "in": (lambda r: "status" in r, False, True),
    "str": (str, True, True),
    "format": (lambda r: f"{r}", True, True),
    "dict": (dict, True, True),
    "iteration": (list, True, True),
    "keys": (lambda r: r.keys(), True, True),
    "len": (len, True, True),
    "comparison": (lambda r: r == {}, True, True),
    "copy": (copy.copy, True, True),
    "deep copy": (copy.deepcopy, True, True),
    "unpacking": (lambda r: {**r}, True, True),
    "repr": (repr, False, False),
    "truth": (bool, False, False),
    "version": (lambda r: (r.version, r.ref, r.kind, r.id, r.life, r.exists, r.revision), False, False),
    "nothing": (lambda r: None, False, False),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("field", ["other", "status"])
@pytest.mark.parametrize("found", [False, True], ids=["got", "found"])
def test_s10_what_is_used_is_read(ws: comity.Workspace, use: str, field: str, found: bool) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", status="x", other="x", third="x")
    action, reads_other, reads_status = USES[use]
    intent = sales.intent()
    record = intent.find("a")[0] if found else intent.get("a/1")
    action(record)
    support.put("a/1", {field: "y"}, was={field: "x"})
    intent.put("b/1", n=1)
    assert intent.propose().is_conflict is (reads_other if field == "other" else reads_status)


def test_s10_named_fields_are_read_and_only_they(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", status="x", other="x")
    for field, is_stale in (("other", False), ("status", True)):
        intent = sales.intent()
        intent.get("a/1", "status")
        support.put("a/1", {field: "y"}, was={field: "x"})
        intent.put("b/1", {field: 1})
        assert intent.propose().is_conflict is is_stale


def test_s10_a_field_that_was_not_asked_for_can_not_be_used(ws: comity.Workspace) -> None:
    ws.agent("sales").put("a/1", status="x", other="x")
    record = ws.agent("sales").intent().get("a/1", "status")
    assert dict(record) == {"status": "x"}
    with pytest.raises(AttributeError, match="wasn't asked for"):
        _ = record.other


def test_s10_values_handed_out_are_immutable(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    sales.put("a/1", items=[1, {"deep": [2]}], box={"k": [1]})
    for record in (sales.get("a/1"), sales.intent().get("a/1"), sales.find("a")[0]):
        assert record.items == (1, {"deep": (2,)})
        with pytest.raises(TypeError):
            record.items[1]["deep"] = 3
        with pytest.raises(TypeError):
            record.box.update(k=2)
        with pytest.raises(AttributeError):
            record.items.append(3)
    dict(sales.get("a/1"))["items"] = "changed"
    assert sales.get("a/1").items[0] == 1


def test_s10_what_was_proposed_can_not_be_changed_from_outside(ws: comity.Workspace) -> None:
    mine: list[Any] = [1, {"deep": [2]}]
    ws.agent("sales").put("a/1", items=mine)
    mine[1]["deep"].append("smuggled")
    mine.append("smuggled")
    assert ws.get("a/1").items == (1, {"deep": (2,)})
    assert ws.verify().is_clean


def test_s10_a_peek_is_not_collected_and_says_so(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", n=1)
    intent = sales.intent()
    peeked = intent.peek("a/1")
    assert (peeked.is_collected, intent.get("a/2").is_collected) == (False, True)
    assert str(peeked) == "a/1: n=1"
    with pytest.raises(TypeError, match="only looked at"):
        peeked.n = 2
    support.put("a/1", n=2, was={"n": 1})
    intent.put("b/1", n=1)
    assert intent.propose().is_committed


# -- freshness at field level (design, section 4)


def test_s10_two_agents_on_different_fields_never_conflict(ws: comity.Workspace) -> None:
    one, two = ws.agent("one"), ws.agent("two")
    one.put("a/1", x=1, y=1)
    with one.edit("a/1") as mine, two.edit("a/1") as theirs:
        mine.x = mine.x + 1
        theirs.y = theirs.y + 1
    assert dict(ws.get("a/1")) == {"x": 2, "y": 2}


def test_s10_unless_one_read_what_the_other_wrote(ws: comity.Workspace) -> None:
    one, two = ws.agent("one"), ws.agent("two")
    one.put("a/1", x=1, y=1)
    with pytest.raises(comity.Conflict), one.edit("a/1") as mine:
        with two.edit("a/1") as theirs:
            theirs.y = 5
        mine.x = mine.y + 1


def test_s10_a_write_is_a_read_of_what_it_overwrites(ws: comity.Workspace) -> None:
    one, two = ws.agent("one"), ws.agent("two")
    one.put("a/1", x=1, y=1)
    with pytest.raises(comity.Conflict) as conflict, one.edit("a/1") as mine:
        two.put("a/1", x=5, was={"x": 1})
        mine.x = 2  # Never looked at, but it was at hand, and is another now.
    assert moved(conflict.value.decision) == [("x", 1, 5)]


def test_s10_a_value_that_came_back_is_not_stale(ws: comity.Workspace) -> None:
    """What counts is whether it is another value, not how often it moved."""
    one, two = ws.agent("one"), ws.agent("two")
    one.put("a/1", x=1)
    with one.edit("a/1") as mine:
        assert mine.x == 1
        two.put("a/1", x=2, was={"x": 1})
        two.put("a/1", x=1, was={"x": 2})
        mine.y = 1
    assert ws.get("a/1").y == 1


def test_s10_a_field_that_was_cleared_or_appeared_is_stale(ws: comity.Workspace) -> None:
    one, two = ws.agent("one"), ws.agent("two")
    one.put("a/1", x=1)
    for use, change in ((lambda r: r.get("x"), {"x": None}), (lambda r: r.get("z"), {"z": 1})):
        intent = one.intent()
        use(intent.get("a/1"))
        two.put("a/1", change, accept=ws.revision)
        intent.put("b/1", {"n": ws.revision})
        assert intent.propose().is_conflict


WHOLE_WRITES: dict[str, Any] = {
    "archive": Archive("a/1"),
    "delete": Delete("a/1"),
    "replace": Put("a/1", {"z": 1}, replace=True),
    "restore": None,
}


@pytest.mark.parametrize("name", [name for name in WHOLE_WRITES if name != "restore"])
@pytest.mark.parametrize("sight", ["none", "one field", "whole, stale", "whole, fresh", "accepted", "accepted, stale"])
def test_s10_removing_a_record_writes_every_field(
    open_again: Open, define: Callable[[str], Path], name: str, sight: str
) -> None:
    source = '[kinds.a.fields]\nx = { type = "integer" }\ny = { type = "integer" }\nz = { type = "integer" }\n'
    ws = open_again(definition=define(source))
    one, two = ws.agent("one"), ws.agent("two")
    one.create("a/1", x=1, y=1)
    seen = ws.revision
    if sight.endswith("stale"):
        two.put("a/1", y=2, was={"y": 1})
    reads: tuple[Any, ...] = ()
    if sight == "one field":
        reads = (Read("a/1", seen, ("x",), whole=False),)
    elif sight.startswith("whole"):
        reads = (Read("a/1", seen, ("x",), whole=True, touched=True),)
    accept = seen if sight.startswith("accepted") else None
    decision = propose(one, WHOLE_WRITES[name], reads=reads, accept=accept)
    expected = {
        "none": ["freshness.blind_write"],
        "one field": ["freshness.blind_write"],
        "whole, stale": ["freshness.changed"],
        "accepted, stale": ["freshness.changed"],
    }
    assert codes(decision) == expected.get(sight, [])


BLIND: list[tuple[str, Any, dict[str, Any], list[str]]] = [
    ("create", Create("a/2", {"x": 1}), {}, []),
    ("put that creates", Put("a/2", {"x": 1}), {}, []),
    ("put over a value", Put("a/1", {"x": 2}), {}, ["freshness.blind_write"]),
    ("put into an empty field", Put("a/1", {"y": 2}), {}, []),
    ("equal value", Put("a/1", {"x": 1}), {}, []),
    ("set", Set("a/1", {"x": 2}), {}, ["freshness.blind_write"]),
    ("clear", Set("a/1", {"x": None}), {}, ["freshness.blind_write"]),
    ("was", Set("a/1", {"x": 2}), {"reads": (Was("a/1", {"x": 1}),)}, []),
    ("was wrong", Set("a/1", {"x": 2}), {"reads": (Was("a/1", {"x": 9}),)}, ["freshness.changed"]),
    ("was of another field", Set("a/1", {"x": 2}), {"reads": (Was("a/1", {"y": None}),)}, ["freshness.blind_write"]),
    ("accept", Set("a/1", {"x": 2}), {"accept": 2}, []),
    ("accept too early", Set("a/1", {"x": 2}), {"accept": 1}, ["freshness.changed"]),
    ("accept the future", Set("a/1", {"x": 2}), {"accept": 9}, ["shape.unknown_revision"]),
    (
        "read of another field",
        Set("a/1", {"x": 2}),
        {"reads": (Read("a/1", 2, ("y",), whole=False),)},
        ["freshness.blind_write"],
    ),
    ("read of the field", Set("a/1", {"x": 2}), {"reads": (Read("a/1", 2, ("x",), whole=False),)}, []),
    ("read in the future", Set("a/1", {"x": 2}), {"reads": (Read("a/1", 9, ("x",)),)}, ["shape.unknown_revision"]),
    ("add", Add("a/1", {"x": 2}), {}, []),
]


@pytest.mark.parametrize(
    ("change", "options", "expected"), [case[1:] for case in BLIND], ids=[case[0] for case in BLIND]
)
def test_s12_blind_writes(
    open_again: Open, define: Callable[[str], Path], change: Any, options: dict[str, Any], expected: list[str]
) -> None:
    ws = open_again(definition=define('[kinds.a.fields]\nx = { type = "integer" }\ny = { type = "integer" }\n'))
    ws.agent("one").create("a/1", x=1)
    assert ws.revision == 2
    assert codes(propose(ws.agent("two"), change, **options)) == expected


@pytest.mark.parametrize(
    ("setting", "outcome", "found"),
    [("refuse", "refused", True), ("warn", "committed", True), ("allow", "committed", False)],
)
def test_s12_what_a_blind_write_meets_is_a_setting(
    open_again: Open, define: Callable[[str], Path], setting: str, outcome: str, found: bool
) -> None:
    ws = open_again(
        definition=define(f'[kinds.a]\nblind_writes = "{setting}"\n[kinds.a.fields]\nx = {{ type = "integer" }}\n')
    )
    ws.agent("one").create("a/1", x=1)
    decision = propose(ws.agent("two"), Set("a/1", {"x": 2}))
    assert decision.outcome == outcome
    assert ("freshness.blind_write" in [finding.code for finding in decision.findings]) is found


def test_s12_blind_writes_are_warned_about_on_undeclared_kinds(ws: comity.Workspace) -> None:
    ws.agent("one").put("a/1", x=1)
    decision = ws.agent("two").put("a/1", x=2)
    assert decision.is_committed
    assert [finding.code for finding in decision.warnings] == ["freshness.blind_write"]


def test_s12_fields_named_are_not_the_record_at_hand(crm: comity.Workspace) -> None:
    """Touching a field that was asked for doesn't make the others seen."""
    sales = crm.agent("sales")
    sales.create("customer/acme", name="Acme", health="good", status="active")
    intent = sales.intent()
    assert intent.get("customer/acme", "status").status == "active"
    intent.set("customer/acme", health="bad")
    assert codes(intent.propose()) == ["freshness.blind_write"]


def test_s12_a_conflict_is_repaired_in_one_call(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", x=1, y=1)
    intent = sales.intent()
    assert intent.get("a/1").x == 1
    intent.set("a/1", y=2)
    support.put("a/1", x=5, was={"x": 1})
    refused = intent.propose()
    revision = refused.refusals[0].data["revision"]
    assert f"accept={revision}" in refused.next
    support.put("a/1", x=6, was={"x": 5})  # Something moves again before the repair.
    again = intent.propose(accept=revision)
    assert moved(again) == [("x", 5, 6)]
    assert intent.propose(accept=again.refusals[0].data["revision"]).is_committed


def test_s12_replace_sets_exactly_these_fields(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    sales.put("a/1", x=1, y=1)
    sales.put("a/1", {"x": 2, "z": 1}, replace=True, accept=ws.revision)
    assert dict(ws.get("a/1")) == {"x": 2, "z": 1}


def test_s12_a_conflict_tells_what_was_and_is_and_by_whom_in_120_tokens(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    many = {f"field{n}": "a rather long value " * 5 for n in range(30)}
    sales.put("a/1", many)
    seen = ws.revision
    support.put("a/1", {name: f"{value}!" for name, value in many.items()}, accept=seen, reason='say "hi"\n' * 50)
    decision = propose(sales, Put("b/1", {"n": 1}), reads=(Read("a/1", seen),))
    text = decision.explain()
    assert tokens(text) <= limits.ANSWER_TOKENS
    assert "accept=" in text
    assert len(moved(decision)) == 30
    first = decision.refusals[0].moved[0]
    assert (first.by, first.event) == ("support", "2.0")


def test_s12_fields_that_did_not_move_are_named(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", x=1, y=1)
    intent = sales.intent()
    record = intent.get("a/1")
    assert (record.x, record.y) == (1, 1)
    support.put("a/1", x=2, was={"x": 1})
    record.z = 1
    assert intent.propose().refusals[0].unchanged == ("y",)


# -- S11: seen or relied


RELIED: list[tuple[str, Read, tuple[str, ...], bool]] = [
    ("shown", Read("a/1", 2), (), False),
    ("fields shown", Read("a/1", 2, ("x",)), (), False),
    ("touched", Read("a/1", 2, ("x",), touched=True), (), True),
    ("touched another", Read("a/1", 2, ("y",), touched=True), (), False),
    ("relied on the field", Read("a/1", 2), ("a/1.x",), True),
    ("relied on another field", Read("a/1", 2), ("a/1.y",), False),
    ("relied on the record", Read("a/1", 2), ("a/1",), True),
    ("relied on another record", Read("a/1", 2), ("a/11", "a/1.xx"), False),
]


@pytest.mark.parametrize(
    ("read", "relies_on", "is_stale"), [case[1:] for case in RELIED], ids=[case[0] for case in RELIED]
)
def test_s11_only_what_is_relied_on_counts_where_freshness_is_relied(
    open_again: Open, define: Callable[[str], Path], read: Read, relies_on: tuple[str, ...], is_stale: bool
) -> None:
    ws = open_again(definition=define('freshness = "relied"\nblind_writes = "allow"\n'))
    ws.agent("one").put("a/1", x=1, y=1)
    ws.agent("two").put("a/1", x=2)
    decision = propose(ws.agent("one"), Put("b/1", {"n": 1}), reads=(read,), relies_on=relies_on)
    assert decision.is_conflict is is_stale


def test_s11_a_field_that_is_written_counts_even_where_it_was_only_shown(
    open_again: Open, define: Callable[[str], Path]
) -> None:
    ws = open_again(definition=define('freshness = "relied"\n'))
    ws.agent("one").put("a/1", x=1, y=1)
    ws.agent("two").put("a/1", x=2, was={"x": 1})
    shown = (Read("a/1", 2),)
    assert propose(ws.agent("one"), Put("a/1", {"x": 3}), reads=shown).is_conflict
    assert propose(ws.agent("one"), Put("a/1", {"y": 3}), reads=shown).is_committed


def test_s11_existence_counts_even_where_only_what_is_relied_on_does(
    open_again: Open, define: Callable[[str], Path]
) -> None:
    ws = open_again(definition=define('freshness = "relied"\n'))
    ws.agent("one").put("a/1", x=1)
    ws.agent("two").delete("a/1", accept=ws.revision)
    assert propose(ws.agent("one"), Put("b/1", {"x": 3}), reads=(Read("a/1", 2),)).is_conflict


def test_s11_ids_with_dots_can_be_relied_on(open_again: Open, define: Callable[[str], Path]) -> None:
    ws = open_again(definition=define('freshness = "relied"\n'))
    for relied in ("doc/v1.2.x", "doc/v1.2"):
        ws.agent("one").put("doc/v1.2", x=1, accept=ws.revision)
        shown = (Read("doc/v1.2", ws.revision),)
        ws.agent("two").put("doc/v1.2", x=2, accept=ws.revision)
        assert propose(ws.agent("one"), Put("b/1", {"n": 1}), reads=shown, relies_on=(relied,)).is_conflict


def test_s11_one_path_may_be_given_as_a_text(open_again: Open, define: Callable[[str], Path]) -> None:
    ws = open_again(definition=define('freshness = "relied"\n'))
    ws.agent("one").put("a/1", x=1)
    with pytest.raises(comity.Conflict), ws.agent("one").intent(relies_on="a/1.x") as intent:
        str(intent.get("a/1"))
        ws.agent("two").put("a/1", x=2)
        intent.put("b/1", n=1)


def test_s11_by_default_everything_read_counts(ws: comity.Workspace) -> None:
    ws.agent("one").put("a/1", x=1)
    ws.agent("two").put("a/1", x=2)
    assert propose(ws.agent("one"), Put("b/1", {"n": 1}), reads=(Read("a/1", 1),)).is_conflict


# -- S13: queries


QUERY_MOVES: list[tuple[str, dict[str, Any], Change, bool]] = [
    ("one appeared that was absent", {}, lambda a: a.create("t/9", s="open", p=9), True),
    ("one appeared that was elsewhere", {}, lambda a: a.put("t/3", s="open", was={"s": "done"}), True),
    ("one left by a change", {}, lambda a: a.put("t/1", s="done", was={"s": "open"}), True),
    ("one left by deletion", {}, lambda a: a.delete("t/1", accept=a.get("t/1").revision), True),
    ("one left by archiving", {}, lambda a: a.archive("t/1", accept=a.get("t/1").revision), True),
    ("one that doesn't match appeared", {}, lambda a: a.create("t/9", s="done", p=9), False),
    ("a field that wasn't asked about", {}, lambda a: a.put("t/1", p=7, was={"p": 1}), False),
    ("another kind", {}, lambda a: a.create("u/1", s="open"), False),
    (
        "left and came back",
        {},
        lambda a: [a.put("t/1", s="done", was={"s": "open"}), a.put("t/1", s="open", was={"s": "done"})],
        False,
    ),
    ("the order changed", {"order": "p"}, lambda a: a.put("t/1", p=7, was={"p": 1}), True),
    ("an ordered field, the order not", {"order": "p"}, lambda a: a.put("t/1", p=0, was={"p": 1}), True),
    ("behind the limit", {"order": "p", "limit": 1}, lambda a: a.create("t/9", s="open", p=9), False),
    ("pushed out by the limit", {"order": "p", "limit": 1}, lambda a: a.create("t/9", s="open", p=0), True),
    (
        "moved up into the limit",
        {"order": "p", "limit": 1},
        lambda a: a.delete("t/1", accept=a.get("t/1").revision),
        True,
    ),
]


@pytest.mark.parametrize(
    ("asked", "change", "is_stale"), [case[1:] for case in QUERY_MOVES], ids=[case[0] for case in QUERY_MOVES]
)
def test_s13_a_search_is_stale_if_it_would_find_something_else(
    ws: comity.Workspace, asked: dict[str, Any], change: Change, is_stale: bool
) -> None:
    one = ws.agent("one")
    for name, s, p in (("1", "open", 1), ("2", "open", 2), ("3", "done", 3)):
        one.create(f"t/{name}", s=s, p=p)
    intent = one.intent()
    found = intent.find("t", s="open", **asked)
    assert [record.id for record in found][:1] == ["1"]
    change(ws.agent("two"))
    intent.put("b/1", n=len(found))
    decision = intent.propose()
    assert decision.is_conflict is is_stale
    assert codes(decision) == (["freshness.query_changed"] if is_stale else [])


@pytest.mark.parametrize(
    ("asked", "change", "is_stale"),
    [case[1:] for case in QUERY_MOVES if "came back" not in case[0]],
    ids=[case[0] for case in QUERY_MOVES if "came back" not in case[0]],
)
def test_s13_and_so_it_is_within_one_batch(path: Path, asked: dict[str, Any], change: Change, is_stale: bool) -> None:
    """The change and what rests on the search share a transaction: the base doesn't hold the change yet."""
    collected: list[Any] = []

    class Collecting:
        """Be an agent whose changes are put into the batch."""

        def create(self, record: str, **fields: Any) -> None:
            collected.append(Proposal(id="first", changes=(Create(record, fields),)))

        def put(self, record: str, was: dict[str, Any], **fields: Any) -> None:
            collected.append(Proposal(id="first", changes=(Put(record, fields),), reads=(Was(record, was),)))

        def delete(self, record: str, accept: int) -> None:
            collected.append(Proposal(id="first", changes=(Delete(record),), accept=accept))

        def archive(self, record: str, accept: int) -> None:
            collected.append(Proposal(id="first", changes=(Archive(record),), accept=accept))

        def get(self, record: str) -> Read:
            return Read(record, 3)

    store = SqliteStore.open(str(path), clock=SystemClock())
    coordinator = Coordinator(store, SystemClock(), os.urandom)
    caller = Caller("one")
    rows = (("1", "open", 1), ("2", "open", 2), ("3", "done", 3))
    coordinator.decide(
        [submit(Proposal(id=i, changes=(Create(f"t/{i}", {"s": s, "p": p}),)), caller) for i, s, p in rows]
    )
    change(Collecting())  # type: ignore[arg-type]
    order = (asked["order"],) if "order" in asked else ()
    chosen = query("t", "s = open", order=order, limit=asked.get("limit", 100))
    members = ("1", "2")[: chosen.limit]
    rests = Proposal(id="second", changes=(Put("b/1", {"n": 1}),), reads=(QueryRead(chosen, 3, members),))
    first, second = coordinator.decide([submit(collected[0], caller), submit(rests, caller)])
    store.close()
    assert isinstance(first, Decision)
    assert first.is_committed
    assert isinstance(second, Decision)
    assert second.is_conflict is is_stale


def test_s13_the_next_page_is_judged_by_its_own_cursor_within_a_batch(path: Path) -> None:
    store = SqliteStore.open(str(path), clock=SystemClock())
    coordinator = Coordinator(store, SystemClock(), os.urandom)
    caller = Caller("one")
    coordinator.decide([submit(Proposal(id=f"c{n}", changes=(Create(f"t/{n}", {"p": n}),)), caller) for n in range(4)])
    with store.snapshot() as snapshot:
        page = snapshot.find(query("t", order=("p",), limit=2))
    from_there = query("t", order=("p",), limit=2, after=page_after(query("t", order=("p",)), page[-1]))
    read = QueryRead(from_there, 4, ("2", "3"))
    rests = Proposal(id="second", changes=(Put("b/1", {"n": 1}),), reads=(read,))
    touched = Proposal(id="first", changes=(Put("t/0", {"q": 1}),), accept=4)
    answers = coordinator.decide([submit(touched, caller), submit(rests, caller)])
    store.close()
    assert [answer.outcome for answer in answers if isinstance(answer, Decision)] == ["committed", "committed"]


@pytest.mark.parametrize(
    ("change", "is_stale"),
    [
        (lambda a: a.create("t/9", s="open"), True),
        (lambda a: a.delete("t/1", accept=a.get("t/1").revision), True),
        (lambda a: a.create("t/9", s="done"), False),
        (lambda a: [a.create("t/9", s="open"), a.delete("t/1", accept=a.get("t/1").revision)], False),
    ],
    ids=["more", "fewer", "others", "as many"],
)
def test_s13_a_count_is_stale_if_it_counts_otherwise(ws: comity.Workspace, change: Change, is_stale: bool) -> None:
    one = ws.agent("one")
    one.create("t/1", s="open")
    intent = one.intent()
    assert intent.count("t", s="open") == 1
    change(ws.agent("two"))
    intent.put("b/1", n=1)
    assert intent.propose().is_conflict is is_stale


@pytest.mark.parametrize(
    ("change", "is_stale"),
    [
        (Create("t/9", {"s": "open"}), True),
        (Create("t/9", {"s": "done"}), False),
        (Delete("t/1"), True),
        (Put("t/1", {"p": 2}), False),
        (Put("t/1", {"s": "done"}), True),
        (Archive("t/2"), False),
    ],
    ids=["more", "others", "fewer", "another field", "left", "another archived"],
)
def test_s13_a_count_is_judged_on_what_the_batch_did_so_far(path: Path, change: Any, is_stale: bool) -> None:
    store = SqliteStore.open(str(path), clock=SystemClock())
    coordinator = Coordinator(store, SystemClock(), os.urandom)
    caller = Caller("one")
    rows = (("1", "open"), ("2", "done"), ("3", "open"))
    coordinator.decide([submit(Proposal(id=i, changes=(Create(f"t/{i}", {"s": s}),)), caller) for i, s in rows])
    counted = QueryRead(query("t", "s = open"), 3, None, 2)
    first, second = coordinator.decide(
        [
            submit(Proposal(id="first", changes=(change,), accept=3), caller),
            submit(Proposal(id="second", changes=(Put("b/1", {"n": 1}),), reads=(counted,)), caller),
        ]
    )
    store.close()
    assert isinstance(first, Decision)
    assert first.is_committed
    assert isinstance(second, Decision)
    assert second.is_conflict is is_stale


def test_s13_a_touched_field_of_what_was_found_counts(ws: comity.Workspace) -> None:
    one, two = ws.agent("one"), ws.agent("two")
    one.create("t/1", s="open", p=1)
    intent = one.intent()
    assert [record.p for record in intent.find("t", s="open")] == [1]
    two.put("t/1", p=2, was={"p": 1})
    intent.put("b/1", n=1)
    assert moved(intent.propose()) == [("p", 1, 2)]


def test_s13_an_empty_search_is_a_read_too(ws: comity.Workspace) -> None:
    one, two = ws.agent("one"), ws.agent("two")
    one.create("t/1", s="done")
    first, second = one.intent(), two.intent()
    for intent in (first, second):
        assert not intent.find("t", s="open")
        intent.create(f"t/{intent.id}", s="open")
    assert first.propose().is_committed
    assert codes(second.propose()) == ["freshness.query_changed"]


def test_s13_accepting_covers_searches_and_no_more(ws: comity.Workspace) -> None:
    one, two = ws.agent("one"), ws.agent("two")
    one.create("t/1", s="open")
    intent = one.intent()
    intent.find("t", s="open")
    two.create("t/2", s="open")
    intent.put("b/1", n=1)
    refused = intent.propose()
    two.create("t/3", s="open")
    assert intent.propose(accept=refused.refusals[0].data["revision"]).is_conflict
    assert intent.propose(accept=ws.revision).is_committed


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


# -- S16: an equal value is no change


EQUAL: list[tuple[Any, Any]] = [
    (1, 1.0),
    (2.5, 2.5),
    ("é", "é"),
    ([1, 2.0], (1, 2)),
    ({"a": 1, "b": [2]}, {"b": (2.0,), "a": 1.0}),
    (None, None),
    (True, True),
]


@pytest.mark.parametrize(("left", "right"), EQUAL)
def test_s16_an_equal_value_is_no_change(ws: comity.Workspace, left: Any, right: Any) -> None:
    one, two = ws.agent("one"), ws.agent("two")
    one.put("a/1", x=left, y=1)
    with one.edit("a/1") as record:
        assert record.get("y") == 1
        _ = record.get("x")
        two.put("a/1", x=right)
        record.y = 2
    assert ws.get("a/1").version == 2


@pytest.mark.parametrize(("left", "right"), [(1, True), (0, False), (1, "1"), ([1, 2], [2, 1]), ("a", "A"), ([], None)])
def test_s16_and_these_are_not_equal(ws: comity.Workspace, left: Any, right: Any) -> None:
    ws.agent("one").put("a/1", x=left)
    ws.agent("one").put("a/1", x=right, accept=ws.revision)
    assert ws.get("a/1").version == 2
    assert ws.get("a/1").get("x") == right or isinstance(right, list)


def test_s16_times_are_normalised_before_comparison(open_again: Open, define: Callable[[str], Path]) -> None:
    ws = open_again(definition=define('[kinds.a.fields]\nt = { type = "string", format = "date-time" }\n'))
    ws.agent("one").create("a/1", t="2024-01-01T12:00:00+02:00")
    assert ws.get("a/1").t == "2024-01-01T10:00:00Z"
    assert ws.agent("one").put("a/1", t="2024-01-01T10:00:00.000Z").records == {}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (("at = 2024-01-01T12:00:00+02:00",), ["1"]),
        (("at >= 2024-01-01T12:00:00+02:00",), ["1", "2"]),
        (('at in ["2024-01-01T12:00:00+02:00"]',), ["1"]),
        (("customer = customer/acme",), ["1"]),
        (("customer = acme",), ["1"]),
        (("customer != customer/acme",), ["2"]),
        (('others has "customer/acme"',), ["2"]),
        (("at ^= 2024-01-01",), ["1"]),
    ],
)
def test_s16_searches_compare_with_values_in_the_form_that_records_hold(
    open_again: Open, define: Callable[[str], Path], filters: tuple[str, ...], expected: list[str]
) -> None:
    source = """
[kinds.customer.fields]
name = { type = "string" }
[kinds.visit.fields]
at       = { type = "string", format = "date-time" }
customer = { ref = "customer" }
others   = { ref = "customer", type = "array" }
"""
    ws = open_again(definition=define(source))
    one, two = ws.agent("one"), ws.agent("two")
    one.create("customer/acme")
    one.create("customer/other")
    one.create("visit/1", at="2024-01-01T10:00:00Z", customer="acme")
    one.create("visit/2", at="2024-02-01T10:00:00Z", customer="other", others=["acme"])
    intent = one.intent()
    assert [record.id for record in intent.find("visit", *filters)] == expected
    assert intent.count("visit", *filters) == len(expected)
    two.create("visit/3", at="2023-01-01T10:00:00Z", customer="acme" if expected == ["2"] else "other")
    intent.create("customer/new")
    assert intent.propose().is_committed
    assert [record.record for record in ws.at(ws.revision, "visit", *filters).records] == [
        f"visit/{n}" for n in expected
    ]


def test_s16_an_equal_value_needs_no_ownership_and_makes_no_commit(crm: comity.Workspace) -> None:
    crm.agent("sales").create("customer/acme", name="Acme", status="active")
    revision = crm.revision
    decision = crm.agent("product").put("customer/acme", name="Acme", health=None)
    assert (decision.outcome, decision.records, crm.revision) == ("committed", {}, revision)


# -- S17, S18: reads belong to the intent, and are no facts


def test_s17_reads_belong_to_the_intent_and_not_to_the_agent(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", n=1)
    looking, writing = sales.intent(), sales.intent()
    assert looking.get("a/1").n == 1
    sales.get("a/1")
    support.put("a/1", n=2, was={"n": 1})
    writing.put("b/1", n=1)
    assert writing.propose().is_committed
    looking.put("b/2", n=1)
    assert looking.propose().is_conflict


def test_s17_each_read_tells_when_an_earlier_one_has_gone_stale(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", n=1, m=1)
    intent = sales.intent()
    assert intent.get("a/1").n == 1
    assert intent.stale == ()
    support.put("a/1", m=2, was={"m": 1})
    assert intent.get("a/2").stale == ()
    support.put("a/1", n=2, was={"n": 1}, reason="better")
    record = intent.get("a/3")
    assert [(one.record, one.field, one.was, one.now, one.by, one.reason) for one in record.stale] == [
        ("a/1", "n", 1, 2, "support", "better")
    ]
    assert intent.stale == record.stale


def test_s18_reading_leaves_no_trace_in_the_log(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    sales.put("a/1", n=1)
    intent = sales.intent("look", about="a/1")
    str(intent.get("a/1"))
    intent.find("a")
    intent.count("a")
    with intent:
        pass
    assert ws.revision == 1
    assert len(ws.history().events) == 1
    assert ws.refusals().refusals == ()


def test_s09_a_put_over_a_tombstone_makes_a_new_life(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    sales.put("a/1", x=1, y=1)
    sales.delete("a/1", accept=ws.revision)
    sales.put("a/1", x=2)
    assert dict(ws.get("a/1")) == {"x": 2}
    assert ws.verify().is_clean
