"""What every gate may look at: who proposes, about what."""

from __future__ import annotations

import pytest

from comity.deciding.case import Case, identify
from comity.model.proposals import Caller, Proposal, Put
from tests.deciding.cases import SALES, World, state

AGENTS = '[agents]\nsales = { role = "seller" }\nann = { role = "ops", kind = "human" }\n'


@pytest.mark.parametrize(
    ("caller", "source", "name", "role", "kind"),
    [
        (Caller("sales"), AGENTS, "sales", "seller", "agent"),
        (Caller("ann"), AGENTS, "ann", "ops", "human"),
        (Caller("sales"), "", "sales", "sales", "agent"),
        (Caller("ann", "key", "k"), "", "ann", "ann", "human"),
        (Caller("root", "os_user"), AGENTS, "root", "operator", "service"),
        (Caller("sales", "os_user"), AGENTS, "sales", "operator", "service"),
        (Caller("comity", "system"), "", "comity", "operator", "service"),
    ],
)
def test_s25_who_somebody_is_follows_from_how_it_is_known(
    caller: Caller, source: str, name: str, role: str, kind: str
) -> None:
    agent = identify(caller, World(source=source).compiled)
    assert (agent.name, agent.role, agent.kind) == (name, role, kind)


def test_subjects_are_what_is_named_and_what_is_written_once_each() -> None:
    proposal = Proposal(id="p", changes=(Put("b/1"), Put("a/1"), Put("b/1")), about=("c/1", "a/1"))
    case = Case(proposal, SALES, World().view())
    assert case.subjects == (("c", "1"), ("a", "1"), ("b", "1"))


def test_the_draft_is_made_once() -> None:
    given = World(state("a/1"))
    case = Case(Proposal(id="p", changes=(Put("a/1", {"n": 1}),)), SALES, given.view())
    assert case.draft is case.draft
    assert case.kind("a") is given.compiled.undeclared()
