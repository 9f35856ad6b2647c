"""Do references stand, and do the records exist that are to be changed?"""

from __future__ import annotations

import pytest

from comity.deciding.gates.integrity import judge
from comity.model.proposals import AnyChange, Archive, Create, Delete, Emit, Put, Restore, Set, Undo
from tests.deciding.cases import World, state

CRM = """
[kinds.customer.fields]
name = { type = "string" }

[kinds.ticket.fields]
customer = { ref = "customer" }
also     = { ref = "customer", type = "array" }
text     = { type = "string" }

[kinds.ticket.events.Mentioned]
data = { who = { ref = "customer" } }
"""

LIVE = state("customer/live", name="L")
FREE = state("customer/free", name="F")
ARCHIVED = state("customer/old", "archived", name="O")
DELETED = state("customer/gone", "deleted", name="G")
TICKET = state("ticket/t", customer="live", text="x")
AWAY = state("ticket/away", "archived", customer="gone")

CASES: list[tuple[str, tuple[AnyChange, ...], str]] = [
    ("to a live record", (Set("ticket/t", {"customer": "free"}),), ""),
    ("to one that never was", (Set("ticket/t", {"customer": "nobody"}),), "integrity.missing_target"),
    ("to an archived one", (Set("ticket/t", {"customer": "old"}),), "integrity.missing_target"),
    ("to a deleted one", (Set("ticket/t", {"customer": "gone"}),), "integrity.missing_target"),
    ("to none", (Set("ticket/t", {"customer": None}),), ""),
    ("to one created before", (Create("customer/new"), Set("ticket/t", {"customer": "new"})), ""),
    ("to one created after", (Set("ticket/t", {"customer": "new"}), Create("customer/new")), ""),
    (
        "to one removed by the proposal",
        (Set("ticket/t", {"customer": "free"}), Delete("customer/free")),
        "integrity.referenced, integrity.missing_target",
    ),
    ("in a list", (Set("ticket/t", {"also": ["live", "free"]}),), ""),
    ("in a list, one missing", (Set("ticket/t", {"also": ["live", "nobody"]}),), "integrity.missing_target"),
    ("in an event", (Emit("ticket/t", "Mentioned", {"who": "live"}),), ""),
    ("in an event, missing", (Emit("ticket/t", "Mentioned", {"who": "nobody"}),), "integrity.missing_target"),
    ("of a record that comes back", (Restore("ticket/away"),), "integrity.missing_target"),
    ("untouched", (Set("ticket/t", {"text": "y"}),), ""),
    ("removing what is referred to", (Delete("customer/live"),), "integrity.referenced"),
    ("archiving what is referred to", (Archive("customer/live"),), "integrity.referenced"),
    ("removing what is not", (Delete("customer/free"),), ""),
    ("removing both", (Delete("customer/live"), Delete("ticket/t")), ""),
    ("creating what is there", (Create("customer/live"),), "integrity.exists"),
    ("changing what never was", (Set("customer/nobody", {"name": "x"}),), "integrity.missing"),
    ("changing what is archived", (Put("customer/old", {"name": "x"}),), "integrity.archived"),
    ("changing what is deleted", (Set("customer/gone", {"name": "x"}),), "integrity.deleted"),
    ("undoing on what is deleted", (Undo("customer/gone", {"name": 0}),), "integrity.deleted"),
]


@pytest.mark.parametrize(("changes", "codes"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_what_stands(changes: tuple[AnyChange, ...], codes: str) -> None:
    found = World(LIVE, FREE, ARCHIVED, DELETED, TICKET, AWAY, source=CRM).findings(judge, *changes)
    assert ", ".join(one.code for one in found) == codes
    assert all(one.remedy for one in found)


def test_a_missing_target_says_what_became_of_it() -> None:
    (finding,) = World(TICKET, DELETED, source=CRM).findings(judge, Set("ticket/t", {"customer": "gone"}))
    assert finding.subject == "ticket/t.customer"
    assert finding.message == ('ticket/t.customer: customer/gone is deleted, by support 0 s ago: "because".')


def test_the_referrers_are_named() -> None:
    many = [state(f"ticket/t{number}", customer="live") for number in range(7)]
    (finding,) = World(LIVE, *many, source=CRM).findings(judge, Delete("customer/live"))
    assert "ticket/t0, ticket/t1, ticket/t2, ticket/t3, ticket/t4 and 2 more (customer)" in finding.message
    assert len(finding.data["referrers"]) == 7


def test_s30_a_record_of_an_unknown_kind_names_the_nearest_kind() -> None:
    given = World(LIVE, source='undeclared = "allow"\n' + CRM)
    (finding,) = given.findings(judge, Set("custmer/live", {"name": "x"}))
    assert finding.message == "There is no record custmer/live. There is a kind 'customer'."
