"""S10 to S12: what is stale, what is blind, and how it is repaired."""

# ruff: noqa: PT012 - what happens inside the blocks is what is tested

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import comity
from comity import limits
from comity.model.proposals import (
    Add,
    Archive,
    Create,
    Delete,
    Put,
    Read,
    Set,
    Was,
)
from comity.model.texts import tokens
from tests.semantics.asking import codes, moved, propose
from tests.semantics.conftest import Open

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
    assert "place in line" not in refused.next
    assert again.refusals[0].data["again"]
    assert again.next == (
        f"Decide again with the values now; if it still stands, repeat it with accept={again.revision}, with a place in"
        " line, as others keep being faster: in_line='30s', or a lease with wait=…."
    )
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
