"""Announced intents, presence and the inbox (S18, S20, S23, S27, S31, S33)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import comity
from comity import limits
from comity.model.proposals import Create, Proposal
from comity.model.texts import tokens
from comity.operations import Announcement, ShowInbox
from comity.testing.manual_clock import ManualClock
from tests.semantics.conftest import Open

CRM = """\
[agents]
sales   = { role = "seller" }
rival   = { role = "seller" }
support = { role = "support" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
status       = { type = "string", owner = "support", event = "StatusChanged" }
campaign     = { type = "string", owner = "seller" }
open_tickets = { type = "integer", default = 0, owner = "support" }

[actions.send_upsell]
kind = "outreach"
[actions.close_ticket]
kind = "support"
[actions.discount]
kind = "pricing"

[[rules]]
name  = "support goes first"
when  = "agent.role == 'seller' && action.kind == 'outreach' && customer.open_tickets > 0"
then  = "defer"
to    = "support"
until = "customer.open_tickets == 0"
why   = "Support has an open ticket with this customer."

[[rules]]
name = "discounts are approved"
when = "agent.role == 'seller' && action.kind == 'pricing'"
then = "ask"
to   = "ops"
"""


@pytest.fixture
def crm(open_again: Open, define: Callable[[str], Path], clock: ManualClock) -> comity.Workspace:
    ws = open_again(definition=define(CRM), clock=clock)
    ws.agent("support").put("customer/acme", status="active", open_tickets=1, action="close_ticket")
    return ws


def offer(agent: comity.Agent, status: str, reason: str | None = None) -> str:
    """Offer support another status of the customer, and return the ticket."""
    was = {"status": "active"}
    decision = agent.offer("customer/acme", status=status, was=was, action="close_ticket", reason=reason)
    assert decision.ticket is not None
    return decision.ticket


def present(announcement: Announcement) -> list[tuple[str, str | None, str | None]]:
    return [(one.agent, one.action, one.plan) for one in announcement.present]


# -- announcing


def test_announcing_tells_who_is_active_what_was_done_and_what_the_checks_would_say(
    crm: comity.Workspace, clock: ManualClock
) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    with support.intent("close_ticket", about="customer/acme", announce=True, plan="look into T-42") as working:
        clock.advance(seconds=60)
        intent = sales.intent("send_upsell", about="customer/acme", announce=True, plan="sell more")
        announcement = intent.announcement
        assert announcement is not None
        assert present(announcement) == [("support", "close_ticket", "look into T-42")]
        assert [(item.by, item.record) for item in announcement.recent] == [("support", "customer/acme")]
        assert not announcement.is_clear
        assert announcement.verdict.retry_when == "customer.open_tickets == 0"
        assert [finding.code for finding in announcement.verdict.refusals] == ["rule.support_goes_first"]
        text = str(announcement)
        assert "rule.support_goes_first: Support has an open ticket" in text
        assert 'support is active on customer/acme (close_ticket) since 1 min, for 9 min more: "look into T-42"' in text
        assert tokens(text) <= limits.ANSWER_TOKENS
        assert working.announcement is not None
        assert working.announcement.is_clear


def test_s18_its_close_rides_with_the_proposal(crm: comity.Workspace) -> None:
    support = crm.agent("support")
    with support.intent("close_ticket", about="customer/acme", announce=True) as intent:
        assert [one.intent for one in crm.intents().intents] == [intent.id]
        intent.get("customer/acme").open_tickets = 0
    assert intent.decision is not None
    assert crm.intents().intents == ()
    [closed] = crm.history("$intent", type="closed").events
    assert closed.event.startswith(f"{intent.decision.revision}.")


@pytest.mark.parametrize("how", ["nothing to propose", "an exception", "a refusal", "by hand"])
def test_leaving_without_a_commit_withdraws_it(crm: comity.Workspace, how: str) -> None:
    intent = crm.agent("sales").intent("send_upsell", about="customer/acme", announce=True)
    try:
        with intent:
            if how == "an exception":
                raise ZeroDivisionError
            if how == "a refusal":
                intent.get("customer/acme").campaign = "spring"
            if how == "by hand":
                intent.withdraw()
    except (ZeroDivisionError, comity.Refused):
        pass
    assert crm.intents().intents == ()
    assert [event.type for event in crm.history("$intent").events] == ["withdrawn", "announced"]
    if how == "by hand":
        with pytest.raises(comity.InvalidRequest, match="was withdrawn"):
            intent.put("customer/acme", campaign="x")


def test_what_is_pending_keeps_its_announcement(crm: comity.Workspace) -> None:
    sales = crm.agent("sales")
    with pytest.raises(comity.Pending), sales.intent("discount", about="customer/acme", announce=True) as intent:
        intent.get("customer/acme").campaign = "half price"
    assert [one.intent for one in crm.intents().intents] == [intent.id]


def test_s6_it_is_over_when_it_expires_and_announcing_again_prolongs_it(
    crm: comity.Workspace, clock: ManualClock
) -> None:
    sales, rival = crm.agent("sales"), crm.agent("rival")
    intent = sales.intent("send_upsell", about="customer/acme")
    first = intent.announce(ttl="1m")
    clock.advance(seconds=50)
    second = intent.announce(ttl="1m", plan="still at it")
    assert second.expires_at > first.expires_at
    clock.advance(seconds=50)
    assert [one.plan for one in crm.intents("customer/acme").intents] == ["still at it"]
    clock.advance(seconds=10)
    assert crm.intents().intents == ()
    assert rival.intent("send_upsell", about="customer/acme").announce().present == ()


def test_s23_an_announced_intent_is_its_agents_own(crm: comity.Workspace) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    intent = sales.intent("send_upsell", about="customer/acme", announce=True)
    ref = f"$intent/{intent.id}"
    data = {"agent_kind": "agent", "role": "support", "about": ["customer/acme"], "expires_at": "2030-01-01T00:00:00Z"}
    attempts: list[Callable[[], object]] = [
        lambda: support.emit(ref, "withdrawn"),
        lambda: support.emit(ref, "closed"),
        lambda: support.emit(ref, "announced", data),
        lambda: support.emit(ref, "expired"),
        lambda: sales.emit("$intent/mine", "announced", data),
        lambda: sales.emit(
            "$intent/mine", "announced", {**data, "role": "seller", "expires_at": "2001-01-01T00:00:00Z"}
        ),
        lambda: sales.emit("$intent/mine", "announced", {**data, "role": "seller", "agent_kind": "human"}),
        lambda: sales.set(ref, plan="x"),
        lambda: sales.put(ref, plan="x"),
        lambda: sales.delete(ref),
    ]
    for attempt in attempts:
        with pytest.raises(comity.Refused):
            attempt()
    assert [one.agent for one in crm.intents().intents] == ["sales"]


def test_listing_by_record_and_agent(crm: comity.Workspace) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    sales.intent("send_upsell", about="customer/acme", announce=True, plan="p")
    support.intent("close_ticket", about=["customer/acme", "customer/globex"], announce=True)
    assert [one.agent for one in crm.intents("customer/acme").intents] == ["support", "sales"]
    assert [one.agent for one in crm.intents("customer/globex").intents] == ["support"]
    assert [one.about for one in crm.intents(agent="sales").intents] == [("customer/acme",)]
    assert crm.intents(agent="rival").intents == ()
    assert "sales (seller) plans send_upsell on customer/acme, until " in str(crm.intents())
    with pytest.raises(comity.NotFound, match="did you mean 'sales'"):
        crm.intents(agent="sale")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"ttl": "soon"}, "no span of time"),
        ({"ttl": f"{limits.INTENT_MOST_S + 1}s"}, "between 1 and"),
        ({"plan": "x" * (limits.PLAN_CHARS + 1)}, "plan: at most"),
        ({"plan": 7}, "plan: a text is wanted"),
    ],
)
def test_what_cannot_be_announced_is_told_before_anything_is_written(
    crm: comity.Workspace, options: dict[str, str], problem: str
) -> None:
    with pytest.raises(comity.InvalidRequest, match=problem):
        crm.agent("sales").intent("send_upsell", about="customer/acme", announce=True, **options)
    assert crm.intents().intents == ()


def test_limit_announced_records(crm: comity.Workspace) -> None:
    names = [f"customer/c{n}" for n in range(limits.ANNOUNCED_RECORDS + 1)]
    with pytest.raises(comity.LimitExceeded, match="about: at most 100 records"):
        crm.agent("sales").intent("send_upsell", about=names, announce=True)
    assert crm.agent("sales").intent("send_upsell", about=names[1:]).announce().decision.is_committed


def test_a_plan_without_announcing_is_a_mistake(crm: comity.Workspace) -> None:
    with pytest.raises(TypeError, match="plan: only goes with announce=True"):
        crm.agent("sales").intent("send_upsell", plan="p")


def test_presence_is_news_once(crm: comity.Workspace) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    first = support.intent("close_ticket", about="customer/acme", announce=True)
    intent = sales.intent("send_upsell")
    news = intent.get("customer/acme").news
    assert news is not None
    assert [one.agent for one in news.present] == ["support"]
    assert intent.get("customer/acme").news is None
    second = support.intent("close_ticket", about="customer/acme", announce=True)
    news = intent.get("customer/acme").news
    assert news is not None
    assert [one.agent for one in news.present] == ["support"]
    first.withdraw()
    second.withdraw()
    assert sales.intent("send_upsell").get("customer/acme").news is None
    assert support.intent("close_ticket").get("customer/acme").news is None, "one's own presence is none"


def test_what_a_human_holds_is_news(crm: comity.Workspace) -> None:
    sales = crm.agent("sales")
    ops = crm.agent("ops", key=crm.issue_key("ops").key)
    intent = sales.intent("send_upsell")
    intent.get("customer/acme")
    ops.pin("customer/acme", "campaign", reason="audit", ttl="2h")
    assert 'ops holds customer/acme.campaign for 2 h more: "audit"' in str(intent.get("customer/acme").news)


def test_s33_of_two_that_overlap_exclusively_exactly_one_goes_ahead(crm: comity.Workspace, clock: ManualClock) -> None:
    crm.agent("support").put("customer/acme", open_tickets=0, action="close_ticket", was={"open_tickets": 1})
    sales, rival = crm.agent("sales"), crm.agent("rival")
    with sales.intent("send_upsell", about="customer/acme", announce=True, exclusive=True) as first:
        assert first.announcement is not None
        assert first.announcement.is_clear
        second = rival.intent("send_upsell", about="customer/acme", announce=True, exclusive=True)
        assert second.announcement is not None
        assert not second.announcement.is_clear
        assert second.announcement.lease is not None
        assert (second.announcement.lease.state, second.announcement.lease.ahead) == ("waiting", 1)
        assert second.announcement.present[0].is_exclusive
        assert not second.wait_for_turn(0)
        second.set("customer/acme", campaign="rival", was={"campaign": None})
        assert [finding.code for finding in second.propose().refusals] == ["lease.held"]
        first.get("customer/acme").campaign = "spring"
    assert crm.get("customer/acme").campaign == "spring"
    assert second.wait_for_turn("5s")
    refused = second.propose()
    assert [finding.moved[0].now for finding in refused.refusals] == ["spring"]
    assert second.propose(accept=refused.revision).is_committed
    assert crm.get("customer/acme").campaign == "rival"
    assert crm.leases().places == ()
    assert crm.intents().intents == ()


def test_exclusive_needs_records(crm: comity.Workspace) -> None:
    with pytest.raises(comity.InvalidRequest, match="exclusive: name the records"):
        crm.agent("sales").intent("send_upsell", announce=True, exclusive=True)


def test_who_stands_in_no_line_has_no_turn_to_wait_for(crm: comity.Workspace) -> None:
    intent = crm.agent("sales").intent("send_upsell", about="customer/acme", announce=True)
    with pytest.raises(comity.InvalidRequest, match="stands in no line: announce it with exclusive=True"):
        intent.wait_for_turn(0)


def test_for_how_long_it_is_shown_is_told_as_it_was_asked_for(crm: comity.Workspace, clock: ManualClock) -> None:
    answer = crm.agent("sales").intent("send_upsell", about="customer/acme").announce(ttl="10m")
    clock.advance(seconds=1)
    later = msgspec.structs.replace(answer, at=clock.wall_us())
    assert {str(one).splitlines()[0] for one in (answer, later)} == {"Announced; others see it for 10 min."}


def test_an_item_of_the_inbox_is_acknowledged_as_it_is(crm: comity.Workspace) -> None:
    offer(crm.agent("sales"), "at_risk")
    support = crm.agent("support")
    assert support.acknowledge(*support.inbox().items).acknowledged == 1
    assert support.inbox().items == ()


def test_async_intents_are_announced_as_they_are_entered(crm: comity.Workspace) -> None:
    async def main() -> None:
        support = crm.async_agent("support")
        async with support.intent("close_ticket", about="customer/acme", announce=True, plan="p") as intent:
            assert [one.plan for one in crm.intents().intents] == ["p"]
            assert intent.announcement is not None
            (await intent.get("customer/acme")).open_tickets = 0
        assert crm.intents().intents == ()
        other = support.intent("close_ticket", about="customer/acme")
        assert (await other.announce()).is_clear
        assert (await other.get("customer/acme")).open_tickets == 0
        await crm.async_agent("support").put(
            "customer/acme", status="x", action="close_ticket", was={"status": "active"}
        )
        assert await other.wait_for_change(0) is None, "by support itself"
        with pytest.raises(comity.InvalidRequest, match="stands in no line"):
            await other.wait_for_turn(0)
        await other.withdraw()
        assert crm.intents().intents == ()
        assert (await support.answer(ShowInbox())).items == ()

    asyncio.run(main())


# -- the inbox


def kinds(agent: comity.Agent) -> list[tuple[str, str]]:
    return [(item.kind, item.about.partition("/")[0]) for item in agent.inbox().items]


def test_an_offer_is_in_the_owners_inbox_and_its_answer_in_the_givers(crm: comity.Workspace) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    ticket = offer(sales, "at_risk", reason="they asked")
    [item] = support.inbox().items
    assert (item.kind, item.about, item.by) == ("offer", ticket, "sales")
    assert 'sales offers put customer/acme (status): "they asked"' in item.text
    assert item.next.startswith(f"Accept {ticket}, or decline it")
    assert sales.inbox().items == ()
    support.decline(ticket, reason="not yet")
    assert support.inbox().items == ()
    [answer] = sales.inbox().items
    assert (answer.kind, answer.by) == ("answer", "support")
    assert answer.text.endswith('was declined by support: "not yet"')


def test_an_approval_is_in_the_inbox_of_who_may_give_it(crm: comity.Workspace, clock: ManualClock) -> None:
    sales = crm.agent("sales")
    ops = crm.agent("ops", key=crm.issue_key("ops").key)
    with pytest.raises(comity.Pending) as caught:
        sales.put("customer/acme", campaign="half price", action="discount", reason="loyal", was={"campaign": None})
    assert kinds(ops) == [("approval", "$approval")]
    assert kinds(sales) == kinds(crm.agent("rival")) == []
    ops.approve(caught.value.decision)
    assert kinds(ops) == []
    [answer] = sales.inbox().items
    assert "was approved by ops" in answer.text


def test_s6_what_expired_is_told_before_any_duty_has(crm: comity.Workspace, clock: ManualClock) -> None:
    sales = crm.agent("sales")
    with pytest.raises(comity.Pending) as caught:
        sales.put("customer/acme", campaign="x", action="discount", was={"campaign": None})
    clock.advance(seconds=30 * 86_400)
    ticket = str(caught.value.decision.ticket)
    [told] = sales.inbox().items
    assert told.text.endswith("expired unanswered")
    crm.agent("rival").emit(ticket, "expired")
    assert [item.id for item in sales.inbox().items] == [told.id]


def test_s20_a_deferral_that_is_lifted_is_in_the_inbox(crm: comity.Workspace) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    with pytest.raises(comity.Refused):
        sales.put("customer/acme", campaign="spring", action="send_upsell", was={"campaign": None})
    assert kinds(sales) == []
    support.put("customer/acme", open_tickets=0, action="close_ticket", was={"open_tickets": 1})
    [item] = sales.inbox().items
    assert (item.kind, item.about) == ("lifted", "customer/acme")
    assert "propose send_upsell anew" in item.next
    support.put("customer/acme", open_tickets=2, action="close_ticket", was={"open_tickets": 0})
    assert kinds(sales) == []


UPSELL: dict[str, Any] = {"campaign": "spring", "action": "send_upsell", "was": {"campaign": None}}


def elsewhere(intent: str) -> Proposal:
    """Return a proposal of an intent that shares neither action nor record with what was deferred."""
    change = Create("customer/globex", {"campaign": "spring"})
    return Proposal(id="elsewhere", intent=intent, action="close_ticket", changes=(change,))


DONE: dict[str, tuple[Callable[[comity.Agent, comity.Intent], object], bool]] = {
    "nothing": (lambda sales, _: None, False),
    "the same action": (lambda sales, _: sales.put("customer/acme", **UPSELL), True),
    "the same action about it": (
        lambda sales, _: sales.put("customer/new", campaign="x", action="send_upsell", about="customer/acme"),
        True,
    ),
    "the same intent": (lambda sales, intent: sales.propose(elsewhere(intent.id)).is_committed, True),
    "another intent": (lambda sales, _: sales.propose(elsewhere("other")).is_committed, False),
    "the same action elsewhere": (lambda sales, _: sales.put("customer/globex", **UPSELL), False),
    "another action": (
        lambda sales, _: sales.put(
            "customer/acme", {"campaign": "spring"}, action="close_ticket", was={"campaign": None}
        ),
        False,
    ),
}


@pytest.mark.parametrize("done", DONE)
def test_s20_a_deferral_whose_work_was_done_since_is_in_the_inbox_no_more(crm: comity.Workspace, done: str) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    intent = sales.intent("send_upsell", about="customer/acme")
    intent.put("customer/acme", campaign="spring", was={"campaign": None})
    assert intent.propose().retry_when is not None
    support.put("customer/acme", open_tickets=0, action="close_ticket", was={"open_tickets": 1})
    assert kinds(sales) == [("lifted", "customer")]
    act, is_done = DONE[done]
    act(sales, intent)
    assert kinds(sales) == ([] if is_done else [("lifted", "customer")])


def test_broken_assumptions_turns_and_overrides_are_in_the_inbox(crm: comity.Workspace) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    ops = crm.agent("ops", key=crm.issue_key("ops").key)
    intent = sales.intent("send_upsell", about="customer/acme", announce=True)
    support.put("customer/acme", status="at_risk", action="close_ticket", was={"status": "active"}, reason="T-42")
    [broken] = sales.inbox().items
    assert (broken.kind, broken.about, broken.by) == ("broken", "customer/acme", "support")
    assert 'status is now at_risk): "T-42"' in broken.text
    ops.pin("customer/acme", "campaign", reason="audit", ttl="1h")
    ops.pause("sales", reason="misbehaves", ttl="1h")
    assert sorted(kind for kind, _ in kinds(sales)) == ["broken", "override", "override"]
    assert kinds(support) == kinds(ops) == []
    intent.withdraw()
    assert kinds(sales) == [("override", "sales")]


def test_a_place_in_line_whose_turn_has_come_is_in_the_inbox(crm: comity.Workspace) -> None:
    sales, rival = crm.agent("sales"), crm.agent("rival")
    lease = sales.lease("customer/acme", ttl="1m")
    lease.take()
    rival.lease("customer/acme", ttl="1m", wait="10m").join()
    assert kinds(rival) == []
    lease.release()
    [turn] = rival.inbox().items
    assert (turn.kind, turn.about) == ("turn", "customer/acme")


def test_s18_what_was_acknowledged_does_not_come_again(crm: comity.Workspace, clock: ManualClock) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    for name in ("a", "b"):
        offer(sales, name)
    before = crm.revision
    first, second = support.inbox().items
    answer = support.acknowledge(first.id)
    assert (answer.acknowledged, answer.left) == (1, 1)
    assert [item.id for item in support.inbox().items] == [second.id]
    assert support.acknowledge(first.id).acknowledged == 0
    assert crm.revision == before, "it is no event"
    with pytest.raises(comity.InvalidRequest, match="no item of your inbox has the id 'offer:none'"):
        support.acknowledge("offer:none")
    with pytest.raises(comity.InvalidRequest, match="no item of your inbox"):
        sales.acknowledge(second.id)
    assert crm.verify().is_clean


def test_acknowledgements_are_forgotten_when_they_are_not_needed_any_more(
    crm: comity.Workspace, clock: ManualClock
) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    offer(sales, "a")
    support.acknowledge(support.inbox().items[0].id)
    clock.advance(seconds=2 * limits.INBOX_DAYS * 86_400 + 60)
    offer(sales, "b")
    [item] = support.inbox().items
    support.acknowledge(item.id)
    with crm._engine.store.snapshot() as snapshot:
        assert list(snapshot.noted("inbox:support")) == [item.id]


def test_limit_inbox_events(crm: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    for name in ("a", "b"):
        support.decline(offer(sales, name), reason=name)
    assert [item.text[-3:] for item in sales.inbox().items] == ['"b"', '"a"']
    monkeypatch.setattr(limits, "INBOX_EVENTS", 1)
    assert [item.text[-3:] for item in sales.inbox().items] == ['"b"']


def test_the_inbox_prints_with_what_to_do_and_is_bounded(crm: comity.Workspace) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    assert str(support.inbox()) == "Nothing waits for you."
    for name in range(limits.INBOX_ITEMS + 3):
        offer(sales, f"s{name}")
    answer = support.inbox(limit=2)
    assert (len(answer.items), answer.more) == (2, limits.INBOX_ITEMS + 1)
    assert str(answer).startswith("2 items, newest first:\n  [offer:handoff/")
    assert "and 101 more" in str(answer)
    with pytest.raises(comity.LimitExceeded):
        support.inbox(limit=limits.INBOX_ITEMS + 1)
