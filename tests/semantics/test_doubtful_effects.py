"""Effects that may have been sent, and releases that rest on more than meets the eye (S1, S28, S34, S35)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.coordination.deliveries import Tried
from comity.coordination.outbox import SYSTEM
from comity.errors import Refused
from comity.model.proposals import Caller, Effect, Emit, Proposal
from comity.testing.manual_clock import ManualClock
from tests.semantics.conftest import Open
from tests.semantics.outgoing import ACME, SOURCE, Stage, codes

RELYING = """\
name = "crm"
freshness = "relied"

[agents]
sales   = { role = "selling" }
support = { role = "support" }

[kinds.customer.fields]
name = { type = "string" }

[kinds.account.fields]
balance = { type = "integer" }

[effects.email]
hold = "2s"
"""


@pytest.fixture
def stage(open_again: Open, define: Callable[[str], Path], clock: ManualClock) -> Stage:
    return Stage(open_again(definition=define(SOURCE), clock=clock), clock)


@pytest.fixture
def restored(stage: Stage, path: Path, open_again: Open, clock: ManualClock) -> Stage:
    """Return the CRM in another life, in which an effect of the former one is pending."""
    stage.want(once="Q4")
    stage.ws.close()
    with sqlite3.connect(path) as base:
        base.execute("UPDATE head SET incarnation = 'another'")
    base.close()
    again = Stage(open_again(clock=clock), clock, has_key=False)
    again.key = stage.key
    return again


def test_s35_what_may_have_arrived_is_uncertain_also_when_it_is_wanted_anew(stage: Stage) -> None:
    stage.fails = [TimeoutError("no answer")]
    first = stage.want(once="Q4")
    stage.after(3)
    assert stage.ws.effect(first).is_uncertain
    stage.support.put(ACME, status="at_risk", was={"status": "active"}, action="serve")
    stage.after(60)
    assert stage.ws.effect(first).state == "cancelled"
    stage.support.put(ACME, status="active", was={"status": "at_risk"}, action="serve")
    stage.want(once="Q4")
    assert stage.after(3) == ["Upgrade!"]
    assert stage.sent[0].is_uncertain


def test_s35_what_arrived_late_is_delivered_though_it_was_cancelled_meanwhile(stage: Stage) -> None:
    first = stage.want(once="Q4")
    stage.clock.advance(seconds=2)
    outbox = stage.ws._engine.outbox
    begun = outbox.begin(stage.ws.effect(first).effect)
    assert begun is not None
    stage.clock.advance(seconds=3_600)
    outbox.run(9)
    stage.sales.cancel_effect(first, reason="too late by now")
    outbox.finish(begun, Tried(answer="250 ok"))
    shown = stage.ws.effect(first)
    assert (shown.state, shown.answer, shown.closed_by) == ("delivered", "250 ok", None)
    assert codes(stage.want(once="Q4")) == ["effect.taken"]


def test_s01_a_suspect_keeps_its_key_until_a_human_has_looked(restored: Stage, clock: ManualClock) -> None:
    clock.advance(seconds=7 * 86_400)
    assert codes(restored.want(once="Q4")) == ["effect.taken"]
    [suspect] = restored.ws.effects(state="suspect").effects
    with pytest.raises(Refused) as refused:
        restored.support.emit(suspect.effect, "expired")
    assert codes(refused.value.decision) == ["effect.suspect"]
    assert restored.after(5) == []


def test_s01_a_suspect_that_is_retried_is_uncertain(restored: Stage) -> None:
    [suspect] = restored.ws.effects(state="suspect").effects
    restored.ws.agent("ops", key=restored.key).retry_effect(suspect)
    assert restored.after(5) == ["Upgrade!"]
    assert restored.sent[0].is_uncertain


def test_s34_a_release_rests_on_what_the_decision_relied_on(
    open_again: Open, define: Callable[[str], Path], clock: ManualClock
) -> None:
    ws = open_again(definition=define(RELYING), clock=clock)
    sales, sent = ws.agent("sales"), []
    ws.handle("email", sent.append)
    sales.create(ACME, name="Acme")
    sales.create("account/1", balance=5)
    with sales.intent("dun", relies_on=["account/1.balance"]) as intent:
        assert str(intent.get("account/1"))
        intent.effect("email", ACME, text="You owe us 5.")
    assert intent.decision is not None
    ws.agent("support").put("account/1", balance=0, was={"balance": 5})
    clock.advance(seconds=3)
    ws.run_effects()
    assert sent == []
    assert "balance was 5, now 0" in str(ws.effect(intent.decision).answer)


def test_s28_a_release_is_about_all_that_the_decision_was_about(stage: Stage) -> None:
    others = [f"customer/c{number}" for number in range(limits.TICKET_SUBJECTS + 1)]
    for record in others:
        stage.sales.create(record, name="C", status="active", action="serve")
    with stage.sales.intent("upsell", about=[*others, ACME]) as intent:
        intent.effect("email", ACME, subject="Upgrade!")
    stage.support.put(others[-1], open_tickets=1, was={"open_tickets": 0}, action="serve")
    assert stage.after(3) == []


def test_s34_what_was_wanted_anew_in_the_very_batch_is_judged_by_its_own_commit(
    open_again: Open, define: Callable[[str], Path], clock: ManualClock
) -> None:
    stage = Stage(open_again(definition=define(SOURCE.replace('hold = "2s"', 'hold = "0s"')), clock=clock), clock)
    stage.want(once="Q4")
    [effect] = stage.ws.effects().effects
    engine, sales = stage.ws._engine, Caller("sales", "claimed")
    until = format_time(clock.wall_us() + 60 * SECOND_US)
    anew = Effect("email", ACME, {"subject": "Anew"}, once="Q4")
    release = Emit(effect.effect, "released", {"sender": "x", "sending_until": until})
    engine.propose_each(
        [
            (Proposal(id="c1", changes=(Emit(effect.effect, "cancelled", {"answer": "no"}),)), sales),
            (Proposal(id="w1", effects=(anew,), action="greet", about=(ACME,)), sales),
            (Proposal(id="duty~1", changes=(release,)), SYSTEM),
        ]
    )
    assert stage.ws.effect(effect.effect).state == "sending"
