"""Tests of rules, run on the worlds that they describe."""

from __future__ import annotations

from pathlib import Path

import pytest

import comity
from comity.errors import InvalidDefinition
from comity.operations import RuleTestAnswer
from comity.verbs.rules import examine
from tests.verbs.conftest import Open

CRM = """\
[agents]
sales   = { role = "sales" }
support = { role = "support" }
product = { role = "product" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
name         = { type = "string", required = true, owner = "sales" }
campaign     = { type = "string", owner = "sales" }
since        = { format = "date-time", owner = "sales" }
tier         = { type = "string", default = "basic" }
tags         = { type = "array", items = { type = "string" } }
open_tickets = { type = "integer", default = 0, minimum = 0, owner = "support" }

[[kinds.customer.guards]]
name  = "no x"
check = "after.campaign != 'x'"

[kinds.customer.events.Escalated]
owner = "support"
then  = { open_tickets = "record.open_tickets + 1" }

[kinds.ticket.fields]
customer = { ref = "customer" }

[actions.upsell]
kind = "outreach"
[actions.work]

[[rules]]
name  = "support goes first"
when  = "action.kind == 'outreach' && customer.open_tickets > 0 && agent.kind != 'human'"
then  = "defer"
to    = "support"
until = "customer.open_tickets == 0"

[[rules]]
name  = "product waits out escalations"
when  = "agent.role == 'product' && customer != null && recent.exists(e, e.type == 'Escalated' && e.role == 'support')"
then  = "queue"
until = "true"

[[rules]]
name = "a person is at it"
when = "agent.kind != 'human' && customer != null && intents.exists(i, i.kind == 'human')"
then = "ask"

[[rules]]
name = "many tickets"
when = "customer != null && related.ticket.size() > 1"
then = "warn"

[[rules]]
name = "new year"
when = "customer.since != null && now - customer.since < duration('24h')"
then = "refuse"

[[rules]]
name = "seven"
when = "customer.open_tickets == 7"
then = "refuse"
mode = "shadow"
"""
SELLING = 'agent = "sales", action = "upsell", set = { "customer/acme" = { campaign = "q4" } }'
GIVEN = '"customer/acme" = { name = "Acme", open_tickets = %d }'


def run(proposal: str, expect: str, *, given: str = GIVEN % 0, **keys: str) -> RuleTestAnswer:
    more = "".join(f"{key} = {value}\n" for key, value in keys.items())
    (test,) = examine(CRM + written("t", proposal, expect, given) + more, "crm.toml").tests
    return test


def written(name: str, proposal: str, expect: str, given: str) -> str:
    """Return a test as a definition has it."""
    lines = f'name = "{name}"\ngiven = {{ {given} }}\nproposal = {{ {proposal} }}\nexpect = {expect}\n'
    return f"\n[[tests]]\n{lines}"


ESCALATED = '[{ agent = "%s", record = "customer/%s", type = "Escalated", age = "%s" }]'
INTENT = '[{ agent = "%s", about = "customer/acme", age = "1m" }]'
PLANNING = 'agent = "product", action = "work", about = "customer/acme"'
TICKETS = ", ".join([GIVEN % 0, '"ticket/1" = { customer = "acme" }', '"ticket/2" = { customer = "customer/acme" }'])
FIRST = '["refused", "rule.support_goes_first"]'
WAITS = '["pending", "rule.product_waits_out_escalations"]'


@pytest.mark.parametrize(
    ("proposal", "expect", "keys"),
    [
        (SELLING, '"committed"', {}),
        (SELLING, FIRST, {"given": GIVEN % 2}),
        (SELLING.replace("sales", "ops").replace("campaign", "tier"), '"committed"', {"given": GIVEN % 2}),
        (PLANNING, '"committed"', {}),
        (PLANNING, WAITS, {"recent": ESCALATED % ("support", "acme", "5m")}),
        (PLANNING, '"committed"', {"recent": ESCALATED % ("support", "acme", "16m")}),
        (PLANNING, '"committed"', {"recent": ESCALATED % ("support", "beta", "5m")}),
        (PLANNING, '"committed"', {"recent": ESCALATED % ("product", "acme", "5m")}),
        (PLANNING, '["pending", "rule.a_person_is_at_it"]', {"intents": INTENT % "ops"}),
        (PLANNING, '"committed"', {"intents": INTENT % "support"}),
        (SELLING, '["committed", "rule.many_tickets"]', {"given": TICKETS}),
        (SELLING, '"rule.new_year"', {"given": '"customer/acme" = { name = "A", since = 2026-01-01T00:00:00Z }'}),
        (SELLING, '["committed"]', {"given": '"customer/acme" = { name = "A", since = 2025-12-01T00:00:00Z }'}),
        (PLANNING, '["committed", "rule.seven"]', {"given": GIVEN % 7}),
        (SELLING.replace("q4", "x"), '["refused", "guard.no_x"]', {}),
        (SELLING.replace("campaign", "open_tickets").replace('"q4"', "1"), '"ownership.other_domain"', {}),
        ('agent = "support", action = "work", emit = { "customer/acme" = { Escalated = {} } }', '"committed"', {}),
        ('agent = "support", action = "work", add = { "customer/acme" = { open_tickets = -1 } }', '"refused"', {}),
        ('agent = "sales", action = "work", create = { "customer/new" = { name = "N" } }', '"committed"', {}),
        ('agent = "sales", action = "work", create = { "customer/new" = { tier = "a" } }', '"shape.required"', {}),
        ('agent = "sales", action = "work", put = { "customer/acme" = { name = "B" } }', '"committed"', {}),
        ('agent = "sales", action = "work", set = { "customer/none" = { name = "B" } }', '"integrity.missing"', {}),
        ('agent = "product", action = "work", include = { "customer/acme" = { tags = ["a"] } }', '"committed"', {}),
        ('agent = "sales", action = "work", delete = "customer/acme"', '"integrity.referenced"', {"given": TICKETS}),
        ('agent = "sales", action = "work", delete = "customer/acme"', '"committed"', {}),
        ('agent = "ops", action = "work", about = "customer/acme"', '"committed"', {"intents": INTENT % "ops"}),
    ],
)
def test_what_a_test_comes_to(proposal: str, expect: str, keys: dict[str, str]) -> None:
    came = run(proposal, expect, **keys)
    assert came.has_passed, came


def test_what_was_expected_and_did_not_come_is_told() -> None:
    came = run(SELLING, '["pending", "rule.seven", "rule.support_goes_first"]', given=GIVEN % 2)
    assert not came.has_passed
    assert came.missing == ("pending", "rule.seven")
    assert came.came == ("refused", "rule.support_goes_first")
    assert str(came) == "t: expected pending, rule.seven, came refused, rule.support_goes_first"


def test_what_waits_tells_for_whom() -> None:
    assert run(PLANNING, WAITS, recent=ESCALATED % ("support", "acme", "0s")).waits_for == "queue"


def test_without_declarations_anything_goes() -> None:
    source = (
        '[[tests]]\nname = "t"\ngiven = { "task/a" = { n = 1 } }\n'
        'proposal = { agent = "ann", set = { "task/a" = { n = 2 } } }\nexpect = "committed"\n'
    )
    answer = examine(source, "x.toml")
    assert (answer.passed, answer.failed, answer.tests[0].findings) == (1, 0, ())


def test_rules_are_judged_as_they_are_written(open_base: Open, tmp_path: Path) -> None:
    """Whether one is in shadow as it is new to a workspace is nothing that a test knows."""
    base = open_base(CRM)
    base.agent("sales").create("customer/acme", name="A", action="work")
    rule = '\n[[rules]]\nname = "never"\nwhen = "customer != null"\nthen = "refuse"\n'
    test = f'\n[[tests]]\nname = "t"\ngiven = {{ {GIVEN % 0} }}\nproposal = {{ {SELLING} }}\nexpect = "refused"\n'
    (tmp_path / "new.toml").write_text(CRM + rule + test, encoding="utf-8")
    assert base.apply(tmp_path / "new.toml").shadowed == ("never",)
    revision = base.revision
    for answer in (base.test_rules(), base.test_rules(tmp_path / "new.toml")):
        assert (answer.passed, answer.failed) == (1, 0)
    assert base.test_rules().origin == "the definition in force, version 2"
    assert base.revision == revision


def test_a_definition_that_is_wrong_is_told_with_its_places(base: comity.Workspace, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text('[[rules]]\nname = "r"\nwhen = "tru"\nthen = "refuse"\n', encoding="utf-8")
    with pytest.raises(InvalidDefinition, match=r"wrong\.toml:3"):
        base.test_rules(tmp_path / "wrong.toml")


def test_the_text_names_those_that_failed_only() -> None:
    source = CRM + "".join(written(f"t{number}", SELLING, '"committed"', GIVEN % number) for number in range(7))
    lines = str(examine(source, "crm.toml")).splitlines()
    assert lines[0] == "crm.toml: 1 test passed, 6 failed"
    assert lines[1] == "  t1: expected committed, came refused, rule.support_goes_first"
    assert lines[-1] == "  and 2 more"
