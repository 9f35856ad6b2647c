"""S34 and S35: what is released arrives at least once, under one key, in order, by one of several processes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from comity import Delivery, Undeliverable, limits
from comity.coordination.deliveries import Tried
from comity.errors import Refused
from comity.testing.manual_clock import ManualClock
from tests.semantics.conftest import Open
from tests.semantics.outgoing import ACME, SOURCE, Stage, stop_by_rule
from tests.semantics.running import DEADLINE_S


@pytest.fixture
def stage(open_again: Open, define: Callable[[str], Path], clock: ManualClock) -> Stage:
    return Stage(open_again(definition=define(SOURCE), clock=clock), clock)


# -- delivery: at least once, under one key


def test_s34_what_fails_is_tried_again_judged_afresh_and_put_aside_in_the_end(stage: Stage) -> None:
    decision = stage.sales.effect("call", ACME, action="upsell")
    stage.fails = [ValueError("engaged") for _ in range(3)]
    for attempt in (1, 2):
        stage.after(limits.RETRY_MOST_S if attempt > 1 else 0)
        effect = stage.ws.effect(decision)
        assert (effect.state, effect.attempts, effect.error) == ("held", attempt, "ValueError: engaged")
        assert effect.is_uncertain
    stage.after(limits.RETRY_MOST_S)
    assert stage.ws.effect(decision).state == "aside"
    assert stage.ws.effects(state="aside").effects[0].effect == stage.ws.effect(decision).effect
    assert [one.kind for one in stage.sales.inbox().items] == ["effect"]
    with pytest.raises(Refused):
        stage.sales.retry_effect(decision)
    stage.ops.retry_effect(decision, reason="the line works again")
    stage.after(0)
    assert [one.attempt for one in stage.sent] == [1]
    assert stage.ws.effect(decision).state == "delivered"


def test_s34_between_tries_it_is_stopped_as_before_the_first(stage: Stage) -> None:
    decision = stage.sales.effect("call", ACME, action="upsell")
    stage.fails = [ValueError("engaged")]
    stage.after(0)
    stage.support.set(ACME, status="at_risk", was={"status": "active"}, action="serve")
    stage.after(limits.RETRY_MOST_S)
    assert stage.sent == []
    assert stage.ws.effect(decision).state == "cancelled"


def test_what_can_never_be_delivered_is_put_aside_at_once(stage: Stage) -> None:
    decision = stage.sales.effect("call", ACME, action="upsell")
    stage.fails = [Undeliverable("no such number")]
    stage.after(0)
    effect = stage.ws.effect(decision)
    assert (effect.state, effect.error, effect.is_uncertain) == ("aside", "no such number", False)
    stage.sales.cancel_effect(effect, reason="wrong number")
    assert stage.ws.effect(decision).state == "cancelled"


def test_to_one_target_they_go_in_the_order_in_which_they_were_wanted(stage: Stage) -> None:
    for number in range(3):
        stage.sales.effect("email", ACME, subject=str(number), action="greet")
    stage.fails = [ValueError("busy")]
    assert stage.after(2) == []
    assert stage.after(limits.RETRY_MOST_S) == ["0", "1", "2"]


def test_what_is_held_up_or_held_longer_lets_others_pass(stage: Stage) -> None:
    stage.sales.effect("email", ACME, subject="held up", action="upsell")
    stage.sales.effect("email", ACME, subject="held longer", action="greet", hold="1h")
    stop_by_rule(stage)
    stage.sales.effect("email", ACME, subject="third", action="greet")
    assert stage.after(2) == ["third"]


def test_another_process_takes_over_what_was_never_heard_of_under_the_same_key(
    stage: Stage, open_again: Open, clock: ManualClock
) -> None:
    decision = stage.sales.effect("call", ACME, action="upsell")
    begun = stage.ws._engine.outbox.begin(next(iter(decision.records)))
    assert begun is not None
    other = Stage(open_again(clock=clock), clock, has_key=False)
    assert other.ws.run_effects().delivered == 0
    other.after(31)
    assert other.ws.effect(decision).error == "Nothing was heard of this try in time."
    other.after(limits.RETRY_MOST_S)
    assert [(one.key, one.attempt, one.is_uncertain) for one in other.sent] == [(begun.id, 2, True)]
    assert other.ws.effect(decision).state == "delivered"


def test_an_outcome_that_comes_late_counts_all_the_same(stage: Stage) -> None:
    decision = stage.sales.effect("call", ACME, action="upsell")
    outbox = stage.ws._engine.outbox
    begun = outbox.begin(next(iter(decision.records)))
    assert begun is not None
    stage.after(31)
    assert stage.ws.effect(decision).state == "held"
    outbox.finish(begun, Tried(answer="late"))
    assert stage.ws.effect(decision).state == "delivered"
    stage.after(limits.RETRY_MOST_S)
    assert stage.sent == []


def test_of_two_processes_with_handlers_one_sends(stage: Stage, open_again: Open, clock: ManualClock) -> None:
    other = Stage(open_again(clock=clock), clock, has_key=False)
    for number in range(20):
        stage.sales.create(f"customer/{number}", name="X", action="serve")
        stage.sales.effect("email", f"customer/{number}", subject=str(number), action="greet")
    clock.advance(seconds=2)
    threads = [threading.Thread(target=one.ws.run_effects) for one in (stage, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stage.after(0)
    sent = [one.data["subject"] for one in (*stage.sent, *other.sent)]
    assert sorted(sent, key=int) == [str(number) for number in range(20)]


def test_a_process_without_a_handler_sends_nothing_and_tells_what_is_over(
    stage: Stage, open_again: Open, clock: ManualClock
) -> None:
    decision = stage.sales.effect("call", ACME, action="upsell")
    other = open_again(clock=clock)
    assert other.run_effects().delivered == 0
    assert other.effect(decision).state == "held"
    clock.advance(seconds=3_601)
    other.run_effects()
    assert "nobody here delivers it" in (other.effect(decision).answer or "")


def test_closing_waits_for_what_is_being_delivered(stage: Stage, open_again: Open, clock: ManualClock) -> None:
    going, done = threading.Event(), threading.Event()
    ws = open_again(clock=clock)

    def slow(delivery: Delivery) -> str:
        going.set()
        done.wait(DEADLINE_S)
        return "slowly"

    ws.handle("call", slow)
    decision = stage.sales.effect("call", ACME, action="upsell")
    assert ws._engine.outbox.run(10) == 1
    assert going.wait(DEADLINE_S)
    closing = threading.Thread(target=ws.close)
    closing.start()
    done.set()
    closing.join()
    assert stage.ws.effect(decision).answer == "slowly"


def test_a_handler_that_hangs_holds_up_neither_the_others_nor_the_end(
    stage: Stage,
    open_again: Open,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(limits, "EFFECT_CLOSE_S", 0.1)
    monkeypatch.setattr(limits, "EFFECTS_AT_ONCE", 1)
    hangs = threading.Event()
    ws = open_again(clock=clock)
    ws.handle("call", lambda delivery: hangs.wait(DEADLINE_S))
    ws.handle("email", stage.deliver)
    decision = stage.sales.effect("call", ACME, action="upsell")
    outbox = ws._engine.outbox
    assert outbox.run(10) == 1
    stage.sales.effect("email", ACME, subject="Hi", action="greet")
    clock.advance(seconds=2)
    assert outbox.run(10) == 1
    clock.advance(seconds=30)
    assert outbox.run(10) == 1
    assert stage.ws.effect(decision).error == "Nothing was heard of this try in time."
    assert "its handler still runs though its time is over; of this effect no more is delivered here" in caplog.text
    clock.advance(seconds=limits.RETRY_MOST_S)
    assert ws.run_effects().left == (
        "1 effect call due, and this process delivers no more of it until one of its 1 handler ends whose time is over",
    )
    ws.close()
    assert not outbox.settle(0)
    hangs.set()
    assert outbox.settle(DEADLINE_S)


def test_however_many_handlers_hang_what_has_another_name_is_delivered(
    stage: Stage, open_again: Open, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EFFECT_CLOSE_S", 0.1)
    begun, hangs = threading.Semaphore(0), threading.Event()

    def hang(delivery: Delivery) -> None:
        begun.release()
        hangs.wait(DEADLINE_S)

    ws = open_again(clock=clock)
    ws.handle("call", hang)
    ws.handle("email", stage.deliver)
    for number in range(2 * limits.EFFECTS_AT_ONCE):
        stage.support.put(f"customer/c{number}", status="active", action="serve")
        stage.sales.effect("call", f"customer/c{number}", action="upsell")
    ws._engine.outbox.run(100)
    assert all(begun.acquire(timeout=DEADLINE_S) for _ in range(limits.EFFECTS_AT_ONCE))
    for _ in range(3):
        clock.advance(seconds=limits.RETRY_MOST_S)
        ws._engine.outbox.run(100)
    assert len(ws._engine.outbox._flights.names()) == limits.EFFECTS_AT_ONCE
    stage.sales.effect("email", ACME, subject="Hi", action="greet")
    clock.advance(seconds=2)
    assert ws.run_effects().delivered == 1
    ws.close()
    hangs.set()
    assert ws._engine.outbox.settle(DEADLINE_S)
