"""Compiling rules: what is said about those that mean nothing."""

from __future__ import annotations

import pytest

from comity import limits
from comity.deciding.compile import load_definition
from comity.errors import InvalidDefinition

CRM = """\
[agents]
sales = { role = "seller" }
ops   = { kind = "human" }
[kinds.customer.fields]
status       = { type = "string" }
open_tickets = { type = "integer", default = 0 }
[kinds.task-item.fields]
customer = { ref = "customer" }
due      = { format = "date-time" }
[kinds.note.fields]
[kinds.other.fields]
[actions.send_upsell]
kind = "outreach"
"""


def rule(when: str, **keys: str) -> str:
    given = {"name": '"r"', "when": f'"{when}"', "then": '"defer"'} | keys
    return "[[rules]]\n" + "".join(f"{key} = {value}\n" for key, value in given.items())


def problems_of(source: str) -> list[str]:
    with pytest.raises(InvalidDefinition) as caught:
        load_definition(source, 1)
    return list(caught.value.problems)


RIGHT = [
    "customer.open_tickets > 0",
    "customer != null && related.task_item.exists(t, t.due != null && t.due < now)",
    "customer.open_tickets > 0 && task_item.due == null && note != null",
    "customer != null && before.status != after.status",
    "customer != null && after != null && after.open_tickets > 3",
    "agent.role in ['seller', 'operator'] && action.name == 'send_upsell'",
    "recent.filter(e, e.kind == 'human').exists(e, e.age < duration('5m'))",
    "recent.map(e, e.agent).exists(name, name == 'ops')",
    "intents.exists(i, default(i.plan, '') == 'x')",
    "size(recent) > 3 && recent[0].type == 'x'",
    "recent.exists(e, recent.exists(f, e.type == f.type && e.agent != f.agent))",
    "agent.kind == 'human' || agent.role == 'whatever'",
]


@pytest.mark.parametrize("when", RIGHT)
def test_rules_that_can_be_judged(when: str) -> None:
    compiled = load_definition(CRM + rule(when), 1)
    assert compiled.rules.rules["r"].definition.when == when


WRONG = {
    "custmer.open_tickets > 0": "nothing is called 'custmer' here (did you mean 'customer'?), at character 8",
    "customer.open_tickts > 0": "customer has no field 'open_tickts' (did you mean 'open_tickets'?), at character 9",
    "customer.status.size() > 1": "customer.status may be absent (write customer.status != null && …",
    "customer.open_tickets": "gives an integer, where true or false is wanted",
    "open_tickets > 0": "nothing is called 'open_tickets' here (write customer.open_tickets)",
    "customer != null && task_item != null && note != null && other != null": "names 4 kinds (customer, note, other, "
    "task_item), of at most 3",
    "before.status == 'x'": "before are of the one kind that a rule names (name that kind, as in customer",
    "customer != null && note != null && after != null": "after are of the one kind that a rule names (name one kind",
    "customer != null && after.open_tickets > 0": "after.open_tickets may be absent",
    "related.task_item.size() > 0": "related needs a subject (name the kind that is referred to, as in customer != nu",
    "note != null && related.task_item.size() > 0": "no kind refers to note (declare a field with 'ref')",
    "customer != null && related.note.size() > 0": "related of customer has no field 'note' (it has task_item)",
    "customer != null && related.task_item.exists(t, t.du == null)": "task_item has no field 'du' (did you mean 'd",
    "customer != null && related.task_item.exists(t, t.due < now)": "t.due may be absent",
    "customer != null && related.task_item.filter(t, true).exists(t, t.due < now)": "t.due may be absent",
    "customer != null && related.task_item.filter(t, true)[0].due < now": "this may be null, and is computed with",
    "recent.exists(e, e == null)": "a record out of a list is no value (name a field of it, such as its id or agent)",
    "recent.exists(e, e in recent)": "a record out of a list is no value",
    "recent.exists(e, dyn(e).type == 'x')": "a record out of a list is no value",
    "[recent[0], 1].exists(e, true)": "a record out of a list is no value",
    "{'a': recent[0]}['a'].type == 'x'": "a record out of a list is no value",
    "recent == null": "'==' can't be applied to (list(recent), null)",
    "recent.exists(e, e.agnt == 'x')": "recent has no field 'agnt' (did you mean 'agent'?)",
    "intents.exists(i, i.plan.contains('x'))": "i.plan may be absent",
    "recent.exists(e, e.age > 5)": "'>' can't be applied to (duration, integer) (write spans as duration('5m'))",
    "agent.role == 'sller'": "agent.role is never 'sller'; did you mean \\\"seller\\\"?",
    "agent.id == 'seller'": "agent.id is never 'seller'",
    "agent.kind == 'humans'": "agent.kind is never 'humans'; did you mean \\\"human\\\"?",
    "customer != null && action.kind in ['outreach', 'outrech']": "action.kind is never 'outrech'; did you mean",
    "'send_upsel' == action.name": "action.name is never 'send_upsel'; did you mean \\\"send_upsell\\\"?",
    "record.status == 'x'": "'record' isn't known here",
}


@pytest.mark.parametrize(("when", "problem"), WRONG.items(), ids=WRONG)
def test_rules_that_can_not_be_judged_are_told_with_their_place(when: str, problem: str) -> None:
    (found,) = problems_of(CRM + rule(when))
    assert found.startswith("comity.toml:16 rules[0].when: ")
    assert problem.replace("\\", "") in found


UNTIL = {
    "customer.open_tickets == 0": None,
    "customer != null && related.task_item.size() == 0": None,
    "!recent.exists(e, e.type == 'x') && size(intents) == 0": None,
    "now > timestamp('2026-01-01T00:00:00Z')": None,
    "note != null": "note is no subject of this rule (it names customer)",
    "customer != null && note != null": "a wait is for one subject (name one kind only)",
    "agent.role == 'x'": "'agent' isn't known here",
    "customer.open_tckets == 0": "customer has no field 'open_tckets'",
    "after.status == 'x'": "'after' isn't known here",
}


@pytest.mark.parametrize(("until", "problem"), UNTIL.items(), ids=UNTIL)
def test_what_is_waited_for_is_checked(until: str, problem: str | None) -> None:
    source = CRM + rule("customer.open_tickets > 0", until=f'"{until}"')
    if problem is None:
        assert load_definition(source, 1).rules.rules["r"].until is not None
    else:
        (found,) = problems_of(source)
        assert found.startswith("comity.toml:18 rules[0].until: ")
        assert problem in found


def test_names_whose_codes_are_the_same_are_told_apart() -> None:
    source = CRM + rule("true", name='"a b"') + rule("true", name='"A-b"')
    assert problems_of(source) == [
        "comity.toml:19 rules[1].name: findings of 'A-b' and 'a b' would both be called rule.a_b"
    ]


def test_the_place_is_that_in_the_text_though_others_can_not_be_read() -> None:
    found = problems_of(CRM + rule("true", then='"x"') + rule("custmer != null", name='"s"'))
    assert [line.partition(":")[2].split()[1] for line in found] == ["rules[0].then:", "rules[1].when:"]


def test_nothing_is_said_of_what_could_not_be_read() -> None:
    """The field's name is wrong, so that nobody knows which fields there are."""
    source = '[kinds.customer.fields]\n"open-tickets" = { type = "integer" }\n[kinds.x.fields]\n'
    found = problems_of(source + rule("customer.open-tickets > 0"))
    assert len(found) == 1
    assert problems_of("[agents]\nsales = 3\nops = {}\n" + rule("agent.role == 'sales'"))[0].startswith(
        "comity.toml:2 "
    )


def test_rules_may_name_undeclared_kinds_where_these_may_be_used() -> None:
    for source in ("", 'undeclared = "allow"\n[kinds.a.fields]\n'):
        rules = load_definition(source + rule("memo.n != null && memo.n > 1"), 1).rules
        assert rules.rules["r"].kinds == ("memo",)


def test_limit_kinds_per_rule() -> None:
    kinds = [f"k{number}" for number in range(limits.KINDS_PER_RULE + 1)]
    source = "".join(f"[kinds.{kind}.fields]\n" for kind in kinds)
    whens = [" && ".join(f"{kind} != null" for kind in kinds[:count]) for count in (len(kinds) - 1, len(kinds))]
    assert load_definition(source + rule(whens[0]), 1).rules.rules
    (found,) = problems_of(source + rule(whens[1]))
    assert found.endswith(f"of at most {limits.KINDS_PER_RULE}")


def test_rules_of_a_size_that_expressions_have() -> None:
    long = "customer.open_tickets > 0".ljust(4_001)
    (found,) = problems_of(CRM + rule(long))
    assert "has 4001 characters, of at most 4000" in found
