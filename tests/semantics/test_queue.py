"""Turns in line: S32."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import comity
from comity import limits
from comity.errors import InvalidRequest, NotFound
from comity.model.decisions import Decision
from comity.model.proposals import Append, Proposal, Set, Was
from comity.testing.manual_clock import ManualClock
from tests.semantics.asking import codes

RULES = """\
[agents]
sales   = { role = "sales" }
product = { role = "product" }
support = { role = "support" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
campaigns    = { type = "array", items = { type = "string" } }
plans        = { type = "array", items = { type = "string" } }
status       = { type = "string" }
open_tickets = { type = "integer", default = 0 }

[actions.upsell]
kind = "outreach"
[actions.close]
[actions.plan]

[[rules]]
name  = "support goes first"
when  = "action.kind == 'outreach' && customer.open_tickets > 0"
then  = "queue"
to    = "support"
until = "customer.open_tickets == 0"
"""

Open = Callable[..., comity.Workspace]
Define = Callable[..., Path]


@pytest.fixture
def shop(open_again: Open, define: Define, clock: ManualClock) -> comity.Workspace:
    base = open_again(definition=define(RULES), clock=clock)
    for name in ("acme", "zeta"):
        base.agent("support").put(f"customer/{name}", open_tickets=1, action="close")
    return base


def upsell(agent: comity.Agent, id: str, record: str = "customer/acme", **options: Any) -> Decision:
    """Return the decision on an outreach that rests on nothing, so that it can't go stale."""
    return agent.propose(Proposal(id=id, changes=(Append(record, {"campaigns": [id]}),), action="upsell", **options))


def plan(agent: comity.Agent, id: str, field: str = "plans", **options: Any) -> Decision:
    """Return the decision on something that no rule is about."""
    change = Append("customer/acme", {field: [id]})
    return agent.propose(Proposal(id=id, changes=(change,), action="plan", **options))


def close_tickets(shop: comity.Workspace, count: int = 0, record: str = "customer/acme") -> Decision:
    return shop.agent("support").set(record, open_tickets=count, was={"open_tickets": 1 - count}, action="close")


def waiting(shop: comity.Workspace) -> list[str]:
    return [one.proposal for one in shop.queue().queued]


def done_of(shop: comity.Workspace) -> list[str]:
    return list(shop.get("customer/acme").campaigns or ())


def run_duties(shop: comity.Workspace) -> int:
    return shop._engine.duties.run()


def test_s32_a_rule_has_it_wait_and_it_is_done_in_its_turn(shop: comity.Workspace) -> None:
    sales = shop.agent("sales")
    decision = upsell(sales, "p")
    assert (decision.outcome, decision.waits_for, decision.ticket) == ("pending", "queue", "$queue/p")
    assert run_duties(shop) == 0
    close_tickets(shop)
    done = sales.wait(decision)
    assert (done.outcome, done_of(shop)) == ("committed", ["p"])
    assert waiting(shop) == []
    assert shop.verify().is_clean


def test_s32_those_who_came_first_go_first_and_those_of_higher_priority_before_them(shop: comity.Workspace) -> None:
    sales = shop.agent("sales")
    for id, priority in (("first", 0), ("second", 0), ("urgent", 5), ("last", -5)):
        upsell(sales, id, priority=priority)
    assert waiting(shop) == ["urgent", "first", "second", "last"]
    assert [one.position for one in shop.queue().queued] == [1, 2, 3, 4]
    close_tickets(shop)
    assert run_duties(shop) == 4
    assert done_of(shop) == ["urgent", "first", "second", "last"]


def test_s32_whoever_comes_at_the_right_moment_takes_a_place_behind(shop: comity.Workspace) -> None:
    upsell(shop.agent("sales"), "p")
    close_tickets(shop)
    late = upsell(shop.agent("product"), "late")
    assert (late.outcome, [finding.code for finding in late.findings]) == ("pending", ["queue.behind"])
    assert shop.agent("product").wait(late).outcome == "committed"
    assert done_of(shop) == ["p", "late"]


def test_s32_only_those_who_compete_wait_for_each_other(shop: comity.Workspace) -> None:
    upsell(shop.agent("sales"), "p")
    assert plan(shop.agent("product"), "other").outcome == "committed"
    assert plan(shop.agent("product"), "same", "campaigns").outcome == "pending"


def test_s32_whom_the_line_waits_for_is_never_kept_by_it(shop: comity.Workspace) -> None:
    """Support changes the very field that sales waits to change: else the line would never move."""
    upsell(shop.agent("sales"), "p")
    assert upsell(shop.agent("product"), "q").outcome == "pending"
    assert plan(shop.agent("support"), "s", "campaigns").outcome == "committed"


def test_s32_one_is_released_at_a_time_on_a_subject(shop: comity.Workspace) -> None:
    """Each is judged on what the one before it made: here the first has the others wait again."""
    for id in ("a", "b", "c"):
        upsell(shop.agent("sales"), id)
    close_tickets(shop)
    answer = shop.release("$queue/b")
    assert codes(answer) == ["ticket.waiting"]
    assert waiting(shop) == ["a", "b", "c"]
    assert shop.release("$queue/a").outcome == "committed"
    close_tickets(shop, 1)
    assert run_duties(shop) == 0
    assert waiting(shop) == ["b", "c"]


def test_s32_what_has_to_wait_again_keeps_its_place_writes_nothing_and_backs_off(
    shop: comity.Workspace, clock: ManualClock
) -> None:
    upsell(shop.agent("sales"), "p")
    revision = shop.revision
    for _ in range(3):
        assert codes(shop.release("$queue/p")) == ["ticket.waiting"]
    assert run_duties(shop) == 0
    assert shop.revision == revision
    assert shop.refusals(agent="sales").refusals == ()


def reword(shop: comity.Workspace, old: str, new: str) -> None:
    """Change the rules as an operator would."""
    path = Path(shop.url).with_name("reworded.toml")
    source = shop.definition().source
    assert old in source
    path.write_text(source.replace(old, new), encoding="utf-8")
    shop.apply(path)


def test_s32_a_changed_rule_has_those_judged_afresh_who_wait_for_it(shop: comity.Workspace) -> None:
    upsell(shop.agent("sales"), "p")
    assert run_duties(shop) == 0
    reword(shop, "customer.open_tickets > 0", "customer.open_tickets > 1")
    assert run_duties(shop) == 1
    assert done_of(shop) == ["p"]


def test_s32_a_rule_that_is_gone_keeps_nobody(shop: comity.Workspace) -> None:
    upsell(shop.agent("sales"), "p")
    source = shop.definition().source
    reword(shop, source[source.index("[[rules]]") :], "")
    assert shop.agent("sales").wait("$queue/p").outcome == "committed"


def test_s32_a_ticket_tells_what_it_waits_for_by_now(shop: comity.Workspace) -> None:
    upsell(shop.agent("sales"), "p")
    reword(shop, 'to    = "support"', 'to    = "product"')
    assert run_duties(shop) == 0
    [queued] = shop.queue().queued
    assert (queued.waits_for, queued.position) == (("product",), 1)
    assert [event.type for event in shop.history("$queue/p").events] == ["requeued", "queued"]
    run_duties(shop)
    assert len(shop.history("$queue/p").events) == 2


def test_s32_what_went_stale_comes_back_with_what_moved(shop: comity.Workspace) -> None:
    sales = shop.agent("sales")
    change = Set("customer/acme", {"status": "warm"})
    rests = Was("customer/acme", {"status": None})
    pending = sales.propose(Proposal(id="p", changes=(change,), reads=(rests,), action="upsell"))
    shop.agent("support").set("customer/acme", status="cold", open_tickets=0, accept=shop.revision, action="close")
    back = sales.wait(pending)
    assert (back.outcome, codes(back)) == ("refused", ["freshness.changed"])
    [moved] = back.refusals[0].moved
    assert (moved.field, moved.now, moved.by) == ("status", "cold", "support")
    assert shop.get("$queue/p").state == "returned"
    again = sales.propose(Proposal(id="p", changes=(change,), reads=(rests,), action="upsell"))
    assert again == replace(back, next=again.next)
    assert back.next.startswith(again.next)
    assert shop.verify().is_clean


def test_s32_a_wait_ends_with_its_deadline(shop: comity.Workspace, clock: ManualClock) -> None:
    sales = shop.agent("sales")
    decision = upsell(sales, "p")
    clock.advance(seconds=limits.WAIT_S)
    assert codes(sales.wait(decision, 0)) == ["ticket.expired"]
    assert codes(shop.release("$queue/p")) == ["shape.transition"]
    late = upsell(shop.agent("product"), "late")
    assert [finding.code for finding in late.findings] == ["rule.support_goes_first"]
    run_duties(shop)
    assert (shop.get("$queue/p").state, shop.get("$queue/late").state) == ("expired", "waiting")


def test_s32_what_is_withdrawn_makes_room(shop: comity.Workspace) -> None:
    sales = shop.agent("sales")
    decision = upsell(sales, "p")
    upsell(shop.agent("product"), "q")
    sales.withdraw(decision)
    close_tickets(shop)
    assert run_duties(shop) == 1
    assert done_of(shop) == ["q"]


def test_s32_who_waits_for_a_lease_goes_when_it_is_given_back(shop: comity.Workspace) -> None:
    sales, product = shop.agent("sales"), shop.agent("product")
    with product.lease("customer/acme", ttl="5m"):
        pending = plan(sales, "p", if_held="queue")
        assert (pending.outcome, shop.queue().queued[0].waits_for) == ("pending", ("product",))
        assert run_duties(shop) == 0
    assert sales.wait(pending).outcome == "committed"


def test_s32_who_waits_for_a_lease_goes_when_it_has_expired(shop: comity.Workspace, clock: ManualClock) -> None:
    sales, product = shop.agent("sales"), shop.agent("product")
    product.lease("customer/acme", ttl="5m").take()
    pending = plan(sales, "p", if_held="queue")
    clock.advance(seconds=301)
    assert sales.wait(pending).outcome == "committed"


def test_s32_who_waits_for_an_override_goes_when_it_is_lifted(shop: comity.Workspace) -> None:
    sales = shop.agent("sales")
    ops = shop.agent("ops", key=shop.issue_key("ops").key)
    pin = ops.pin("customer/acme", "plans", reason="call", ttl="2h", yields="queue")
    pending = plan(sales, "p")
    assert pending.outcome == "pending"
    assert run_duties(shop) == 0
    ops.lift(pin)
    assert sales.wait(pending).outcome == "committed"


def test_limit_queue_waiting(shop: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "QUEUE_WAITING", 2)
    sales = shop.agent("sales")
    assert [upsell(sales, id).outcome for id in ("a", "b", "c")] == ["pending", "pending", "refused"]
    assert codes(upsell(sales, "d")) == ["rule.support_goes_first", "queue.behind", "queue.full"]
    assert codes(shop.release("$queue/a")) == ["ticket.waiting"]
    close_tickets(shop)
    assert run_duties(shop) == 2


def test_limit_ticket_subjects(shop: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TICKET_SUBJECTS", 2)
    shop.agent("support").put("customer/new", open_tickets=1, action="close")
    sales = shop.agent("sales")
    assert upsell(sales, "a", about=("customer/zeta",)).outcome == "pending"
    broad = upsell(sales, "b", about=("customer/zeta", "customer/new"))
    assert "shape.too_broad" in codes(broad)


def test_a_release_of_what_waits_in_no_line(shop: comity.Workspace) -> None:
    with pytest.raises(NotFound, match="there is no"):
        shop.release("$queue/nobody")
    with pytest.raises(InvalidRequest, match="stands in no line"):
        shop.release("$handoff/p")


def test_the_queue_can_be_looked_at_by_record_and_by_agent(shop: comity.Workspace) -> None:
    upsell(shop.agent("sales"), "a")
    upsell(shop.agent("product"), "b", "customer/zeta")
    assert [one.proposal for one in shop.queue(record="customer/zeta").queued] == ["b"]
    assert [one.proposal for one in shop.queue(agent="sales").queued] == ["a"]
    cut = shop.queue(limit=1)
    assert (len(cut.queued), cut.is_cut) == (1, True)
    assert "sales waits for support with upsell on customer/acme; number 1, until" in str(cut)


# -- what comes between


def test_s24_a_freeze_takes_nobodys_place_away(shop: comity.Workspace, clock: ManualClock) -> None:
    ops = shop.agent("ops", key=shop.issue_key("ops").key)
    upsell(shop.agent("sales"), "a")
    close_tickets(shop)
    ops.freeze(reason="incident", ttl="1m")
    assert run_duties(shop) == 0
    assert waiting(shop) == ["a"]
    clock.advance(seconds=61)
    run_duties(shop)
    assert (waiting(shop), done_of(shop)) == ([], ["a"])
    assert shop.verify().is_clean


def test_s32_a_lease_is_no_way_past_those_who_wait(shop: comity.Workspace, clock: ManualClock) -> None:
    """Neither at once, nor by refusing those whose turn comes while it is held."""
    ops, product = shop.agent("ops", key=shop.issue_key("ops").key), shop.agent("product")
    pin = ops.pin("customer/acme", reason="audit", ttl="1h", yields="queue")
    assert plan(shop.agent("sales"), "a").outcome == "pending"
    ops.lift(pin)
    with product.lease("customer/acme", ttl="30s") as lease:
        late = plan(product, "b", leases=lease.tokens)
        assert (late.outcome, late.findings[-1].code) == ("pending", "queue.behind")
        assert run_duties(shop) == 0
        assert waiting(shop) == ["a", "b"]
    clock.advance(seconds=60)
    run_duties(shop)
    assert list(shop.get("customer/acme").plans) == ["a"]


def test_s32_who_stood_in_line_for_a_lease_passes_those_who_came_later(
    shop: comity.Workspace, clock: ManualClock
) -> None:
    sales, product, support = (shop.agent(name) for name in ("sales", "product", "support"))
    with sales.lease("customer/acme"):
        lease = product.lease("customer/acme", wait="10m")
        lease.join()
        clock.advance(seconds=1)
        assert plan(support, "a", if_held="queue").outcome == "pending"
    lease.take()
    assert plan(product, "b", leases=lease.tokens).is_committed
    lease.release()
    run_duties(shop)
    assert list(shop.get("customer/acme").plans) == ["b", "a"]
