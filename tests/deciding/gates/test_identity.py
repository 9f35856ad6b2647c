"""May this agent act at all?"""

from __future__ import annotations

from typing import Any

import pytest

from comity.clock import format_time
from comity.deciding.gates.identity import judge
from comity.deciding.view import RecordNeed
from comity.model.proposals import AnyChange, Caller, Emit, Put, Undo
from tests.deciding.cases import NOW_US, World, state

AGENTS = """
[agents]
sales = { role = "seller" }
bob   = { kind = "human" }
ann   = { role = "operations", kind = "human" }

[kinds.task]
"""

WORK = Put("task/a")
APPLY = Emit("$definition/current", "applied", {"source": "", "digest": "d", "replaces": 0, "scanned": 0})
ISSUE = Emit("$agent/ann", "key_issued", {"key": "k2"})
ISSUE_BOT = Emit("$agent/sales", "key_issued", {"key": "k2"})
ISSUE_MISSPELT = Emit("$agent/anne", "key_issued", {"key": "k2"})
ISSUE_COMITY = Emit("$agent/comity", "key_issued", {"key": "k2"})
REVOKE = Emit("$agent/ann", "key_revoked")
BOT_KEY = state("$agent/sales", key="k1", key_status="active")
KEY = state("$agent/ann", key="k1", key_status="active")
COMITY_KEY = state("$agent/comity", key="k1", key_status="active")
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
    ("the name of Comity itself", Caller("comity"), WORK, (), "identity.unknown"),
    ("the name of Comity itself, by the user", Caller("comity", "os_user"), WORK, (), "identity.unknown"),
    ("Comity itself", Caller("comity", "system"), Undo("task/a", {"n": 0}), (COMITY_KEY,), ""),
    ("a key for Comity itself", USER, ISSUE_COMITY, (), "identity.unknown"),
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
    ("the user issues a key when the human's expired", USER, ISSUE, (EXPIRED,), "identity.last_door?"),
    ("the user issues the first key", USER, ISSUE, (), "identity.last_door?"),
    ("a human issues a key", ANN, ISSUE, (KEY,), ""),
    ("a human revokes the own key", ANN, REVOKE, (KEY,), ""),
    ("a key for an agent", USER, ISSUE_BOT, (), ""),
    ("a key for a misspelt name", USER, ISSUE_MISSPELT, (), "identity.unknown"),
    ("an agent without its key", Caller("sales"), WORK, (BOT_KEY,), "identity.key_needed"),
    ("the user by the name of a human with a key", Caller("ann", "os_user"), WORK, (KEY,), "identity.key_needed"),
    ("the user by the name of a human without one", Caller("ann", "os_user"), WORK, (), ""),
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


@pytest.mark.parametrize(
    ("caller", "states", "codes"),
    [
        (Caller("ann"), (), []),
        (Caller("ann"), (KEY,), ["identity.key_needed"]),
        (Caller("ann", "os_user"), (KEY,), ["identity.key_needed"]),
        (ANN, (KEY,), []),
        (Caller("ann"), (REVOKED,), []),
        (Caller("ann"), (EXPIRED,), []),
        (Caller("ann"), (LASTING,), ["identity.key_needed"]),
        (Caller("bob"), (KEY,), []),
        (Caller("a/b"), (KEY,), ["identity.unknown"]),
    ],
)
def test_s25_where_nobody_is_declared_a_name_with_a_key_needs_it(
    caller: Caller, states: tuple[Any, ...], codes: list[str]
) -> None:
    assert World(*states).codes(judge, WORK, caller=caller) == codes


def test_where_nobody_has_a_key_no_key_is_looked_up() -> None:
    given = World()
    given.codes(judge, WORK, caller=Caller("ann"))
    assert RecordNeed(("$agent", "ann")) not in given.asked


def test_what_is_for_operators_is_said_in_words() -> None:
    for change, words in ((APPLY, "changing the definition"), (ISSUE, "issuing keys"), (REVOKE, "revoking keys")):
        (finding,) = World(KEY, source=AGENTS).findings(judge, change, caller=Caller("sales"))
        assert f"{words} is for a human with a key" in finding.message


def test_the_nearest_name_for_a_key_is_told() -> None:
    (finding,) = World(source=AGENTS).findings(judge, ISSUE_MISSPELT, caller=USER)
    assert "did you mean 'ann'?" in finding.message
    assert "a declared one (ann, bob, sales)" in str(finding.remedy)


def test_the_nearest_agent_is_named() -> None:
    (finding,) = World(source=AGENTS).findings(judge, WORK, caller=Caller("slaes"))
    assert "did you mean 'sales'?" in finding.message
    assert "ann, bob, sales" in str(finding.remedy)


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
