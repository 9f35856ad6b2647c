"""Many rules at once, against asking each by itself; and whether a wait on a rule is over."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from comity.deciding.gates.rule import holds_until, judge
from comity.errors import InvalidDefinition
from comity.model.proposals import Caller, Set
from tests.deciding.gates.rule_cases import (
    SET_BUSY,
    SET_CALM,
    happened,
    rule,
    world,
)

# -- waiting

UNTIL = rule("customer.open_tickets > 0", "queue", until="customer.open_tickets == 0")
AWAITED: list[tuple[str, str, str | None, bool]] = [
    ("not yet", UNTIL, "customer/busy", False),
    ("by now", UNTIL, "customer/calm", True),
    ("the record is gone", UNTIL, "customer/gone", True),
    ("the rule is gone", rule("customer.open_tickets > 0", name="other"), "customer/busy", True),
    ("it can't be judged", rule("customer != null", "queue", until="customer.tags[0] == 'x'"), "customer/busy", False),
    ("nothing recent", rule("size(recent) > 0", "queue", until="size(recent) == 0"), "customer/busy", False),
    ("of no subject", rule("size(recent) > 0", "queue", until="now > timestamp('2000-01-01T00:00:00Z')"), None, True),
    ("related", rule("customer != null", "queue", until="customer != null && size(related.ticket) == 0"),
     "customer/busy", False),
]  # fmt: skip


@pytest.mark.parametrize(("source", "subject", "over"), [row[1:] for row in AWAITED], ids=[row[0] for row in AWAITED])
def test_a_wait_is_over_when_its_condition_holds(source: str, subject: str | None, over: bool) -> None:
    given = world(source)
    given.happened = [happened("customer/busy", "x")]
    assert given.ask(lambda view: holds_until(given.compiled, "r", subject, view)) is over


def test_what_the_one_who_waits_does_itself_is_nothing_to_wait_for() -> None:
    given = world(rule("size(recent) > 0", "queue", until="size(recent) == 0"))
    given.happened = [happened("customer/busy", "x", "sales")]
    assert given.ask(lambda view: holds_until(given.compiled, "r", "customer/busy", view, agent="sales"))
    assert not given.ask(lambda view: holds_until(given.compiled, "r", "customer/busy", view))


def test_a_wait_names_the_subject_that_it_is_for() -> None:
    source = rule("ticket.level == 'high' && customer.open_tickets > 0", "queue", until="customer.open_tickets == 0")
    (finding,) = world(source).findings(judge, Set("ticket/t1", {"level": "high"}))
    assert finding.data["until_subject"] == "customer/busy"
    kindless = rule("size(recent) > 0", "queue", until="size(recent) == 0")
    given = world(kindless)
    given.happened = [happened("customer/busy", "x")]
    (finding,) = given.findings(judge, SET_CALM, SET_BUSY)
    assert finding.data["until_subject"] == "customer/busy"


# -- against asking each rule by itself

TERMS = st.sampled_from(
    [
        "customer.open_tickets > 1",
        "customer.status == 'active'",
        "customer.tags[0] == 'x'",
        "customer != null && after != null",
        "customer != null && size(related.ticket) == 1",
        "agent.role == 'sales'",
        "agent.role == 'support'",
        "action.name == 'tidy_up'",
        "recent.exists(e, e.agent == 'support')",
        "size(intents) == 0",
    ]
)
WHENS = st.lists(st.lists(TERMS, min_size=1, max_size=3).map(" && ".join), min_size=1, max_size=30)


@settings(max_examples=60)
@given(WHENS, st.sampled_from(["sales", "support"]), st.sampled_from(["tidy_up", "send_upsell"]))
def test_many_rules_find_what_each_finds_alone(whens: list[str], agent: str, action: str) -> None:
    def found(rules: list[str]) -> list[str]:
        judged = world(*rules)
        judged.happened = [happened("customer/busy", "Escalated")]
        return judged.codes(judge, SET_BUSY, SET_CALM, caller=Caller(agent), action=action)

    rules = [rule(when, name=f"r{number}") for number, when in enumerate(whens)]
    assume(all(fits(one) for one in rules))
    assert found(rules) == [code for one in rules for code in found([one])]


@cache
def fits(source: str) -> bool:
    """Tell whether a rule says something: some terms need a subject that only others name."""
    try:
        world(source)
    except InvalidDefinition:
        return False
    return True
