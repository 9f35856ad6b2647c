"""Does someone else hold it, and is the proposer's own lease still good?"""

from __future__ import annotations

from typing import Any

import pytest

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.deciding.gates.lease import judge
from comity.deciding.lines import Place, key_of
from comity.model.proposals import Add, AnyChange, Archive, Caller, Create, Delete, Emit, Include, Put, Set
from comity.model.records import RecordState
from tests.deciding.cases import NOW_US, World, state

CRM = """
[agents]
sales   = { role = "sales" }
support = { role = "support" }
boss    = { role = "boss", kind = "human" }

[kinds.customer.fields]
status  = { type = "string" }
tickets = { type = "integer", default = 0 }
tags    = { type = "array", items = { type = "string" } }

[kinds.customer.events.Called]

[kinds.customer.events.TicketOpened]
then = { tickets = "record.tickets + 1" }

[kinds.note.fields]
customer = { ref = "customer", on_removal = "detach" }
"""

SUPPORT = Caller("support")
ACME = state("customer/acme", status="active", tickets=1, tags=["a"])
NOTE = state("note/n", customer="acme")


def held(agent: str, *, until: int = 60, hold: str = "h", **more: Any) -> Place:
    joined, expires = format_time(NOW_US - SECOND_US), format_time(NOW_US + until * SECOND_US)
    return Place(hold=hold, agent=agent, joined_at=joined, ttl_s=60, claimed=7, expires_at=expires, **more)


def lease(*places: Place, subject: str = "customer/acme") -> RecordState:
    return state(f"$lease/{key_of(subject)}", line=list(places))


def world(*leases: RecordState) -> World:
    return World(ACME, NOTE, *leases, source=CRM)


WRITES: list[tuple[str, AnyChange]] = [
    ("setting a field", Set("customer/acme", {"status": "x"})),
    ("putting", Put("customer/acme", {"status": "x"})),
    ("adding commutes, and is blocked too", Add("customer/acme", {"tickets": 1})),
    ("including as well", Include("customer/acme", {"tags": ["b"]})),
    ("emitting", Emit("customer/acme", "TicketOpened")),
    ("emitting what changes no field", Emit("customer/acme", "Called")),
    ("archiving", Archive("customer/acme")),
    ("deleting", Delete("customer/acme")),
]


@pytest.mark.parametrize("change", [case[1] for case in WRITES], ids=[case[0] for case in WRITES])
def test_s33_whatever_changes_a_leased_record_is_refused(change: AnyChange) -> None:
    assert world(lease(held("support"))).codes(judge, change) == ["lease.held"]
    assert world(lease(held("support", exclusive=False))).codes(judge, change) == ["lease.held"]
    assert world(lease(held("sales"))).codes(judge, change) == []
    assert world(lease(held("support", until=0))).codes(judge, change) == []
    assert world(lease(held("support"), subject="customer/globex")).codes(judge, change) == []
    assert world(lease(held("support"), subject="name:acme")).codes(judge, change) == []


FIELDS: list[tuple[str, AnyChange, list[str]]] = [
    ("the field that it names", Set("customer/acme", {"status": "x"}), ["lease.held"]),
    ("another field", Set("customer/acme", {"tickets": 2}), []),
    ("both", Set("customer/acme", {"tickets": 2, "status": "x"}), ["lease.held"]),
    ("an equal value is no change", Set("customer/acme", {"tickets": 2, "status": "active"}), []),
    ("an event that changes another field", Emit("customer/acme", "TicketOpened"), []),
    ("an event that changes none", Emit("customer/acme", "Called"), []),
    ("the record's life", Archive("customer/acme"), ["lease.held"]),
]


@pytest.mark.parametrize(("change", "codes"), [case[1:] for case in FIELDS], ids=[case[0] for case in FIELDS])
def test_s33_a_lease_blocks_the_fields_that_it_names(change: AnyChange, codes: list[str]) -> None:
    assert world(lease(held("support", fields=("status",)))).codes(judge, change) == codes


def test_who_waits_blocks_nobody() -> None:
    place = Place(
        hold="w", agent="support", joined_at=format_time(NOW_US), ttl_s=60, deadline=format_time(NOW_US + 9**9)
    )
    assert world(lease(place)).codes(judge, Set("customer/acme", {"status": "x"})) == []


def test_what_is_derived_is_blocked_too() -> None:
    leased = lease(held("support"), subject="note/n")
    assert world(leased).codes(judge, Archive("customer/acme")) == ["lease.held"]


def test_a_record_that_is_to_be_created_can_be_leased() -> None:
    leased = lease(held("support"), subject="customer/new")
    assert world(leased).codes(judge, Create("customer/new", {})) == ["lease.held"]


def test_who_holds_it_until_when_and_what_to_do_is_told() -> None:
    [finding] = world(lease(held("support"))).findings(judge, Set("customer/acme", {"status": "x"}))
    assert finding.message == "customer/acme is held by support (until 2023-11-14T22:14:20Z, in 1 min)."
    assert finding.remedy is not None
    assert "place in line" in finding.remedy
    assert (finding.subject, finding.severity) == ("customer/acme", "refuse")
    assert finding.data["to"] == ["support"]


def test_it_waits_in_the_queue_where_the_proposal_says_so() -> None:
    [finding] = world(lease(held("support"))).findings(judge, Set("customer/acme", {"status": "x"}), if_held="queue")
    assert finding.severity == "queue"


def test_those_who_share_it_are_all_named() -> None:
    places = [held("support", exclusive=False), held("ops", exclusive=False, hold="i")]
    [finding] = world(lease(*places)).findings(judge, Set("customer/acme", {"status": "x"}))
    assert finding.data["to"] == ["support", "ops"]
    assert "support (shared, until" in finding.message


# -- fencing tokens

TOKENS: list[tuple[str, str, list[str]]] = [
    ("the current one", "first:7", []),
    ("an older revision", "first:6", ["lease.lapsed"]),
    ("of another life of the base", "second:7", ["lease.lapsed"]),
    ("no token", "", ["lease.lapsed"]),
]


@pytest.mark.parametrize(("token", "codes"), [case[1:] for case in TOKENS], ids=[case[0] for case in TOKENS])
def test_s33_a_token_is_compared_with_the_lease(token: str, codes: list[str]) -> None:
    shown = {"customer/acme": token}
    assert world(lease(held("sales"))).codes(judge, Set("customer/acme", {"status": "x"}), leases=shown) == codes


def test_s33_a_token_is_good_for_its_holder_alone() -> None:
    shown = {"customer/acme": "first:7"}
    assert world(lease(held("support"))).codes(judge, leases=shown) == ["lease.lapsed"]
    assert world(lease(held("sales", until=0))).codes(judge, leases=shown) == ["lease.lapsed"]
    assert world().codes(judge, leases=shown) == ["lease.lapsed"]


def test_s33_a_lapsed_lease_refuses_what_it_does_not_cover_too() -> None:
    [finding] = world(lease(held("support"))).findings(
        judge, Set("note/n", {"customer": None}), leases={"customer/acme": "first:7"}, if_held="queue"
    )
    assert (finding.code, finding.severity) == ("lease.lapsed", "refuse")
    assert finding.message.startswith("You have no current lease on customer/acme; it is held by support (until ")


def test_a_name_has_a_token_as_well() -> None:
    leased = lease(held("sales"), subject="name:printer")
    assert world(leased).codes(judge, leases={"name:printer": "first:7"}) == []
    assert world(leased).codes(judge, leases={"name:printer": "first:8"}) == ["lease.lapsed"]
    assert world(leased).codes(judge, leases={"printer": "first:7"}) == ["lease.subject"]


def test_limit_lease_subjects() -> None:
    shown = {f"name:n{number}": "first:7" for number in range(limits.LEASE_SUBJECTS + 1)}
    assert world().codes(judge, leases=shown) == ["shape.too_large"]


def test_a_renewal_counts() -> None:
    leased = world(lease(held("support", until=0)))
    leased.noted["lease", "h@7"] = str(NOW_US + 1)
    assert leased.codes(judge, Set("customer/acme", {"status": "x"})) == ["lease.held"]


# -- taking and breaking

TAKING: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("a record", "customer~acme", {}, []),
    ("one that isn't there yet", "customer~new", {}, []),
    ("fields of it", "customer~acme", {"fields": ["status"]}, []),
    ("a field that it hasn't", "customer~acme", {"fields": ["statsu"]}, ["shape.unknown_field"]),
    ("a kind that isn't declared", "custmer~acme", {}, ["lease.subject"]),
    ("a name", "name:printer", {}, []),
    ("neither", "acme", {}, ["lease.subject"]),
]


@pytest.mark.parametrize(("key", "more", "codes"), [case[1:] for case in TAKING], ids=[case[0] for case in TAKING])
@pytest.mark.parametrize("event", ["taken", "joined"])
def test_what_can_be_leased(event: str, key: str, more: dict[str, Any], codes: list[str]) -> None:
    data = {"hold": "h", "ttl_s": 60, **({"wait_s": 60} if event == "joined" else {}), **more}
    assert world().codes(judge, Emit(f"$lease/{key}", event, data)) == codes


def test_s33_humans_break_a_lease_and_those_whom_it_lists() -> None:
    broken = Emit("$lease/customer~acme", "broken", {"hold": "h", "reason": "r"})
    leased = world(lease(held("support", breakable_by=("sales",))))
    assert leased.codes(judge, broken) == []
    assert leased.codes(judge, broken, caller=Caller("boss", "key", "k")) == []
    assert leased.codes(judge, broken, caller=Caller("support")) == ["lease.unbreakable"]
    assert leased.codes(judge, broken, caller=Caller("boss")) == ["lease.unbreakable"]
    assert world(lease(held("support"))).codes(judge, broken) == ["lease.unbreakable"]


def test_the_systems_user_breaks_a_lease_as_long_as_no_human_has_a_key() -> None:
    broken = Emit("$lease/customer~acme", "broken", {"hold": "h", "reason": "r"})
    assert world(lease(held("support"))).codes(judge, broken, caller=Caller("os:me", "os_user")) == []
    keyed = state("$agent/boss", key="k", key_status="active")
    assert world(lease(held("support")), keyed).codes(judge, broken, caller=Caller("os:me", "os_user")) == [
        "lease.unbreakable"
    ]


def test_who_may_break_it_is_told_so() -> None:
    leased = world(lease(held("support")))
    [finding] = leased.findings(judge, Set("customer/acme", {"status": "x"}), caller=Caller("boss", "key", "k"))
    assert finding.remedy == "Wait, or end the lease with 'comity leases break', saying why."


def test_nothing_is_looked_up_where_nothing_was_ever_leased() -> None:
    quiet = World(ACME, source=CRM)
    quiet.codes(judge, Set("customer/acme", {"status": "x"}))
    assert quiet.asked == []
