"""S27, S34 and S35, and what of S1, S7, S21, S24, S32 and S36 effects add: what is done outside, and when it isn't."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.coordination.deliveries import Tried
from comity.errors import InvalidRequest, NotFound, Refused
from comity.model.decisions import Decision
from comity.model.proposals import Effect, Proposal, Read, Set
from comity.testing.manual_clock import ManualClock
from tests.semantics.conftest import Open
from tests.semantics.outgoing import ACME, SOURCE, Stage, codes, stop_by_rule


@pytest.fixture
def stage(open_again: Open, define: Callable[[str], Path], clock: ManualClock) -> Stage:
    return Stage(open_again(definition=define(SOURCE), clock=clock), clock)


# -- S34: release is a decision


def test_s34_the_acme_case_stops_at_the_gate(stage: Stage) -> None:
    """10:00:00 Sales reads and wants; 10:00:01 Support escalates; 10:00:02 the e-mail is due, and isn't sent."""
    decision = stage.want()
    assert decision.is_committed
    assert stage.after(1) == []
    stage.support.set(ACME, status="at_risk", was={"status": "active"}, reason="escalation T-42", action="serve")
    assert stage.after(1) == []
    effect = stage.ws.effect(decision)
    assert (effect.state, effect.closed_by) == ("cancelled", "comity")
    assert 'status was active, now at_risk, by support: "escalation T-42"' in (effect.answer or "")
    (item,) = [one for one in stage.sales.inbox().items if one.kind == "effect"]
    assert "escalation T-42" in item.text
    assert stage.after(3_600) == []


def test_s34_it_is_sent_when_nothing_has_changed(stage: Stage) -> None:
    decision = stage.want()
    held = stage.ws.effect(decision)
    assert (held.state, held.agent, held.target) == ("held", "sales", ACME)
    assert f"email to {ACME} is held until {held.release_at}; it is judged again then." in decision.explain()
    assert stage.after(1) == []
    assert stage.after(1) == ["Upgrade!"]
    found = stage.ws.effect(decision)
    assert (found.state, found.answer, found.attempts) == ("delivered", "sent 1", 1)
    assert (stage.sent[0].agent, stage.sent[0].action, stage.sent[0].reason) == ("sales", "upsell", "Q4")
    assert not [one for one in stage.sales.inbox().items if one.kind == "effect"]
    assert stage.ws.verify().is_clean


def test_s34_a_change_of_what_was_not_read_does_not_matter(stage: Stage) -> None:
    stage.want()
    stage.support.put(ACME, notes="likes blue", was={"notes": None}, action="serve")
    assert stage.after(2) == ["Upgrade!"]


def test_s34_the_commits_own_changes_do_not_count(stage: Stage) -> None:
    with stage.sales.intent("upsell") as intent:
        acme = intent.get(ACME)
        assert acme.plan is None
        acme.plan = "gold"
        intent.effect("email", ACME, subject="Welcome to gold", still="customer.plan == 'gold'")
    assert stage.after(2) == ["Welcome to gold"]


def test_s34_a_change_of_what_the_commit_wrote_counts(stage: Stage) -> None:
    with stage.sales.intent("upsell") as intent:
        intent.get(ACME).plan = "gold"
        intent.effect("email", ACME, subject="Welcome to gold")
    stage.support.put(ACME, plan="free", was={"plan": "gold"}, action="serve")
    assert stage.after(2) == []


def test_s34_a_search_that_finds_something_else_counts(stage: Stage) -> None:
    with stage.sales.intent("upsell", about=ACME) as intent:
        assert intent.count("customer", status="at_risk") == 0
        intent.effect("email", ACME, subject="All is well")
    stage.support.create("customer/beta", status="at_risk", action="serve")
    assert stage.after(2) == []


def test_s34_what_must_still_hold_must_hold_when_it_is_wanted(stage: Stage) -> None:
    stage.support.set(ACME, status="at_risk", was={"status": "active"}, action="serve")
    with pytest.raises(Refused) as refused:
        stage.sales.effect("call", ACME, action="upsell")
    assert codes(refused.value.decision) == ["effect.still"]


def stop_by_lease(stage: Stage) -> Callable[[], object]:
    lease = stage.support.lease(ACME, ttl="30m")
    lease.__enter__()
    return lambda: lease.__exit__(None, None, None)


def lifting(stage: Stage, decision: Decision) -> Callable[[], object]:
    return lambda: stage.ops.lift(decision)


STOPS: dict[str, Callable[[Stage], Callable[[], object]]] = {
    "rule": stop_by_rule,
    "lease": stop_by_lease,
    "pin of the record": lambda stage: lifting(stage, stage.ops.pin(ACME, reason="call", ttl="20m")),
    "pin of the action": lambda stage: lifting(stage, stage.ops.pin(action="upsell", reason="call", ttl="20m")),
    "pause of the agent": lambda stage: lifting(stage, stage.ops.pause("sales", reason="odd", ttl="20m")),
    "pause of the role": lambda stage: lifting(stage, stage.ops.pause("selling", reason="odd", ttl="20m")),
    "freeze": lambda stage: lifting(stage, stage.ops.freeze(reason="incident", ttl="20m")),
}


@pytest.mark.parametrize("stop", STOPS)
def test_s34_what_arrives_during_the_hold_stops_it_and_it_goes_on_when_that_is_over(stage: Stage, stop: str) -> None:
    decision = stage.want()
    lift = STOPS[stop](stage)
    assert stage.after(2) == []
    effect = stage.ws.effect(decision)
    assert (effect.state, bool(effect.held_up)) == ("held", True)
    assert "held up" in str(effect)
    lift()
    assert stage.after(limits.TRY_AGAIN_MOST_S) == ["Upgrade!"]


def test_s34_a_rule_that_refuses_cancels(stage: Stage) -> None:
    decision = stage.sales.effect("email", ACME, subject="Hi", action="upsell")
    stage.support.set(ACME, status="churned", was={"status": "active"}, action="serve")
    assert stage.after(2) == []
    assert "not to the churned" in (stage.ws.effect(decision).answer or "")


def test_s34_a_target_that_is_gone_cancels(stage: Stage) -> None:
    decision = stage.sales.effect("email", ACME, subject="Hi", action="greet")
    stage.ops.archive(ACME, action="serve", accept=stage.ws.revision)
    assert stage.after(2) == []
    assert stage.ws.effect(decision).state == "cancelled"


def test_s24_under_an_override_the_deadline_stops(stage: Stage) -> None:
    stage.sales.effect("call", ACME, action="upsell")
    freeze = stage.ops.freeze(reason="incident", ttl="5d")
    stage.after(0)
    assert stage.ws.effects().effects[0].expires_at is None
    stage.after(3 * 86_400)
    assert stage.ws.effects().effects[0].state == "held"
    stage.ops.lift(freeze)
    stage.after(0)
    assert len(stage.sent) == 1


def test_s24_an_override_does_not_begin_the_deadline_anew(stage: Stage) -> None:
    effect = stage.sales.effect("call", ACME, action="upsell", hold="1m")
    for _ in range(2):
        stop_by_rule(stage)
        stage.after(1_200)
        freeze = stage.ops.freeze(reason="incident", ttl="5d")
        stage.after(0)
        stage.after(86_400)
        assert stage.ws.effect(effect).expires_at is None
        stage.ops.lift(freeze)
        assert stage.after(0) == []
        stage.support.put(ACME, open_tickets=0, was={"open_tickets": 1}, action="serve")
    stop_by_rule(stage)
    stage.after(1_200 + 61)
    assert stage.ws.effect(effect).state == "cancelled", "it was held up for an hour in all, besides the overrides"


def test_s24_under_an_override_that_nobody_notices_the_deadline_stops(stage: Stage) -> None:
    effect = stage.sales.effect("call", ACME, action="upsell")
    stop_by_rule(stage)
    stage.clock.advance(seconds=1_800)
    freeze = stage.ops.freeze(reason="incident", ttl="5d")
    stage.clock.advance(seconds=3_600)
    again = stage.ops.effect("call", ACME, action="upsell", once=stage.ws.effect(effect).once)
    assert "effect.taken" in codes(again)
    stage.ops.lift(freeze)
    stage.after(1_799)
    assert stage.ws.effect(effect).state == "held"
    stage.after(2)
    assert stage.ws.effect(effect).state == "cancelled"


def test_s24_a_noticed_override_that_is_over_lets_the_deadline_go_on_with_no_handler(
    open_again: Open, define: Callable[[str], Path], clock: ManualClock
) -> None:
    stage = Stage(open_again(definition=define(SOURCE), clock=clock), clock)
    effect = stage.sales.effect("call", ACME, action="upsell")
    freeze = stage.ops.freeze(reason="incident", ttl="1d")
    stage.after(0)
    assert "incident" in str(stage.ws.effect(effect).held_up)
    stage.ws.close()
    other = open_again(clock=clock)
    other.agent("ops", key=stage.key).lift(freeze)
    clock.advance(seconds=3_601)
    other.run_effects()
    assert other.effect(effect).state == "cancelled"


HELD: dict[str, Callable[[Stage], Decision]] = {
    "pin": lambda stage: stage.ops.pin(ACME, reason="call", ttl="1d"),
    "pin of the action": lambda stage: stage.ops.pin(action="upsell", reason="call", ttl="1d"),
    "pause": lambda stage: stage.ops.pause("sales", reason="odd", ttl="1d"),
    "pause of the role": lambda stage: stage.ops.pause("selling", reason="odd", ttl="1d"),
}
FREE: dict[str, Callable[[Stage], Decision]] = {
    "pin of a field": lambda stage: stage.ops.pin(ACME, "plan", reason="call", ttl="1d"),
    "pin of another action": lambda stage: stage.ops.pin(action="greet", reason="call", ttl="1d"),
    "pause of another": lambda stage: stage.ops.pause("support", reason="odd", ttl="1d"),
}


@pytest.mark.parametrize("stop", [*HELD, *FREE])
def test_s24_the_deadline_stops_under_what_holds_the_effect_up_and_nothing_else(stage: Stage, stop: str) -> None:
    effect = stage.sales.effect("call", ACME, action="upsell")
    stop_by_rule(stage)
    (HELD | FREE)[stop](stage)
    stage.after(86_400 + 1)
    assert stage.ws.effect(effect).state == ("held" if stop in HELD else "cancelled")
    stage.after(3_600)
    assert stage.ws.effect(effect).state == "cancelled"


def test_s24_of_overrides_over_an_effect_each_moment_counts_once_and_what_is_late_revives_nothing(
    stage: Stage,
) -> None:
    effect = stage.sales.effect("call", ACME, action="upsell")
    stop_by_rule(stage)
    stage.ops.freeze(reason="incident", ttl="4h")
    stage.clock.advance(seconds=2 * 3_600)
    pin = stage.ops.pin(ACME, reason="call", ttl="20d")
    stage.clock.advance(seconds=4 * 3_600)
    assert stage.ws.effect(effect).expires_at is None
    stage.ops.lift(pin)
    assert stage.ws.effect(effect).expires_at == "2023-11-15T05:13:20Z"
    stage.clock.advance(seconds=3_601)
    stage.ops.freeze(reason="too late", ttl="1d")
    stage.after(0)
    assert stage.ws.effect(effect).state == "cancelled"


def test_s24_an_override_during_the_hold_costs_no_patience_and_adds_none(stage: Stage) -> None:
    effect = stage.sales.effect("call", ACME, action="upsell", hold="1h")
    stop_by_rule(stage)
    freeze = stage.ops.freeze(reason="incident", ttl="5d")
    stage.clock.advance(seconds=1_800)
    stage.ops.lift(freeze)
    stage.after(1_800 + 3_599)
    assert stage.ws.effect(effect).state == "held"
    stage.after(2)
    assert stage.ws.effect(effect).state == "cancelled"


def test_s24_a_question_about_a_release_does_not_end_with_a_patience_that_is_stopped(
    open_again: Open, define: Callable[[str], Path], clock: ManualClock
) -> None:
    stage = Stage(open_again(definition=define(f'{SOURCE}expires = "1d"\n'), clock=clock), clock)
    effect = stage.sales.effect("call", ACME, action="upsell", hold="1m")
    stage.sales.put(ACME, plan="vip", was={"plan": None}, action="serve")
    stage.after(61)
    freeze = stage.ops.freeze(reason="incident", ttl="5d")
    stage.clock.advance(seconds=7_200)
    stage.ops.lift(freeze)
    stage.after(limits.TRY_AGAIN_MOST_S)
    assert stage.ws.effect(effect).state == "held"
    stage.after(3_600)
    assert stage.ws.effect(effect).state == "cancelled"
    assert not stage.ops.approvals().tickets


def test_s24_what_holds_it_up_is_named_also_where_one_override_takes_the_place_of_another(stage: Stage) -> None:
    effect = stage.sales.effect("call", ACME, action="upsell", hold="1m")
    freeze = stage.ops.freeze(reason="first", ttl="5d")
    stage.after(61)
    stage.ops.pause("sales", reason="second", ttl="5d")
    stage.ops.lift(freeze)
    stage.after(0)
    assert '"second"' in (stage.ws.effect(effect).held_up or "")


def test_s24_under_an_override_the_outcome_of_what_was_sent_is_recorded(stage: Stage) -> None:
    sent, lost = (stage.sales.effect("call", ACME, action="upsell") for _ in range(2))
    outbox = stage.ws._engine.outbox
    begun = outbox.begin(stage.ws.effect(sent).effect)
    outbox.begin(stage.ws.effect(lost).effect)
    assert begun is not None
    stage.ops.freeze(reason="incident", ttl="1d")
    outbox.finish(begun, Tried(answer="done"))
    assert stage.ws.effect(sent).state == "delivered"
    stage.after(31)
    assert stage.ws.effect(lost).state == "held"
    stage.after(limits.RETRY_MOST_S)
    assert "incident" in (stage.ws.effect(lost).held_up or "")


def test_s31_what_is_held_up_by_anything_else_is_given_up_in_the_end(stage: Stage) -> None:
    decision = stage.sales.effect("call", ACME, action="upsell")
    stop_by_rule(stage)
    stage.after(1)
    assert stage.ws.effects().effects[0].state == "held"
    stage.after(3_601)
    effect = stage.ws.effect(decision)
    assert effect.state == "cancelled"
    assert "held up for too long" in (effect.answer or "")
    assert "Support has an open ticket" in (effect.answer or "")


def test_s31_what_is_over_is_not_released_though_nobody_has_told(stage: Stage) -> None:
    decision = stage.sales.effect("call", ACME, action="upsell")
    stage.clock.advance(seconds=3_601)
    assert stage.ws._engine.outbox.begin(next(iter(decision.records))) is None
    stage.ws.run_effects()
    assert stage.ws.effect(decision).state == "cancelled"


def test_s34_held_longer_by_who_wants_it_but_not_shorter(stage: Stage) -> None:
    stage.want("later", hold="10s")
    stage.sales.effect("email", ACME, subject="sooner", hold="0s", action="greet")
    assert stage.after(1) == []
    assert stage.after(1) == ["sooner"]
    assert stage.after(8) == ["sooner", "later"]


def test_s34_an_agent_that_is_no_longer_declared_acts_no_more(stage: Stage, define: Callable[[str], Path]) -> None:
    decision = stage.want()
    stage.ops.apply(define(SOURCE.replace("sales   = {", "dealer  = {").replace('"sales"', '"dealer"')))
    assert stage.after(2) == []
    assert "'sales' is no declared agent" in (stage.ws.effect(decision).answer or "")


def test_s34_an_effect_that_is_no_longer_declared_is_not_sent(stage: Stage, define: Callable[[str], Path]) -> None:
    decision = stage.want()
    source = SOURCE.replace("[effects.email", "[effects.letter").replace('"email"', '"letter"')
    stage.ops.apply(define(source))
    assert stage.after(2) == []
    assert "'email' is no declared effect" in (stage.ws.effect(decision).answer or "")


def test_s37_what_rests_on_erased_words_is_not_sent(stage: Stage, path: Path) -> None:
    decision = stage.want()
    with sqlite3.connect(path) as base:
        for (name,) in base.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            base.execute(f"DROP TRIGGER {name}")
        base.execute("UPDATE commits SET payload = NULL, salt = NULL WHERE revision = ?", (decision.revision,))
    base.close()
    assert stage.after(2) == []
    assert stage.ws.effect(decision).answer == "What it rests on was erased."


# -- S21, S32: what waited before it was committed


def test_s21_what_was_approved_is_approved_at_its_release_too(stage: Stage) -> None:
    stage.support.put(ACME, plan="vip", was={"plan": None}, action="serve")
    pending = stage.sales.propose(
        Proposal(id="p1", effects=(Effect("email", ACME, {"subject": "VIP"}),), action="upsell")
    )
    assert pending.is_pending
    assert stage.ws.effects(state="all").effects == ()
    stage.ops.approve(pending)
    assert stage.after(2) == ["VIP"]


@pytest.fixture
def asked(stage: Stage) -> Decision:
    """Return an e-mail whose customer became a VIP before its release: a human is asked."""
    decision = stage.sales.effect("email", ACME, subject="Hi", action="upsell", reason="Q4")
    stage.support.put(ACME, plan="vip", was={"plan": None}, action="serve")
    assert stage.after(2) == []
    return decision


def test_s21_a_rule_that_asks_only_at_the_release_puts_it_to_a_human(stage: Stage, asked: Decision) -> None:
    (question,) = stage.ops.approvals(to="ops").tickets
    assert (question.agent, question.effects[0].data, question.reason) == ("sales", {"subject": "Hi"}, "Q4")
    held_up = stage.ws.effect(asked).held_up or ""
    assert "calls to VIPs are asked for" in held_up
    assert held_up.endswith(f"A human is asked, by {question.ticket}.")
    assert [item.text for item in stage.ops.inbox().items] == [
        'sales asks whether it may effect email to customer/acme: "Q4"'
    ]
    revision = stage.ws.revision
    assert stage.after(60) == []
    assert stage.ws.revision == revision, "it is asked once"
    with pytest.raises(InvalidRequest, match="asks about the release of"):
        stage.sales.wait(question.ticket, timeout="0s")
    assert stage.ops.approve(question.ticket, reason="they agreed").is_committed
    assert stage.after(0) == ["Hi"]
    assert "want done (effect email to customer/acme) was approved by ops" in stage.sales.inbox().items[0].text
    assert stage.ws.verify().is_clean


def test_s21_what_is_denied_at_the_release_is_cancelled_with_the_reason(stage: Stage, asked: Decision) -> None:
    (question,) = stage.ops.approvals().tickets
    with pytest.raises(Refused):
        stage.sales.approve(question.ticket)
    stage.ops.deny(question.ticket, reason="not in December")
    assert stage.after(0) == []
    effect = stage.ws.effect(asked)
    assert effect.state == "cancelled"
    assert 'denied by ops: "not in December"' in (effect.answer or "")


def settle_by_cancelling(stage: Stage, asked: Decision) -> None:
    stage.sales.cancel_effect(asked, reason="no longer meant")


def settle_by_reverting(stage: Stage, asked: Decision) -> None:
    stage.ops.revert(commit=asked.revision)


def settle_by_nothing_that_asks(stage: Stage, asked: Decision) -> None:
    stage.sales.put(ACME, plan="basic", was={"plan": "vip"}, action="serve")


def settle_by_what_refuses(stage: Stage, asked: Decision) -> None:
    stage.support.put(ACME, status="churned", was={"status": "active"}, action="serve")


@pytest.mark.parametrize(
    ("settle", "state"),
    [
        (settle_by_cancelling, "cancelled"),
        (settle_by_reverting, "cancelled"),
        (settle_by_nothing_that_asks, "delivered"),
        (settle_by_what_refuses, "cancelled"),
    ],
)
def test_s21_what_is_settled_otherwise_is_no_question_any_more(
    stage: Stage, asked: Decision, settle: Callable[[Stage, Decision], None], state: str
) -> None:
    (question,) = stage.ops.approvals().tickets
    settle(stage, asked)
    stage.after(120)
    assert (stage.ws.effect(asked).state, stage.ops.approvals().tickets) == (state, ())
    assert not [item for item in stage.ops.inbox().items if item.kind == "approval"]
    assert stage.ws.history(question.ticket).events[0].type == "withdrawn"
    assert stage.ws.verify().is_clean


def test_s21_nobody_answers_about_a_release_and_it_is_cancelled(stage: Stage, asked: Decision) -> None:
    assert stage.after(limits.WAIT_S + 1) == []
    effect = stage.ws.effect(asked)
    assert effect.state == "cancelled"
    assert "expired unanswered" in (effect.answer or "")


def test_s21_an_approval_of_one_release_is_none_of_another(stage: Stage, asked: Decision) -> None:
    """The same agent, the same words, another e-mail: it is asked about anew. And what was approved is judged."""
    (question,) = stage.ops.approvals().tickets
    stage.ops.approve(question.ticket)
    assert stage.after(0) == ["Hi"]
    stage.support.put(ACME, plan="free", was={"plan": "vip"}, action="serve")
    again = stage.sales.effect("email", ACME, subject="Hi", action="upsell", reason="Q4")
    stage.support.put(ACME, plan="vip", was={"plan": "free"}, action="serve")
    assert stage.after(2) == ["Hi"]
    (second,) = stage.ops.approvals().tickets
    assert second.ticket != question.ticket
    stage.ops.approve(second.ticket)
    stage.support.put(ACME, status="churned", was={"status": "active"}, action="serve")
    assert stage.after(60) == ["Hi"]
    assert "not to the churned" in (stage.ws.effect(again).answer or "")


def test_s21_an_approved_release_whose_try_fails_is_not_asked_about_again(stage: Stage, asked: Decision) -> None:
    (question,) = stage.ops.approvals().tickets
    stage.ops.approve(question.ticket)
    stage.fails = [ValueError("engaged")]
    assert stage.after(0) == []
    assert stage.after(limits.RETRY_MOST_S) == ["Hi"]
    assert not stage.ops.approvals().tickets


def test_s32_what_waits_in_line_wants_its_effects_once_it_is_committed(stage: Stage) -> None:
    lift = stop_by_lease(stage)
    effect = Effect("email", ACME, {"subject": "Hi"})
    pending = stage.sales.propose(Proposal(id="p1", effects=(effect,), action="greet", if_held="queue"))
    assert pending.waits_for == "queue"
    assert stage.after(5) == []
    lift()
    assert stage.sales.release(pending).is_committed
    assert stage.after(2) == ["Hi"]


def test_s21_what_is_offered_wants_its_effects_once_it_is_accepted(stage: Stage) -> None:
    effect = Effect("email", ACME, {"subject": "We call you"})
    change, read = Set(ACME, {"open_tickets": 1}), (Read(ACME, stage.ws.revision),)
    proposal = Proposal(id="p1", changes=(change,), reads=read, effects=(effect,), action="greet")
    pending = stage.sales.offer(stage.sales.propose(proposal))
    assert pending.waits_for == "owner"
    (offer,) = stage.support.offers().tickets
    assert "have the effect email to customer/acme (subject=" in str(offer)
    assert stage.after(5) == []
    stage.support.accept(pending)
    assert stage.after(1) == []
    assert stage.after(1) == ["We call you"]
    assert stage.sent[0].agent == "sales"


def test_s36_what_wants_effects_is_not_split(stage: Stage) -> None:
    effect = Effect("email", ACME, {"subject": "Hi"})
    changes = (Set(ACME, {"open_tickets": 1}), Set(ACME, {"name": "ACME"}))
    read = (Read(ACME, stage.ws.revision),)
    proposal = Proposal(id="p1", changes=changes, reads=read, effects=(effect,), action="greet")
    with pytest.raises(InvalidRequest, match="before the others have decided"):
        stage.sales.split(proposal)
    assert stage.ws.effects(state="all").effects == ()


def test_s15_a_dry_run_wants_nothing(stage: Stage) -> None:
    effect = Effect("email", ACME, {"subject": "Hi"})
    decision = stage.sales.propose(Proposal(id="p1", effects=(effect,), action="greet"), dry=True)
    assert decision.outcome == "allowed"
    assert "is held until" in decision.next
    assert stage.ws.effects(state="all").effects == ()


def test_s07_a_repeat_gets_the_same_answer_and_wants_nothing_more(stage: Stage) -> None:
    proposal = Proposal(id="p1", effects=(Effect("email", ACME, {"subject": "Hi"}),), action="greet")
    first = stage.sales.propose(proposal)
    assert stage.after(2) == ["Hi"]
    assert stage.sales.propose(proposal) == first
    assert stage.after(2) == ["Hi"]


# -- S35: keys of meaning


def test_s35_reworded_after_a_crash_in_the_same_intent_it_is_one_email(stage: Stage) -> None:
    def proposal(number: int, subject: str) -> Proposal:
        effects = (Effect("email", ACME, {"subject": subject}),)
        return Proposal(id=f"p{number}", intent="i1", effects=effects, action="greet")

    assert stage.sales.propose(proposal(1, "Hello there")).is_committed
    again = stage.sales.propose(proposal(2, "Good day to you"))
    assert (again.outcome, codes(again)) == ("committed", ["effect.taken"])
    assert stage.after(2) == ["Hello there"]
    assert codes(stage.sales.propose(proposal(3, "Hi!"))) == ["effect.taken"]
    assert stage.after(2) == ["Hello there"]


def test_s35_once_makes_one_of_what_several_want(stage: Stage) -> None:
    stage.sales.effect("email", ACME, subject="a", once="welcome", action="greet")
    assert codes(stage.support.effect("email", ACME, subject="b", once="welcome", action="greet")) == ["effect.taken"]
    stage.sales.effect("email", ACME, subject="c", once="goodbye", action="greet")
    stage.after(2)
    assert sorted(stage.after(0)) == ["a", "c"]


def test_s35_who_wants_what_another_has_wanted_is_told_if_it_is_cancelled(stage: Stage) -> None:
    first = stage.want(once="welcome")
    second = stage.support.effect("email", ACME, subject="Hello", once="welcome", action="greet")
    assert "Your inbox tells if it is cancelled." in (second.warnings[0].remedy or "")
    again = stage.support.effect("email", ACME, subject="Hello", once="welcome", action="greet")
    assert again.records == {}, "it is noted once"
    stage.sales.cancel_effect(first, reason="they called us")
    (item,) = [one for one in stage.support.inbox().items if one.kind == "effect"]
    assert "and sales before you, was cancelled: they called us" in item.text
    assert item.next == "Look again; if it still makes sense, want it anew: its key is free."
    assert not [one for one in stage.sales.inbox().items if one.kind == "effect"]
    third = stage.support.effect("email", ACME, subject="Hello", once="welcome", action="greet")
    assert stage.ws.effect(third).agent == "support"
    assert stage.after(2) == ["Hello"]
    assert stage.ws.verify().is_clean


def test_s35_how_many_are_told_is_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EFFECT_SHARERS", 0)
    stage.want(once="welcome")
    second = stage.support.effect("email", ACME, subject="Hello", once="welcome", action="greet")
    assert second.records == {}
    assert "inbox" not in (second.warnings[0].remedy or "")


def test_s35_a_gated_call_of_what_another_wants_does_not_take_it_over(
    stage: Stage, open_again: Open, clock: ManualClock
) -> None:
    """The key is taken by an effect that its agent has not released yet: the other one's call is no release of it."""
    done: list[str] = []
    ws = open_again(clock=clock)

    @ws.gated(effect="call", action="upsell", affects="customer/{customer}", once="q4", hold="2s")
    def call(customer: str) -> None:
        done.append(customer)

    assert call.by("sales")("acme").happened == "held"
    taken = call.by("support")("acme")
    assert (taken.happened, taken.state, done) == ("taken", "held", [])
    clock.advance(seconds=2)
    ws.run_effects()
    assert done == ["acme"]


def test_s35_without_it_each_intent_has_its_own(stage: Stage) -> None:
    stage.want("one")
    stage.want("two")
    stage.after(2)
    assert stage.after(0) == ["one", "two"]


def test_s35_two_of_the_same_key_in_one_proposal_are_refused(stage: Stage) -> None:
    effects = (Effect("email", ACME, {"subject": "a"}), Effect("email", ACME, {"subject": "b"}))
    decision = stage.sales.propose(Proposal(id="p1", effects=effects, action="greet"))
    assert codes(decision) == ["shape.invalid_effect"]


def test_s35_cancelling_frees_the_key(stage: Stage) -> None:
    decision = stage.sales.effect("email", ACME, subject="a", once="x", action="greet")
    stage.sales.cancel_effect(decision, reason="no")
    assert codes(stage.sales.effect("email", ACME, subject="b", once="x", action="greet")) == []
    assert stage.after(2) == ["b"]


def test_s35_a_delivered_one_keeps_its_key_for_its_window(stage: Stage) -> None:
    def call() -> Decision:
        return stage.sales.effect("call", ACME, once="x", action="upsell")

    call()
    stage.after(0)
    stage.clock.advance(seconds=86_000)
    assert codes(call()) == ["effect.taken"]
    stage.clock.advance(seconds=1_000)
    assert codes(call()) == []
    stage.after(0)
    assert len(stage.sent) == 2


def test_s35_what_is_over_untold_gives_its_key_away(stage: Stage) -> None:
    stage.sales.effect("call", ACME, once="x", action="upsell")
    stage.clock.advance(seconds=3_601)
    assert codes(stage.sales.effect("call", ACME, once="x", action="upsell")) == []
    stage.after(0)
    assert len(stage.sent) == 1


# -- S27: under which action


@pytest.mark.parametrize(
    ("effect", "action", "code"),
    [
        (Effect("email", ACME, {"subject": "a"}), "serve", "shape.unlisted_effect"),
        (Effect("emial", ACME, {"subject": "a"}), "greet", "shape.unknown_effect"),
        (Effect("email", ACME, {}), "greet", "shape.required"),
        (Effect("email", ACME, {"subject": "a", "sbject": "b"}), "greet", "shape.unknown_field"),
        (Effect("email", None, {"subject": "a"}), "greet", "shape.invalid_effect"),
        (Effect("email", "ticket/1", {"subject": "a"}), "greet", "shape.invalid_effect"),
        (Effect("email", ACME, {"subject": "a"}, still="customer.statsu == 'active'"), "greet", "shape.invalid_effect"),
        (Effect("email", "customer/nobody", {"subject": "a"}), "greet", "effect.target"),
    ],
)
def test_s27_an_effect_is_wanted_under_an_action_that_lists_it(
    stage: Stage, effect: Effect, action: str, code: str
) -> None:
    decision = stage.sales.propose(Proposal(id="p1", effects=(effect,), action=action))
    assert code in codes(decision)
    assert not decision.is_committed


# -- S1: a base that was restored


def test_s01_after_a_restore_what_was_pending_waits_for_a_human(
    stage: Stage, path: Path, tmp_path: Path, clock: ManualClock
) -> None:
    decision = stage.want()
    stage.ws.close()
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    with sqlite3.connect(copy) as base:
        base.execute("UPDATE head SET incarnation = 'another'")
    base.close()
    with comity.open(copy, clock=clock) as ws:
        other = Stage(ws, clock, has_key=False)
        assert other.after(5) == []
        (suspect,) = ws.effects(state="suspect").effects
        assert suspect.is_suspect
        assert "may have been sent" in str(suspect)
        assert other.after(7 * 86_400) == []
        assert ws.effect(decision).state == "held"
        ws.agent("ops", key=stage.key).retry_effect(suspect, reason="it never left")
        assert other.after(0) == ["Upgrade!"]


def test_a_report_on_the_target_tells_what_became_of_it(stage: Stage) -> None:
    decision = stage.want()
    stage.after(2)
    report = stage.ws.report(record=ACME)
    told = [event.type for step in report.timeline for event in step.events if event.record.startswith("$effect/")]
    assert told == ["wanted", "released", "delivered"]
    assert stage.ws.effect(decision).effect in str(stage.ws.history(stage.ws.effect(decision).effect))


# -- S36: reverting, cancelling


def test_s36_reverting_a_commit_cancels_what_it_wanted(stage: Stage) -> None:
    with stage.sales.intent("upsell") as intent:
        intent.get(ACME).plan = "gold"
        intent.effect("email", ACME, subject="Welcome to gold")
    assert intent.decision is not None
    answer = stage.ops.revert(commit=intent.decision.revision, reason="a mistake")
    assert answer.cancelled == (stage.ws.effect(intent.decision).effect,)
    assert stage.after(2) == []
    assert stage.ws.get(ACME).plan is None


def test_s36_reverting_an_agent_tells_what_was_delivered_already(stage: Stage) -> None:
    first = stage.want("one")
    stage.after(2)
    second = stage.want("two")
    answer = stage.ops.revert(agent="sales", since=first.revision - 1, reason="incident")
    assert answer.cancelled == (stage.ws.effect(second).effect,)
    assert [(one.record, "can't be taken back" in one.why) for one in answer.left] == [
        (stage.ws.effect(first).effect, True)
    ]
    assert stage.after(10) == ["one"]


def test_cancelling_is_for_who_wants_it_and_for_operators(stage: Stage) -> None:
    decision = stage.want()
    with pytest.raises(Refused):
        stage.support.cancel_effect(decision, reason="mine is better")
    with pytest.raises(InvalidRequest, match="reason"):
        stage.ops.cancel_effect(decision, reason=" ")
    stage.ops.cancel_effect(decision, reason="incident 7")
    assert stage.after(5) == []
    (item,) = [one for one in stage.sales.inbox().items if one.kind == "effect"]
    assert "incident 7" in item.text
    with pytest.raises(NotFound):
        stage.ws.effect("$effect/email~nothing")


def test_all_of_an_agents_are_cancelled_at_once(stage: Stage) -> None:
    first = stage.want("one")
    stage.want("two")
    stage.want("three")
    answer = stage.ops.cancel_effects(agent="sales", since=first.revision, reason="incident")
    assert len(answer.cancelled) == 2
    assert stage.after(2) == ["one"]


def test_what_is_being_sent_cannot_be_cancelled(stage: Stage) -> None:
    decision = stage.sales.effect("call", ACME, action="upsell")
    stage.ws._engine.outbox.begin(next(iter(decision.records)))
    answer = stage.ops.cancel_effects(agent="sales", reason="incident")
    assert (answer.cancelled, len(answer.left)) == ((), 1)
    assert "being sent at this moment" in answer.left[0].why


# -- in one batch


def test_s03_siblings_of_one_batch_want_apart(stage: Stage) -> None:
    effect = Effect("email", ACME, {"subject": "Hi"}, once="x")
    proposals = [Proposal(id=f"p{number}", effects=(effect,), action="greet") for number in range(2)]
    caller = stage.sales._session.caller
    first, second = stage.ws._engine.propose_many(proposals, caller)
    assert isinstance(first, Decision)
    assert isinstance(second, Decision)
    assert (codes(first), codes(second)) == ([], ["effect.taken"])


def test_s34_reads_from_before_the_commit_are_rebased(stage: Stage) -> None:
    """What moved between read and commit was judged by the commit; the release looks only at what came after."""
    seen = stage.ws.revision
    stage.support.put(ACME, notes="likes blue", was={"notes": None}, action="serve")
    read = Read(ACME, seen, ("status",))
    change = Set(ACME, {"plan": "gold"})
    effects = (Effect("email", ACME, {"subject": "Hi"}),)
    proposal = Proposal(id="p1", reads=(read,), changes=(change,), effects=effects, action="upsell")
    assert stage.sales.propose(proposal).is_committed
    assert stage.after(2) == ["Hi"]
