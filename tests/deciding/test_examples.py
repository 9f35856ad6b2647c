"""Tests of rules: whether what they name is there."""

from __future__ import annotations

import pytest

from comity.deciding.compile import load_definition
from comity.errors import InvalidDefinition

CRM = """\
[agents]
sales = {}
[kinds.customer.fields]
status       = { enum = ["active", "gone"], event = "StatusChanged" }
open_tickets = { type = "integer", default = 0 }
since        = { format = "date-time" }
tags         = { type = "array" }
[[kinds.customer.guards]]
name  = "gone is gone"
check = "before.status != 'gone'"
[kinds.customer.events.Called]
data = { how = { type = "string" } }
[actions.call]
[[rules]]
name = "be kind"
when = "customer.open_tickets > 0"
then = "warn"
[[tests]]
name = "t"
"""


def with_test(**keys: str) -> str:
    given = {"proposal": '{ agent = "sales" }', "expect": '"committed"'} | keys
    return CRM + "".join(f"{key} = {value}\n" for key, value in given.items())


RIGHT = [
    {"given": '{ "customer/a" = { open_tickets = 2, since = "2024-01-01 10:00" } }'},
    {"proposal": '{ agent = "sales", action = "call", about = ["customer/a"] }'},
    {"proposal": '{ agent = "sales", emit = { "customer/a" = { Called = { how = "phone" } } } }'},
    {"proposal": '{ agent = "sales", add = { "customer/a" = { open_tickets = 1 } }, delete = "customer/b" }'},
    {"recent": '[{ agent = "sales", record = "customer/a", type = "StatusChanged" }]'},
    {"recent": '[{ agent = "sales", record = "customer/a", type = "customer.created" }]'},
    {"intents": '[{ agent = "sales", about = "customer/a", action = "call" }]'},
    {"expect": '["pending", "rule.be_kind", "guard.gone_is_gone", "guard.assumption", "ownership.other_domain"]'},
]


@pytest.mark.parametrize("keys", RIGHT)
def test_right_ones(keys: dict[str, str]) -> None:
    assert len(load_definition(with_test(**keys), 1).definition.tests) == 1


WRONG: list[tuple[dict[str, str], str]] = [
    ({"given": '{ "custmer/a" = {} }'}, "22 tests[0].given.'custmer/a': there is no kind 'custmer'; did you mean"),
    ({"given": '{ "customer/a" = { opn_tickets = 1 } }'},
     "22 tests[0].given.'customer/a'.opn_tickets: customer has no field 'opn_tickets'; did you mean \"open_tickets\"?"),
    ({"given": '{ "customer/a" = { open_tickets = "x" } }'},
     "22 tests[0].given.'customer/a'.open_tickets: "),
    ({"given": '{ "customer/a" = { since = "soon" } }'}, "22 tests[0].given.'customer/a'.since: 'soon' is no time"),
    ({"proposal": '{ agent = "sales", action = "cal" }'},
     "20 tests[0].proposal.action: there is no action 'cal'; did you mean \"call\"?"),
    ({"proposal": '{ agent = "sales", about = "tickt/1" }'}, "20 tests[0].proposal.about: there is no kind 'tickt'"),
    ({"proposal": '{ agent = "sales", set = { "customer/a" = { status = "x" } } }'},
     "20 tests[0].proposal.set.'customer/a'.status: "),
    ({"proposal": '{ agent = "sales", include = { "customer/a" = { tag = ["x"] } } }'},
     "20 tests[0].proposal.include.'customer/a'.tag: customer has no field 'tag'; did you mean \"tags\"?"),
    ({"proposal": '{ agent = "sales", delete = "custmer/a" }'}, "20 tests[0].proposal.delete: there is no kind"),
    ({"proposal": '{ agent = "sales", emit = { "customer/a" = { Caled = {} } } }'},
     "20 tests[0].proposal.emit.'customer/a': customer has no event 'Caled'; did you mean \"Called\"?"),
    ({"proposal": '{ agent = "sales", emit = { "customer/a" = { Called = { hwo = "x" } } } }'},
     "20 tests[0].proposal.emit.'customer/a'.Called.hwo: Called carries no 'hwo'; did you mean \"how\"?"),
    ({"recent": '[{ agent = "sales", record = "customer/a", type = "StatusChaged" }]'},
     "22 tests[0].recent[0]: customer has no event 'StatusChaged'; did you mean \"StatusChanged\"?"),
    ({"intents": '[{ agent = "sales", about = "custmer/a" }]'},
     "22 tests[0].intents[0].about: there is no kind 'custmer'"),
    ({"expect": '"comitted"'}, "21 tests[0].expect: 'comitted' is neither an outcome (committed, refused, pending)"),
    ({"expect": '["rule.be_knd"]'}, "21 tests[0].expect: 'rule.be_knd' is neither an outcome"),
    ({"expect": '"guard.gone"'}, "21 tests[0].expect: 'guard.gone' is neither an outcome"),
    ({"expect": '"gaurd.assumption"'}, "21 tests[0].expect: 'gaurd.assumption' is neither an outcome"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "problem"), WRONG)
def test_each_problem_has_its_place(keys: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        load_definition(with_test(**keys), 1)
    (found,) = caught.value.problems
    assert found.startswith(f"comity.toml:{problem}")


def test_nothing_is_said_of_a_rule_that_could_not_be_read() -> None:
    source = with_test(expect='"rule.be_kind"').replace('then = "warn"', 'then = "wran"')
    with pytest.raises(InvalidDefinition) as caught:
        load_definition(source, 1)
    assert [problem.split()[1] for problem in caught.value.problems] == ["rules[0].then:"]
