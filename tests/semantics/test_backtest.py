"""S38: what was proposed is judged afresh under another definition, each on the state of its own time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import comity
from comity import limits
from comity.model.decisions import Decision
from comity.model.proposals import Append, Proposal, Set, Was
from comity.operations import BacktestAnswer
from comity.testing.manual_clock import ManualClock

PLAIN = """\
[agents]
sales   = { role = "sales" }
product = { role = "product" }
support = { role = "support" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
name         = { type = "string", owner = "sales" }
campaigns    = { type = "array", items = { type = "string" } }
status       = { type = "string", owner = "support" }
open_tickets = { type = "integer", default = 0, owner = "support" }

[kinds.ticket.fields]
customer = { ref = "customer" }

[kinds.customer.events.Escalated]
owner = "support"
"""

OPEN = "customer.open_tickets > 0 && agent.role == 'sales'"
Open = Callable[..., comity.Workspace]
Define = Callable[..., Path]
Base = Callable[..., comity.Workspace]


def rule(when: str, then: str = "defer", name: str = "r", **keys: str) -> str:
    lines = {"name": f'"{name}"', "when": f'"{when}"', "then": f'"{then}"', **keys}
    return "\n[[rules]]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())


@pytest.fixture
def base(open_again: Open, define: Define, clock: ManualClock) -> Base:
    """Return a way to open a workspace with rules and a customer."""

    def opening(rules: str = "") -> comity.Workspace:
        ws = open_again(definition=define(PLAIN + rules), clock=clock)
        ws.agent("sales").create("customer/acme", name="Acme")
        return ws

    return opening


@pytest.fixture
def other(define: Define) -> Callable[[str], Path]:
    """Return a way to write another definition, by its rules."""
    return lambda rules: define(PLAIN + rules, "other.toml")


def propose(ws: comity.Workspace, agent: str, id: str, **options: Any) -> Decision:
    return ws.agent(agent).propose(Proposal(id=id, changes=(Append("customer/acme", {"campaigns": [id]}),), **options))


def tickets(ws: comity.Workspace, count: int, was: int) -> Decision:
    return ws.agent("support").set("customer/acme", open_tickets=count, was={"open_tickets": was})


def found(answer: BacktestAnswer) -> list[tuple[str, str, str]]:
    """Return what would differ, in the order in which it was judged."""
    return [(one.proposal, one.was, one.would_be) for one in reversed(answer.examples)]


def test_s38_each_decision_is_judged_on_the_state_of_its_own_time(base: Base, other: Callable[[str], Path]) -> None:
    ws = base()
    propose(ws, "sales", "before")
    tickets(ws, 2, was=0)
    propose(ws, "sales", "while")
    propose(ws, "product", "of-others")
    tickets(ws, 0, was=2)
    propose(ws, "sales", "after")
    revision = ws.revision
    answer = ws.backtest(other(rule(OPEN)))
    assert found(answer) == [("while", "committed", "deferred")]
    assert (answer.judged, answer.differing, answer.not_reproducible, answer.own) == (7, 1, 0, 1)
    assert [(turn.was, turn.would_be, turn.count) for turn in answer.turns] == [("committed", "deferred", 1)]
    assert [(code.code, code.new, code.gone) for code in answer.codes] == [("rule.r", 1, 0)]
    assert [finding.code for finding in answer.examples[0].would_find] == ["rule.r"]
    assert ws.revision == revision


def test_s38_it_is_no_alternative_history_and_says_so(base: Base, other: Callable[[str], Path]) -> None:
    """The second rests on what the first did, which under the other rule would not have happened."""
    ws = base()
    propose(ws, "sales", "one")
    propose(ws, "sales", "two")
    answer = ws.backtest(other(rule("customer.campaigns.size() == 1")))
    assert found(answer) == [("two", "committed", "deferred")]
    assert "on the state of its own time" in str(answer)
    assert "no alternative history" in str(answer)


def test_s38_what_was_refused_is_judged_afresh_too(base: Base, other: Callable[[str], Path]) -> None:
    ws = base(rule(OPEN))
    tickets(ws, 1, was=0)
    assert propose(ws, "sales", "deferred").retry_when is None
    assert propose(ws, "product", "passed").is_committed
    answer = ws.backtest(other(rule("customer.open_tickets > 0", "refuse")))
    assert found(answer) == [("deferred", "deferred", "refused"), ("passed", "committed", "refused")]
    assert found(ws.backtest(other(""))) == [("deferred", "deferred", "committed")]


def test_s38_what_makes_the_difference_is_told_as_new_gone_or_in_shadow(
    base: Base, other: Callable[[str], Path]
) -> None:
    ws = base(rule(OPEN))
    tickets(ws, 1, was=0)
    propose(ws, "sales", "one")

    def because(rules: str) -> tuple[list[tuple[str, str]], list[tuple[str, int, int, int]]]:
        answer = ws.backtest(other(rules))
        told = [(what, finding.code) for what, finding in answer.examples[0].because]
        return told, [(one.code, one.new, one.in_shadow, one.gone) for one in answer.codes]

    assert because("") == ([("no longer", "rule.r")], [("rule.r", 0, 0, 1)])
    assert because(rule(OPEN, mode='"shadow"')) == ([("now in shadow", "rule.r")], [("rule.r", 1, 1, 1)])
    assert because(rule(OPEN, "refuse", "s")) == (
        [("now", "rule.s"), ("no longer", "rule.r")],
        [("rule.r", 0, 0, 1), ("rule.s", 1, 0, 0)],
    )
    assert "(no longer: rule.r)" in str(ws.backtest(other("")).examples[0])


def test_s38_a_check_that_leaves_the_shadow_is_counted(base: Base, other: Callable[[str], Path]) -> None:
    ws = base('\n[checks]\nfreshness = "shadow"\n')
    intent = ws.agent("sales").intent("rename")
    intent.get("customer/acme", "status")
    ws.agent("support").set("customer/acme", status="at_risk", was={"status": None})
    intent.append("customer/acme", campaigns="q4")
    assert intent.propose().is_committed
    answer = ws.backtest(other(""))
    assert [(one.code, one.new, one.gone) for one in answer.codes] == [("freshness.changed", 1, 0)]


@pytest.mark.parametrize(
    ("then", "keys", "fate"),
    [
        ("warn", {}, None),
        ("defer", {}, "deferred"),
        ("queue", {"until": '"customer.open_tickets == 0"'}, "queued"),
        ("offer", {"to": '"support"'}, "offered"),
        ("ask", {}, "asked"),
        ("refuse", {}, "refused"),
    ],
)
def test_s38_every_outcome_is_told(
    base: Base, other: Callable[[str], Path], then: str, keys: dict[str, str], fate: str | None
) -> None:
    ws = base()
    tickets(ws, 1, was=0)
    propose(ws, "sales", "p")
    answer = ws.backtest(other(rule(OPEN, then, **keys)))
    assert [one.would_be for one in answer.examples] == ([fate] if fate else [])
    assert [(code.code, code.new, code.in_shadow) for code in answer.codes] == [("rule.r", 1, 0)]


def test_s38_a_rule_in_shadow_changes_nothing_and_is_counted(base: Base, other: Callable[[str], Path]) -> None:
    ws = base()
    tickets(ws, 1, was=0)
    propose(ws, "sales", "p")
    answer = ws.backtest(other(rule(OPEN, mode='"shadow"')))
    assert answer.differing == 0
    assert [(code.code, code.new, code.in_shadow) for code in answer.codes] == [("rule.r", 1, 1)]


def test_s38_recent_events_and_age_are_those_of_its_time(
    base: Base, other: Callable[[str], Path], clock: ManualClock
) -> None:
    ws = base()
    propose(ws, "product", "early")
    clock.advance(seconds=60)
    ws.agent("support").emit("customer/acme", "Escalated")
    clock.advance(seconds=60)
    propose(ws, "product", "soon")
    clock.advance(seconds=limits.RECENT_S)
    propose(ws, "product", "late")
    when = "agent.role == 'product' && customer != null && recent.exists(e, e.type == 'Escalated')"
    answer = ws.backtest(other(rule(when)))
    assert found(answer) == [("soon", "committed", "deferred")]
    assert answer.not_reproducible == 0


def test_s38_related_records_are_those_of_its_time(base: Base, other: Callable[[str], Path]) -> None:
    ws = base()
    propose(ws, "sales", "early")
    ws.agent("support").create("ticket/1", customer="acme")
    propose(ws, "sales", "late")
    ws.agent("support").delete("ticket/1", accept=ws.revision)
    answer = ws.backtest(other(rule("customer != null && related.ticket.size() > 0 && agent.role == 'sales'")))
    assert found(answer) == [("late", "committed", "deferred")]


def test_s38_announced_intents_are_those_of_its_time(base: Base, other: Callable[[str], Path]) -> None:
    ws = base()
    propose(ws, "sales", "early")
    intent = ws.agent("support").intent(about="customer/acme", announce=True)
    propose(ws, "sales", "meanwhile")
    intent.withdraw()
    propose(ws, "sales", "late")
    answer = ws.backtest(other(rule("customer != null && intents.exists(i, i.role == 'support')")))
    assert found(answer) == [("meanwhile", "committed", "deferred")]


def test_s38_reads_are_as_stale_as_they_were(base: Base, other: Callable[[str], Path]) -> None:
    ws = base()
    sales, stale = ws.agent("sales"), ws.agent("sales").intent()
    stale.get("customer/acme").name = "A"
    sales.set("customer/acme", name="B", was={"name": "Acme"})
    assert stale.propose().is_conflict
    sales.set("customer/acme", name="Acme", was={"name": "B"})
    answer = ws.backtest(other(""))
    assert (answer.differing, answer.not_reproducible) == (0, 0)
    loose = ws.backtest(other('\n[checks]\nfreshness = "shadow"\n'))
    assert [(one.was, one.would_be) for one in loose.examples] == [("refused", "committed")]


def test_s38_each_is_compared_with_what_its_own_definition_made_of_it(
    base: Base, other: Callable[[str], Path], define: Define
) -> None:
    ws = base(rule(OPEN))
    tickets(ws, 1, was=0)
    propose(ws, "sales", "under-one")
    ws.apply(define(PLAIN, "second.toml"))
    propose(ws, "sales", "under-two")
    answer = ws.backtest(other(rule(OPEN)))
    assert found(answer) == [("under-two", "committed", "deferred")]
    assert {one.proposal: one.definition for one in answer.examples} == {"under-two": 2}
    assert found(ws.backtest(other(""))) == [("under-one", "deferred", "committed")]


# -- evidence


ASKING = rule("customer.open_tickets > 0 && agent.kind != 'human'", "ask", "ask a person")
QUEUEING = rule(OPEN, "queue", "wait", until='"customer.open_tickets == 0"')


def test_s38_an_approval_counts_for_the_rule_that_it_answered(base: Base, other: Callable[[str], Path]) -> None:
    ws = base(ASKING)
    ws.agent("support").put("customer/acme", open_tickets=1, accept=ws.revision)
    decision = propose(ws, "sales", "p")
    ws.agent("ops", key=ws.issue_key("ops").key).approve(decision)
    assert ws.get("customer/acme").campaigns == ("p",)
    same = ws.backtest(other(ASKING))
    assert (same.differing, same.not_reproducible) == (0, 0)
    assert [(one.was, one.would_be) for one in ws.backtest(other("")).examples] == [("asked", "committed")]
    reworded = ws.backtest(other(ASKING.replace("> 0", ">= 1")))
    assert found(reworded) == [("p", "committed", "asked")]


def test_s38_a_released_place_in_line_and_an_accepted_offer_are_reproduced(
    base: Base, other: Callable[[str], Path]
) -> None:
    ws = base(QUEUEING)
    sales, support = ws.agent("sales"), ws.agent("support")
    tickets(ws, 1, was=0)
    waiting = propose(ws, "sales", "p")
    assert waiting.waits_for == "queue"
    tickets(ws, 0, was=1)
    assert sales.wait(waiting).is_committed
    changes = (Set("customer/acme", {"status": "lost"}),)
    offered = sales.propose(Proposal(id="o", changes=changes, reads=(Was("customer/acme", {}),), if_foreign="offer"))
    assert offered.waits_for == "owner", offered
    support.accept(offered)
    answer = ws.backtest(other(QUEUEING))
    assert (answer.differing, answer.not_reproducible) == (0, 0)
    assert found(ws.backtest(other(""))) == [("p", "queued", "committed")]


# -- who proposed, and what can't be known


def test_s38_humans_and_the_systems_user_are_known_as_they_were(base: Base, other: Callable[[str], Path]) -> None:
    ws = base(rule("agent.kind == 'human' && customer.open_tickets > 0", "refuse"))
    tickets(ws, 1, was=0)
    boss = ws.agent("ops", key=ws.issue_key("ops").key)
    refused = boss.propose(Proposal(id="by-ops", changes=(Append("customer/acme", {"campaigns": ["x"]}),)))
    assert [finding.code for finding in refused.refusals] == ["rule.r"]
    nobody = comity.Agent(ws._session).propose(Proposal(id="by-user", changes=(Set("customer/acme", {"name": "x"}),)))
    assert not nobody.is_committed
    answer = ws.backtest(other(""))
    assert found(answer) == [("by-ops", "refused", "committed")]
    assert answer.not_reproducible == 0


def test_s38_what_a_renewed_lease_kept_away_is_not_reproducible(
    base: Base, other: Callable[[str], Path], clock: ManualClock
) -> None:
    """That a lease was renewed is bookkeeping outside the log (S18)."""
    ws = base()
    with ws.agent("product").lease("customer/acme", ttl="60s") as lease:
        assert not propose(ws, "sales", "held").is_committed
        clock.advance(seconds=40)
        lease.renew()
        clock.advance(seconds=40)
        assert not propose(ws, "sales", "held-after-renewal").is_committed
    answer = ws.backtest(other(""))
    assert (answer.not_reproducible, answer.differing) == (1, 0)
    assert "1 not reproducible" in str(answer)


def test_s38_erased_contents_are_counted_and_left_alone(base: Base, other: Callable[[str], Path]) -> None:
    ws = base()
    propose(ws, "sales", "p")
    with ws._engine.store.batch() as batch:  # As an erasure does, which is the only way to change the log.
        connection = batch._connection  # type: ignore[attr-defined]
        for (trigger,) in list(connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")):
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("UPDATE commits SET payload = NULL, salt = NULL WHERE proposal = 'p'")
    answer = ws.backtest(other(rule("customer != null")))
    assert answer.erased == 1
    assert "p" not in [one.proposal for one in answer.examples]


# -- bounds


def test_s38_a_span_is_judged_and_no_more(base: Base, other: Callable[[str], Path], clock: ManualClock) -> None:
    ws = base()
    propose(ws, "sales", "old")
    clock.advance(seconds=7_200)
    first = ws.revision
    propose(ws, "sales", "new")
    always = other(rule("customer != null"))
    for since in (first, "1h", "2023-11-15T00:00:00Z"):
        assert found(ws.backtest(always, since=since))[-1:] == [("new", "committed", "deferred")]
    assert found(ws.backtest(always, since="1h")) == [("new", "committed", "deferred")]


def test_s38_what_is_too_much_is_left_out_and_told(
    base: Base, other: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = base(rule("agent.role == 'product' && customer != null", "refuse"))
    for number in range(4):
        propose(ws, "sales", f"s{number}")
        propose(ws, "product", f"p{number}")
    monkeypatch.setattr(limits, "BACKTEST_DECISIONS", 2)
    monkeypatch.setattr(limits, "BACKTEST_EXAMPLES", 3)
    answer = ws.backtest(other(rule("agent.role == 'sales' && customer != null", "refuse")))
    assert (answer.judged, answer.differing) == (4, 4)
    assert [one.proposal for one in answer.examples] == ["p3", "s3", "p2"]
    assert len(answer.cut) == 2
    assert all("only the latest 2" in sentence for sentence in answer.cut)
    assert answer.cut[0] in str(answer)


def test_s38_everything_that_can_be_reproduced_is(base: Base, define: Define) -> None:
    """A story with conflicts, blind writes, guesses, missing records, two definitions and an undoing."""
    ws = base(rule(OPEN) + ASKING)
    sales, support, product = (ws.agent(name) for name in ("sales", "support", "product"))
    tickets(ws, 1, was=0)
    for id in ("a", "b"):
        propose(ws, "sales", id)
        propose(ws, "product", id + "p")
    for change in (Set("customer/acme", {"name": "blind"}), Set("customer/none", {"name": "x"})):
        sales.propose(Proposal(id=f"set-{change.record[-4:]}", changes=(change,)))
    sales.propose(
        Proposal(
            id="was", changes=(Set("customer/acme", {"name": "x"}),), reads=(Was("customer/acme", {"name": "no"}),)
        )
    )
    product.propose(
        Proposal(
            id="assumed",
            changes=(Append("customer/acme", {"campaigns": ["z"]}),),
            assumptions=("customer.open_tickets == 7",),
        )
    )
    counted = support.intent()
    assert counted.count("customer", "open_tickets > 0") == 1
    counted.create("ticket/1", customer="acme")
    assert counted.propose().is_pending
    ws.apply(define(PLAIN + rule(OPEN, "refuse"), "second.toml"))
    propose(ws, "sales", "c")
    ws.revert(agent="support", since=2)
    answer = ws.backtest(define(PLAIN + rule(OPEN) + ASKING, "same.toml"))
    assert answer.not_reproducible == 0
    assert answer.erased == 0
