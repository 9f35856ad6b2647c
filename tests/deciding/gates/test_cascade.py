"""How far one thing may lead to another."""

from __future__ import annotations

import pytest

from comity import limits
from comity.deciding.gates.cascade import judge
from comity.deciding.view import Cause, CauseNeed, Ref
from comity.model.proposals import Caller, Set
from tests.deciding.cases import World, state

A = state("item/a", at={"life": 1, "n": 100}, n=0)
ITEM: Ref = ("item", "a")
OTHER: Ref = ("item", "b")


def world(*links: tuple[str, str | None, Ref], source: str = "") -> World:
    """Return a world with a chain of commits, the first one the root: whose, under which action, of which record."""
    made = World(A, source=source, revision=100)
    for revision, (agent, action, ref) in enumerate(links, 1):
        cause = f"{revision - 1}.0" if revision > 1 else None
        made.causes[revision] = Cause(revision, agent, action, cause), (ref,)
    return made


def codes(made: World, agent: str, action: str | None = None, cause: str | None = None) -> list[str]:
    last = f"{len(made.causes)}.0" if cause is None else cause
    return made.codes(judge, Set("item/a", {"n": 1}), caller=Caller(agent), action=action, cause=last)


def test_what_names_no_cause_is_not_asked() -> None:
    made = World(A)
    assert made.codes(judge, Set("item/a", {"n": 1})) == []
    assert made.asked == []


@pytest.mark.parametrize(("depth", "expected"), [(1, []), (8, []), (9, ["cascade.too_deep"])])
def test_limit_cascade_depth(depth: int, expected: list[str]) -> None:
    assert limits.CASCADE_DEPTH == 8
    assert codes(world(*[(f"agent{n}", None, ITEM) for n in range(depth)]), "sales") == expected


def test_a_definition_says_how_deep_and_no_more_than_that_is_looked_at() -> None:
    made = world(*[(f"agent{n}", None, ITEM) for n in range(20)], source="[cascades]\ndepth = 2")
    assert codes(made, "sales") == ["cascade.too_deep"]
    assert [type(need) for need in made.asked].count(CauseNeed) == 3
    [finding] = made.findings(judge, Set("item/a", {"n": 1}), cause="20.0")
    assert finding.data == {"cause": "20.0", "depth": 3}


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ([("sales", None, ITEM)], []),
        ([("sales", None, ITEM), ("support", None, ITEM)], []),
        ([("sales", None, ITEM), ("support", None, ITEM), ("sales", None, ITEM)], ["cascade.loop"]),
        ([("sales", None, ITEM), ("sales", None, ITEM)], ["cascade.loop"]),
        ([("sales", None, ITEM), ("support", None, ITEM), ("sales", None, OTHER)], []),
        ([("sales", "other", ITEM), ("support", None, ITEM), ("sales", None, ITEM)], []),
        ([("support", None, ITEM), ("support", None, ITEM), ("support", None, ITEM)], []),
    ],
)
def test_what_goes_round(links: list[tuple[str, str | None, Ref]], expected: list[str]) -> None:
    assert codes(world(*links), "sales") == expected


def test_a_loop_names_where_it_went_round() -> None:
    made = world(("sales", "tidy", ITEM), ("support", None, ITEM), ("sales", "tidy", ITEM))
    [finding] = made.findings(judge, Set("item/a", {"n": 1}), action="tidy", cause="3.0")
    assert finding.subject == "item/a"
    assert finding.data == {"cause": "3.0", "revisions": [3, 1]}
    assert "comity trace 3.0" in (finding.remedy or "")
    assert limits.CASCADE_DEPTH_MOST >= limits.CASCADE_DEPTH
