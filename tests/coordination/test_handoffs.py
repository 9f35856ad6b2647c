"""What an offer rests on, how a proposal is parted, and who may answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.coordination import handoffs
from comity.coordination.handoffs import Fact, Part
from comity.deciding.compile import compile_definition
from comity.model.definition import AgentDefinition
from comity.model.filters import Query
from comity.model.proposals import (
    Add,
    AnyChange,
    AnyRead,
    Archive,
    Create,
    Emit,
    Proposal,
    Put,
    QueryRead,
    Read,
    Set,
    Undo,
    Was,
)
from comity.model.reading import read_definition
from comity.model.records import RecordState
from comity.store.contract import Snapshot
from comity.store.sqlite import SqliteStore
from comity.testing.manual_clock import ManualClock

COMPILED = compile_definition(
    read_definition(
        """
[agents]
sales = {}
support = {}
legal = {}
[kinds.customer.fields]
name   = { owner = "sales" }
status = { owner = "support" }
terms  = { owner = "legal" }
note   = {}
[kinds.customer.events.Escalated]
owner = "support"
then  = { status = "'x'" }
[kinds.contract]
owner = "legal"
[kinds.contract.fields]
text = {}
"""
    ),
    1,
)
SALES = AgentDefinition(name="sales", role="sales")
OWN, SUPPORT, LEGAL = (), ("support",), ("legal",)

PARTED: list[tuple[str, tuple[AnyChange, ...], list[Part]]] = [
    ("nothing", (), []),
    ("one's own", (Set("customer/a", {"name": 1}),), [Part(OWN, (Set("customer/a", {"name": 1}),))]),
    ("everyone's", (Set("customer/a", {"note": 1}),), [Part(OWN, (Set("customer/a", {"note": 1}),))]),
    ("undeclared", (Archive("memo/a"),), [Part(OWN, (Archive("memo/a"),))]),
    (
        "a field of each",
        (Set("customer/a", {"terms": 1, "name": 2, "status": 3}),),
        [
            Part(OWN, (Set("customer/a", {"name": 2}),)),
            Part(LEGAL, (Set("customer/a", {"terms": 1}),)),
            Part(SUPPORT, (Set("customer/a", {"status": 3}),)),
        ],
    ),
    (
        "one is made",
        (Create("customer/a", {"name": 1, "status": 2}),),
        [Part(OWN, (Create("customer/a", {"name": 1}),)), Part(SUPPORT, (Set("customer/a", {"status": 2}),))],
    ),
    (
        "one is made of others' fields only",
        (Put("customer/a", {"status": 2}),),
        [Part(OWN, (Put("customer/a", {}),)), Part(SUPPORT, (Set("customer/a", {"status": 2}),))],
    ),
    (
        "an event goes whole, beside a field of its owner",
        (Emit("customer/a", "Escalated"), Add("customer/a", {"status": 1, "name": 1})),
        [
            Part(OWN, (Add("customer/a", {"name": 1}),)),
            Part(SUPPORT, (Emit("customer/a", "Escalated"), Add("customer/a", {"status": 1}))),
        ],
    ),
    ("a life goes whole", (Archive("contract/c"),), [Part(LEGAL, (Archive("contract/c"),))]),
    (
        "an undo falls apart by field",
        (Undo("customer/a", {"name": 1, "status": 1}),),
        [Part(OWN, (Undo("customer/a", {"name": 1}),)), Part(SUPPORT, (Undo("customer/a", {"status": 1}),))],
    ),
]


@pytest.mark.parametrize(("changes", "parts"), [row[1:] for row in PARTED], ids=[row[0] for row in PARTED])
def test_changes_are_parted_by_who_owns_them(changes: tuple[AnyChange, ...], parts: list[Part]) -> None:
    assert handoffs.parts_of(changes, SALES, COMPILED) == parts


@pytest.fixture
def snapshot(tmp_path: Path) -> Iterator[Snapshot]:
    """Give a base in which a customer was read at revision 1 and changed at revision 2."""
    with comity.open(tmp_path / "base.db", clock=ManualClock()) as base:
        base.agent("ann").put("customer/a", name="A", status="active", terms="t")
        base.agent("bob").put("customer/a", status="lost", was={"status": "active"})
        base.agent("bob").put("customer/b", status="lost")
    store = SqliteStore.open(str(tmp_path / "base.db"), clock=ManualClock())
    with store.snapshot() as made:
        yield made
    store.close()


SEARCH = Query("customer")
FACTS: list[tuple[str, AnyRead, list[Fact]]] = [
    ("a field that moved", Read("customer/a", 1, ("status",)), [Fact("customer/a", "status", "active", "lost", 1)]),
    ("a field that didn't", Read("customer/a", 1, ("name",)), [Fact("customer/a", "name", "A", "A", 1)]),
    (
        "the whole",
        Read("customer/a", 2, None),
        [
            Fact("customer/a", "name", "A", "A", 2),
            Fact("customer/a", "status", "lost", "lost", 2),
            Fact("customer/a", "terms", "t", "t", 2),
        ],
    ),
    ("existence", Read("customer/b", 1, ()), [Fact("customer/b", "$life", "absent", "live", 1)]),
    ("what wasn't there", Read("customer/b", 1, None), [Fact("customer/b", "$life", "absent", "live", 1)]),
    ("a belief", Was("customer/a", {"status": "active"}), [Fact("customer/a", "status", "active", "lost", None)]),
    ("a search", QueryRead(SEARCH, 1, ("a",)), [Fact("customer", None, ["a"], ["a", "b"], 1)]),
    ("a count", QueryRead(SEARCH, 1, None, 2), [Fact("customer", None, 2, 2, 1)]),
    ("a revision that isn't there", Read("customer/a", 99, ("name",)), [Fact("customer/a", "name", "A", "A", 3)]),
]


@pytest.mark.parametrize(("read", "facts"), [row[1:] for row in FACTS], ids=[row[0] for row in FACTS])
def test_facts_are_what_was_read_beside_what_is_there(snapshot: Snapshot, read: AnyRead, facts: list[Fact]) -> None:
    found = handoffs.facts_of(snapshot, Proposal(id="p", reads=(read,)))
    assert found == facts
    assert [fact.is_so for fact in found] == [fact.seen == fact.now for fact in facts]


def test_facts_are_as_of_what_was_accepted_and_what_was_used_comes_first(snapshot: Snapshot) -> None:
    reads = (Read("customer/a", 1, ("status",)), Read("customer/a", 1, ("name",), touched=True))
    found = handoffs.facts_of(snapshot, Proposal(id="p", reads=reads, accept=2))
    assert [(fact.field, fact.seen, fact.revision) for fact in found] == [("name", "A", 2), ("status", "lost", 2)]


def test_limit_offer_facts(snapshot: Snapshot) -> None:
    reads = tuple(Read(f"customer/c{number}", 1, ()) for number in range(limits.OFFER_FACTS + 1))
    assert len(handoffs.facts_of(snapshot, Proposal(id="p", reads=reads[:-1]))) == limits.OFFER_FACTS
    assert len(handoffs.facts_of(snapshot, Proposal(id="p", reads=reads))) == limits.OFFER_FACTS


def test_a_part_rests_on_all_but_what_other_parts_write(snapshot: Snapshot) -> None:
    others = [Part(LEGAL, (Set("customer/a", {"terms": 1}), Emit("customer/a", "Escalated")))]
    reads = (
        Read("customer/a", 1, None),
        Read("customer/a", 1, ("terms", "name")),
        Was("customer/a", {"terms": 1, "note": 2}),
        Read("customer/b", 1, ("terms",)),
        QueryRead(SEARCH, 1, ("a",)),
    )
    assert handoffs.reads_beside(reads, others, COMPILED, snapshot) == (
        Read("customer/a", 1, ("name", "note")),
        Read("customer/a", 1, ("name",)),
        Was("customer/a", {"note": 2}),
        *reads[3:],
    )


@pytest.mark.parametrize(
    ("agent", "to", "may"),
    [
        ("support", ["support"], True),
        ("kim", ["support"], True),
        ("legal", ["support"], False),
        ("sales", ["sales"], False),
    ],
)
def test_who_may_accept(agent: str, to: list[str], may: bool) -> None:
    ticket = RecordState("$handoff", "p", 1, "live", 1, 1, {"agent": "sales", "to": to}, {})
    role = "support" if agent == "kim" else agent
    assert handoffs.may_accept(ticket, AgentDefinition(name=agent, role=role)) is may
