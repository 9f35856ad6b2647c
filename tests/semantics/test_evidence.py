"""What a human's answer is evidence for, and what nobody can make look like one: S20, S21, S23."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import comity
from comity import NotCommitted, Refused, limits
from comity.model.decisions import Decision
from comity.model.proposals import Archive, Create, Delete, Emit, Proposal, Put, Restore, Set, Undo, Was
from comity.operations import Propose
from comity.testing.manual_clock import ManualClock
from tests.semantics.asking import codes, propose

BANK = """\
name = "bank"

[agents]
clerk  = { role = "clerk" }
other  = { role = "clerk" }
boss   = { role = "managers", kind = "human" }
ann    = { role = "auditors", kind = "human" }

[kinds.account.fields]
limit  = { type = "integer", default = 0 }
owner  = { type = "string" }

[[rules]]
name   = "high limits"
when   = "account != null && after.limit != null && after.limit > 100 && agent.kind != 'human'"
then   = "ask"
to     = "managers"
why    = "High limits need a manager."

[[rules]]
name     = "transfers"
when     = "account != null && after.owner != before.owner && agent.kind != 'human'"
then     = "ask"
to       = "managers"
escalate = { after = "10m", to = "auditors" }
"""

Open = Callable[..., comity.Workspace]
Define = Callable[..., Path]


@pytest.fixture
def bank(open_again: Open, define: Define, clock: ManualClock) -> comity.Workspace:
    base = open_again(definition=define(BANK), clock=clock)
    base.agent("clerk").put("account/a", limit=10)
    return base


@pytest.fixture
def boss(bank: comity.Workspace) -> comity.Agent:
    return bank.agent("boss", key=bank.issue_key("boss", reason="the first").key)


def raising(id: str = "q1", limit: int = 500, record: str = "account/a") -> Proposal:
    return Proposal(id=id, changes=(Set(record, {"limit": limit}),), reads=(Was(record, {"limit": 10}),), reason="VIP")


def asked(bank: comity.Workspace, proposal: Proposal | None = None) -> Decision:
    decision = bank.agent("clerk").propose(proposal or raising())
    assert (decision.outcome, decision.waits_for) == ("pending", "human")
    return decision


# -- approving


def test_s21_an_approval_commits_what_was_asked_and_both_are_named(bank: comity.Workspace, boss: comity.Agent) -> None:
    decision = asked(bank)
    (one,) = bank.approvals(to="boss").tickets
    assert (one.ticket, one.agent, one.to) == (decision.ticket, "clerk", ("managers",))
    boss.approve(decision, reason="fine")
    event = bank.why("account/a", "limit").event
    assert event is not None
    assert (event.by, event.approved_by, event.reason) == ("clerk", ("boss",), "VIP")
    assert bank.get("account/a").limit == 500
    assert bank.agent("clerk").propose(raising()).is_committed
    assert bank.verify().is_clean


def test_s21_a_denial_comes_back_with_the_reason(bank: comity.Workspace, boss: comity.Agent) -> None:
    boss.deny(asked(bank), "No VIP")
    again = bank.agent("clerk").propose(raising())
    assert (again.outcome, codes(again)) == ("refused", ["ticket.denied"])
    assert "No VIP" in again.explain()


def test_s20_a_pending_answer_says_what_it_waits_for_and_what_to_do(bank: comity.Workspace) -> None:
    decision = asked(bank)
    assert decision.expires is not None
    text = decision.explain()
    assert "Pending" in text
    assert str(decision.ticket) in text
    assert "wait" in decision.next
    assert decision.next in text


def test_s21_a_human_who_is_not_asked_may_not_answer(bank: comity.Workspace, boss: comity.Agent) -> None:
    decision = asked(bank)
    key = boss.issue_key("ann").key
    ann = bank.agent("ann", key=key)
    for verb in (ann.approve, lambda ticket: ann.deny(ticket, "no")):
        with pytest.raises(Refused, match=r"It is for .*; you are ann"):
            verb(decision)
    assert bank.approvals(to="ann").tickets == ()


@pytest.mark.parametrize("agent", ["clerk", "other"])
def test_s21_an_agent_may_not_approve(bank: comity.Workspace, agent: str) -> None:
    decision = asked(bank)
    with pytest.raises(Refused, match="human with a key"):
        bank.agent(agent).approve(decision)


def test_s21_nobody_approves_their_own(open_again: Open, define: Define) -> None:
    source = BANK.replace(" && agent.kind != 'human'", "")
    bank = open_again(definition=define(source))
    bank.agent("clerk").put("account/a", limit=10)
    boss = bank.agent("boss", key=bank.issue_key("boss").key)
    decision = boss.propose(raising())
    assert decision.waits_for == "human"
    with pytest.raises(Refused, match="Who proposed it can't answer it"):
        boss.approve(decision)
    assert bank.get("account/a").limit == 10


def test_s21_what_went_stale_meanwhile_goes_back_to_its_proposer(bank: comity.Workspace, boss: comity.Agent) -> None:
    decision = asked(bank)
    bank.agent("other").put("account/a", limit=20, was={"limit": 10})
    answered = boss.approve(decision)
    assert "went back to clerk" in answered.next
    assert [finding.code for finding in answered.warnings] == ["ticket.returned"]
    assert bank.wait(decision, 0).next.endswith("A new try takes a new id: this one has its answer.")
    again = bank.agent("clerk").propose(raising())
    assert (again.outcome, again.is_conflict) == ("refused", True)
    assert [(one.was, one.now) for finding in again.findings for one in finding.moved] == [(10, 20)]
    assert bank.get("account/a").limit == 20
    assert bank.verify().is_clean


@pytest.mark.parametrize(("reworded", "code"), [(False, "ticket.returned"), (True, "ticket.goes_on")])
def test_s7_a_repeated_answer_that_committed_nothing_says_so_again(
    bank: comity.Workspace, boss: comity.Agent, define: Define, open_again: Open, reworded: bool, code: str
) -> None:
    decision = asked(bank)
    if reworded:
        boss.apply(define(BANK.replace("after.limit > 100", "after.limit > 50"), "new.toml"))
    else:
        bank.agent("other").put("account/a", limit=20, was={"limit": 10})
    answer = Proposal(id="a1", changes=(Emit(str(decision.ticket), "approved"),))
    first = boss.propose(answer)
    assert [finding.code for finding in first.warnings] == [code]
    key = boss.issue_key("boss").key
    for base in (bank, open_again(clock=ManualClock())):
        assert base.agent("boss", key=key).propose(answer) == first


def test_limit_tickets_searched(
    bank: comity.Workspace, boss: comity.Agent, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Questions to others hide none, as far as is looked; that there are more is told."""
    monkeypatch.setattr(limits, "QUERY_RECORDS", 2)
    for number in range(3):
        asked(bank, raising(f"q{number}"))
        clock.advance(seconds=1)
    moved = Proposal(id="t1", changes=(Set("account/a", {"owner": "kim"}),), reads=(Was("account/a", {"owner": None}),))
    asked(bank, moved)
    clock.advance(seconds=600)
    ann = bank.agent("ann", key=boss.issue_key("ann").key)
    assert [item.about for item in ann.inbox().items] == ["$approval/t1"]
    assert not bank.approvals(to="ann", limit=2).is_cut
    monkeypatch.setattr(limits, "TICKETS_SEARCHED", 2)
    cut = bank.approvals(to="ann", limit=2)
    assert (cut.tickets, cut.is_cut) == ((), True)


def test_approvals_expire(bank: comity.Workspace, boss: comity.Agent, clock: ManualClock) -> None:
    decision = asked(bank)
    clock.advance(seconds=86_400 * 31)
    with pytest.raises(Refused):
        boss.approve(decision)
    assert bank.approvals().tickets == ()
    again = bank.agent("clerk").propose(raising())
    assert codes(again) == ["ticket.expired"]


# -- evidence for exactly what was asked


def test_s21_a_reworded_rule_asks_again(bank: comity.Workspace, boss: comity.Agent, define: Define) -> None:
    decision = asked(bank)
    boss.apply(define(BANK.replace("after.limit > 100", "after.limit > 50"), "new.toml"))
    answered = boss.approve(decision)
    assert "goes on waiting" in answered.next
    assert bank.get("account/a").limit == 10
    boss.approve(decision)
    assert bank.get("account/a").limit == 500
    assert bank.verify().is_clean


def test_s21_another_proposal_of_the_same_content_is_asked_again(bank: comity.Workspace, boss: comity.Agent) -> None:
    boss.approve(asked(bank))
    bank.agent("clerk").put("account/a", limit=10, was={"limit": 500})
    assert bank.agent("clerk").propose(raising("p2")).waits_for == "human"


def test_s21_other_content_under_the_same_id_is_refused(bank: comity.Workspace, boss: comity.Agent) -> None:
    asked(bank)
    assert codes(bank.agent("clerk").propose(raising(limit=9_999))) == ["shape.id_reused"]
    assert codes(bank.agent("other").propose(raising())) == ["shape.id_reused"]
    boss.approve("q1")
    assert bank.get("account/a").limit == 500


def test_s21_an_answer_to_one_rule_does_not_answer_another(
    bank: comity.Workspace, boss: comity.Agent, define: Define
) -> None:
    decision = asked(bank)
    more = """
[[rules]]
name = "four eyes"
when = "account != null && after.limit != null && after.limit > 400 && agent.kind != 'human'"
then = "ask"
"""
    boss.apply(define(BANK + more, "new.toml"), enforce=True)
    assert "goes on waiting" in boss.approve(decision).next
    assert bank.get("account/a").limit == 10


def test_s24_an_approval_is_not_used_up_while_its_proposer_is_paused(
    bank: comity.Workspace, boss: comity.Agent, clock: ManualClock
) -> None:
    decision = asked(bank)
    boss.pause("clerk", reason="a look", ttl="1m")
    with pytest.raises(Refused, match="stays open") as caught:
        boss.approve(decision)
    assert codes(caught.value.decision) == ["ticket.halted", "identity.paused"]
    clock.advance(seconds=61)
    boss.approve(decision)
    assert bank.get("account/a").limit == 500


def test_an_approval_is_not_used_up_while_a_rule_defers_what_waits(
    bank: comity.Workspace, boss: comity.Agent, define: Define
) -> None:
    decision = asked(bank)
    closed = """\
[[rules]]
name = "closed"
when = "account.owner == null && agent.kind != 'human'"
then = "defer"
"""
    boss.apply(define(f"{BANK}\n{closed}"), enforce=True)
    with pytest.raises(Refused, match="stays open") as caught:
        boss.approve(decision)
    assert codes(caught.value.decision) == ["ticket.halted", "rule.closed"]
    boss.put("account/a", owner="ann", was={"owner": None})
    boss.approve(decision)
    assert bank.get("account/a").limit == 500


# -- what nobody can forge


FORGED = {
    "proposal": "q1",
    "content": "00",
    "known": "claimed",
    "findings": ["rule.high_limits|account/a|ask||managers"],
    "expires_at": "2100-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("record", "event"),
    [
        ("$approval/p9", "asked"),
        ("$handoff/p9", "offered"),
        ("$queue/p9", "queued"),
        ("$approval/q1", "returned"),
        ("$queue/q1", "returned"),
    ],
)
@pytest.mark.parametrize("who", ["clerk", "boss", "the system's user"])
def test_s21_nobody_opens_or_returns_a_ticket_by_hand(
    bank: comity.Workspace, boss: comity.Agent, record: str, event: str, who: str
) -> None:
    asked(bank)
    agent = {"clerk": bank.agent("clerk"), "boss": boss}.get(who)
    data = {} if event == "returned" else FORGED
    proposal = Proposal(id="forged", changes=(Emit(record, event, data),))
    decision = agent.propose(proposal) if agent is not None else bank.answer(Propose(proposal=proposal))
    assert "identity.not_coordinator" in codes(decision)


@pytest.mark.parametrize(
    "change",
    [
        Create("$approval/p9", {"state": "approved"}),
        Put("$approval/q1", {"satisfied": ["x"]}),
        Set("$approval/q1", {"to": ["clerk"]}),
        Archive("$approval/q1"),
        Restore("$approval/q1"),
        Delete("$approval/q1"),
        Undo("$approval/q1", {"to": 1}),
    ],
    ids=lambda change: type(change).__name__,
)
def test_s23_a_ticket_changes_only_by_its_transitions(
    bank: comity.Workspace, boss: comity.Agent, change: object
) -> None:
    asked(bank)
    for agent in (bank.agent("clerk"), boss):
        assert "shape.transition" in codes(propose(agent, change))


def test_s21_a_ticket_answered_twice_is_refused_the_second_time(bank: comity.Workspace, boss: comity.Agent) -> None:
    decision = asked(bank)
    boss.approve(decision)
    with pytest.raises(NotCommitted, match="was approved by boss"):
        boss.approve(decision)
    with pytest.raises(NotCommitted, match="was approved by boss"):
        boss.deny(decision, "too late")


# -- escalation


def test_s20_a_question_is_put_to_others_too_after_the_time_that_its_rule_says(
    bank: comity.Workspace, boss: comity.Agent, clock: ManualClock
) -> None:
    ann = bank.agent("ann", key=boss.issue_key("ann").key)
    transfer = Proposal(
        id="q1", changes=(Set("account/a", {"owner": "x"}),), reads=(Was("account/a", {"owner": None}),)
    )
    decision = asked(bank, transfer)
    clock.advance(seconds=599)
    assert bank.approvals(to="ann").tickets == ()
    assert ann.inbox().items == ()
    assert [item.about for item in boss.inbox().items] == [decision.ticket]
    with pytest.raises(Refused, match=r"It is for .*; auditors from 20\d\d-.*; you are ann"):
        ann.approve(decision)
    clock.advance(seconds=1)
    (one,) = bank.approvals(to="ann").tickets
    assert (one.is_escalated, one.escalates_to) == (True, ("auditors",))
    assert "escalated to auditors" in str(one)
    (item,) = ann.inbox().items
    assert (item.kind, item.about) == ("approval", decision.ticket)
    assert [item.about for item in boss.inbox().items] == [decision.ticket]
    ann.approve(decision)
    assert bank.get("account/a").owner == "x"


def test_s20_where_its_rule_says_so_any_human_may_answer_after_a_time(
    open_again: Open, define: Define, clock: ManualClock
) -> None:
    open_to_all = BANK.replace('{ after = "10m", to = "auditors" }', '{ after = "10m" }')
    bank = open_again(definition=define(open_to_all), clock=clock)
    bank.agent("clerk").put("account/a", limit=10)
    boss = bank.agent("boss", key=bank.issue_key("boss").key)
    ann = bank.agent("ann", key=boss.issue_key("ann").key)
    transfer = Proposal(
        id="q1", changes=(Set("account/a", {"owner": "x"}),), reads=(Was("account/a", {"owner": None}),)
    )
    decision = asked(bank, transfer)
    assert ann.inbox().items == ()
    clock.advance(seconds=600)
    assert "escalated to any human" in str(bank.approvals(to="ann").tickets[0])
    ann.deny(decision, "not without papers")
    assert bank.get("account/a").get("owner") is None
