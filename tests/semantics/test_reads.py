"""S9, S10: existence as a field, and what counts as read."""

# ruff: noqa: PT012 - what happens inside the blocks is what is tested

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

import comity
from comity.model.proposals import (
    Add,
    Append,
    Archive,
    Delete,
    Exclude,
    Include,
    Put,
    Read,
    Set,
    Was,
)
from tests.semantics.asking import Change, codes, moved, propose

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
