"""Rules, modes of checks and tests of rules as text: what is understood, and what is said about the rest."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity import limits
from comity.errors import InvalidDefinition
from comity.model.definition import (
    ChecksDefinition,
    ExampleDefinition,
    ExampleEvent,
    ExampleIntent,
    ExampleProposal,
    RuleDefinition,
)
from comity.model.proposals import Add, Archive, Delete, Emit, Include, Set
from comity.model.reading import read_definition

CRM = """\
[agents]
sales   = { role = "sellers" }
support = {}
ops     = { kind = "human" }
"""

RULE = """\
[[rules]]
name     = "support goes first"
when     = "customer.open_tickets > 0"
then     = "queue"
to       = "support"
until    = "customer.open_tickets == 0"
why      = "Support is at it."
mode     = "shadow"
priority = -3
expires  = "90m"
"""

TEST = """\
[[tests]]
name   = "busy"
given  = { "customer/acme" = { open_tickets = 2 }, "ticket/t1" = {} }
recent = [{ agent = "support", record = "customer/acme", type = "Escalated", age = "5m" }]
expect = ["rule.support_goes_first", "pending"]

[[tests.intents]]
agent  = "ops"
about  = "customer/acme"
action = "call"
plan   = "call them"
age    = "1h"

[tests.proposal]
agent   = "sales"
action  = "send_upsell"
about   = ["customer/acme"]
set     = { "customer/acme" = { campaign = "q4" } }
add     = { "customer/acme" = { visits = 1 } }
include = { "customer/acme" = { tags = ["x"] } }
emit    = { "customer/acme" = { Called = { by = "phone" } } }
archive = "ticket/t1"
delete  = ["ticket/t2", "ticket/t3"]
"""


def problems_of(source: str) -> list[str]:
    with pytest.raises(InvalidDefinition) as caught:
        read_definition(source)
    return list(caught.value.problems)


def test_a_rule_is_read() -> None:
    assert read_definition(CRM + RULE).rules == (
        RuleDefinition(
            name="support goes first",
            when="customer.open_tickets > 0",
            then="queue",
            to="support",
            until="customer.open_tickets == 0",
            why="Support is at it.",
            mode="shadow",
            priority=-3,
            expires_s=5_400,
        ),
    )
    source = rule(then="'ask'", to="'bosses'", expires="'1d'", escalate='{ after = "2h", to = "ops" }')
    (asking,) = read_definition(
        source.replace("ops     = {", 'boss = { role = "bosses", kind = "human" }\nops = {')
    ).rules
    assert (asking.escalate_after_s, asking.escalate_to) == (7_200, "ops")
    (least,) = read_definition('[[rules]]\nname = "r"\nwhen = "true"\nthen = "refuse"').rules
    assert (least.mode, least.priority, least.to, least.until, least.expires_s) == (None, 0, None, None, None)


def test_a_test_is_read() -> None:
    assert read_definition(CRM + TEST).tests == (
        ExampleDefinition(
            name="busy",
            given={"customer/acme": {"open_tickets": 2}, "ticket/t1": {}},
            recent=(ExampleEvent(agent="support", record="customer/acme", type="Escalated", age_s=300),),
            intents=(
                ExampleIntent(agent="ops", about=("customer/acme",), action="call", plan="call them", age_s=3_600),
            ),
            expect=("rule.support_goes_first", "pending"),
            proposal=ExampleProposal(
                agent="sales",
                action="send_upsell",
                about=("customer/acme",),
                changes=(
                    Set("customer/acme", {"campaign": "q4"}),
                    Add("customer/acme", {"visits": 1}),
                    Include("customer/acme", {"tags": ["x"]}),
                    Emit("customer/acme", "Called", {"by": "phone"}),
                    Archive("ticket/t1"),
                    Delete("ticket/t2"),
                    Delete("ticket/t3"),
                ),
            ),
        ),
    )


def test_modes_of_checks_are_read() -> None:
    source = """
    [checks]
    ownership = "shadow"
    [checks.kinds.customer]
    freshness = "shadow"
    rule = "enforce"
    [checks.agents.sellers]
    rule = "shadow"
    """
    assert read_definition(CRM + source).checks == ChecksDefinition(
        gates={"ownership": "shadow"},
        kinds={"customer": {"freshness": "shadow", "rule": "enforce"}},
        agents={"sellers": {"rule": "shadow"}},
    )
    assert read_definition(CRM).checks == ChecksDefinition()


def rule(**keys: str) -> str:
    given = {"name": "'r'", "when": "'true'", "then": "'refuse'"} | keys
    return CRM + "[[rules]]\n" + "\n".join(f"{key} = {value}" for key, value in given.items() if value)


RULES: dict[str, tuple[dict[str, str], str]] = {
    "no name": ({"name": ""}, "5 rules[0]: 'name' is missing: it is what a finding is called by"),
    "no condition": ({"when": ""}, "5 rules[0]: 'when' is missing"),
    "no outcome": ({"then": ""}, '5 rules[0]: \'then\' is missing: one of "warn", "defer"'),
    "a misspelt outcome": ({"then": "'defre'"}, "8 rules[0].then: must be one of"),
    "a misspelt key": ({"untill": "'true'"}, "9 rules[0].untill: unknown key 'untill'; did you mean \"until\"?"),
    "a queue without an end": ({"then": "'queue'"}, "5 rules[0]: 'until' is missing: the condition"),
    "an offer to nobody": ({"then": "'offer'"}, "5 rules[0]: 'to' is missing: the agent or role"),
    "an offer to a stranger": (
        {"then": "'offer'", "to": "'suport'"},
        "9 rules[0].to: 'suport' is neither an agent nor a role of [agents]; did you mean \"support\"?",
    ),
    "asking no human": ({"then": "'ask'", "to": "'sales'"}, "9 rules[0].to: 'sales' is no human, and only humans can"),
    "a refusal with an end": (
        {"until": "'true'"},
        "9 rules[0].until: 'until' belongs to rules that defer, queue; this",
    ),
    "a refusal to somebody": ({"to": "'ops'"}, "9 rules[0].to: 'to' belongs to rules that defer, queue, offer, ask;"),
    "a deferral with an expiry": (
        {"then": "'defer'", "expires": "'1h'"},
        "9 rules[0].expires: 'expires' belongs to rules that queue, offer, ask; this one says 'defer'",
    ),
    "no span": ({"then": "'ask'", "expires": "'soon'"}, "9 rules[0].expires: must be a span such as"),
    "a number for a span": ({"then": "'ask'", "expires": "60"}, "9 rules[0].expires: must be a span such as"),
    "no time at all": ({"then": "'ask'", "expires": "'0s'"}, "9 rules[0].expires: must be longer than nothing"),
    "too long": ({"then": "'ask'", "expires": "'31d'"}, "9 rules[0].expires: is longer than 30 d"),
    "an escalation of a refusal": (
        {"escalate": "{ after = '1m' }"},
        "9 rules[0].escalate: 'escalate' belongs to rules that ask; this one says 'refuse'",
    ),
    "an escalation at no time": (
        {"then": "'ask'", "to": "'ops'", "escalate": "{}"},
        "10 rules[0].escalate: 'after' is missing: how long the first who are asked have it to themselves",
    ),
    "a misspelt escalation": (
        {"then": "'ask'", "to": "'ops'", "escalate": "{ after = '1m', too = 'ops' }"},
        "10 rules[0].escalate.too: unknown key 'too'; did you mean \"to\"?",
    ),
    "an escalation at once": (
        {"then": "'ask'", "to": "'ops'", "escalate": "{ after = '0s' }"},
        "10 rules[0].escalate.after: must be longer than nothing, and shorter than the wait: 1 h",
    ),
    "an escalation after the wait": (
        {"then": "'ask'", "to": "'ops'", "expires": "'10m'", "escalate": "{ after = '10m' }"},
        "11 rules[0].escalate.after: must be longer than nothing, and shorter than the wait: 10 min",
    ),
    "an escalation to a stranger": (
        {"then": "'ask'", "to": "'ops'", "escalate": "{ after = '1m', to = 'supprt' }"},
        "10 rules[0].escalate.to: 'supprt' is neither an agent nor a role of [agents]; did you mean \"support\"?",
    ),
    "an escalation to no human": (
        {"then": "'ask'", "to": "'ops'", "escalate": "{ after = '1m', to = 'sales' }"},
        "10 rules[0].escalate.to: 'sales' is no human, and only humans can be asked",
    ),
    "an escalation to the same": (
        {"then": "'ask'", "to": "'ops'", "escalate": "{ after = '1m', to = 'ops' }"},
        "10 rules[0].escalate: 'ops' is asked from the first: there is nobody else to be asked later",
    ),
    "an escalation from any human": (
        {"then": "'ask'", "escalate": "{ after = '1m', to = 'ops' }"},
        "9 rules[0].escalate: any human is asked from the first: there is nobody else to be asked later",
    ),
    "no priority": ({"priority": "1.5"}, "9 rules[0].priority: must be an integer of at most 32 bits, not 1.5"),
    "a huge priority": ({"priority": "3000000000"}, "9 rules[0].priority: must be an integer of at most 32 bits"),
    "no mode": ({"mode": "'off'"}, '9 rules[0].mode: must be one of "enforce", "shadow", not \'off\''),
}


@pytest.mark.parametrize(("keys", "problem"), RULES.values(), ids=RULES)
def test_each_problem_of_a_rule_has_its_place(keys: dict[str, str], problem: str) -> None:
    (found,) = problems_of(rule(**keys))
    assert found.startswith(f"comity.toml:{problem}")


def test_asking_is_possible_where_somebody_may_be_a_human() -> None:
    ask = '[[rules]]\nname = "r"\nwhen = "true"\nthen = "ask"\n'
    assert read_definition(CRM + ask).rules
    assert read_definition(ask).rules
    assert read_definition(ask + 'to = "anyone"').rules
    (found,) = problems_of("[agents]\nsales = {}\n" + ask)
    assert found.startswith("comity.toml:6 rules[0].then: no agent is a human, and only humans can be asked")


def test_two_rules_or_tests_of_one_name() -> None:
    twice = rule() + '\n[[rules]]\nname = "r"\nwhen = "false"\nthen = "warn"\n'
    assert problems_of(twice) == ["comity.toml:10 rules[1].name: there is a rule 'r' already"]
    test = '[[tests]]\nname = "t"\nproposal = { agent = "sales" }\nexpect = "committed"\n'
    assert problems_of(CRM + test * 2) == ["comity.toml:10 tests[1].name: there is a test 't' already"]


CHECKS = {
    "[checks]\nidentity = 'shadow'": "2 checks.identity: 'identity' always enforces; there are ownership, lease, "
    "freshness, guard, integrity, cascade, rule",
    "[checks.agents.sales]\noverride = 'shadow'": "2 checks.agents.sales.override: 'override' always enforces;",
    "[checks]\nshape = 'enforce'": "2 checks.shape: 'shape' always enforces;",
    "[checks]\nfreshnes = 'shadow'": "2 checks.freshnes: unknown key 'freshnes'; did you mean \"freshness\"?",
    "[checks]\nrule = 'off'": '2 checks.rule: must be one of "enforce", "shadow", not \'off\'',
    "[checks.agents.sale]\nrule = 'shadow'": "1 checks.agents.sale: 'sale' is neither an agent nor a role of [agents]; "
    'did you mean "sales"?',
    "[checks]\nkinds = 3": "2 checks.kinds: must be a table, not 3",
}


@pytest.mark.parametrize(("source", "problem"), CHECKS.items(), ids=CHECKS)
def test_each_problem_of_a_mode_has_its_place(source: str, problem: str) -> None:
    (found,) = problems_of(source + "\n" + CRM)
    assert found.startswith(f"comity.toml:{problem}")


def example(**keys: str) -> str:
    given = {"name": "'t'", "proposal": "{ agent = 'sales' }", "expect": "'committed'"} | keys
    return CRM + "[[tests]]\n" + "\n".join(f"{key} = {value}" for key, value in given.items() if value)


TESTS: dict[str, tuple[dict[str, str], str]] = {
    "no name": ({"name": ""}, "5 tests[0]: 'name' is missing"),
    "no proposal": ({"proposal": ""}, "5 tests[0]: 'proposal' is missing"),
    "nothing expected": ({"expect": ""}, "5 tests[0]: 'expect' is missing"),
    "an empty expectation": ({"expect": "[]"}, "8 tests[0].expect: must be"),
    "a number expected": ({"expect": "3"}, "8 tests[0].expect: must be"),
    "a misspelt key": ({"givn": "{}"}, "9 tests[0].givn: unknown key 'givn'; did you mean \"given\"?"),
    "no agent": ({"proposal": "{ action = 'x' }"}, "7 tests[0].proposal: 'agent' is missing"),
    "an unknown agent": (
        {"proposal": "{ agent = 'sals' }"},
        "7 tests[0].proposal.agent: 'sals' is no agent of [agents]; did you mean \"sales\"?",
    ),
    "a role for an agent": ({"proposal": "{ agent = 'sellers' }"}, "7 tests[0].proposal.agent: 'sellers' is no agent"),
    "an unknown change": ({"proposal": "{ agent = 'sales', sett = {} }"}, "7 tests[0].proposal.sett: unknown key"),
    "no record": (
        {"proposal": "{ agent = 'sales', set = { acme = {} } }"},
        "7 tests[0].proposal.set.acme: 'acme' is no record: write kind/id",
    ),
    "a record of Comity's own": (
        {"proposal": "{ agent = 'sales', about = ['$agent/sales'] }"},
        "7 tests[0].proposal.about: '$agent/sales' is a record of Comity's own",
    ),
    "no list to include": (
        {"proposal": "{ agent = 'sales', include = { 'a/b' = { tags = 'x' } } }"},
        "7 tests[0].proposal.include.'a/b'.tags: must be a list of elements, not 'x'",
    ),
    "no table of fields": ({"given": "{ 'a/b' = 3 }"}, "9 tests[0].given.'a/b': must be a table such as"),
    "an event by nobody": ({"recent": "[{ record = 'a/b', type = 'X' }]"}, "9 tests[0].recent[0]: 'agent' is missing"),
    "an event on nothing": (
        {"recent": "[{ agent = 'sales', type = 'X' }]"}, "9 tests[0].recent[0]: 'record' is missing",
    ),
    "no age": (
        {"recent": "[{ agent = 'sales', record = 'a/b', type = 'X', age = 'old' }]"},
        "9 tests[0].recent[0].age: must be a span such as",
    ),
    "an intent about nothing": ({"intents": "[{ agent = 'sales' }]"}, "9 tests[0].intents[0]: 'about' is missing"),
}  # fmt: skip


@pytest.mark.parametrize(("keys", "problem"), TESTS.values(), ids=TESTS)
def test_each_problem_of_a_test_has_its_place(keys: dict[str, str], problem: str) -> None:
    (found,) = problems_of(example(**keys))
    assert found.startswith(f"comity.toml:{problem}")


def many(count: int, text: str) -> str:
    return "".join(text.replace("%", str(number)) for number in range(count))


def test_limit_rules_and_wait_days() -> None:
    line = "[[rules]]\nname = 'r%'\nwhen = 'true'\nthen = 'warn'\n"
    assert len(read_definition(many(limits.RULES, line)).rules) == limits.RULES
    (found,) = problems_of(many(limits.RULES + 1, line))
    assert found.endswith(f"{limits.RULES + 1} rules, of at most {limits.RULES}")
    days = f"[[rules]]\nname = 'r'\nwhen = 'true'\nthen = 'ask'\nexpires = '{limits.WAIT_DAYS}d'\n"
    assert read_definition(days).rules[0].expires_s == limits.WAIT_DAYS * 86_400


def test_limit_tests_and_test_records() -> None:
    line = "[[tests]]\nname = 't%'\nproposal = { agent = 'a' }\nexpect = 'refused'\n"
    assert len(read_definition(many(limits.TESTS, line)).tests) == limits.TESTS
    (found,) = problems_of(many(limits.TESTS + 1, line))
    assert found.endswith(f"{limits.TESTS + 1} tests, of at most {limits.TESTS}")
    bound = limits.TEST_RECORDS
    records = ", ".join(f"'a/r{number}' = {{}}" for number in range(bound))
    assert len(read_definition(example(given=f"{{ {records} }}")).tests[0].given) == bound
    (found,) = problems_of(example(given=f"{{ {records}, 'a/more' = {{}} }}"))
    assert found.endswith(f"{bound + 1} records, of at most {bound}")


scraps = st.recursive(
    st.sampled_from(["'x'", "3", "true", "'1h'", "'customer/acme'", "'queue'", "''"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(st.sampled_from(["agent", "about", "set", "a/b", "name"]), inner, max_size=3).map(
            lambda table: "{ " + ", ".join(f"'{key}' = {value}" for key, value in table.items()) + " }"
        ),
    ),
    max_leaves=6,
)
keys = st.sampled_from(
    ["name", "when", "then", "to", "until", "expires", "given", "proposal", "recent", "intents", "expect", "rule"]
)


@given(st.sampled_from(["[[rules]]", "[[tests]]", "[checks]", "[rules]"]), st.dictionaries(keys, scraps, max_size=6))
def test_whatever_stands_there_is_read_or_refused(header: str, table: dict[str, str]) -> None:
    source = header + "\n" + "\n".join(f"{key} = {value}" for key, value in table.items())
    with contextlib.suppress(InvalidDefinition):
        read_definition(source)
