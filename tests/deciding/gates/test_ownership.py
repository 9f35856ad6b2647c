"""Are all fields written by their owner?"""

from __future__ import annotations

from typing import Any

import pytest

from comity.clock import SECOND_US, format_time
from comity.deciding.gates.ownership import judge
from comity.deciding.view import HeldNeed
from comity.model.proposals import Add, AnyChange, Archive, Caller, Create, Delete, Emit, Put, Restore, Set, Undo
from comity.model.records import RecordState
from tests.deciding.cases import NOW_US, World, state

CRM = """
[agents]
sales   = { role = "seller" }
support = { role = "helper" }
boss    = { role = "seller" }

[kinds.customer.fields]
name    = { type = "string", owner = "sales" }
status  = { type = "string", owner = ["seller", "support"] }
tickets = { type = "integer", owner = "support", default = 0 }
note    = { type = "string" }

[kinds.customer.events.TicketOpened]
owner = "support"
then  = { tickets = "record.tickets + 1" }

[kinds.contract]
owner = "sales"
[kinds.contract.fields]
customer = { ref = "customer", on_removal = "cascade" }
text     = { type = "string" }
"""

ACME = state("customer/acme", name="Acme", status="active", tickets=0, note="n")
GONE = state("customer/gone", "archived", name="Gone")
DEAL = state("contract/deal", customer="acme", text="t")

CASES: list[tuple[str, str, AnyChange, str]] = [
    ("one's own field", "sales", Set("customer/acme", {"name": "A"}), ""),
    ("another's field", "support", Set("customer/acme", {"name": "A"}), "customer/acme.name"),
    ("a field owned by a role", "boss", Set("customer/acme", {"status": "s"}), ""),
    ("a field owned by name", "support", Set("customer/acme", {"status": "s"}), ""),
    ("the name's owner isn't its role", "boss", Set("customer/acme", {"name": "A"}), "customer/acme.name"),
    ("a field that is everyone's", "support", Set("customer/acme", {"note": "x"}), ""),
    ("an equal value", "support", Set("customer/acme", {"name": "Acme"}), ""),
    ("clearing another's", "support", Set("customer/acme", {"name": None}), "customer/acme.name"),
    ("adding to another's", "sales", Add("customer/acme", {"tickets": 1}), "customer/acme.tickets"),
    ("replacing with less", "support", Put("customer/acme", {"status": "s"}, replace=True), "customer/acme.name"),
    ("creating with one's own", "sales", Create("customer/new", {"name": "N"}), ""),
    ("creating with another's", "sales", Create("customer/new", {"tickets": 3}), "customer/new.tickets"),
    ("creating with another's default", "sales", Create("customer/new", {"tickets": 0}), ""),
    ("emitting one's own", "support", Emit("customer/acme", "TicketOpened"), ""),
    ("emitting another's", "sales", Emit("customer/acme", "TicketOpened"), "customer/acme"),
    ("creating in a kind of others", "support", Create("contract/new", {}), "contract/new"),
    ("creating in one's own kind", "sales", Create("contract/new", {}), ""),
    ("writing in a kind of others", "support", Set("contract/deal", {"text": "x"}), "contract/deal.text"),
    ("deleting in a kind of others", "support", Delete("contract/deal"), "contract/deal"),
    ("archiving in one's own kind", "sales", Archive("contract/deal"), ""),
    ("archiving where a field is everyone's", "support", Archive("customer/acme"), ""),
    ("restoring where a field is everyone's", "support", Restore("customer/gone"), ""),
    ("what a removal derives", "support", Delete("customer/acme"), ""),
    ("undoing another's", "support", Undo("customer/acme", {"name": 0}), "customer/acme.name"),
    ("undoing one's own", "sales", Undo("customer/acme", {"name": 0}), ""),
]


@pytest.mark.parametrize(("agent", "change", "subjects"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_whose_it_is_to_change(agent: str, change: AnyChange, subjects: str) -> None:
    given = World(ACME, GONE, DEAL, source=CRM)
    found = given.findings(judge, change, caller=Caller(agent))
    assert ", ".join(str(one.subject) for one in found) == subjects
    assert {one.code for one in found} <= {"ownership.other_domain"}


def test_the_refusal_names_the_owner_and_what_would_be_needed() -> None:
    (finding,) = World(ACME, source=CRM).findings(judge, Set("customer/acme", {"tickets": 1}), caller=Caller("boss"))
    assert finding.message == "customer/acme.tickets belongs to support; you are boss (seller) and may not write it."
    assert finding.data == {"owners": ["support"]}
    assert "support" in str(finding.remedy)


def test_the_refusal_of_an_event_says_whose_the_event_is() -> None:
    (finding,) = World(ACME, source=CRM).findings(judge, Emit("customer/acme", "TicketOpened"), caller=Caller("sales"))
    assert finding.message.startswith("The event TicketOpened of customer/acme belongs to support; you are sales")
    assert finding.subject == "customer/acme"


def test_each_field_that_is_not_mine_is_named_at_once() -> None:
    found = World(ACME, source=CRM).findings(
        judge, Set("customer/acme", {"name": "A", "status": "s", "tickets": 1}), caller=Caller("boss")
    )
    assert sorted(str(one.subject) for one in found) == ["customer/acme.name", "customer/acme.tickets"]


def test_s36_an_operator_may_undo_in_any_domain_and_only_undo() -> None:
    given, user = World(ACME, source=CRM), Caller("root", "os_user")
    assert given.codes(judge, Undo("customer/acme", {"name": 0}), caller=user) == []
    assert given.codes(judge, Set("customer/acme", {"name": "A"}), caller=user) == ["ownership.other_domain"]


def test_where_every_field_has_an_owner_these_decide_on_its_life() -> None:
    source = '[agents]\na = {}\nb = {}\nc = {}\n[kinds.task.fields]\nx = { owner = "a" }\ny = { owner = "b" }\n'
    given = World(state("task/t", x=1, y=1), source=source)
    assert [given.codes(judge, Archive("task/t"), caller=Caller(name)) for name in "abc"] == [
        [],
        [],
        ["ownership.other_domain"],
    ]


def test_undeclared_kinds_have_no_owners() -> None:
    assert World(state("memo/a", n=1)).codes(judge, Delete("memo/a")) == []


# -- lent


def lent(**values: Any) -> RecordState:
    """Return a grant to sales by support, of customers."""
    given = {"to": "sales", "kind": "customer", "by": "support", "is_order": False, "reason": "closed"}
    expires = {"expires_at": format_time(NOW_US + 1)}
    return RecordState("$grant", "g", 1, "live", 1, 1, {**given, **expires, **values}, {})


GRANTED: list[tuple[str, RecordState, AnyChange, list[str]]] = [
    ("a kind", lent(), Set("customer/acme", {"tickets": 1}), ["granted"]),
    ("a kind's field", lent(field="tickets"), Set("customer/acme", {"tickets": 1}), ["granted"]),
    ("another field", lent(field="status"), Set("customer/acme", {"tickets": 1}), ["other_domain"]),
    ("a record", lent(record="acme"), Set("customer/acme", {"tickets": 1}), ["granted"]),
    ("another record", lent(record="globex"), Set("customer/acme", {"tickets": 1}), ["other_domain"]),
    ("another kind", lent(kind="contract"), Set("customer/acme", {"tickets": 1}), ["other_domain"]),
    ("to a role", lent(to="seller"), Set("customer/acme", {"tickets": 1}), ["granted"]),
    ("to somebody else", lent(to="boss"), Set("customer/acme", {"tickets": 1}), ["other_domain"]),
    ("by who doesn't own it", lent(by="boss"), Set("customer/acme", {"tickets": 1}), ["other_domain"]),
    ("by order", lent(by="boss", is_order=True), Set("customer/acme", {"tickets": 1}), ["granted"]),
    ("until now", lent(expires_at=format_time(NOW_US)), Set("customer/acme", {"tickets": 1}), ["other_domain"]),
    ("an event", lent(record="acme"), Emit("customer/acme", "TicketOpened"), ["granted"]),
    ("an event, a field of it lent", lent(field="tickets"), Emit("customer/acme", "TicketOpened"), ["other_domain"]),
    ("what is one's own", lent(), Set("customer/acme", {"name": "A"}), []),
]


@pytest.mark.parametrize(("grant", "change", "codes"), [row[1:] for row in GRANTED], ids=[row[0] for row in GRANTED])
def test_what_is_lent_may_be_changed_and_is_told(grant: RecordState, change: AnyChange, codes: list[str]) -> None:
    found = World(ACME, grant, source=CRM).findings(judge, change, caller=Caller("sales"))
    assert [one.code for one in found] == [f"ownership.{code}" for code in codes]
    assert all(one.severity == ("warn" if one.code == "ownership.granted" else "refuse") for one in found)
    assert all(one.data["grant"] == "$grant/g" for one in found if one.code == "ownership.granted")


def test_grants_are_looked_at_only_where_ownership_would_refuse() -> None:
    given = World(ACME, lent(), source=CRM)
    given.findings(judge, Set("customer/acme", {"name": "A"}), caller=Caller("sales"))
    assert not any(isinstance(need, HeldNeed) for need in given.asked)
    given.findings(judge, Set("customer/acme", {"tickets": 1, "status": "x"}), caller=Caller("sales"))
    assert sum(isinstance(need, HeldNeed) for need in given.asked) == 1


def test_s20_a_refusal_becomes_an_offer_where_the_proposal_says_so() -> None:
    found = World(ACME, source=CRM).findings(
        judge, Set("customer/acme", {"tickets": 1}), caller=Caller("sales"), if_foreign="offer"
    )
    assert [(one.severity, one.data) for one in found] == [("offer", {"owners": ["support"]})]


LENDING: list[tuple[str, str, dict[str, str], str]] = [
    ("a field of one's own", "support", {"kind": "customer", "field": "tickets"}, ""),
    ("a kind of which something is one's own", "support", {"kind": "customer"}, ""),
    ("another's field", "boss", {"kind": "customer", "field": "tickets"}, "other_domain"),
    ("another's kind", "support", {"kind": "contract"}, "other_domain"),
    ("everyone's field", "support", {"kind": "customer", "field": "note"}, "nothing_to_lend"),
    ("a field that isn't there", "support", {"kind": "customer", "field": "nope"}, "nothing_to_lend"),
    ("a kind that isn't there", "support", {"kind": "nope"}, "nothing_to_lend"),
    ("a kind of Comity's own", "support", {"kind": "$grant"}, "nothing_to_lend"),
]


@pytest.mark.parametrize(("agent", "subject", "code"), [row[1:] for row in LENDING], ids=[row[0] for row in LENDING])
def test_one_lends_what_one_owns(agent: str, subject: dict[str, str], code: str) -> None:
    data = {"to": "sales", "reason": "closed", "expires_at": format_time(NOW_US + SECOND_US), **subject}
    found = World(ACME, source=CRM).codes(judge, Emit("$grant/new", "granted", data), caller=Caller(agent))
    assert found == ([f"ownership.{code}"] if code else [])


@pytest.mark.parametrize(
    ("caller", "codes"),
    [
        (Caller("support"), []),
        (Caller("sales"), []),
        (Caller("root", "os_user"), []),
        (Caller("boss"), ["ownership.other_domain"]),
    ],
)
def test_it_is_taken_back_by_owner_holder_or_operator(caller: Caller, codes: list[str]) -> None:
    given = World(ACME, lent(field="tickets"), source=CRM)
    assert given.codes(judge, Emit("$grant/g", "revoked"), caller=caller) == codes
