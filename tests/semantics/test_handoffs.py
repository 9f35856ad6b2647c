"""Changes offered across a domain: S7, S21, S23."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import comity
from comity import Conflict, NotCommitted, Refused, limits
from comity.errors import InvalidRequest, NotFound
from comity.model.decisions import Decision
from comity.model.proposals import Add, Emit, Proposal, Put, Read, Set, Was
from comity.testing.manual_clock import ManualClock
from tests.semantics.asking import codes, propose

SHOP = """\
name = "shop"

[agents]
sales   = { role = "sales" }
support = { role = "support" }
kim     = { role = "support" }
legal   = { role = "legal" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
name    = { type = "string", owner = "sales" }
status  = { type = "string", owner = "support" }
tickets = { type = "integer", owner = "support", default = 0 }
terms   = { type = "string", owner = "legal" }
tier    = { type = "string", owner = ["support", "legal"] }
note    = { type = "string" }

[kinds.customer.events.Escalated]
owner = "support"
then  = { status = "'escalated'" }
"""

Open = Callable[..., comity.Workspace]
Define = Callable[..., Path]


@pytest.fixture
def shop(open_again: Open, define: Define, clock: ManualClock) -> comity.Workspace:
    base = open_again(definition=define(SHOP), clock=clock)
    base.agent("support").put("customer/acme", status="active", tickets=2)
    base.agent("sales").put("customer/acme", name="Acme", was={"name": None})
    return base


def offered(shop: comity.Workspace, **options: Any) -> Decision:
    return shop.agent("sales").offer("customer/acme", status="at_risk", was={"status": "active"}, **options)


# -- offering and answering


def test_s21_an_offer_waits_for_the_owner_and_says_so(shop: comity.Workspace) -> None:
    decision = offered(shop, reason="They complain")
    assert (decision.outcome, decision.waits_for, decision.ticket) == ("pending", "owner", f"$handoff/{decision.id}")
    assert "support" in decision.next
    assert shop.get("customer/acme").status == "active"


def test_s21_an_acceptance_is_one_commit_and_both_are_named(shop: comity.Workspace) -> None:
    decision = offered(shop, reason="They complain")
    accepted = shop.agent("support").accept(decision, reason="Right you are")
    assert accepted.records.keys() == {"customer/acme", decision.ticket}
    why = shop.why("customer/acme", "status")
    assert why.event is not None
    assert (why.value, why.event.by, why.event.accepted_by) == ("at_risk", "sales", ("support",))
    assert why.event.reason == "They complain"
    assert "by sales (claimed), accepted by support at" in str(why)
    assert shop.verify().is_clean


def test_s7_a_repeat_of_the_offer_gets_what_became_of_it(shop: comity.Workspace) -> None:
    sales, proposal = shop.agent("sales"), shop_proposal("o1")
    first, second = sales.propose(proposal), sales.propose(proposal)
    assert (first.outcome, first.revision) == (second.outcome, second.revision) == ("pending", shop.revision)
    accepted = shop.agent("support").accept("o1")
    again = sales.propose(proposal)
    assert (again.outcome, again.revision) == ("committed", accepted.revision)


def test_a_declined_offer_comes_back_with_the_reason(shop: comity.Workspace) -> None:
    decision = offered(shop, id="o1")
    shop.agent("support").decline(decision, "They are fine")
    again = shop.agent("sales").propose(shop_proposal("o1"))
    assert (again.outcome, codes(again)) == ("refused", ["ticket.declined"])
    assert "They are fine" in again.explain()


def shop_proposal(id: str) -> Proposal:
    """Return the proposal that ``offered`` made under an id."""
    return Proposal(
        id=id,
        changes=(Put("customer/acme", {"status": "at_risk"}),),
        reads=(Was("customer/acme", {"status": "active"}),),
        if_foreign="offer",
    )


def test_a_withdrawn_offer_can_be_accepted_no_more(shop: comity.Workspace) -> None:
    decision = offered(shop)
    shop.agent("sales").withdraw(decision)
    with pytest.raises(Refused, match="was withdrawn by sales"):
        shop.agent("support").accept(decision)
    assert shop.offers().tickets == ()


def test_an_expired_offer_can_be_accepted_no_more(shop: comity.Workspace, clock: ManualClock) -> None:
    decision = offered(shop, ttl="1d")
    clock.advance(seconds=86_399)
    assert len(shop.offers().tickets) == 1
    clock.advance(seconds=2)
    assert shop.offers().tickets == ()
    with pytest.raises(Refused, match="It expired at 20"):
        shop.agent("support").accept(decision)
    assert shop.get("customer/acme").status == "active"


@pytest.mark.parametrize("agent", ["sales", "legal"])
@pytest.mark.parametrize("verb", ["accept", "decline"])
def test_s23_only_those_to_whom_it_was_offered_answer(shop: comity.Workspace, agent: str, verb: str) -> None:
    decision = offered(shop)
    told = {"sales": "Who proposed it can't answer it", "legal": r"It is for support; you are legal \(legal\)"}[agent]
    with pytest.raises(Refused, match=told):
        getattr(shop.agent(agent), verb)(decision, **({"reason": "no"} if verb == "decline" else {}))
    assert len(shop.offers().tickets) == 1


def test_any_agent_of_the_role_may_accept(shop: comity.Workspace) -> None:
    shop.agent("kim").accept(offered(shop))
    assert shop.why("customer/acme", "status").event.accepted_by == ("kim",)  # type: ignore[union-attr]


def test_offers_are_listed_by_who_may_accept_them_an_agent_or_a_role(shop: comity.Workspace) -> None:
    ticket = offered(shop).ticket
    shown = {to: [one.ticket for one in shop.offers(to=to).tickets] for to in ("kim", "support", "legal", "operations")}
    assert shown == {"kim": [ticket], "support": [ticket], "legal": [], "operations": []}
    with pytest.raises(NotFound, match="there is no agent or role 'suport'; did you mean 'support'"):
        shop.offers(to="suport")
    assert shop.approvals(to="operations").tickets == ()


def test_what_others_wait_for_hides_no_offer(
    shop: comity.Workspace, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "QUERY_RECORDS", 3)
    monkeypatch.setattr(limits, "TICKETS_SEARCHED", 3)
    sales, support = shop.agent("sales"), shop.agent("support")
    for number in range(4):
        sales.offer("customer/acme", terms=f"{number}", was={"terms": None})
    expired = {offered(shop, ttl="1m").ticket for _ in range(3)}
    assert {one.ticket for one in shop.offers(to="support", limit=3).tickets} == expired
    clock.advance(seconds=61)
    ticket = offered(shop).ticket
    listed = shop.offers(to="support", limit=3)
    assert ([one.ticket for one in listed.tickets], listed.is_cut) == ([ticket], False)
    assert [item.about for item in support.inbox().items] == [ticket]
    assert shop.offers(to="legal", limit=3).is_cut
    assert shop.offers(limit=3).is_cut


def test_s23_only_the_giver_withdraws(shop: comity.Workspace) -> None:
    with pytest.raises(Refused, match="Only who proposed it"):
        shop.agent("support").withdraw(offered(shop))


def test_what_is_all_ones_own_is_committed_at_once(shop: comity.Workspace) -> None:
    assert shop.agent("sales").offer("customer/acme", name="ACME", was={"name": "Acme"}).is_committed


def test_an_offer_that_is_wrong_in_itself_is_refused(shop: comity.Workspace) -> None:
    with pytest.raises(Refused, match="status"):
        shop.agent("sales").offer("customer/acme", status="at_risk")
    with pytest.raises(Conflict):
        shop.agent("sales").offer("customer/acme", status="at_risk", was={"status": "churned"})


def test_a_refusal_is_ready_to_be_sent(shop: comity.Workspace) -> None:
    refused = propose(
        shop.agent("sales"), Set("customer/acme", {"status": "x"}), reads=(Was("customer/acme", {"status": "active"}),)
    )
    assert codes(refused) == ["ownership.other_domain"]
    assert f"offer('{refused.id}')" in refused.next
    decision = shop.agent("sales").offer(refused)
    assert shop.agent("sales").offer(refused.id).ticket == decision.ticket
    shop.agent("support").accept(decision)
    assert shop.get("customer/acme").status == "x"


def test_nobody_sends_what_others_were_refused(shop: comity.Workspace) -> None:
    refused = propose(shop.agent("sales"), Set("customer/acme", {"status": "x"}), accept=shop.revision)
    with pytest.raises(NotFound):
        shop.agent("legal").offer(refused)
    with pytest.raises(NotFound):
        shop.agent("sales").offer("nothing")
    with pytest.raises(InvalidRequest):
        shop.agent("sales").offer(refused, status="y")


# -- judged afresh


def test_s21_what_the_offer_rests_on_is_judged_at_the_acceptance(shop: comity.Workspace) -> None:
    decision, support = offered(shop), shop.agent("support")
    support.put("customer/acme", status="churned", accept=shop.revision)
    with pytest.raises(NotCommitted) as caught:
        support.accept(decision)
    assert codes(caught.value.decision) == ["ticket.stale", "freshness.changed"]
    assert shop.get("customer/acme").status == "churned"
    assert len(shop.offers().tickets) == 1


def test_s21_an_acceptance_counts_only_of_what_is_still_ones_own(shop: comity.Workspace, define: Define) -> None:
    decision = offered(shop)
    moved = SHOP.replace(
        'status  = { type = "string", owner = "support" }', 'status  = { type = "string", owner = "legal" }'
    )
    moved = moved.replace("then  = { status = \"'escalated'\" }", "")
    shop.apply(define(moved, "new.toml"))
    with pytest.raises(NotCommitted) as caught:
        shop.agent("support").accept(decision)
    assert codes(caught.value.decision) == ["ticket.stale", "ownership.other_domain"]
    assert shop.get("customer/acme").status == "active"


def test_s21_an_acceptance_answers_the_border_alone(shop: comity.Workspace) -> None:
    """What else stands in the way by now, such as the record's life, is found as ever."""
    decision = offered(shop)
    shop.agent("support").archive("customer/acme", accept=shop.revision)
    with pytest.raises(NotCommitted) as caught:
        shop.agent("support").accept(decision)
    assert "integrity.archived" in codes(caught.value.decision)


def test_an_answer_goes_alone(shop: comity.Workspace) -> None:
    """Else the acceptor's other changes would be committed in the giver's name."""
    one, two = offered(shop, id="o1"), offered(shop, id="o2")
    support = shop.agent("support")
    both = propose(support, Emit(str(one.ticket), "accepted"), Emit(str(two.ticket), "accepted"))
    mixed = propose(support, Emit(str(one.ticket), "accepted"), Put("customer/new", {"note": "x"}))
    assert [codes(both), codes(mixed)] == [["ticket.not_alone"]] * 2
    assert shop.get("customer/acme").status == "active"


def test_checking_an_acceptance_tells_what_it_would_come_to(shop: comity.Workspace) -> None:
    decision, support = offered(shop), shop.agent("support")
    asked = Proposal(id="c1", changes=(Emit(str(decision.ticket), "accepted"),))
    seen = support.propose(asked, dry=True)
    assert (seen.outcome, sorted(seen.records)) == ("allowed", [decision.ticket, "customer/acme"])
    support.put("customer/acme", status="churned", accept=shop.revision)
    assert codes(support.propose(asked, dry=True))[0] == "ticket.stale"


# -- several owners


def test_s21_two_owners_accept_one_after_the_other_and_all_are_named(shop: comity.Workspace) -> None:
    decision = shop.agent("sales").offer("customer/acme", status="x", terms="net 30", name="ACME", accept=shop.revision)
    assert decision.is_pending
    first = shop.agent("support").accept(decision)
    assert "goes on waiting" in first.next
    assert shop.get("customer/acme").status == "active"
    assert [one.to for one in shop.offers().tickets] == [("legal",)]
    shop.agent("legal").accept(decision)
    assert dict(shop.get("customer/acme")) | {"tickets": 2} == {
        "name": "ACME",
        "status": "x",
        "tickets": 2,
        "terms": "net 30",
    }
    event = shop.why("customer/acme", "terms").event
    assert event is not None
    assert (event.by, event.accepted_by) == ("sales", ("support", "legal"))
    assert shop.verify().is_clean


def test_what_one_owner_may_accept_as_a_whole_is_one_offer(shop: comity.Workspace) -> None:
    decision = shop.agent("sales").offer("customer/acme", status="x", tier="gold", accept=shop.revision)
    assert [one.to for one in shop.offers().tickets] == [("support",)]
    assert shop.agent("support").accept(decision).records["customer/acme"] > 1


def test_the_second_owner_can_still_decline_all(shop: comity.Workspace) -> None:
    decision = shop.agent("sales").offer("customer/acme", status="x", terms="net 30", accept=shop.revision)
    shop.agent("support").accept(decision)
    shop.agent("legal").decline(decision, "no")
    assert "terms" not in shop.get("customer/acme")
    assert shop.get("customer/acme").status == "active"


# -- splitting


def test_a_split_commits_the_own_part_and_offers_each_other_part(shop: comity.Workspace) -> None:
    sales, revision = shop.agent("sales"), shop.revision
    proposal = Proposal(
        id="s1",
        changes=(
            Put("customer/acme", {"name": "ACME", "status": "x", "terms": "net 30"}),
            Add("customer/acme", {"tickets": 1}),
        ),
        reads=(Read("customer/acme", revision),),
    )
    answer = sales.split(proposal)
    assert [(one.outcome, one.id) for one in answer.decisions] == [
        ("committed", "s1.own"),
        ("pending", "s1.1"),
        ("pending", "s1.2"),
    ]
    assert shop.get("customer/acme").name == "ACME"
    assert [(one.to, len(one.changes)) for one in shop.offers().tickets] == [(("support",), 2), (("legal",), 1)]
    shop.agent("support").accept(answer.decisions[1])
    shop.agent("legal").accept(answer.decisions[2])
    acme = shop.get("customer/acme")
    assert (acme.status, acme.tickets, acme.terms) == ("x", 3, "net 30")
    assert sales.split(proposal).decisions[0].revision == answer.decisions[0].revision
    assert shop.verify().is_clean


def test_a_part_goes_stale_by_what_others_do_not_by_the_own_part(shop: comity.Workspace) -> None:
    sales, support = shop.agent("sales"), shop.agent("support")
    changes = (Put("customer/acme", {"name": "ACME", "status": "x"}),)
    reads = (Read("customer/acme", shop.revision),)
    answer = sales.split(Proposal(id="s1", changes=changes, reads=reads))
    support.add("customer/acme", tickets=1)
    with pytest.raises(NotCommitted) as caught:
        support.accept(answer.decisions[1])
    assert [one.field for finding in caught.value.decision.findings for one in finding.moved] == ["tickets"]


def test_a_split_of_what_moved_meanwhile_does_nothing(shop: comity.Workspace) -> None:
    reads = (Read("customer/acme", shop.revision),)
    shop.agent("support").add("customer/acme", tickets=1)
    changes = (Put("customer/acme", {"name": "ACME", "status": "x"}),)
    answer = shop.agent("sales").split(Proposal(id="s1", changes=changes, reads=reads))
    assert [one.outcome for one in answer.decisions] == ["refused"]
    assert shop.get("customer/acme").name == "Acme"
    assert shop.offers().tickets == ()


def test_a_split_without_an_own_part_is_offers_alone(shop: comity.Workspace) -> None:
    changes = (Set("customer/acme", {"status": "x", "terms": "y"}), Emit("customer/acme", "Escalated"))
    answer = shop.agent("sales").split(Proposal(id="s1", changes=changes, accept=shop.revision), ttl="1d")
    assert [(one.outcome, one.id) for one in answer.decisions] == [("pending", "s1.1"), ("pending", "s1.2")]


def test_a_record_is_made_by_the_own_part(shop: comity.Workspace) -> None:
    changes = (Put("customer/new", {"name": "New", "status": "x"}),)
    answer = shop.agent("sales").split(Proposal(id="s1", changes=changes))
    assert [one.outcome for one in answer.decisions] == ["committed", "pending"]
    assert "status" not in shop.get("customer/new")
    shop.agent("support").accept(answer.decisions[1])
    assert shop.get("customer/new").status == "x"


# -- facts


def test_the_receiver_sees_what_it_rests_on_checked_against_the_base(shop: comity.Workspace) -> None:
    with shop.agent("sales").intent(reason="at risk", if_foreign="offer") as intent:
        acme = intent.get("customer/acme")
        assert (acme.tickets, acme.name) == (2, "Acme")
        acme.set(status="at_risk")
        decision = intent.propose()
    support = shop.agent("support")
    (one,) = support.offers(to="support").tickets
    assert {fact.field: (fact.seen, fact.now, fact.is_so) for fact in one.facts} == {
        "tickets": (2, 2, True),
        "name": ("Acme", "Acme", True),
    }
    assert "all it rests on is still so" in str(one)
    support.add("customer/acme", tickets=1)
    (one,) = support.offers().tickets
    assert [str(fact) for fact in one.facts if not fact.is_so] == ["customer/acme.tickets was 2, now 3"]
    assert one.ticket == decision.ticket
    assert one.changes == (Put("customer/acme", {"status": "at_risk"}),)
    assert support.offers(to="legal").tickets == ()
    assert support.offers(by="legal").tickets == ()


# -- from an intent


def test_an_intent_offers_what_it_collected_with_what_it_read(shop: comity.Workspace) -> None:
    with shop.agent("sales").intent(reason="they complain") as intent:
        acme = intent.get("customer/acme")
        acme.set(status="at_risk" if acme.tickets > 1 else "active")
        decision = intent.offer(ttl="2h")
    assert decision.waits_for == "owner"
    assert decision.expires == decision.at + 7_200 * 1_000_000
    shop.agent("support").accept(decision)
    assert shop.get("customer/acme").status == "at_risk"
    with pytest.raises(InvalidRequest, match="ttl"):
        shop.agent("sales").intent().offer(ttl="soon")


def test_an_intent_splits_what_it_collected(shop: comity.Workspace) -> None:
    with shop.agent("sales").intent() as intent:
        intent.get("customer/acme").set(status="at_risk", name="ACME")
        answer = intent.split(ttl="2h")
    assert [one.outcome for one in answer.decisions] == ["committed", "pending"]
    assert shop.get("customer/acme").name == "ACME"


def test_an_intent_in_an_event_loop_offers(shop: comity.Workspace) -> None:
    async def offer() -> Decision:
        async with shop.async_agent("sales").intent() as intent:
            acme = await intent.get("customer/acme")
            acme.set(status="at_risk")
            return await intent.offer()

    assert asyncio.run(offer()).waits_for == "owner"


# -- by a rule


RULE = """
[[rules]]
name = "support knows them"
when = "customer != null && agent.role == 'sales' && action.name == 'rename'"
then = "offer"
to   = "support"
why  = "Support knows their names."
"""


def test_a_rule_offers_what_is_ones_own_to_somebody_else(open_again: Open, define: Define) -> None:
    shop = open_again(definition=define(SHOP + RULE + "\n[actions.rename]\n[actions.other]\n"))
    sales, support = shop.agent("sales"), shop.agent("support")
    sales.put("customer/acme", name="Acme", action="other")
    change = Set("customer/acme", {"name": "ACME"})
    decision = propose(sales, change, action="rename", accept=shop.revision)
    assert decision.waits_for == "owner"
    assert support.offers(to="kim").tickets[0].findings[0].message == "Support knows their names."
    support.accept(decision)
    event = shop.why("customer/acme", "name").event
    assert event is not None
    assert (event.by, event.accepted_by) == ("sales", ("support",))


def test_s21_what_was_accepted_of_another_proposal_of_an_id_is_no_evidence(
    shop: comity.Workspace, clock: ManualClock
) -> None:
    """An id may come again once its answer isn't kept any more; what was accepted under it then doesn't."""
    sales, support, legal = (shop.agent(name) for name in ("sales", "support", "legal"))

    def offer(*changes: Set) -> Decision:
        return sales.propose(Proposal(id="o", changes=changes, accept=shop.revision, if_foreign="offer"))

    offer(Set("customer/acme", {"status": "at_risk"}), Set("customer/acme", {"terms": "net 30"}))
    assert "legal" in support.accept("$handoff/o").next
    legal.decline("$handoff/o", "no")
    clock.advance(seconds=(limits.ANSWERS_KEPT_DAYS + limits.WAIT_DAYS + 1) * 86_400)
    propose(legal, Set("customer/acme", {"status": "no"}))  # Answers are dropped as others are kept.
    sales.put("customer/acme", name="Acme Inc.", accept=shop.revision)
    again = offer(Set("customer/acme", {"terms": "net 0"}), Set("customer/acme", {"status": "churned"}))
    assert (again.outcome, shop.get("$handoff/o").to) == ("pending", ("legal",))
    assert "support" in legal.accept("$handoff/o").next
    assert shop.get("customer/acme").status == "active"
    assert support.accept("$handoff/o").is_committed
    why = shop.why("customer/acme", "status").event
    assert why is not None
    assert why.accepted_by == ("legal", "support")
