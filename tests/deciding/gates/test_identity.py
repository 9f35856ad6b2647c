"""May this agent act at all?"""

from __future__ import annotations

from typing import Any

import pytest

from comity.clock import format_time
from comity.deciding.gates.identity import judge
from comity.model.proposals import AnyChange, Caller, Emit, Put, Undo
from tests.deciding.cases import NOW_US, World, state

AGENTS = """
[agents]
sales = { role = "seller" }
ann   = { role = "operations", kind = "human" }

[kinds.task]
"""

WORK = Put("task/a")
APPLY = Emit("$definition/current", "applied", {"source": "", "digest": "d", "replaces": 0, "scanned": 0})
ISSUE = Emit("$agent/ann", "key_issued", {"key": "k2"})
KEY = state("$agent/ann", key="k1", key_status="active")
REVOKED = state("$agent/ann", key="k1", key_status="revoked")
EXPIRED = state("$agent/ann", key="k1", key_status="active", key_expires_at=format_time(NOW_US))
LASTING = state("$agent/ann", key="k1", key_status="active", key_expires_at=format_time(NOW_US + 1))

ANN = Caller("ann", "key", "k1")
USER = Caller("root", "os_user")

CASES: list[tuple[str, Caller, AnyChange, tuple[Any, ...], str]] = [
    ("a declared agent", Caller("sales"), WORK, (), ""),
    ("an unknown agent", Caller("slaes"), WORK, (), "identity.unknown"),
    ("no name at all", Caller(""), WORK, (), "identity.unknown"),
    ("a name with a slash", Caller("a/b"), WORK, (), "identity.unknown"),
    ("a human without a key", Caller("ann"), WORK, (KEY,), "identity.key_needed"),
    ("a human with a key", ANN, WORK, (KEY,), ""),
    ("a human with another key", Caller("ann", "key", "k0"), WORK, (KEY,), "identity.key_revoked"),
    ("a human with a key never issued", ANN, WORK, (), "identity.key_revoked"),
    ("a human with a key revoked", ANN, WORK, (REVOKED,), "identity.key_revoked"),
    ("a human with a key that expires now", ANN, WORK, (EXPIRED,), "identity.key_revoked"),
    ("a human with a key that expires later", ANN, WORK, (LASTING,), ""),
    ("an agent applies", Caller("sales"), APPLY, (), "identity.not_operator"),
    ("an agent issues a key", Caller("sales"), ISSUE, (), "identity.not_operator"),
    ("a human applies", ANN, APPLY, (KEY,), ""),
    ("a human with a revoked key applies", ANN, APPLY, (REVOKED,), "identity.key_revoked"),
    ("the user applies while no human has a key", USER, APPLY, (), ""),
    ("the user applies when a human has a key", USER, APPLY, (KEY,), "identity.not_operator"),
    ("the user applies when the human's key was revoked", USER, APPLY, (REVOKED,), ""),
    ("the user issues a key when the human's expired", USER, ISSUE, (EXPIRED,), ""),
    ("the user works as nobody", USER, WORK, (), "identity.unknown"),
    ("the user undoes", USER, Undo("task/a", {"n": 0}), (), ""),
    ("an unknown agent undoes", Caller("x"), Undo("task/a", {"n": 0}), (), "identity.unknown"),
]


@pytest.mark.parametrize(
    ("caller", "change", "states", "codes"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_who_may_act(caller: Caller, change: AnyChange, states: tuple[Any, ...], codes: str) -> None:
    given = World(*states, source=AGENTS)
    assert ", ".join(given.codes(judge, change, caller=caller)) == codes


def test_the_nearest_agent_is_named() -> None:
    (finding,) = World(source=AGENTS).findings(judge, WORK, caller=Caller("slaes"))
    assert "did you mean 'sales'?" in finding.message
    assert "ann, sales" in str(finding.remedy)


def test_anyone_may_act_where_no_agents_are_declared() -> None:
    assert World().codes(judge, WORK, caller=Caller("whoever")) == []


def test_s23_an_agent_cannot_make_itself_an_operator_by_its_name_or_role() -> None:
    source = '[agents]\nsystem = { role = "operator" }\n'
    for caller in (Caller("system"), Caller("operator"), Caller("root")):
        given = World(source=source if caller.agent == "system" else "")
        assert given.codes(judge, APPLY, caller=caller) == ["identity.not_operator"]


def test_every_finding_says_what_to_do() -> None:
    for _, caller, change, states, _ in CASES:
        for finding in World(*states, source=AGENTS).findings(judge, change, caller=caller):
            assert finding.remedy
