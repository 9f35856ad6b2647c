"""What was judged, in its order, as detectors look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

import comity
from comity import limits
from comity.coordination.judged import judged_between
from comity.model.proposals import Add, Proposal, Set, Was
from comity.testing.manual_clock import ManualClock
from comity.workspace import Workspace

FOREVER_US = 2**62


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def opened(path: Path, clock: ManualClock) -> Workspace:
    return comity.open(path / "base.db", clock=clock)


def ids_of(workspace: Workspace, after_us: int = 0, until_us: int = FOREVER_US) -> list[str]:
    with workspace._engine.store.snapshot() as snapshot:
        return [one.id for one in judged_between(snapshot, after_us, until_us)]


def test_s38_commits_and_refusals_come_in_the_order_in_which_they_were_judged(
    tmp_path: Path, clock: ManualClock
) -> None:
    with opened(tmp_path, clock) as workspace:
        agent = workspace.agent("sales")
        for number in range(6):
            stale = (Was("item/a", {"n": 99}),) if number % 2 else ()
            agent.propose(Proposal(id=f"p{number}", changes=(Add("item/a", {"n": 1}),) if number else (), reads=stale))
            if not number:
                agent.put("item/a", {"n": 0}, id="make")
        assert ids_of(workspace) == ["p0", "make", "p1", "p2", "p3", "p4", "p5"]


def test_a_span_begins_behind_one_moment_and_ends_with_another(tmp_path: Path, clock: ManualClock) -> None:
    with opened(tmp_path, clock) as workspace:
        agent = workspace.agent("sales")
        moments: list[int] = []
        for number in range(4):
            clock.advance(seconds=1)
            agent.put(f"item/{number}", {"n": 0}, id=f"c{number}")
            agent.propose(Proposal(id=f"r{number}", changes=(Set("item/none", {"n": 0}),)))
            moments.append(clock.wall_us())
        assert ids_of(workspace, moments[0], moments[2]) == ["c1", "r1", "c2", "r2"]
        assert ids_of(workspace, moments[3]) == []


def test_many_refusals_of_one_moment_are_read_page_by_page(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HISTORY_PAGE", 10)
    with opened(tmp_path, clock) as workspace:
        agent = workspace.agent("sales")
        agent.put("item/a", {"n": 0})
        names = [f"r{number:02}" for number in range(35)]
        for name in names:
            agent.propose(Proposal(id=name, changes=(Set("item/a", {"n": 1}),), reads=(Was("item/a", {"n": 9}),)))
            if name == "r17":
                clock.advance(seconds=1)
        assert ids_of(workspace)[1:] == names


def test_what_is_seen_of_an_event(tmp_path: Path, clock: ManualClock) -> None:
    with opened(tmp_path, clock) as workspace:
        agent = workspace.agent("sales")
        agent.put("item/a", {"n": 1, "m": 1}, action="work")
        agent.put("item/a", {"n": 2}, was={"n": 1})
        with workspace._engine.store.snapshot() as snapshot:
            first, second = judged_between(snapshot, 0, FOREVER_US)
    assert (first.action, first.evidence, first.revision, first.base) == ("work", "1.0", 1, 0)
    [event] = second.events
    assert (event.event, event.record, event.was, event.values) == ("2.0", "item/a", {"n": 1}, {"n": 2, "m": 1})
    assert (event.is_live, event.is_derived, second.agent, second.outcome) == (True, False, "sales", "committed")
