"""S4 of the design's domains, S23 and S25 to S30: identity, definitions, actions, bounds, undeclared kinds."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import comity
from comity import limits
from comity.deciding.gates.definition import digest_of
from comity.model.decisions import Decision
from comity.model.proposals import (
    Add,
    Archive,
    Create,
    Delete,
    Emit,
    Proposal,
    Put,
    Restore,
    Set,
    Undo,
)
from comity.testing.manual_clock import ManualClock
from tests.semantics.conftest import CRM, Open

Define = Callable[..., Path]
NEXT = iter(range(10**9))


def propose(agent: comity.Agent, *changes: Any, **options: Any) -> Decision:
    return agent.propose(Proposal(id=f"p{next(NEXT)}", changes=changes, **options))


def codes(decision: Decision) -> list[str]:
    return [finding.code for finding in decision.refusals]


# -- S4 of the mission: ownership, on every path


@pytest.fixture
def acme(crm: comity.Workspace) -> comity.Workspace:
    sales, support = crm.agent("sales"), crm.agent("support")
    sales.create("customer/acme", name="Acme", status="active", value=10)
    support.create("ticket/1", title="late", customer="acme")
    return crm


OTHER = "ownership.other_domain"
DOMAINS: list[tuple[str, str, Any, list[str]]] = [
    ("own field", "sales", Set("customer/acme", {"name": "A"}), []),
    ("shared field", "support", Set("customer/acme", {"status": "at_risk"}), []),
    ("field of nobody", "product", Set("customer/acme", {"health": "good"}), []),
    ("set", "support", Set("customer/acme", {"name": "A"}), [OTHER]),
    ("put", "support", Put("customer/acme", {"name": "A"}), [OTHER]),
    ("clear", "support", Set("customer/acme", {"value": None}), [OTHER]),
    ("replace", "support", Put("customer/acme", {"name": "Acme", "status": "active"}, replace=True), [OTHER]),
    ("add", "support", Add("customer/acme", {"value": 1}), [OTHER]),
    ("equal value", "support", Set("customer/acme", {"name": "Acme"}), []),
    ("creation", "support", Create("customer/other", {"name": "B"}), [OTHER]),
    ("creation with another's default", "sales", Create("customer/other", {"name": "B"}), []),
    ("creation over another's default", "sales", Create("customer/other", {"name": "B", "open_tickets": 5}), [OTHER]),
    ("put that creates", "product", Put("customer/other", {"name": "B", "value": 2}), [OTHER, OTHER]),
    ("own event", "support", Emit("customer/acme", "TicketOpened", {"ticket": "1"}), []),
    ("another's event", "sales", Emit("customer/acme", "TicketOpened", {"ticket": "1"}), [OTHER]),
    ("removal of another's kind", "sales", Delete("ticket/1"), [OTHER]),
    (
        "undoing in another's domain",
        "support",
        Undo("customer/acme", {"name": 0, "status": 0, "value": 0}),
        [OTHER] * 2,
    ),
]


@pytest.mark.parametrize(
    ("agent", "change", "expected"), [case[1:] for case in DOMAINS], ids=[case[0] for case in DOMAINS]
)
def test_ownership_holds_on_every_path(acme: comity.Workspace, agent: str, change: Any, expected: list[str]) -> None:
    decision = propose(acme.agent(agent), change, accept=acme.revision)
    assert [code for code in codes(decision) if code.startswith("ownership")] == expected
    assert decision.is_committed is not bool(expected)


def test_ownership_names_the_owner_and_what_to_do(acme: comity.Workspace) -> None:
    (finding,) = propose(acme.agent("support"), Set("customer/acme", {"name": "A"}), accept=acme.revision).refusals
    assert (finding.subject, finding.data["owners"]) == ("customer/acme.name", ["sales"])
    assert "sales" in finding.message
    assert "sales" in (finding.remedy or "")


def test_ownership_can_not_be_had_by_name(acme: comity.Workspace) -> None:
    """Nor by calling oneself after a role: what counts is what is declared."""
    with pytest.raises(comity.UnknownAgent):
        acme.agent("operations")
    with pytest.raises(comity.UnknownAgent, match="did you mean 'sales'"):
        acme.agent("salse")


# -- S23: built-in kinds


BUILT_IN: list[Any] = [
    change
    for ref in ("$definition/current", "$definition/other", "$agent/alice")
    for change in (
        Create(ref, {"key": "x"}),
        Set(ref, {"key": "x"}),
        Put(ref, {"key_status": "active"}),
        Delete(ref),
        Archive(ref),
        Restore(ref),
        Undo(ref, {"$life": 0}),
        Emit(ref, "no_such_event"),
        Emit(ref, "applied" if ref.startswith("$agent") else "key_issued"),
    )
]


@pytest.mark.parametrize("change", BUILT_IN, ids=lambda change: f"{change.record} {type(change).__name__}")
def test_s23_built_in_records_change_by_their_transitions_only(crm: comity.Workspace, change: Any) -> None:
    crm.issue_key("ops")
    head = crm.verify().head
    for agent in (crm.agent("sales"), crm):
        proposal = Proposal(id=f"p{next(NEXT)}", changes=(change,), accept=crm.revision)
        decision = agent.propose(proposal) if isinstance(agent, comity.Agent) else _as_os_user(crm, proposal)
        assert not decision.is_committed
        assert "shape.transition" in codes(decision) or "shape.unknown_event" in codes(decision)
    assert crm.verify().head == head


def _as_os_user(workspace: comity.Workspace, proposal: Proposal) -> Decision:
    return comity.Agent(workspace._session).propose(proposal)


@pytest.mark.parametrize(
    "change",
    [
        Emit("$agent/sales", "key_issued", {"key": "0" * 12}),
        Emit("$agent/ops", "key_revoked"),
        Emit("$definition/current", "applied", {"source": "", "digest": "", "replaces": 1, "scanned": 1}),
    ],
    ids=lambda change: change.event,
)
def test_s23_transitions_are_for_their_actors(crm: comity.Workspace, change: Any) -> None:
    crm.issue_key("ops")
    assert "identity.not_operator" in codes(propose(crm.agent("sales"), change))


def test_s23_a_kind_of_our_own_can_not_be_made_up(ws: comity.Workspace) -> None:
    assert not propose(ws.agent("sales"), Create("$lease/1", {})).is_committed


def test_s23_that_a_key_was_issued_is_in_the_log_and_its_hash_is_not(crm: comity.Workspace, path: Path) -> None:
    answer = crm.issue_key("ops", reason="ops needs one")
    events = crm.history("$agent/ops").events
    assert [(event.type, event.reason) for event in events] == [("key_issued", "ops needs one")]
    secret = answer.key.split("_", 2)[2]
    crm.close()
    assert secret.encode() not in b"".join(file.read_bytes() for file in path.parent.iterdir())


# -- S25: how identity is known


def test_s25_each_commit_tells_how_its_author_was_known(crm: comity.Workspace) -> None:
    key = crm.issue_key("ops").key
    crm.agent("sales").create("customer/a", name="A")
    crm.agent("ops", key=key).set("customer/a", health="good")
    assert [event.known for event in crm.history(oldest_first=True).events] == ["os_user", "os_user", "claimed", "key"]
    why = crm.why("customer/a", "health")
    assert why.event is not None
    assert why.event.known == "key"
    assert "(key)" in str(why)


def test_s25_a_human_needs_its_key(crm: comity.Workspace) -> None:
    assert codes(propose(crm.agent("ops"), Create("note/1"))) == ["identity.key_needed"]
    key = crm.issue_key("ops").key
    assert codes(propose(crm.agent("ops"), Create("note/1"))) == ["identity.key_needed"]
    assert propose(crm.agent("ops", key=key), Create("note/1")).is_committed


@pytest.mark.parametrize("name", ["sales", "ops", "nobody"])
def test_s25_a_wrong_key_is_refused_without_telling_what_is_wrong(crm: comity.Workspace, name: str) -> None:
    key = crm.issue_key("ops").key
    wrong = [key[:-1] + ("A" if key[-1] != "A" else "B"), "comity_" + "0" * 12 + key[19:], "", "x", key.upper()]
    messages: set[str] = set()
    for secret in [*wrong, *([key] if name != "ops" else [])]:
        with pytest.raises(comity.NotPermitted) as refused:
            crm.agent(name, key=secret)
        messages.add(str(refused.value))
    assert len(messages) == 1


def test_s25_a_key_that_was_replaced_or_revoked_is_no_longer_good(crm: comity.Workspace) -> None:
    first = crm.issue_key("ops").key
    ops = crm.agent("ops", key=first)
    assert propose(ops, Create("note/1")).is_committed
    second = ops.issue_key("ops").key
    assert codes(propose(ops, Create("note/2"))) == ["identity.key_revoked"]
    with pytest.raises(comity.NotPermitted):
        crm.agent("ops", key=first)
    newer = crm.agent("ops", key=second)
    newer.revoke_key("ops")
    assert codes(propose(newer, Create("note/2"))) == ["identity.key_revoked"]


def test_s25_a_key_expires(open_again: Open, define: Define, clock: ManualClock) -> None:
    ws = open_again(definition=define(CRM), clock=clock)
    key = ws.issue_key("ops", days=2).key
    ops = ws.agent("ops", key=key)
    clock.advance(seconds=2 * 86_400 - 1)
    assert propose(ops, Create("note/1")).is_committed
    clock.advance(seconds=1)
    assert codes(propose(ops, Create("note/2"))) == ["identity.key_revoked"]
    assert ws.issue_key("ops").key  # With no good key left, the system's user is the operator again.


def test_s25_with_a_human_in_charge_the_system_user_is_no_operator(crm: comity.Workspace, define: Define) -> None:
    key = crm.issue_key("ops").key
    with pytest.raises(comity.Refused) as refused:
        crm.issue_key("sales")
    assert codes(refused.value.decision) == ["identity.not_operator"]
    changed = define(CRM + "\n[kinds.lead.fields]\nname = { type = 'string' }\n", "new.toml")
    with pytest.raises(comity.Refused) as refused:
        crm.apply(changed)
    assert codes(refused.value.decision) == ["identity.not_operator"]
    done = crm.agent("ops", key=key).apply(changed)
    assert done.is_changed
    assert done.number == 2


def test_s25_the_key_of_one_who_is_no_longer_a_human_locks_nobody_out(open_again: Open, define: Define) -> None:
    ws = open_again(definition=define(CRM.replace('role = "sales"', 'role = "sales", kind = "human"')))
    sales = ws.agent("sales", key=ws.issue_key("sales").key)
    assert sales.apply(define(CRM)).is_changed
    assert ws.issue_key("ops").key


def test_s25_the_key_of_one_who_is_no_longer_declared_locks_nobody_out(open_again: Open, define: Define) -> None:
    ws = open_again()
    ghost = ws.agent("ghost", key=ws.issue_key("ghost").key)
    assert ghost.apply(define(CRM)).is_changed
    assert codes(propose(ghost, Create("note/1"))) == ["identity.unknown"]
    assert ws.issue_key("ops").key


def test_s25_an_undeclared_agent_of_another_process_is_refused_at_the_head(open_again: Open, define: Define) -> None:
    here, there = open_again(), open_again()
    stranger = here.agent("stranger")
    stranger.put("note/1", text="x")
    there.apply(define(CRM.replace("[kinds.note.fields]", "[kinds.note]\n[kinds.note.fields]")))
    assert codes(propose(stranger, Create("note/2")))[0] == "identity.unknown"


# -- S26: definitions


def test_s26_open_applies_a_definition_to_an_empty_workspace_only(open_again: Open, define: Define) -> None:
    ws = open_again(definition=define(CRM))
    assert (ws.definition().number, ws.revision) == (1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_again(definition=define(CRM)).revision == 1
    other = define(CRM + "\n# another\n", "other.toml")
    with pytest.warns(comity.DefinitionDiffers, match="version 1"):
        again = open_again(definition=other)
    assert again.definition().source == CRM
    with pytest.raises(comity.DefinitionChanged):
        open_again(definition=other, require=True)
    assert ws.revision == 1


def test_s26_open_does_not_define_what_holds_records_already(open_again: Open, define: Define) -> None:
    open_again().agent("sales").put("anything/1", n=1)
    with pytest.warns(comity.DefinitionDiffers):
        assert open_again(definition=define(CRM)).definition().number == 0


def test_s26_a_wrong_definition_leaves_nothing_behind(open_again: Open, define: Define) -> None:
    wrong = define('[kinds.a.fields]\nx = { typ = "string" }\ny = { type = "strin" }\n')
    with pytest.raises(comity.InvalidDefinition) as invalid:
        open_again(definition=wrong)
    assert len(invalid.value.problems) == 2
    assert open_again().revision == 0


def test_s26_a_change_names_what_it_replaces(crm: comity.Workspace, define: Define) -> None:
    second = define(CRM + "\n# second\n", "second.toml")
    third = define(CRM + "\n# third\n", "third.toml")
    assert crm.apply(second, replaces=1).number == 2
    with pytest.raises(comity.Refused) as stale:
        crm.apply(third, replaces=1)
    assert codes(stale.value.decision) == ["definition.replaced"]
    assert crm.definition().number == 2
    assert crm.apply(second).is_changed is False
    assert crm.apply(third, dry=True).is_changed
    assert crm.definition().number == 2
    assert crm.apply(third).number == 3


def test_s26_records_that_do_not_fit_are_named(ws: comity.Workspace, define: Define) -> None:
    sales = ws.agent("sales")
    sales.put("a/1", n="text", extra=1)
    sales.put("a/2", n=2)
    sales.put("b/1", n=2)
    strict = define('[kinds.a.fields]\nn = { type = "integer" }\nm = { type = "integer", required = true }\n')
    with pytest.raises(comity.InvalidDefinition) as invalid:
        ws.apply(strict)
    text = str(invalid.value)
    assert all(part in text for part in ("a/1.n", "a/1.extra", "a/1.m", "a/2.m", "b/1"))
    assert ws.definition().number == 0
    sales.delete("a/1", accept=ws.revision)
    sales.delete("b/1", accept=ws.revision)
    sales.put("a/2", m=1)
    assert ws.apply(strict).is_changed


def test_s26_what_changed_since_the_scan_is_looked_at_under_the_head(ws: comity.Workspace, define: Define) -> None:
    """The scan saw nothing wrong at revision 1; by the commit there is a record that doesn't fit."""
    ws.agent("sales").put("a/1", n=1)
    ws.agent("sales").put("a/2", n="text")
    source = '[kinds.a.fields]\nn = { type = "integer" }\n'
    data = {"source": source, "digest": digest_of(source), "replaces": 0, "scanned": 1}
    decision = _as_os_user(ws, Proposal(id="apply", changes=(Emit("$definition/current", "applied", data),)))
    assert codes(decision) == ["definition.unfit"]
    assert "a/2" in decision.refusals[0].message


def test_s26_a_definition_of_another_process_judges_at_once(open_again: Open, define: Define) -> None:
    here, there = open_again(), open_again()
    sales = here.agent("sales")
    assert sales.put("ticket/1", title="x").is_committed
    there.apply(define('[kinds.ticket.fields]\ntitle = { type = "string", enum = ["x", "y"] }\n'))
    assert codes(propose(sales, Create("ticket/2", {"title": "z"}))) == ["shape.invalid_value"]
    assert codes(propose(sales, Create("tickets/2", {"title": "z"}))) == ["shape.unknown_kind"]
    decision = propose(sales, Create("ticket/2", {"title": "y"}))
    assert (decision.is_committed, decision.definition) == (True, 1)
    assert here.get("ticket/2").title == "y"


def test_s26_reads_know_the_definition_of_another_process(open_again: Open, define: Define) -> None:
    here, there = open_again(), open_again()
    there.apply(define('[kinds.ticket.fields]\ntitle = { type = "string" }\n'))
    assert here.count("ticket") == 0
    assert list(here.find("ticket", title="x")) == []
    assert here.get("ticket/1").get("title") is None
    with pytest.raises(comity.NotFound, match="title"):
        here.find("ticket", "titel = x")
    assert here.definition().number == 1


def test_s26_the_definition_version_is_kept_with_each_decision(crm: comity.Workspace, define: Define) -> None:
    sales = crm.agent("sales")
    first = sales.create("customer/a", name="A")
    crm.apply(define(CRM + "\n# second\n", "second.toml"))
    second = sales.create("customer/b", name="B")
    assert (first.definition, second.definition) == (1, 2)
    assert [event.definition for event in crm.history("customer").events] == [2, 1]


# -- S27: actions


ACTIONS = '[actions.send_upsell]\nkind = "outreach"\neffects = ["email"]\n[actions.sync]\nkind = "upkeep"\n'


@pytest.mark.parametrize(
    ("action", "expected", "hint"),
    [
        ("send_upsell", [], ""),
        ("send_upsel", ["shape.unknown_action"], "did you mean 'send_upsell'"),
        (None, ["shape.unknown_action"], "send_upsell, sync"),
        ("", ["shape.unknown_action"], "send_upsell, sync"),
    ],
)
def test_s27_where_actions_are_declared_each_proposal_names_one(
    open_again: Open, define: Define, action: str | None, expected: list[str], hint: str
) -> None:
    ws = open_again(definition=define(ACTIONS))
    decision = propose(ws.agent("sales"), Create("a/1"), action=action)
    assert codes(decision) == expected
    assert all(hint in f"{finding.message} {finding.remedy}" for finding in decision.refusals)


def test_s27_upkeep_of_the_workspace_is_no_action(open_again: Open, define: Define) -> None:
    ws = open_again(definition=define(ACTIONS))
    assert ws.issue_key("alice").key
    assert ws.revision == 2


def test_s27_an_action_can_be_anything_where_none_is_declared(ws: comity.Workspace) -> None:
    assert propose(ws.agent("sales"), Create("a/1"), action="whatever").is_committed
    assert ws.history().events[0].action == "whatever"


# -- S28, S29: subjects and bounds


def test_s28_subjects_are_what_is_written_and_what_it_is_about(crm: comity.Workspace) -> None:
    sales = crm.agent("sales")
    sales.create("customer/a", name="A", status="active")
    assume = ("customer.status == 'active'",)
    assert propose(sales, Create("note/1"), assumptions=assume, about=("customer/a",)).is_committed
    assert propose(sales, Set("customer/a", {"health": "x"}), assumptions=assume).is_committed
    assert codes(propose(sales, Create("note/2"), assumptions=assume)) == ["guard.assumption"]


def test_s29_too_many_combinations_are_too_broad_and_not_silent(crm: comity.Workspace) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    for n in range(11):
        sales.create(f"customer/{n}", name="A", status="active")
        support.create(f"ticket/{n}", title="x")
    about = tuple(f"{kind}/{n}" for kind in ("customer", "ticket") for n in range(11))
    assume = ("customer.status == 'active' && ticket.title == 'x'",)
    assert codes(propose(sales, Create("note/1"), assumptions=assume, about=about)) == ["shape.too_broad"]


def test_s29_a_removal_with_too_many_consequences_is_too_broad(
    crm: comity.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sales = crm.agent("sales")
    sales.create("customer/a", name="A")
    for n in range(4):
        sales.create(f"visit/{n}", customer="a")
    monkeypatch.setattr(limits, "DERIVED_WRITES", 3)
    refused = propose(sales, Delete("customer/a"), accept=crm.revision)
    assert codes(refused) == ["shape.too_broad"]
    assert "4" in refused.refusals[0].message
    monkeypatch.setattr(limits, "DERIVED_WRITES", 4)
    assert propose(sales, Delete("customer/a"), accept=crm.revision).is_committed


def test_s29_a_search_that_is_too_long_to_be_a_read_is_refused(ws: comity.Workspace) -> None:
    with pytest.raises(comity.LimitExceeded):
        ws.agent("sales").find("a", limit=limits.QUERY_RECORDS + 1)


# -- S30: undeclared kinds


@pytest.mark.parametrize(
    ("kind", "nearest"),
    [("customers", "customer"), ("Customer", "customer"), ("custmer", "customer"), ("ticket", None)],
)
def test_s30_the_first_record_of_a_new_kind_is_warned_about(
    ws: comity.Workspace, kind: str, nearest: str | None
) -> None:
    sales = ws.agent("sales")
    assert [finding.code for finding in sales.put("customer/a", n=1).warnings] == ["shape.new_kind"]
    assert sales.put("customer/b", n=1).warnings == ()
    (warning,) = sales.put(f"{kind}/a", n=1).warnings
    assert warning.code == "shape.new_kind"
    assert ("did you mean" in warning.message) is (nearest is not None)
    assert nearest is None or repr(nearest) in warning.message
    assert sales.put(f"{kind}/b", n=1).warnings == ()


@pytest.mark.parametrize(("setting", "expected"), [("", ["shape.unknown_kind"]), ('undeclared = "allow"\n', [])])
def test_s30_where_one_kind_is_declared_others_are_refused(
    open_again: Open, define: Define, setting: str, expected: list[str]
) -> None:
    ws = open_again(definition=define(setting + '[kinds.customer.fields]\nn = { type = "integer" }\n'))
    decision = propose(ws.agent("sales"), Create("custmer/1"))
    assert codes(decision) == expected
    assert any("did you mean 'customer'" in finding.message for finding in decision.findings)


def test_s30_searching_an_unknown_kind_is_an_error_and_never_an_empty_list(ws: comity.Workspace) -> None:
    with pytest.raises(comity.NotFound, match="none yet"):
        ws.find("customer")
    ws.agent("sales").put("customer/a", n=1)
    for ask in (ws.find, ws.count, ws.agent("sales").intent().find, ws.agent("sales").intent().count):
        with pytest.raises(comity.NotFound, match="did you mean 'customer'"):
            ask("custmer")
    ws.agent("sales").delete("customer/a", accept=1)
    assert list(ws.find("customer")) == []


def test_s30_unknown_fields_of_declared_kinds_are_errors_everywhere(crm: comity.Workspace) -> None:
    crm.agent("sales").create("customer/a", name="A")
    with pytest.raises(comity.NotFound, match="did you mean 'status'"):
        crm.find("customer", statsu="active")
    with pytest.raises(AttributeError, match="did you mean 'status'"):
        _ = crm.get("customer/a").statsu
    assert crm.get("customer/a").status is None
    decision = propose(crm.agent("sales"), Set("customer/a", {"statsu": "active"}))
    assert codes(decision) == ["shape.unknown_field"]
    assert "did you mean 'status'" in decision.refusals[0].message
