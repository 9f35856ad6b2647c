"""S13: searches as reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import comity
from comity.clock import SystemClock
from comity.coordinator import Coordinator, submit
from comity.model.decisions import Decision
from comity.model.filters import page_after, query
from comity.model.proposals import (
    Archive,
    Caller,
    Create,
    Delete,
    Proposal,
    Put,
    QueryRead,
    Read,
    Was,
)
from comity.store.sqlite import SqliteStore
from tests.semantics.asking import Change, codes, moved

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
