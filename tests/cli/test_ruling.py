"""Rules on the command line: their tests without a workspace, what others would have decided, taking back."""

from __future__ import annotations

from pathlib import Path

import pytest

from comity.cli import exits
from tests.cli.conftest import Run

RULES = """\
[agents]
sales   = { role = "sales" }
support = { role = "support" }

[kinds.customer.fields]
campaign = { type = "string" }
tickets  = { type = "integer", default = 0 }

[[rules]]
name = "support goes first"
when = "agent.role == 'sales' && customer.tickets > 0"
then = "defer"
why  = "Support is [bold]at it[/bold]."

[[tests]]
name     = "open tickets"
given    = { "customer/acme" = { tickets = 1 } }
proposal = { agent = "sales", set = { "customer/acme" = { campaign = "q4" } } }
expect   = ["refused", "rule.support_goes_first"]
"""
FAILING = (
    RULES
    + """
[[tests]]
name     = "too hopeful"
given    = { "customer/acme" = { tickets = 1 } }
proposal = { agent = "sales", set = { "customer/acme" = { campaign = "q4" } } }
expect   = "committed"
"""
)


@pytest.fixture
def shop(run: Run) -> Run:
    """Return what runs commands in a folder with a workspace in which sales wrote while a ticket was open."""
    Path("plain.toml").write_text(RULES[: RULES.index("[[rules]]")])
    Path("rules.toml").write_text(RULES)
    Path("failing.toml").write_text(FAILING)
    run("apply", "plain.toml", "--db", "crm.db")
    run("create", "customer/acme", "tickets=1", "--as", "support")
    run("set", "customer/acme", "campaign=q4", "--was", "campaign=null", "--as", "sales")
    return run


def test_tests_of_a_file_need_no_workspace(run: Run) -> None:
    Path("rules.toml").write_text(RULES)
    result = run("rules", "test", "rules.toml")
    assert (result.code, result.err) == (exits.OK, "")
    assert "passed" in result.out
    assert "it[/bold]." in result.out
    assert list(Path().iterdir()) == [Path("rules.toml")]


def test_a_test_that_fails_gives_the_exit_code_1(shop: Run) -> None:
    result = shop("rules", "test", "failing.toml")
    assert result.code == exits.NOT_COMMITTED
    assert "FAILED" in result.out
    assert "1 failed, 1 test passed" in result.out
    told = shop("rules", "test", "failing.toml", "--json")
    assert told.code == exits.NOT_COMMITTED
    assert [one.get("missing") for one in told.json["tests"]] == [None, ["committed"]]


def test_without_a_file_those_in_force_are_run(shop: Run) -> None:
    assert "has no tests" in shop("rules", "test").out
    shop("apply", "failing.toml")
    assert shop("rules", "test").code == exits.NOT_COMMITTED


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("rules", "test", "none.toml"), exits.NOT_FOUND),
        (("rules", "test", "--nope"), exits.INVALID),
        (("rules", "backtest"), exits.INVALID),
        (("rules", "backtest", "rules.toml", "--since", "lately"), exits.INVALID),
        (("rules", "rollback"), exits.NOT_FOUND),
        (("rules", "rollback", "--to", "7"), exits.NOT_FOUND),
    ],
)
def test_what_is_wrong(shop: Run, words: tuple[str, ...], code: int) -> None:
    assert shop(*words).code == code


def test_a_backtest_says_what_would_differ_and_that_it_is_no_alternative_history(shop: Run) -> None:
    result = shop("rules", "backtest", "rules.toml", "--since", "1d")
    assert result.code == exits.OK
    for part in (
        "1 of 2 decisions since",
        "committed → deferred",
        "rule.support_goes_first",
        "customer/acme",
        "on the state of its own time",
        "1 on Comity's own records",
    ):
        assert part in result.out
    assert shop("rules", "backtest", "plain.toml").out.startswith("0 of 2 decisions would differ")


def test_rules_are_listed_with_how_often_they_fired(shop: Run) -> None:
    assert "No rules are declared" in shop("rules", "list").out
    applied = shop("apply", "rules.toml")
    assert "in shadow at first; --enforce or a mode ends that" in applied.out
    shop("set", "customer/acme", "campaign=q5", "--was", "campaign=q4", "--as", "sales")
    assert "shadow" in shop("rules", "list").out
    (rule,) = shop("rules", "list", "--since", "1h", "--json").json["rules"]
    assert (rule["mode"], rule["is_new"], rule["would"]) == ("shadow", True, 1)
    assert shop("apply", "rules.toml", "--enforce").code == exits.OK
    assert shop("set", "customer/acme", "campaign=q6", "--was", "campaign=q5", "--as", "sales").code == 1
    assert "enforce" in shop("rules", "list").out


def test_a_definition_is_taken_back(shop: Run) -> None:
    shop("apply", "rules.toml", "--enforce")
    result = shop("rules", "rollback", "--reason", "too strict")
    assert result.code == exits.OK
    assert "- rule support goes first" in result.out
    assert "in force, as version 3" in result.out
