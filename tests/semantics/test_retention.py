"""S7: how long answers that made no commit are kept, as the definition has it; store time decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from comity import limits
from comity.model.proposals import Proposal, Set
from comity.testing.manual_clock import ManualClock
from tests.semantics.conftest import Open

Define = Callable[[str], Path]
DAY_S = 86_400


def refused(name: str) -> Proposal:
    return Proposal(id=name, changes=(Set("a/1", {"n": 1}),))


def test_s07_duties_drop_answers_sooner_where_the_definition_says_so(
    open_again: Open, define: Define, clock: ManualClock
) -> None:
    ws = open_again(clock=clock, definition=define('undeclared = "allow"\n[retention]\nanswers = "40d"'))
    sales = ws.agent("sales")
    first = sales.propose(refused("old"))
    clock.advance(seconds=40 * DAY_S - 60)
    sales.propose(refused("young"))
    ws._engine.do_due()
    assert sales.propose(refused("old")) == first
    clock.advance(seconds=120)
    ws._engine.do_due()
    assert [refusal.proposal for refusal in ws.refusals().refusals] == ["young"]
    sales.put("a/1", n=0)
    assert sales.propose(Proposal(id="old", changes=(Set("a/1", {"n": 1}),), accept=ws.revision)).is_committed
    assert ws.verify().is_clean


def test_s07_without_a_word_of_it_they_stay_as_long_as_the_limits_say(open_again: Open, clock: ManualClock) -> None:
    ws = open_again(clock=clock)
    first = ws.agent("sales").propose(refused("old"))
    clock.advance(seconds=limits.ANSWERS_KEPT_DAYS * DAY_S - 60)
    ws._engine.do_due()
    assert ws.agent("sales").propose(refused("old")) == first


def test_s07_the_file_grows_no_more_once_as_much_goes_as_comes(
    open_again: Open, define: Define, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For 20 weeks 300 proposals are refused a week: from the sixth on the file has its size."""
    monkeypatch.setattr("comity.limits.RETENTION_BITE", 50)
    ws = open_again(clock=clock, definition=define('undeclared = "allow"\n[retention]\nanswers = "30d"'))
    sales, sizes = ws.agent("sales"), list[int]()
    for week in range(20):
        for number in range(300):
            sales.propose(refused(f"w{week}n{number}"))
        clock.advance(seconds=7 * DAY_S)
        while ws._engine.retention.run():
            pass
        clock.advance(seconds=limits.RETENTION_PAUSE_S + 1)
        sizes.append(ws.stats().bytes)
    assert ws.stats().refusals <= 5 * 300
    assert max(sizes[8:]) <= 1.1 * max(sizes[:8])
