"""Waiting for what is pending, and cycles of waits: S20, S31."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import comity
from comity import limits
from comity.errors import InvalidRequest, LimitExceeded, NotFound
from comity.model.decisions import Decision
from comity.model.proposals import Append, Proposal, Set, Was
from comity.testing.manual_clock import ManualClock
from tests.semantics.asking import codes
from tests.semantics.running import run_process, start

DESK = """\
[agents]
sales   = { role = "sales" }
support = { role = "support" }
kim     = { role = "support" }
product = { role = "product" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
notes  = { type = "array", items = { type = "string" } }
busy   = { type = "string" }
status = { type = "string", owner = "support" }
value  = { type = "integer", owner = "sales" }

[actions.call]
[actions.visit]
[actions.audit]
[actions.plan]

[[rules]]
name  = "sales waits for product"
when  = "agent.role == 'sales' && action.name == 'call' && customer.busy == 'product'"
then  = "queue"
to    = "product"
until = "customer.busy == null"

[[rules]]
name  = "product waits for sales"
when  = "agent.role == 'product' && action.name == 'call' && customer.busy == 'product'"
then  = "queue"
to    = "sales"
until = "customer.busy == null"

[[rules]]
name = "audits are asked for"
when = "action.name == 'audit'"
then = "ask"

[[rules]]
name     = "sales defers"
when     = "agent.role == 'sales' && action.name == 'visit' && intents.exists(i, i.role == 'product')"
then     = "defer"
to       = "product"
until    = "!intents.exists(i, i.role == 'product')"
priority = 1

[[rules]]
name  = "product defers"
when  = "agent.role == 'product' && action.name == 'visit' && intents.exists(i, i.role == 'sales')"
then  = "defer"
to    = "sales"
until = "!intents.exists(i, i.role == 'sales')"
"""

Open = Callable[..., comity.Workspace]
Define = Callable[..., Path]


@pytest.fixture
def desk(open_again: Open, define: Define, clock: ManualClock) -> comity.Workspace:
    base = open_again(definition=define(DESK), clock=clock)
    base.agent("support").put("customer/acme", status="active", busy="product", action="plan")
    return base


def act(agent: comity.Agent, id: str, action: str = "call", **options: Any) -> Decision:
    change = Append("customer/acme", {"notes": [id]})
    return agent.propose(Proposal(id=id, changes=(change,), action=action, **options))


def offer(agent: comity.Agent, id: str, **fields: Any) -> Decision:
    """Return the decision on changes that are offered to their owner."""
    seen = Was("customer/acme", {name: {"status": "active"}.get(name) for name in fields})
    change = Set("customer/acme", fields)
    return agent.propose(Proposal(id=id, changes=(change,), reads=(seen,), action="plan", if_foreign="offer"))


# -- S20: one way to wait for everything


def test_s20_a_wait_for_an_owner_ends_with_the_answer(desk: comity.Workspace) -> None:
    sales, results = desk.agent("sales"), list[object]()
    offered = sales.offer("customer/acme", status="at_risk", was={"status": "active"}, action="plan")
    thread = start(lambda: sales.wait(offered, "20s"), results)
    desk.agent("support").accept(offered)
    thread.join(60)
    [decision] = results
    assert isinstance(decision, Decision)
    assert (decision.outcome, desk.get("customer/acme").status) == ("committed", "at_risk")
    declined = sales.offer("customer/acme", status="x", was={"status": "at_risk"}, action="plan")
    desk.agent("support").decline(declined, "no")
    assert codes(sales.wait(declined)) == ["ticket.declined"]


def test_s20_a_wait_for_a_human_ends_with_the_answer(desk: comity.Workspace) -> None:
    sales, ops = desk.agent("sales"), desk.agent("ops", key=desk.issue_key("ops").key)
    asked = act(sales, "p", "audit")
    assert (asked.waits_for, sales.wait(asked, 0).outcome) == ("human", "pending")
    ops.approve(asked)
    assert sales.wait(asked).outcome == "committed"


def test_s20_a_wait_can_be_taken_up_again_by_the_ticket_alone(desk: comity.Workspace, open_again: Open) -> None:
    pending = act(desk.agent("sales"), "p")
    assert desk.agent("sales").wait(pending, 0) == desk.wait("$queue/p", 0)
    desk.agent("support").set("customer/acme", busy=None, was={"busy": "product"}, action="plan")
    assert desk.agent("kim").wait("$queue/p").outcome == "committed"
    assert desk.wait(desk.wait("$queue/p")).outcome == "committed"


def test_s20_a_wait_in_another_process_moves_the_queue_without_a_server(open_again: Open, define: Define) -> None:
    """Nobody but the one who waits does anything (S32)."""
    desk = open_again(definition=define(DESK))
    desk.agent("support").put("customer/acme", busy="product", action="plan")
    act(desk.agent("sales"), "p")
    desk.agent("support").set("customer/acme", busy=None, was={"busy": "product"}, action="plan")
    code = "import comity, sys; print(comity.open(sys.argv[1]).agent('sales').wait('$queue/p').outcome)"
    ran = run_process(code, desk.url)
    assert (ran.stdout.strip(), ran.stderr) == ("committed", "")
    assert desk.get("customer/acme").notes == ("p",)


def test_s20_a_wait_in_an_event_loop_blocks_nobody_else(desk: comity.Workspace) -> None:
    pending = act(desk.agent("sales"), "p")
    agent = desk.async_agent("sales")

    async def both() -> Decision:
        waiting = asyncio.create_task(agent.wait(pending, 20))
        other = desk.async_agent("support")
        await other.set("customer/acme", busy=None, was={"busy": "product"}, action="plan")
        return await waiting

    assert asyncio.run(both()).outcome == "committed"


def test_s32_a_process_that_opted_in_does_what_is_due(open_again: Open, define: Define) -> None:
    desk = open_again(definition=define(DESK), duties=True)
    desk.agent("support").put("customer/acme", busy="product", action="plan")
    act(desk.agent("sales"), "p")
    revision = desk.agent("support").set("customer/acme", busy=None, was={"busy": "product"}, action="plan").revision
    assert desk._engine.store.wait(revision, 20)
    assert desk.get("$queue/p").state == "released"
    desk.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "comity duties"]


def test_s31_every_wait_has_a_deadline(desk: comity.Workspace, clock: ManualClock) -> None:
    sales = desk.agent("sales")
    pending = [act(sales, "p"), act(sales, "q", "audit"), offer(sales, "r", status="x")]
    assert [one.waits_for for one in pending] == ["queue", "human", "owner"]
    clock.advance(seconds=limits.WAIT_DAYS * 86_400)
    assert [codes(sales.wait(one, 0)) for one in pending] == [["ticket.expired"]] * 3
    desk._engine.duties.run()
    assert [desk.get(one.ticket or "").state for one in pending] == ["expired"] * 3


def test_a_wait_for_what_is_no_ticket(desk: comity.Workspace) -> None:
    with pytest.raises(NotFound, match="there is no"):
        desk.wait("$queue/nobody", 0)
    with pytest.raises(InvalidRequest, match="is no ticket"):
        desk.wait("customer/acme", 0)
    with pytest.raises(InvalidRequest, match="a ticket is"):
        desk.wait(7, 0)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="timeout"):
        desk.wait("$queue/nobody", "soon")
    with pytest.raises(InvalidRequest, match="negative"):
        desk.wait("$queue/nobody", -1)


def test_limit_wait_timeout(desk: comity.Workspace) -> None:
    pending = act(desk.agent("sales"), "p")
    with pytest.raises(LimitExceeded, match="wait again"):
        desk.wait(pending, limits.WAIT_TIMEOUT_S + 1)


def test_s20_a_turn_at_a_lease_is_waited_for_in_the_same_way(desk: comity.Workspace) -> None:
    sales, product = desk.agent("sales"), desk.agent("product")
    held = product.lease("name:printer", ttl="5m")
    held.take()
    sales.lease("name:printer", ttl="5m", wait="1h").join()
    first = sales.wait("$lease/name:printer", 0)
    assert (first.outcome, first.waits_for) == ("pending", "queue")
    held.release()
    assert sales.wait("$lease/name:printer").outcome == "allowed"
    assert product.name == "product"
    with pytest.raises(NotFound, match="no place in the line of name:printer"):
        desk.agent("kim").wait("$lease/name:printer", 0)


# -- S31: cycles


def test_s31_two_in_line_for_each_other(desk: comity.Workspace) -> None:
    assert act(desk.agent("sales"), "p").outcome == "pending"
    closing = act(desk.agent("product"), "q")
    assert codes(closing) == ["rule.product_waits_for_sales", "queue.cycle"]
    [found] = [one for one in closing.findings if one.code == "queue.cycle"]
    assert "product waits for sales ($queue/q), who waits for product ($queue/p)." in found.message
    assert found.data == {"cycle": ["product", "sales", "product"]}


def test_s31_an_offer_and_a_place_in_line(desk: comity.Workspace) -> None:
    product, sales = desk.agent("product"), desk.agent("sales")
    assert offer(product, "p", value=3).outcome == "pending"
    closing = act(sales, "q")
    assert codes(closing) == ["rule.sales_waits_for_product", "queue.cycle"]
    sales.decline("$handoff/p", "no")
    assert act(sales, "r").outcome == "pending"


def test_s31_whoever_of_a_role_may_answer_is_enough(desk: comity.Workspace) -> None:
    """Support is two agents: one who waits for sales leaves the other."""
    support, kim, sales = desk.agent("support"), desk.agent("kim"), desk.agent("sales")
    assert offer(support, "p", value=3).outcome == "pending"
    assert offer(sales, "q", status="x").outcome == "pending"
    assert codes(offer(kim, "r", value=4)) == ["ownership.other_domain", "queue.cycle"]


def test_s31_a_lease_and_a_place_in_line(desk: comity.Workspace) -> None:
    sales, product = desk.agent("sales"), desk.agent("product")
    sales.lease("name:printer", ttl="5m").take()
    product.lease("name:printer", ttl="5m", wait="1h").join()
    assert codes(act(sales, "p")) == ["rule.sales_waits_for_product", "queue.cycle"]


def test_s31_a_place_in_line_and_a_lease(desk: comity.Workspace) -> None:
    sales, product = desk.agent("sales"), desk.agent("product")
    sales.lease("name:printer", ttl="5m").take()
    assert act(sales, "p").outcome == "pending"
    with pytest.raises(comity.Refused) as refused:
        product.lease("name:printer", ttl="5m", wait="1h").join()
    assert codes(refused.value.decision) == ["queue.cycle"]


def test_s31_many_agents_wait_on_one_record(open_again: Open, define: Define) -> None:
    """Each is behind the next one ahead, so that the graph has as many waits as there are agents."""
    crowd = "".join(f'a{number} = {{ role = "sales" }}\n' for number in range(64))
    base = open_again(definition=define(DESK.replace("[agents]\n", f"[agents]\n{crowd}")))
    base.agent("support").put("customer/acme", status="active", busy="product", action="plan")
    for number in range(64):
        waiting = act(base.agent(f"a{number}"), f"p{number}")
        assert (waiting.outcome, codes(waiting)[0]) == ("pending", "rule.sales_waits_for_product")
    assert base.agent("a63").wait("$queue/p63", 0).is_pending


def test_s31_the_bound_that_was_hit_is_named(desk: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert act(desk.agent("sales"), "p").outcome == "pending"
    monkeypatch.setattr(limits, "WAITS_IN_GRAPH", 1)
    refused = act(desk.agent("product"), "q")
    assert codes(refused) == ["rule.product_waits_for_sales", "shape.too_broad"]
    assert "More than 1 waits hang together here" in refused.findings[1].message


def test_s31_a_human_closes_no_cycle(desk: comity.Workspace) -> None:
    """Who is asked can answer, whatever they wait for themselves."""
    ops = desk.agent("ops", key=desk.issue_key("ops").key)
    assert offer(ops, "p", value=3).outcome == "pending"
    assert act(desk.agent("sales"), "q", "audit").outcome == "pending"


def test_s31_between_mutual_deferrals_the_higher_priority_goes_ahead(desk: comity.Workspace) -> None:
    """The rule with which sales defers is the stronger one: so it holds, and product goes ahead."""
    sales, product = desk.agent("sales"), desk.agent("product")
    with sales.intent("visit", about="customer/acme", announce=True) as one:
        with product.intent("visit", about="customer/acme", announce=True) as other:
            other.append("customer/acme", notes=["product"])
            went = other.propose()
            assert went.outcome == "committed"
            [ahead] = went.warnings
            assert (ahead.code, ahead.data["cycle"]) == ("rule.product_defers", ["product", "sales", "product"])
        one.append("customer/acme", notes=["sales"])
        assert one.propose().outcome == "committed"
    assert desk.get("customer/acme").notes == ("product", "sales")


def test_s31_the_weaker_of_mutual_deferrals_waits(desk: comity.Workspace) -> None:
    sales, product = desk.agent("sales"), desk.agent("product")
    one = sales.intent("visit", about="customer/acme", announce=True).__enter__()
    other = product.intent("visit", about="customer/acme", announce=True).__enter__()
    one.append("customer/acme", notes=["sales"])
    decision = one.propose()
    assert (decision.outcome, codes(decision)) == ("refused", ["rule.sales_defers"])
    assert decision.retry_when is not None
    other.append("customer/acme", notes=["product"])
    assert other.propose().outcome == "committed"


def test_s31_then_the_intent_that_was_announced_first(open_again: Open, define: Define, clock: ManualClock) -> None:
    desk = open_again(definition=define(DESK.replace("priority = 1\n", "")), clock=clock)
    desk.agent("support").put("customer/acme", status="active", action="plan")
    one = desk.agent("product").intent("visit", about="customer/acme", announce=True).__enter__()
    clock.advance(seconds=1)
    other = desk.agent("sales").intent("visit", about="customer/acme", announce=True).__enter__()
    other.append("customer/acme", notes=["sales"])
    assert codes(other.propose()) == ["rule.sales_defers"]
    one.append("customer/acme", notes=["product"])
    assert one.propose().outcome == "committed"


def test_s31_it_counts_what_was_announced_whether_the_proposal_names_it_or_not(
    open_again: Open, define: Define, clock: ManualClock
) -> None:
    desk = open_again(definition=define(DESK.replace("priority = 1\n", "")), clock=clock)
    desk.agent("support").put("customer/acme", status="active", action="plan")
    sales, product = desk.agent("sales"), desk.agent("product")
    product.intent("visit", about="customer/acme", announce=True).__enter__()
    clock.advance(seconds=1)
    sales.intent("visit", about="customer/acme", announce=True).__enter__()
    clock.advance(seconds=1)
    assert codes(act(sales, "later", "visit")) == ["rule.sales_defers"]
    assert act(product, "first", "visit").outcome == "committed"


def test_s31_deferrals_elsewhere_are_no_reason_to_go_ahead(desk: comity.Workspace) -> None:
    """That sales yields on another record takes nothing from what product has to yield on this one."""
    sales, product = desk.agent("sales"), desk.agent("product")
    desk.agent("support").put("customer/zeta", status="active", action="plan")
    sales.intent("plan", about="customer/acme", announce=True).__enter__()
    sales.intent("visit", about="customer/zeta", announce=True).__enter__()
    product.intent("plan", about="customer/zeta", announce=True).__enter__()
    assert codes(act(product, "p", "visit")) == ["rule.product_defers"]


def test_s20_a_proposal_that_waits_is_found_by_its_id_alone(desk: comity.Workspace) -> None:
    support, sales = desk.agent("support"), desk.agent("sales")
    assert offer(support, "o1", value=1).ticket == "$handoff/o1"
    assert desk.wait("o1", 0).is_pending
    assert support.withdraw("o1").is_committed
    withdrawn = desk.wait("o1", 0)
    assert withdrawn.outcome == "refused"
    assert "under a new id" in withdrawn.next
    assert act(sales, "q1").ticket == "$queue/q1"
    assert desk.wait("q1", 0).is_pending
    assert sales.withdraw("q1").is_committed
    with pytest.raises(NotFound, match="nothing waits, or waited, under 'px'"):
        sales.withdraw("px")
    with pytest.raises(NotFound, match="nothing waits, or waited, under 'px'"):
        desk.wait("px", 0)
