"""What whoever wanted an effect finds in the inbox of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.testing.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ws(tmp_path: Path, clock: ManualClock) -> Iterator[comity.Workspace]:
    with comity.open(tmp_path / "crm.db", clock=clock) as made:
        made.agent("support").put("customer/acme", status="active")
        yield made


def told(ws: comity.Workspace, agent: str = "sales") -> list[str]:
    return [item.text for item in ws.agent(agent).inbox().items if item.kind == "effect"]


def test_what_others_cancelled_is_told_and_what_one_cancelled_oneself_is_not(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    ws.cancel_effect(sales.effect("email", "customer/acme", reason="Q4"), reason="incident 7")
    sales.cancel_effect(sales.effect("email", "customer/acme"), reason="never mind")
    assert told(ws) == ['What you wanted, email to customer/acme ("Q4"), was cancelled: incident 7']
    assert told(ws, "support") == []


def test_what_others_have_cancelled_since_does_not_hide_it(
    ws: comity.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "INBOX_EVENTS", 3)
    ws.cancel_effect(ws.agent("sales").effect("email", "customer/acme"), reason="incident 7")
    for number in range(7):
        ws.agent("support").effect("email", "customer/acme", once=f"{number}")
    ws.agent("support").cancel_effects(agent="support", reason="never mind")
    assert told(ws) == ["What you wanted, email to customer/acme, was cancelled: incident 7"]


def test_what_was_put_aside_is_told_until_somebody_sees_to_it(ws: comity.Workspace) -> None:
    def refuse(delivery: comity.Delivery) -> None:
        raise comity.Undeliverable("no such address")

    ws.handle("email", refuse)
    decision = ws.agent("sales").effect("email")
    ws.run_effects()
    assert told(ws) == ["What you wanted, email, was put aside: no such address"]
    ws.retry_effect(decision)
    assert told(ws) == []


def test_what_is_held_up_is_told_once_it_takes_long(ws: comity.Workspace, clock: ManualClock) -> None:
    ws.handle("email", print)
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.effect("email", "customer/acme")
    with support.lease("customer/acme", ttl="1h"):
        ws.run_effects()
        assert told(ws) == []
        clock.advance(seconds=limits.EFFECT_LONG_S + 1)
        (text,) = told(ws)
    assert "is held up since" in text
    assert "support" in text


def test_what_is_over_is_told_with_what_held_it_up(ws: comity.Workspace, clock: ManualClock) -> None:
    ws.agent("sales").effect("email")
    clock.advance(seconds=limits.EFFECT_PATIENCE_S)
    ws.run_effects()
    assert told(ws) == ["What you wanted, email, was cancelled: It was held up for too long: nobody here delivers it."]


def test_what_nobody_sends_is_told_once_it_is_overdue(ws: comity.Workspace, clock: ManualClock) -> None:
    sales = ws.agent("sales")
    first = sales.effect("email", "customer/acme", hold="10s")
    clock.advance(seconds=10 + limits.EFFECT_OVERDUE_S - 1)
    assert (ws.effect(first).is_overdue, told(ws)) == (False, [])
    clock.advance(seconds=1)
    assert "due since" in str(ws.effect(first))
    assert "no process has sent it" in str(ws.effects())
    (text,) = told(ws)
    assert "no process has sent it" in text
    ws.handle("email", print)
    ws.run_effects()
    assert (ws.effect(first).state, told(ws)) == ("delivered", [])


def test_what_waits_for_another_or_is_held_up_is_not_overdue(ws: comity.Workspace, clock: ManualClock) -> None:
    def fail(delivery: comity.Delivery) -> None:
        raise OSError("down")

    ws.handle("email", fail)
    sales, support = ws.agent("sales"), ws.agent("support")
    first = sales.effect("email", "customer/acme")
    behind = sales.effect("email", "customer/acme")
    for _ in range(4):
        ws.run_effects()
        clock.advance(seconds=limits.EFFECT_OVERDUE_S)
    assert ws.effect(first).attempts
    ws.run_effects()
    assert not any(one.is_overdue for one in ws.effects().effects)
    assert ws.effect(behind).attempts == 0
    support.put("customer/beta", status="active")
    held = sales.effect("email", "customer/beta")
    with support.lease("customer/beta", ttl="1h"):
        ws.run_effects()
        clock.advance(seconds=limits.EFFECT_OVERDUE_S)
        assert ws.effect(held).held_up
        assert not ws.effect(held).is_overdue
