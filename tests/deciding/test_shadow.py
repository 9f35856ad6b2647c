"""Checks in shadow: what becomes a warning, and what never does."""

from __future__ import annotations

import pytest

from comity.deciding.case import Case
from comity.deciding.shadow import ALWAYS, let_pass
from comity.model.decisions import Finding, Severity
from comity.model.proposals import Caller, Proposal, Put
from comity.model.reading.checks import GATES
from tests.deciding.cases import World

SOURCE = """
[agents]
sales   = { role = "seller" }
support = { role = "support" }

[kinds.customer]
[kinds.task]

[checks]

"""
ALL = "\n".join(f'{gate} = "shadow"' for gate in GATES)


def case(modes: str, agent: str = "sales") -> Case:
    """Return a case of a workspace with these modes."""
    world = World(source=SOURCE + modes)
    return Case(Proposal(id="p1", changes=(Put("task/a"),)), Caller(agent), world.view())


def find(code: str, subject: str | None = "customer/acme.status", severity: Severity = "refuse") -> Finding:
    return Finding(code, "It won't do.", subject, severity, "Do otherwise.", data={"kept": 1})


def is_told(modes: str, finding: Finding, agent: str = "sales") -> bool:
    (found,) = let_pass([finding], case(modes, agent))
    return found.severity == "warn"


def test_a_finding_in_shadow_says_what_it_would_have_done() -> None:
    (found,) = let_pass([find("ownership.other_domain")], case('ownership = "shadow"'))
    assert found.severity == "warn"
    assert found.message == "It won't do. (shadow: would have been refused)"
    assert found.data == {"kept": 1, "shadow": "refuse"}
    assert found.remedy == "Do otherwise."


@pytest.mark.parametrize(
    ("severity", "words"),
    [
        ("refuse", "been refused"),
        ("ask", "waited for a human"),
        ("offer", "been offered to the owner"),
        ("queue", "waited in line"),
        ("defer", "been deferred"),
    ],
)
def test_each_severity_has_its_words(severity: Severity, words: str) -> None:
    (found,) = let_pass([find("rule.r", severity=severity)], case(ALL))
    assert found.message.endswith(f"(shadow: would have {words})")
    assert found.data["shadow"] == severity


@pytest.mark.parametrize(
    ("modes", "agent", "subject", "is_shadow"),
    [
        ("", "sales", "customer/acme", False),
        ('freshness = "shadow"', "sales", "customer/acme", True),
        ('freshness = "shadow"', "sales", None, True),
        ('freshness = "shadow"\n[checks.kinds.customer]\nfreshness = "enforce"', "sales", "customer/acme", False),
        ('freshness = "shadow"\n[checks.kinds.customer]\nfreshness = "enforce"', "sales", "task/a", True),
        ('[checks.kinds.customer]\nfreshness = "shadow"', "sales", "customer/acme.status", True),
        ('[checks.kinds.customer]\nfreshness = "shadow"', "sales", "task/a", False),
        ('[checks.kinds.customer]\nfreshness = "shadow"', "sales", None, False),
        ('[checks.agents.sales]\nfreshness = "shadow"', "sales", "task/a", True),
        ('[checks.agents.seller]\nfreshness = "shadow"', "sales", "task/a", True),
        ('[checks.agents.sales]\nfreshness = "shadow"', "support", "task/a", False),
        ('freshness = "shadow"\n[checks.agents.sales]\nfreshness = "enforce"', "sales", "task/a", False),
        ('ownership = "shadow"', "sales", "task/a", False),
    ],
)
def test_s22_a_mode_is_set_by_workspace_kind_and_agent(
    modes: str, agent: str, subject: str | None, is_shadow: bool
) -> None:
    assert is_told(modes, find("freshness.changed", subject), agent) is is_shadow


@pytest.mark.parametrize(
    "code",
    [
        *sorted(ALWAYS),
        "shape.unknown_field",
        "shape.transition",
        "shape.too_broad",
        "identity.unknown",
        "identity.paused",
        "override.pinned",
        "override.frozen",
        "definition.replaced",
        "ticket.stale",
    ],
)
def test_s22_these_stand_in_the_way_in_any_mode(code: str) -> None:
    assert not is_told(ALL, find(code))


@pytest.mark.parametrize("gate", GATES)
def test_every_gate_that_may_be_in_shadow_can_be(gate: str) -> None:
    assert is_told(ALL, find(f"{gate}.anything"))


def test_s23_a_definition_softens_nothing_that_protects_comitys_own_records() -> None:
    assert not is_told(ALL, find("freshness.changed", "$approval/p1"))


def test_warnings_stay_what_they_are() -> None:
    warning = find("freshness.blind_write", severity="warn")
    assert let_pass([warning], case(ALL)) == [warning]
