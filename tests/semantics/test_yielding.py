"""How far yielding reaches: S21, S24, S31, S32 where somebody looks for a way around, or in the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import comity
from comity import limits
from comity.model.decisions import Decision
from comity.model.proposals import Add, Effect, Emit, Proposal, Put, Read
from comity.operations import InboxItem
from comity.testing.manual_clock import ManualClock
from tests.semantics.asking import codes, propose
from tests.semantics.conftest import Open

Define = Callable[..., Path]

DEFINITION = """
[agents]
sales   = { role = "selling" }
support = { role = "support" }
product = { role = "product" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
note         = { type = "string" }
vip          = { type = "boolean" }
open_tickets = { type = "integer", default = 0 }
due          = { type = "integer", owner = "support" }

[effects.email]
kind = "customer"

[actions.upsell]
kind    = "outreach"
effects = ["email"]
about   = "customer"
[actions.care]

[[rules]]
name = "support goes first"
when = "action.kind == 'outreach' && customer.open_tickets > 0"
then = "refuse"

[[rules]]
name = "important customers"
when = "agent.role == 'selling' && action.name == 'care' && customer.vip == true"
then = "ask"
"""


@pytest.fixture
def shop(open_again: Open, define: Define, clock: ManualClock) -> comity.Workspace:
    base = open_again(definition=define(DEFINITION), clock=clock)
    base.agent("support").put("customer/acme", open_tickets=1, vip=True, action="care")
    base.agent("support").put("customer/zeta", vip=False, action="care")
    return base


def note(agent: comity.Agent, *records: str, **options: Any) -> Decision:
    """Return the decision on notes that overwrite nothing unseen: only the notes are read for it."""
    names = records or ("customer/acme",)
    reads = tuple(Read(one.ref, one.revision, ("note",), whole=False) for one in agent.get_many(names))
    return propose(agent, *(Put(name, {"note": agent.name}) for name in names), reads=reads, action="care", **options)


# -- nothing rides with a change of Comity's own records


def test_s28_rules_judge_an_action_whatever_changes_with_it(shop: comity.Workspace) -> None:
    sales = shop.agent("sales")
    taking = Emit("$lease/name:printer", "taken", {"hold": "h", "ttl_s": 60})
    about: dict[str, Any] = {"about": ("customer/acme",), "action": "upsell"}
    assert codes(propose(sales, **about)) == ["rule.support_goes_first"]
    assert codes(propose(sales, taking, **about)) == ["rule.support_goes_first"]
    email = (Effect("email", "customer/acme"),)
    assert codes(propose(sales, taking, action="upsell", effects=email)) == ["rule.support_goes_first"]
    assert propose(sales, taking).is_committed


def test_s27_an_action_is_a_declared_one_whatever_changes_with_it(shop: comity.Workspace) -> None:
    taking = Emit("$lease/name:printer", "taken", {"hold": "h", "ttl_s": 60})
    assert codes(propose(shop.agent("sales"), taking, action="anything")) == ["shape.unknown_action"]


def test_s28_nobody_passes_the_rules_by_naming_no_subject(shop: comity.Workspace) -> None:
    sales = shop.agent("sales")
    assert codes(propose(sales, action="upsell")) == ["shape.no_subject"]
    assert codes(propose(sales, action="upsell", about=("customer/acme",))) == ["rule.support_goes_first"]
    assert propose(sales, action="upsell", about=("customer/zeta",)).is_committed
    assert propose(sales, action="upsell", effects=(Effect("email", "customer/zeta"),)).is_committed
    assert propose(sales, action="care").is_committed
    announced = sales.intent("upsell", about="customer/new").announce()
    assert (announced.verdict.outcome, [one.code for one in announced.verdict.warnings]) == (
        "allowed",
        ["shape.unknown_subject"],
    )


def test_s27_what_an_action_is_about_is_a_declared_kind(open_again: Open, define: Define) -> None:
    with pytest.raises(comity.InvalidDefinition, match=r"upsell\.about: there is no kind 'custmer'; did you mean"):
        open_again(definition=define(DEFINITION.replace('about   = "customer"', 'about   = "custmer"')))


@pytest.mark.parametrize(
    ("hold", "code"),
    [("freeze", "override.frozen"), ("pause", "identity.paused"), ("pin", "override.pinned")],
)
def test_s24_no_action_rides_with_what_still_works(shop: comity.Workspace, hold: str, code: str) -> None:
    sales, ops = shop.agent("sales"), shop.agent("ops", key=shop.issue_key("ops").key)
    propose(sales, Emit("$lease/name:printer", "taken", {"hold": "h", "ttl_s": 60}))
    terms: dict[str, Any] = {"reason": "incident 7", "ttl": "1h"}
    begin: dict[str, Callable[[], Decision]] = {
        "freeze": lambda: ops.freeze(**terms),
        "pause": lambda: ops.pause("sales", **terms),
        "pin": lambda: ops.pin(action="upsell", **terms),
    }
    begin[hold]()
    releasing = Emit("$lease/name:printer", "released", {"hold": "h"})
    assert codes(propose(sales, releasing, about=("customer/zeta",), action="upsell")) == [code]
    assert codes(propose(sales, releasing, action="upsell", effects=(Effect("email", "customer/zeta"),))) == [code]
    assert propose(sales, releasing).is_committed


# -- no agent by itself keeps all others out


def announcing(number: int, expires_at: str) -> Emit:
    data = {"agent_kind": "agent", "role": "product", "about": ["customer/acme"], "expires_at": expires_at}
    return Emit(f"$intent/i{number}", "announced", data)


def test_an_intent_is_announced_for_a_day_at_most_on_any_path(shop: comity.Workspace) -> None:
    product = shop.agent("product")
    for expires_at, is_taken in (("2023-11-15T22:13:20Z", True), ("2023-11-15T22:13:21Z", False)):
        assert propose(product, announcing(0, expires_at)).is_committed == is_taken, expires_at


def test_limit_intents_per_agent(shop: comity.Workspace, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "INTENTS_PER_AGENT", 3)
    product, soon, later = shop.agent("product"), "2023-11-14T22:14:00Z", "2023-11-14T23:00:00Z"
    assert codes(propose(product, *(announcing(number, soon) for number in range(4)))) == ["intent.too_many"]
    assert propose(product, *(announcing(number, soon) for number in range(3))).is_committed
    assert codes(propose(product, announcing(3, later))) == ["intent.too_many"]
    assert propose(product, announcing(0, soon)).is_committed, "announcing one again only prolongs it"
    assert shop.agent("support").intent("care", about="customer/acme", announce=True)
    clock.advance(seconds=60)
    assert propose(product, announcing(3, later)).is_committed, "what has expired takes up no room, told or not"


def test_limit_tickets_per_agent(shop: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TICKETS_PER_AGENT", 2)
    sales, ops = shop.agent("sales"), shop.agent("ops", key=shop.issue_key("ops").key)
    asked = [note(sales) for _ in range(3)]
    assert [one.outcome for one in asked] == ["pending", "pending", "refused"]
    assert codes(asked[2]) == ["rule.important_customers", "ticket.too_many"]
    ops.approve(asked[0])
    assert note(sales).is_pending
    due = Put("customer/zeta", {"due": 1})
    assert propose(sales, due, action="care", if_foreign="offer").is_pending, "offers are counted by themselves"
    ops.pin("customer/zeta", reason="call", ttl="1h", yields="queue")
    queued = [note(sales, "customer/zeta") for _ in range(3)]
    assert [one.outcome for one in queued] == ["pending", "pending", "refused"]
    assert note(shop.agent("product"), "customer/zeta").is_pending


def test_limit_lease_places_per_agent(shop: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LEASE_PLACES_PER_AGENT", 2)
    sales = shop.agent("sales")
    terms = {"ttl_s": 60, "wait_s": 60}
    joined = [propose(sales, Emit("$lease/name:printer", "joined", {"hold": hold, **terms})) for hold in "abc"]
    assert [one.outcome for one in joined] == ["committed", "committed", "refused"]
    assert codes(joined[2]) == ["lease.full"]
    joining = Emit("$lease/name:printer", "joined", {"hold": "d", **terms})
    assert propose(shop.agent("product"), joining).is_committed


# -- an answer is for what was asked


def test_s21_an_approval_is_for_the_subjects_on_which_the_rule_asked(shop: comity.Workspace) -> None:
    sales, ops = shop.agent("sales"), shop.agent("ops", key=shop.issue_key("ops").key)
    pending = note(sales, "customer/acme", "customer/zeta")
    shop.agent("support").set("customer/zeta", vip=True, was={"vip": False}, action="care")
    ops.approve(pending)
    assert shop.get("customer/acme").note is None, "nobody was asked about zeta"
    assert sales.wait(pending, "0s").waits_for == "human"
    ops.approve(pending)
    assert (shop.get("customer/acme").note, shop.get("customer/zeta").note) == ("sales", "sales")


def test_s21_an_approval_for_more_is_good_for_less(shop: comity.Workspace) -> None:
    sales, ops = shop.agent("sales"), shop.agent("ops", key=shop.issue_key("ops").key)
    shop.agent("support").set("customer/zeta", vip=True, was={"vip": False}, action="care")
    pending = note(sales, "customer/acme", "customer/zeta")
    shop.agent("support").set("customer/zeta", vip=False, was={"vip": True}, action="care")
    ops.approve(pending)
    assert shop.get("customer/zeta").note == "sales"


def test_s29_nobody_is_asked_about_more_than_one_can_answer(
    shop: comity.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TICKET_SUBJECTS", 1)
    shop.agent("support").set("customer/zeta", vip=True, was={"vip": False}, action="care")
    assert codes(note(shop.agent("sales"), "customer/acme", "customer/zeta")) == ["shape.too_broad"]


# -- every cycle is found, however it came about


def test_s31_a_cycle_that_closes_when_a_lease_changes_hands(shop: comity.Workspace, clock: ManualClock) -> None:
    sales, support, product = (shop.agent(name) for name in ("sales", "support", "product"))
    lease = sales.lease("customer/acme", ttl="1h")
    lease.take()
    support.lease("customer/zeta", ttl="1h").take()
    first = note(support, "customer/acme", if_held="queue")
    second = note(product, "customer/zeta", if_held="queue")
    assert (first.outcome, second.outcome) == ("pending", "pending")
    lease.release()
    product.lease("customer/acme", ttl="1h").take()
    clock.advance(seconds=60)
    assert codes(support.wait(first, "5s")) == ["lease.held", "queue.cycle"]


def test_s31_a_cycle_that_closes_when_what_waits_comes_back_into_line(
    shop: comity.Workspace, clock: ManualClock
) -> None:
    sales, product = shop.agent("sales"), shop.agent("product")
    ops = shop.agent("ops", key=shop.issue_key("ops").key)
    sales.lease("customer/acme", ttl="1h").take()
    lease = product.lease("customer/zeta", ttl="1h")
    lease.take()
    first = note(sales, "customer/zeta", if_held="queue")
    lease.release()
    ops.set("customer/zeta", vip=True, was={"vip": False}, action="care")
    shop._engine.duties.run()
    assert sales.wait(first.id, "0s").waits_for == "human"
    clock.advance(seconds=1)
    product.lease("customer/zeta", ttl="1h").take()
    assert note(product, "customer/acme", if_held="queue").is_pending
    ops.approve(first.id)
    assert codes(sales.wait(first.id, "0s")) == ["lease.held", "queue.cycle"]


MUTUAL = """
[agents]
a = { role = "one" }
b = { role = "two" }

[[rules]]
name = "a after b"
when = "agent.id == 'a' && task.n > 0"
then = "defer"
to   = "b"

[[rules]]
name = "b after a"
when = "agent.id == 'b' && task.n > 0"
then = "defer"
to   = "a"

[kinds.task.fields]
n = { type = "integer", default = 0 }
"""


def test_s31_of_mutual_deferrals_who_goes_ahead_is_told(open_again: Open, define: Define, clock: ManualClock) -> None:
    base = open_again(definition=define(MUTUAL), clock=clock)
    a, b = base.agent("a"), base.agent("b")
    a.put("task/t", n=0)
    a.add("task/t", n=1)
    first = b.intent(about="task/t", announce=True)
    clock.advance(seconds=1)
    told = act(a)
    assert (codes(told), told.retry_when) == (["rule.a_after_b"], None)
    assert told.next.startswith("Try again later; b goes first. A waits for b (rule.a_after_b), who waits for a")
    assert told.next.endswith("b goes ahead.")
    assert not codes(act(b, first.id)), "that a wants it is known by what was refused to it"


def test_s31_where_none_is_announced_who_was_deferred_first_goes_ahead(
    open_again: Open, define: Define, clock: ManualClock
) -> None:
    base = open_again(definition=define(MUTUAL), clock=clock)
    a, b = base.agent("a"), base.agent("b")
    a.put("task/t", n=0)
    a.add("task/t", n=1)
    clock.advance(seconds=1)

    def turn(agent: comity.Agent) -> bool:
        clock.advance(seconds=1)
        return act(agent).is_committed

    assert (turn(b), turn(a), turn(a)) == (False, False, False)
    assert turn(b)
    # Who has had its turn wants nothing any more, until it tries again: then the other comes first.
    assert (turn(b), turn(a)) == (False, True)
    assert (turn(b), turn(a), turn(b)) == (False, False, True)


def test_s31_what_was_deferred_long_ago_is_wanted_no_more(open_again: Open, define: Define, clock: ManualClock) -> None:
    base = open_again(definition=define(MUTUAL), clock=clock)
    a, b = base.agent("a"), base.agent("b")
    a.put("task/t", n=0)
    a.add("task/t", n=1)
    clock.advance(seconds=1)
    assert codes(act(b)) == ["rule.b_after_a"]
    clock.advance(seconds=limits.WISH_S + 1)
    deferred = act(a)
    assert "cycle" not in deferred.findings[0].data


def test_s31_only_the_latest_of_what_was_deferred_is_wanted(
    open_again: Open, define: Define, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = open_again(definition=define(MUTUAL), clock=clock)
    a, b = base.agent("a"), base.agent("b")
    for name in "tuv":
        a.put(f"task/{name}", n=0)
        a.add(f"task/{name}", n=1)
    for name in "tuv":
        clock.advance(seconds=1)
        assert not propose(b, Add(f"task/{name}", {"n": 1})).is_committed
    clock.advance(seconds=2)
    assert "cycle" in act(a).findings[0].data
    monkeypatch.setattr(limits, "WISHES", 2)
    base = open_again(clock=clock)
    assert "cycle" not in act(base.agent("a")).findings[0].data


def act(agent: comity.Agent, intent: str | None = None) -> Decision:
    return propose(agent, Add("task/t", {"n": 1}), intent=intent)


# -- what is told is so


def answers(agent: comity.Agent) -> list[InboxItem]:
    return [item for item in agent.inbox().items if item.kind == "answer"]


def test_s20_an_offer_that_was_accepted_and_has_to_wait_is_not_called_committed(shop: comity.Workspace) -> None:
    sales, support = shop.agent("sales"), shop.agent("support")
    shop.agent("product").lease("customer/acme", ttl="1h").take()
    due = Put("customer/acme", {"due": 1})
    options: dict[str, Any] = {"action": "care", "if_foreign": "offer", "if_held": "queue"}
    offered = propose(shop.agent("product"), due, **options)
    support.accept(offered)
    [committed] = answers(shop.agent("product"))
    assert "accepted and is committed" in committed.text
    assert committed.next.startswith("Go on")
    waiting = propose(sales, Put("customer/zeta", {"due": 1}), **options)
    shop.agent("product").lease("customer/zeta", ttl="1h").take()
    support.accept(waiting)
    [told] = answers(sales)
    assert shop.get("customer/zeta").due is None
    assert told.text.endswith("was accepted by support")
    assert told.next.startswith("Ask what became of it")


def test_s20_what_was_approved_and_went_back_is_told_once(shop: comity.Workspace) -> None:
    sales, ops = shop.agent("sales"), shop.agent("ops", key=shop.issue_key("ops").key)
    pending = note(sales)
    shop.agent("support").put("customer/acme", note="other", was={"note": None}, action="care")
    ops.approve(pending)
    [told] = answers(sales)
    assert "came back" in told.text


# -- no line stands still behind who can't go


def test_s32_who_is_paused_keeps_nobody_in_line_and_keeps_its_place(shop: comity.Workspace) -> None:
    ops, product = shop.agent("ops", key=shop.issue_key("ops").key), shop.agent("product")
    support = shop.agent("support")
    pin = ops.pin("customer/zeta", reason="call", ttl="1h", yields="queue")
    first, second = note(product, "customer/zeta"), note(support, "customer/zeta")
    pause = ops.pause("product", reason="it loops", ttl="20d")
    ops.lift(pin)
    assert support.wait(second, "5s").is_committed
    assert product.wait(first, "0s").is_pending
    ops.lift(pause)
    assert product.wait(first, "5s").is_conflict, "it had its turn, and what it wrote had moved"


def test_s32_who_waits_because_it_is_paused_keeps_nobody(shop: comity.Workspace) -> None:
    ops, product = shop.agent("ops", key=shop.issue_key("ops").key), shop.agent("product")
    ops.pause("product", reason="it loops", ttl="20d", yields="queue")
    assert note(product, "customer/zeta").is_pending
    assert note(shop.agent("support"), "customer/zeta").is_committed


def test_s7_a_release_that_came_too_early_has_its_answer(shop: comity.Workspace) -> None:
    sales, support = shop.agent("sales"), shop.agent("support")
    lease = support.lease("customer/zeta", ttl="1h")
    lease.take()
    waiting = note(sales, "customer/zeta", if_held="queue")
    release = Proposal(id="r", changes=(Emit(waiting.ticket or "", "released"),))
    assert codes(sales.propose(release)) == ["ticket.waiting"]
    other = Proposal(id="r", changes=(Put("customer/new", {"note": "x"}),), action="care")
    assert codes(sales.propose(other)) == ["shape.id_reused"]
    lease.release()
    assert codes(sales.propose(release)) == ["ticket.waiting"], "a new try takes a new id"
    assert sales.wait(waiting, "5s").is_committed


def test_s32_what_waits_is_judged_afresh_where_the_checks_are_others(
    shop: comity.Workspace, define: Define, clock: ManualClock
) -> None:
    sales, ops = shop.agent("sales"), shop.agent("ops", key=shop.issue_key("ops").key)
    shop.agent("support").lease("customer/zeta", ttl="1h").take()
    waiting = note(sales, "customer/zeta", if_held="queue")
    for _ in range(20):
        clock.advance(seconds=30)
        assert sales.wait(waiting, "0s").is_pending
        shop._engine.duties.run()
    ops.apply(define(f'{DEFINITION}\n[checks]\nlease = "shadow"\n'))
    assert sales.wait(waiting, "5s").is_committed
