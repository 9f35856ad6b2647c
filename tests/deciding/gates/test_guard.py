"""Did its assumptions hold before, do the kinds' guards hold after?"""

from __future__ import annotations

import pytest

from comity import limits
from comity.deciding.gates.guard import code_of, judge
from comity.model.proposals import Add, AnyChange, Create, Delete, Put, Set
from tests.deciding.cases import World, state

CRM = """
[agents]
sales = { role = "seller" }

[kinds.customer.fields]
status  = { type = "string" }
balance = { type = "integer", default = 0 }

[[kinds.customer.guards]]
name  = "churned is final"
check = "before == null || before.status != 'churned' || after.status == 'churned'"
why   = "A customer who left stays gone."

[[kinds.customer.guards]]
name  = "balance >= 0"
check = "after.balance >= 0"

[kinds.ticket.fields]
level = { type = "integer", default = 1 }
"""

ACME = state("customer/acme", status="active", balance=5)
LOST = state("customer/lost", status="churned", balance=0)
TICKET = state("ticket/t1", level=3)
GONE = state("ticket/t2", "deleted", level=1)


def world() -> World:
    return World(ACME, LOST, TICKET, GONE, source=CRM)


GUARDS: list[tuple[str, tuple[AnyChange, ...], str]] = [
    ("holds", (Set("customer/acme", {"status": "churned"}),), ""),
    ("does not hold", (Set("customer/lost", {"status": "active"}),), "guard.churned_is_final"),
    ("holds on creation, with the default", (Create("customer/new", {"status": "churned"}),), ""),
    ("does not hold on creation", (Create("customer/new", {"balance": -1}),), "guard.balance_0"),
    ("binds commutative changes", (Add("customer/acme", {"balance": -6}),), "guard.balance_0"),
    ("holds at the end", (Add("customer/acme", {"balance": -6}), Add("customer/acme", {"balance": 1})), ""),
    ("asks nothing of what goes", (Delete("customer/lost"),), ""),
    ("an empty field has its default", (Set("customer/acme", {"balance": None}),), ""),
    ("asks nothing where nothing changes", (Set("customer/acme", {"status": "active"}),), ""),
    (
        "each by name",
        (Set("customer/lost", {"status": "x", "balance": -1}),),
        "guard.churned_is_final, guard.balance_0",
    ),
]


@pytest.mark.parametrize(("changes", "codes"), [row[1:] for row in GUARDS], ids=[row[0] for row in GUARDS])
def test_s15_guards_hold_on_the_final_state(changes: tuple[AnyChange, ...], codes: str) -> None:
    assert ", ".join(world().codes(judge, *changes)) == codes


def test_a_guard_says_why_and_on_which_values() -> None:
    (finding,) = world().findings(judge, Set("customer/lost", {"status": "active"}))
    assert finding.subject == "customer/lost"
    assert finding.message == (
        "customer/lost: churned is final: A customer who left stays gone"
        " (after.status is active, before.status is churned)."
    )


CHANGE = Set("customer/acme", {"balance": 1})
ASSUMPTIONS: list[tuple[str, str, tuple[str, ...], str]] = [
    ("holds", "customer.balance == 5", (), ""),
    ("is judged before the change", "customer.balance == 1", (), "guard.assumption"),
    ("does not hold", "customer.status == 'churned'", (), "guard.assumption"),
    ("of a subject named", "ticket.level == 3", ("ticket/t1",), ""),
    ("of no subject", "ticket.level == 3", (), "guard.assumption"),
    ("of a subject that is gone", "ticket.level == 1", ("ticket/t2",), "guard.assumption"),
    ("of a subject that never was", "ticket.level == 1", ("ticket/t9",), "guard.assumption"),
    ("of two subjects at once", "ticket.level < customer.balance", ("ticket/t1",), ""),
    ("of each subject of a kind", "customer.balance == 5", ("customer/lost",), "guard.assumption"),
    ("is no expression", "customer.balance ==", (), "guard.assumption"),
    ("names no field", "customer.blance == 5", (), "guard.assumption"),
    ("names an unknown kind", "nobody.x == 1", (), "guard.assumption"),
    ("is no condition", "customer.balance", (), "guard.assumption"),
    ("holds a loop", "[1].all(x, x == 1)", (), "guard.assumption"),
    ("is about the agent", "agent.role == 'seller'", (), ""),
    ("is about nothing", "1 == 1", (), ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "about", "codes"), [row[1:] for row in ASSUMPTIONS], ids=[row[0] for row in ASSUMPTIONS]
)
def test_s15_assumptions_hold_at_the_head_before(source: str, about: tuple[str, ...], codes: str) -> None:
    found = world().findings(judge, CHANGE, assumptions=(source,), about=about)
    assert ", ".join(one.code for one in found) == codes
    assert all(one.remedy for one in found)


@pytest.mark.parametrize(
    ("source", "message", "remedy"),
    [
        ("custmer.balance == 5", "did you mean 'customer'?", "Write customer instead."),
        ("tickt.level == 1", "did you mean 'ticket'?", "Write ticket instead."),
        ("ticket.level == 1", "names ticket, and no subject is of that kind.", "Say about=['ticket/…']"),
        ("visit.n == 1", "names visit, and no subject is of that kind.", "Say about=['visit/…']"),
        ("balance == 5", "nothing is called 'balance' here (write customer.balance)", "Correct the expression."),
    ],
)
def test_an_assumption_about_nothing_says_what_is_meant(source: str, message: str, remedy: str) -> None:
    (finding,) = world().findings(judge, CHANGE, assumptions=(source,))
    assert message in finding.message
    assert str(finding.remedy).startswith(remedy)


def test_what_no_longer_holds_is_told_with_the_value_now_and_its_author() -> None:
    (finding,) = world().findings(judge, CHANGE, assumptions=("customer.status == 'churned'",))
    assert finding.message == (
        "You assumed customer.status == 'churned'; now customer/acme.status is active, by support."
    )


def test_limit_assumption_combinations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many are refused, not left out."""
    monkeypatch.setattr(limits, "ASSUMPTION_COMBINATIONS", 6)
    states = [state(f"ticket/n{number}", level=1) for number in range(3)]
    more = [state(f"customer/n{number}", status="a", balance=9) for number in range(2)]
    given = World(ACME, *states, *more, source=CRM)
    about = tuple(one.ref for one in (*states, *more))
    assumption = ("ticket.level < customer.balance",)
    assert given.codes(judge, CHANGE, assumptions=assumption, about=about[1:]) == []
    assert given.codes(judge, CHANGE, assumptions=assumption, about=about) == ["shape.too_broad"]


def test_limit_agent_expression_chars() -> None:
    bound = limits.AGENT_EXPRESSION_CHARS
    fits = "1 == 1".ljust(bound)
    assert world().codes(judge, CHANGE, assumptions=(fits,)) == []
    assert world().codes(judge, CHANGE, assumptions=(fits + " ",)) == ["guard.assumption"]


@pytest.mark.parametrize(
    ("name", "code"), [("Churned is final", "churned_is_final"), ("stock >= 0!", "stock_0"), ("…", "unnamed")]
)
def test_the_code_of_a_guard_is_made_of_its_name(name: str, code: str) -> None:
    assert code_of(name) == code


def test_undeclared_kinds_have_no_guards_and_may_be_assumed_about() -> None:
    given = World(state("memo/a", n=1))
    assert given.codes(judge, Put("memo/a", {"n": 2}), assumptions=("memo.n == 1",)) == []
    assert given.codes(judge, Put("memo/a", {"n": 2}), assumptions=("memo.n == 2",)) == ["guard.assumption"]
