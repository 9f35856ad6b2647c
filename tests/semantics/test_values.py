"""S16 to S18: equal values, and whose the reads are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import comity
from tests.semantics.conftest import Open

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
    assert [record.id for record in ws.at(ws.revision, "visit", *filters)] == expected


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
    (finding,) = record.stale
    assert [(one.record, one.field, one.was, one.now, one.by, one.reason) for one in finding.moved] == [
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
