"""Whether a check enforces or only tells."""

from __future__ import annotations

import pytest

from comity.deciding.compile import load_definition
from comity.errors import InvalidDefinition

CRM = """
[agents]
ann = { role = "sales" }
bob = { role = "sales" }
eve = { role = "support" }
[kinds.customer.fields]
[kinds.ticket.fields]
[checks]
ownership = "shadow"
guard = "shadow"
[checks.kinds.customer]
freshness = "shadow"
guard = "enforce"
[checks.agents.sales]
rule = "shadow"
guard = "shadow"
[checks.agents.bob]
rule = "enforce"
"""

MODES = [
    ("ownership", None, "eve", "shadow"),
    ("ownership", "ticket", "eve", "shadow"),
    ("lease", "ticket", "eve", "enforce"),
    ("freshness", "customer", "eve", "shadow"),
    ("freshness", "ticket", "eve", "enforce"),
    ("freshness", None, "eve", "enforce"),
    ("guard", "ticket", "eve", "shadow"),
    ("guard", "customer", "eve", "enforce"),
    ("guard", "customer", "ann", "shadow"),
    ("guard", "customer", "bob", "shadow"),
    ("rule", None, "ann", "shadow"),
    ("rule", None, "bob", "enforce"),
    ("rule", None, "eve", "enforce"),
    ("identity", None, "ann", "enforce"),
]


@pytest.mark.parametrize(("gate", "kind", "agent", "mode"), MODES)
def test_s22_the_most_specific_setting_counts(gate: str, kind: str | None, agent: str, mode: str) -> None:
    assert load_definition(CRM, 1).mode(gate, kind, agent) == mode


def test_s22_everything_enforces_unless_told_otherwise() -> None:
    compiled = load_definition("[kinds.a.fields]", 1)
    assert {compiled.mode(gate, "a", "ann") for gate in ("ownership", "freshness", "rule")} == {"enforce"}


def test_where_no_agents_are_declared_any_name_goes() -> None:
    compiled = load_definition('[checks.agents.ann]\nrule = "shadow"', 1)
    assert compiled.mode("rule", None, "ann") == "shadow"


def test_a_kind_that_is_not_there_is_told() -> None:
    source = "[kinds.customer.fields]\n[checks.kinds.custmer]\nrule = 'shadow'"
    with pytest.raises(InvalidDefinition) as caught:
        load_definition(source, 1)
    assert list(caught.value.problems) == [
        "comity.toml:2 checks.kinds.custmer: there is no kind 'custmer'; did you mean \"customer\"?"
    ]
    assert load_definition('undeclared = "allow"\n' + source, 1)
