"""Ownership lent for a time, and taken back: S23, S36 where it touches ownership."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import comity
from comity import Refused
from comity.errors import InvalidRequest, NotFound
from comity.model.decisions import Decision
from comity.model.proposals import Archive, Emit, Set
from comity.testing.manual_clock import ManualClock
from tests.semantics.asking import codes, propose
from tests.semantics.test_handoffs import SHOP

Open = Callable[..., comity.Workspace]
Define = Callable[..., Path]


@pytest.fixture
def shop(open_again: Open, define: Define, clock: ManualClock) -> comity.Workspace:
    base = open_again(definition=define(SHOP), clock=clock)
    base.agent("support").put("customer/acme", status="active", tickets=2)
    base.agent("sales").put("customer/acme", name="Acme", was={"name": None})
    return base


def lend(shop: comity.Workspace, subject: str, by: str = "support", to: str = "sales", ttl: str = "1d") -> Decision:
    return shop.agent(by).grant(to, subject, ttl=ttl, reason="We are closed")


def writes(
    shop: comity.Workspace, field: str = "status", agent: str = "sales", record: str = "customer/acme"
) -> list[str]:
    value = shop.revision if field == "tickets" else f"at {shop.revision}"
    decision = propose(shop.agent(agent), Set(record, {field: value}), accept=shop.revision)
    return [finding.code for finding in decision.findings]


GRANTS: list[tuple[str, str, str, list[str]]] = [
    ("a field of a record", "customer/acme.status", "status", ["ownership.granted"]),
    ("another field of the record", "customer/acme.status", "tickets", ["ownership.other_domain"]),
    ("a record", "customer/acme", "tickets", ["ownership.granted"]),
    ("a record, a field of third parties", "customer/acme", "terms", ["ownership.other_domain"]),
    ("another record", "customer/globex", "status", ["ownership.other_domain"]),
    ("a field of a kind", "customer.status", "status", ["ownership.granted"]),
    ("a kind", "customer", "tickets", ["ownership.granted"]),
    ("what two own, from one", "customer.tier", "tier", ["ownership.granted"]),
]


@pytest.mark.parametrize(("subject", "field", "expected"), [row[1:] for row in GRANTS], ids=[row[0] for row in GRANTS])
def test_a_grant_lends_what_its_giver_owns(
    shop: comity.Workspace, subject: str, field: str, expected: list[str]
) -> None:
    lend(shop, subject)
    assert writes(shop, field) == expected


def test_a_grant_covers_events_and_lives_where_a_record_is_lent(shop: comity.Workspace) -> None:
    assert codes(propose(shop.agent("sales"), Emit("customer/acme", "Escalated"))) == ["ownership.other_domain"]
    lend(shop, "customer/acme")
    decision = propose(shop.agent("sales"), Emit("customer/acme", "Escalated"))
    assert [finding.code for finding in decision.warnings] == ["ownership.granted"]


def test_why_tells_under_which_grant(shop: comity.Workspace) -> None:
    lend(shop, "customer/acme.status")
    writes(shop)
    (grant,) = shop.grants().grants
    assert grant.grant in str(shop.why("customer/acme", "status"))
    assert (grant.subject, grant.to, grant.by) == ("customer/acme.status", "sales", "support")


def test_a_grant_expires(shop: comity.Workspace, clock: ManualClock) -> None:
    lend(shop, "customer/acme.status", ttl="1h")
    clock.advance(seconds=3_599)
    assert writes(shop) == ["ownership.granted"]
    clock.advance(seconds=2)
    assert writes(shop) == ["ownership.other_domain"]
    assert shop.grants().grants == ()
    assert [one.state for one in shop.grants(over=True).grants] == ["expired"]


@pytest.mark.parametrize("agent", ["support", "kim", "sales"])
def test_a_grant_is_taken_back_by_giver_owner_or_holder(shop: comity.Workspace, agent: str) -> None:
    granted = lend(shop, "customer/acme.status")
    shop.agent(agent).revoke(granted)
    assert writes(shop) == ["ownership.other_domain"]


def test_an_operator_lends_and_takes_back_what_it_does_not_own(shop: comity.Workspace) -> None:
    shop_user = shop.issue_key("ops")
    ops = shop.agent("ops", key=shop_user.key)
    granted = ops.grant("legal", "customer.status", ttl="1h", reason="audit")
    assert writes(shop, agent="legal") == ["ownership.granted"]
    assert shop.grants().grants[0].is_order
    ops.revoke(granted)
    assert writes(shop, agent="legal") == ["ownership.other_domain"]
    ops.revoke(lend(shop, "customer.status"))
    assert shop.grants().grants == ()


def test_s23_nobody_lends_or_takes_back_what_is_others(shop: comity.Workspace) -> None:
    with pytest.raises(Refused, match="belongs to support; you are legal and may not lend it"):
        lend(shop, "customer/acme.status", by="legal")
    granted = lend(shop, "customer/acme.status")
    with pytest.raises(Refused, match="may not take it back"):
        shop.agent("legal").revoke(granted)
    assert writes(shop) == ["ownership.granted"]


def test_who_holds_a_grant_cannot_lend_it_on(shop: comity.Workspace) -> None:
    lend(shop, "customer/acme.status")
    with pytest.raises(Refused, match="may not lend it"):
        lend(shop, "customer/acme.status", by="sales", to="legal")


def test_a_grant_ends_with_its_givers_ownership(shop: comity.Workspace, define: Define) -> None:
    lend(shop, "customer/acme.status")
    moved = SHOP.replace(
        'status  = { type = "string", owner = "support" }', 'status  = { type = "string", owner = "legal" }'
    )
    shop.apply(define(moved.replace("then  = { status = \"'escalated'\" }", ""), "new.toml"))
    assert writes(shop) == ["ownership.other_domain"]


@pytest.mark.parametrize(
    ("subject", "to", "ttl", "reason", "error"),
    [
        ("customer/acme.status", "sals", "1d", "x", NotFound),
        ("custmer", "sales", "1d", "x", NotFound),
        ("customer.statu", "sales", "1d", "x", NotFound),
        ("customer/", "sales", "1d", "x", InvalidRequest),
        ("customer.note", "sales", "1d", "x", Refused),
        ("customer", "sales", "31d", "x", InvalidRequest),
        ("customer", "sales", "soon", "x", InvalidRequest),
        ("customer", "sales", "1d", " ", InvalidRequest),
    ],
)
def test_a_grant_says_of_what_to_whom_for_how_long_and_why(
    shop: comity.Workspace, subject: str, to: str, ttl: str, reason: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        shop.agent("support").grant(to, subject, ttl=ttl, reason=reason)


def test_s36_an_operator_undoes_in_any_domain_and_lives_belong_to_whoever_owns_a_field(shop: comity.Workspace) -> None:
    shop.agent("support").put("customer/acme", status="x", accept=shop.revision)
    assert shop.revert(commit=shop.revision).reverted[0].field == "status"
    assert propose(shop.agent("legal"), Archive("customer/acme"), accept=shop.revision).is_committed


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("customer/acme.statu", "customer has no field 'statu'; did you mean 'status'"),
        ("customer/acme.hue", "customer has no field 'hue'"),
        ("customer/acmee.statu", "customer has no field 'statu'; did you mean 'status'"),
        ("custmer/acme.status", "there is no declared kind 'custmer'; did you mean 'customer'"),
    ],
)
def test_s30_a_misspelt_subject_is_no_subject(shop: comity.Workspace, subject: str, told: str) -> None:
    with pytest.raises(NotFound, match=told):
        lend(shop, subject)


def test_lending_a_record_that_is_not_there_warns(shop: comity.Workspace) -> None:
    assert codes(lend(shop, "customer/acme.status")) == []
    decision = lend(shop, "customer/amce.status")
    assert decision.is_committed
    assert [(one.code, one.severity) for one in decision.findings] == [("integrity.missing", "warn")]
    assert "did you mean 'customer/acme'" in decision.findings[0].message
