"""Who is an operator."""

from __future__ import annotations

from typing import Any

import pytest

from comity.clock import format_time
from comity.deciding.case import Case
from comity.deciding.operators import is_active, is_operator
from comity.model.proposals import Caller, Proposal
from tests.deciding.cases import NOW_US, World, state

HUMAN = '[agents]\nann = { role = "ops", kind = "human" }\nbot = {}\n'
ACTIVE = state("$agent/ann", key="k", key_status="active")
OVER = state("$agent/ann", key="k", key_status="active", key_expires_at=format_time(NOW_US - 1))


@pytest.mark.parametrize(
    ("caller", "states", "expected"),
    [
        (Caller("ann", "key", "k"), (ACTIVE,), True),
        (Caller("ann"), (ACTIVE,), False),
        (Caller("bot"), (), False),
        (Caller("bot", "key", "k"), (ACTIVE,), False),
        (Caller("root", "os_user"), (), True),
        (Caller("root", "os_user"), (ACTIVE,), False),
        (Caller("root", "os_user"), (OVER,), True),
        (Caller("comity", "system"), (), True),
        (Caller("root", "token"), (), False),
    ],
)
def test_who_is_an_operator(caller: Caller, states: tuple[Any, ...], expected: bool) -> None:
    given = World(*states, source=HUMAN)
    assert given.ask(lambda view: is_operator(Case(Proposal(id="p"), caller, view))) is expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, False),
        ({"key_status": "active"}, True),
        ({"key_status": "revoked"}, False),
        ({"key_status": "active", "key_expires_at": format_time(NOW_US)}, False),
        ({"key_status": "active", "key_expires_at": format_time(NOW_US + 1)}, True),
    ],
)
def test_s6_expired_means_at_or_before_now(values: dict[str, Any], expected: bool) -> None:
    assert is_active(state("$agent/ann", **values), NOW_US) is expected
