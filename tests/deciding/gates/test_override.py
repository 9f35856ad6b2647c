"""Does a human hold this?"""

from __future__ import annotations

from typing import Any

import pytest

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.deciding.case import Case
from comity.deciding.gates import identity
from comity.deciding.gates.override import judge
from comity.deciding.view import FindNeed, HeldNeed, View
from comity.model.proposals import Add, AnyChange, Archive, Caller, Create, Delete, Emit, Proposal, Put, Restore, Set
from comity.model.records import RecordState
from tests.deciding.cases import NOW_US, World, state

SOURCE = """
[agents]
sales = { role = "seller" }
ops   = { role = "operations", kind = "human" }

[actions.send]
kind = "outreach"

[kinds.customer.fields]
status = { type = "string" }
tier   = { type = "string" }
since  = { type = "string", format = "date-time" }
count  = { type = "integer", default = 0 }

[kinds.ticket.fields]
customer = { ref = "customer", on_removal = "detach" }
"""

HOUR = 3_600
OPS = Caller("ops", "key", "k1")
KEY = state("$agent/ops", key="k1", key_status="active")
USER = Caller("root", "os_user")
SYSTEM = Caller("comity", "system")
ACME = state("customer/acme", status="active", tier="gold", count=1)


def held(
    name: str = "o1", life: Any = "live", *, yields: str = "refuse", left_s: int = HOUR, **what: Any
) -> RecordState:
    """Return an override that holds something for so many seconds more."""
    terms = {"yields": yields, "reason": "wait for the call", "set_by": "ops", "set_at": format_time(NOW_US)}
    return state(f"$override/{name}", life, expires_at=format_time(NOW_US + left_s * SECOND_US), **terms, **what)


RECORD = held(holds="record", record="customer/acme")
FIELD = held(holds="field", record="customer/acme", field="status")
VALUE = held(holds="value", record="customer/acme", field="status", value="at_risk")
EMPTY = held(holds="value", record="customer/acme", field="status")
MOMENT = held(holds="value", record="customer/acme", field="since", value="2026-01-01T00:00:00+01:00")
ACTION = held(holds="action", action="send")
FROZEN = held(holds="workspace")

STATUS = Set("customer/acme", {"status": "churned"})
TIER = Set("customer/acme", {"tier": "silver"})
PINNED = "override.pinned"

PINS: list[tuple[str, RecordState, AnyChange, str]] = [
    ("a pinned record is set", RECORD, TIER, PINNED),
    ("a pinned record is put", RECORD, Put("customer/acme", {"status": "x"}), PINNED),
    ("a pinned record is added to", RECORD, Add("customer/acme", {"count": 1}), PINNED),
    ("a pinned record is deleted", RECORD, Delete("customer/acme"), PINNED),
    ("an equal value is no change", RECORD, Set("customer/acme", {"status": "active"}), ""),
    ("another record", RECORD, Set("customer/beta", {"status": "x"}), ""),
    ("a pinned field is set", FIELD, STATUS, PINNED),
    ("another field of the record", FIELD, TIER, ""),
    ("the record of a pinned field is archived", FIELD, Archive("customer/acme"), PINNED),
    ("the record of a pinned field is deleted", FIELD, Delete("customer/acme"), PINNED),
    ("another value than the pinned one", VALUE, STATUS, PINNED),
    ("the pinned value", VALUE, Set("customer/acme", {"status": "at_risk"}), ""),
    ("empty instead of the pinned value", VALUE, Set("customer/acme", {"status": None}), PINNED),
    ("pinned to empty, and emptied", EMPTY, Set("customer/acme", {"status": None}), ""),
    ("pinned to empty, and set", EMPTY, STATUS, PINNED),
    ("the pinned time, written otherwise", MOMENT, Set("customer/acme", {"since": "2025-12-31T23:00:00Z"}), ""),
    ("another time", MOMENT, Set("customer/acme", {"since": "2025-12-31T23:00:01Z"}), PINNED),
    ("a lifted one", held("o1", "archived", holds="record", record="customer/acme"), STATUS, ""),
    ("one that expires now", held(left_s=0, holds="record", record="customer/acme"), STATUS, ""),
    ("a frozen workspace", FROZEN, Set("customer/beta", {"status": "x"}), "override.frozen"),
    ("a freeze that expires now", held(left_s=0, holds="workspace"), STATUS, ""),
]


@pytest.mark.parametrize(("override", "change", "code"), [row[1:] for row in PINS], ids=[row[0] for row in PINS])
@pytest.mark.parametrize(
    ("caller", "mark"), [(Caller("sales"), ""), (OPS, "?"), (USER, "")], ids=["agent", "human", "user"]
)
def test_agents_yield_and_humans_are_told(
    override: RecordState, change: AnyChange, code: str, caller: Caller, mark: str
) -> None:
    world = World(ACME, state("customer/beta", status="active"), KEY, override, source=SOURCE)
    assert world.codes(judge, change, caller=caller) == ([code + mark] if code else [])


@pytest.mark.parametrize("override", [RECORD, FIELD, VALUE, ACTION, FROZEN], ids=lambda one: one.values["holds"])
def test_comity_itself_is_held_up_by_nothing(override: RecordState) -> None:
    world = World(ACME, override, source=SOURCE)
    assert world.codes(judge, STATUS, caller=SYSTEM, action="send") == []


def test_an_action_is_pinned_whatever_it_changes() -> None:
    world = World(ACME, ACTION, source=SOURCE)
    assert world.codes(judge, TIER, action="send") == [PINNED]
    assert world.codes(judge, action="send") == [PINNED]
    assert world.codes(judge, TIER, action="call") == []


def test_creating_what_is_pinned_waits_for_its_value() -> None:
    world = World(held(holds="value", record="customer/new", field="status", value="at_risk"), source=SOURCE)
    assert world.codes(judge, Create("customer/new", {"status": "active"})) == [PINNED]
    assert world.codes(judge, Create("customer/new", {"status": "at_risk"})) == []
    assert world.codes(judge, Create("customer/new", {"tier": "gold"})) == [PINNED]
    assert world.codes(judge, Put("customer/new")) == [PINNED]
    empty = World(held(holds="value", record="customer/new", field="status"), source=SOURCE)
    assert empty.codes(judge, Create("customer/new", {"tier": "gold"})) == []


def test_what_has_a_pinned_field_cannot_be_created() -> None:
    world = World(held(holds="field", record="customer/new", field="status"), source=SOURCE)
    assert world.codes(judge, Create("customer/new", {"tier": "gold"})) == [PINNED]
    (finding,) = world.findings(judge, Create("customer/new", {"status": "x"}))
    assert finding.subject == "customer/new"


def test_a_pinned_record_cannot_be_created_or_restored() -> None:
    assert World(RECORD, source=SOURCE).codes(judge, Create("customer/acme")) == [PINNED]
    gone = World(state("customer/acme", "archived", status="x"), FIELD, source=SOURCE)
    assert gone.codes(judge, Restore("customer/acme")) == []


def test_what_follows_from_a_removal_yields_too() -> None:
    pinned = held(holds="record", record="ticket/t1")
    world = World(ACME, state("ticket/t1", customer="acme"), pinned, source=SOURCE)
    (finding,) = world.findings(judge, Delete("customer/acme"))
    assert (finding.code, finding.subject) == (PINNED, "ticket/t1")


def test_the_last_value_of_a_proposal_counts() -> None:
    world = World(ACME, VALUE, source=SOURCE)
    assert world.codes(judge, STATUS, Set("customer/acme", {"status": "at_risk"})) == []


def test_every_override_that_is_met_is_told() -> None:
    named = held("o2", holds="record", record="customer/acme")
    world = World(
        ACME, FIELD, named, held("o3", holds="workspace"), held("o4", holds="action", action="send"), source=SOURCE
    )
    codes = world.codes(judge, STATUS, action="send")
    assert codes == ["override.frozen", PINNED, PINNED, PINNED]


def test_what_is_announced_learns_of_pins_before_anything_is_changed() -> None:
    named = held("o2", holds="record", record="customer/acme")
    world = World(ACME, FIELD, named, source=SOURCE)
    assert sorted(world.codes(judge, about=("customer/acme",))) == [PINNED, PINNED + "?"]
    assert world.codes(judge, about=("customer/beta",)) == []


def test_a_finding_says_who_until_when_why_and_what_to_do() -> None:
    (finding,) = World(ACME, VALUE, source=SOURCE).findings(judge, STATUS)
    until = format_time(NOW_US + HOUR * SECOND_US)
    assert finding.message == (f'customer/acme.status is pinned to at_risk until {until} by ops: "wait for the call".')
    assert finding.subject == "customer/acme.status"
    assert finding.remedy == "Leave it until then, or ask ops to lift $override/o1."


def test_agents_wait_in_line_where_the_override_says_so() -> None:
    waiting = held(yields="queue", holds="record", record="customer/acme")
    (finding,) = World(ACME, waiting, source=SOURCE).findings(judge, STATUS)
    assert finding.severity == "queue"
    assert finding.data["expires_s"] == HOUR + limits.WAIT_S
    assert finding.data["to"] == ["ops"]


LETTING_GO: list[tuple[str, str]] = [
    ("$override/o1", "lifted"),
    ("$override/o1", "expired"),
    ("$definition/current", "applied"),
    ("$agent/ops", "key_issued"),
    ("$intent/i1", "closed"),
    ("$intent/i1", "withdrawn"),
    ("$handoff/p1", "withdrawn"),
    ("$approval/p1", "denied"),
    ("$queue/p1", "withdrawn"),
]


@pytest.mark.parametrize(("record", "event"), LETTING_GO)
def test_s24_what_repairs_or_lets_go_works_under_a_freeze(record: str, event: str) -> None:
    paused = held("o2", holds="agent", agent="sales")
    world = World(FROZEN, paused, source=SOURCE)
    assert "override.frozen" not in world.codes(judge, Emit(record, event))
    assert "identity.paused" not in world.codes(identity.judge, Emit(record, event))


def test_s24_it_does_not_take_other_changes_along() -> None:
    world = World(ACME, FROZEN, held("o2", holds="agent", agent="sales"), source=SOURCE)
    changes = (Emit("$intent/i1", "withdrawn"), STATUS)
    assert world.codes(judge, *changes) == ["override.frozen"]
    assert world.codes(identity.judge, *changes) == ["identity.paused"]


@pytest.mark.parametrize("event", ["announced", "offered", "accepted", "released", "queued"])
def test_what_begins_or_goes_on_waits_for_the_thaw(event: str) -> None:
    kind = {"announced": "$intent", "released": "$queue", "queued": "$queue"}.get(event, "$handoff")
    assert World(FROZEN, source=SOURCE).codes(judge, Emit(f"{kind}/p1", event)) == ["override.frozen"]


@pytest.mark.parametrize(
    ("name", "caller", "codes"),
    [
        ("sales", Caller("sales"), ["identity.paused"]),
        ("seller", Caller("sales"), ["identity.paused"]),
        ("support", Caller("sales"), []),
        ("ops", OPS, []),
        ("operations", OPS, []),
    ],
)
def test_an_agent_or_a_role_is_paused(name: str, caller: Caller, codes: list[str]) -> None:
    world = World(ACME, KEY, held(holds="agent", agent=name), source=SOURCE)
    assert world.codes(identity.judge, STATUS, caller=caller) == codes
    assert world.codes(judge, STATUS, caller=caller) == []


def test_a_pause_expires() -> None:
    world = World(ACME, held(left_s=0, holds="agent", agent="sales"), source=SOURCE)
    assert world.codes(identity.judge, STATUS) == []


def test_where_there_never_was_an_override_none_is_looked_for() -> None:
    world = World(ACME, source=SOURCE)
    assert world.codes(judge, STATUS) == []
    assert not [need for need in world.asked if isinstance(need, (FindNeed, HeldNeed))]


def test_what_is_held_is_asked_for_once_for_all_proposals_of_a_batch() -> None:
    world = World(ACME, FIELD, held("o2", holds="agent", agent="other"), source=SOURCE)
    view = world.view()
    for change in (STATUS, TIER):
        for gate in (identity.judge, judge):
            world.ask(lambda view, change=change, gate=gate: list(gate(_case(view, change))), view)
    assert [need for need in world.asked if isinstance(need, HeldNeed)] == [HeldNeed("$override")]


def _case(view: View, change: AnyChange) -> Case:
    return Case(Proposal(id="p1", changes=(change,)), Caller("sales"), view)


# -- overrides that are being set


def setting(event: str, *, left_s: float = HOUR, reason: str = "because", **data: Any) -> Emit:
    """Return the transition that begins an override."""
    expires = format_time(NOW_US + round(left_s * SECOND_US))
    return Emit("$override/new", event, {"yields": "refuse", "reason": reason, "expires_at": expires, **data})


def pin(**data: Any) -> Emit:
    given: dict[str, Any] = {"record": "customer/acme", **data}
    return setting("pinned", **given)


SETTINGS: list[tuple[str, Emit, str]] = [
    ("a record", pin(), ""),
    ("a field", pin(field="status"), ""),
    ("a value", pin(field="status", only=True, value="at_risk"), ""),
    ("empty", pin(field="status", only=True), ""),
    ("an action", setting("pinned", action="send"), ""),
    ("an agent", setting("paused", agent="sales"), ""),
    ("a role", setting("paused", agent="seller"), ""),
    ("the workspace", setting("frozen"), ""),
    ("a record that isn't there", pin(record="customer/amce"), "override.nothing_there?"),
    ("an unknown kind", pin(record="custmer/acme"), "override.unknown"),
    ("a record of Comity's own", pin(record="$agent/ops"), "override.unknown"),
    ("no record", pin(record="acme"), "override.unknown"),
    ("an unknown field", pin(field="stauts"), "override.unknown"),
    ("a value that can't be", pin(field="status", only=True, value=3), "override.unknown"),
    ("an unknown action", setting("pinned", action="sned"), "override.unknown"),
    ("an unknown agent", setting("paused", agent="slaes"), "override.unknown"),
    ("a human", setting("paused", agent="ops"), "override.human"),
    ("a role of humans", setting("paused", agent="operations"), "override.human"),
    ("no reason", pin(reason=" "), "override.no_reason"),
    ("over before it begins", pin(left_s=0), "override.expiry"),
    ("as long as can be", pin(left_s=limits.OVERRIDE_DAYS * 86_400), ""),
    ("longer", pin(left_s=limits.OVERRIDE_DAYS * 86_400 + 1), "override.expiry"),
]


@pytest.mark.parametrize(("change", "code"), [row[1:] for row in SETTINGS], ids=[row[0] for row in SETTINGS])
def test_what_can_be_held(change: Emit, code: str) -> None:
    assert World(ACME, KEY, source=SOURCE).codes(judge, change, caller=OPS) == ([code] if code else [])


@pytest.mark.parametrize(
    ("change", "near"),
    [
        (pin(record="custmer/acme"), "customer"),
        (pin(field="stauts"), "status"),
        (setting("pinned", action="sned"), "send"),
        (setting("paused", agent="slaes"), "sales"),
    ],
)
def test_the_nearest_name_is_told(change: Emit, near: str) -> None:
    (finding,) = World(ACME, KEY, source=SOURCE).findings(judge, change, caller=OPS)
    assert f"did you mean {near!r}?" in finding.message


def test_where_nothing_is_declared_anything_can_be_held() -> None:
    world = World(KEY, state("memo/a", text="x"))
    for change in (pin(record="memo/a", field="text", only=True, value=1), setting("paused", agent="whoever")):
        assert world.codes(judge, change, caller=OPS) == []


def test_overrides_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OVERRIDES_LIVE", 2)
    one = World(ACME, KEY, FIELD, source=SOURCE)
    assert one.codes(judge, pin(), caller=OPS) == []
    assert set(one.codes(judge, pin(), pin(), caller=OPS)) == {"override.too_many"}
    two = World(ACME, KEY, FIELD, held("o2", left_s=0, holds="workspace"), source=SOURCE)
    assert two.codes(judge, pin(), caller=OPS) == ["override.too_many"]


def test_every_finding_says_what_to_do() -> None:
    for _, change, _ in SETTINGS:
        for finding in World(ACME, KEY, source=SOURCE).findings(judge, change, caller=OPS):
            assert finding.remedy
