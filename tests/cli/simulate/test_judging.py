"""What the judge counts, on histories written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from comity.cli.simulate.acts import Act, Change, Letter, Look, Run, State
from comity.cli.simulate.judging import ANOMALIES, judge

ACME = "customer/acme"
FRESH: dict[str, Any] = {"status": "active", "contract": 100, "open_tickets": 0, "visits": 0}


def act(role: str, looks: list[Look], changes: list[Change], before: dict[str, State], after: dict[str, State]) -> Act:
    return Act(
        agent=f"{role}_1",
        role=role,
        action="act",
        looks=tuple(looks),
        changes=tuple(changes),
        before=before,
        after=after,
    )


def setting(role: str, looks: list[Look], before: dict[str, Any], **fields: Any) -> Act:
    """Return an act that sets fields of the one customer, and nothing else."""
    return act(role, looks, [Change("set", ACME, fields)], {ACME: before}, {ACME: {**before, **fields}})


def visiting(was: int, now: int) -> Act:
    """Return an act that counts a visit, and what it made of the number."""
    before, after = {**FRESH, "visits": was}, {**FRESH, "visits": now}
    return act("support", [Look(ACME, {}, 0)], [Change("add", ACME, {"visits": 1})], {ACME: before}, {ACME: after})


def counts(*acts: Act, letters: tuple[Letter, ...] = (), start: dict[str, State] | None = None) -> dict[str, float]:
    """Return what the judge counts, without the zeros."""
    run = Run(
        world="by hand",
        start=start or {ACME: FRESH},
        acts=acts,
        letters=letters,
        asked=1_000,
        thoughts=len(acts),
        endings={},
        world_s=0.0,
    )
    return {name: count for name, count in judge(run).anomalies.items() if count}


SEEN, ACTIVE = Look(ACME, {"contract": 100}, 0), Look(ACME, {"status": "active"}, 0)
RAISED = setting("sales", [SEEN], FRESH, contract=150)
RISKY = setting("support", [ACTIVE], FRESH, status="at_risk")
VISITED = visiting(0, 1)
SAVED_WHOLE = act(
    "sales",
    [SEEN],
    [Change("set", ACME, {"contract": 150})],
    {ACME: {**FRESH, "status": "at_risk"}},
    {ACME: {**FRESH, "contract": 150}},
)
GONE = act("sales", [ACTIVE], [Change("delete", ACME)], {ACME: FRESH}, {ACME: None})
WISH: dict[str, Any] = {"customer": "acme", "title": "a wish"}


def wishing() -> Act:
    """Return an act that files a request for the one customer."""
    wish = Change("create", "request/1", WISH)
    return act("product", [], [wish], {"request/1": None}, {"request/1": WISH})


CASES: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "one act, fresh": (counts(RAISED), {}),
    "two acts, one after the other": (
        counts(RAISED, setting("sales", [Look(ACME, {"contract": 150}, 1)], {**FRESH, "contract": 150}, contract=200)),
        {},
    ),
    "two saw the same, and both wrote it": (
        counts(RAISED, setting("sales", [SEEN], {**FRESH, "contract": 150}, contract=110)),
        {"lost updates": 1, "stale decisions": 1},
    ),
    "a row saved as a whole undoes another field": (
        counts(RISKY, SAVED_WHOLE),
        {"lost updates": 1},
    ),
    "two add, and both count": (
        counts(VISITED, visiting(1, 2)),
        {},
    ),
    "two add to the same number": (
        counts(VISITED, visiting(1, 1)),
        {"lost updates": 1},
    ),
    "a decision on another field that moved": (
        counts(RISKY, setting("sales", [ACTIVE], {**FRESH, "status": "at_risk"}, campaign="x")),
        {"stale decisions": 1},
    ),
    "somebody else's field": (counts(setting("product", [SEEN], FRESH, contract=50)), {"cross-domain writes": 1}),
    "somebody else's field, as it is": (counts(setting("product", [SEEN], FRESH, contract=100)), {}),
    "a decision on what was wrong": (
        counts(
            setting("product", [SEEN], FRESH, contract=50),
            setting("sales", [Look(ACME, {"contract": 50}, 1)], {**FRESH, "contract": 50}, contract=60),
        ),
        {"cross-domain writes": 1, "cascades": 1},
    ),
    "a reference to nothing": (counts(GONE, wishing()), {"dangling references": 1}),
    "a customer deleted under a reference": (counts(wishing(), GONE), {"dangling references": 1}),
    "a reference that stands": (counts(wishing()), {}),
    "a letter to somebody who is well": (counts(RAISED, letters=(Letter(ACME, 1),)), {}),
    "a letter into a crisis": (counts(RISKY, letters=(Letter(ACME, 1),)), {"tone-deaf e-mails": 1}),
    "a letter before a crisis": (counts(RISKY, letters=(Letter(ACME, 0),)), {}),
    "a letter to nobody": (counts(GONE, letters=(Letter(ACME, 1),)), {"tone-deaf e-mails": 1}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_counted(case: str) -> None:
    found, expected = CASES[case]
    assert found == expected


def test_every_anomaly_is_counted_in_some_case() -> None:
    assert {name for _, expected in CASES.values() for name in expected} == set(ANOMALIES)
