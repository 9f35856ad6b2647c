"""Agents that think contend for the same records: what an accepted change costs in runs, calls and patience.

The agents are those of the benchmark; here time is a manual clock's, so that a thought of
two seconds takes none, and every figure is the same whenever and wherever it is counted.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.contention import Outcome, contend
from bench.contention_agents import ABOUT, BY_HAND, SPREADS, Spread, Strategy
from bench.measuring import FULL
from comity.testing.manual_clock import ManualClock

CROWDS = (8, 32, 64)
IN_LINE: tuple[Strategy, ...] = ("lease", "exclusive intent")
THOUGHTS = 6.0
"""How many thoughts could be thought one after another: a short while, at whose end all finish what they began."""

pytestmark = [pytest.mark.parametrize("crowd", CROWDS), pytest.mark.parametrize("spread", SPREADS)]


def played(folder: Path, strategy: Strategy, spread: Spread, crowd: int) -> Outcome:
    outcome = contend(folder / strategy, strategy, spread, crowd, THOUGHTS, FULL.think_span_s, ManualClock())
    assert outcome.accepted >= crowd
    return outcome


def looks_of(spread: Spread) -> int:
    return 1 if spread == "one record" else ABOUT


@pytest.mark.parametrize("strategy", IN_LINE)
def test_who_has_a_place_in_line_thinks_once_and_is_served_in_turn(
    tmp_path: Path, strategy: Strategy, spread: Spread, crowd: int
) -> None:
    outcome = played(tmp_path, strategy, spread, crowd)
    assert (outcome.runs, outcome.conflicts) == (1.0, 0.0)
    assert outcome.fewest >= 1
    if spread == "one record":
        assert outcome.most - outcome.fewest <= 1


def test_different_fields_never_meet(tmp_path: Path, spread: Spread, crowd: int) -> None:
    outcome = played(tmp_path, "disjoint fields", spread, crowd)
    assert outcome.runs <= 1.05
    assert (outcome.conflicts, outcome.wait_p99_s) == (0.0, pytest.approx(0.0, abs=1e-5))


def test_commutative_changes_never_meet(tmp_path: Path, spread: Spread, crowd: int) -> None:
    outcome = played(tmp_path, "commutative changes", spread, crowd)
    assert (outcome.runs, outcome.conflicts) == (1.0, 0.0)


@pytest.mark.parametrize("strategy", ["accept", "accept in line"])
def test_a_change_that_is_repaired_costs_one_call_more_and_no_run_where_nobody_comes_between(
    tmp_path: Path, strategy: Strategy, spread: Spread, crowd: int
) -> None:
    """No time passes between a refusal and its repair here; how often others do come between, the benchmark tells."""
    outcome = played(tmp_path, strategy, spread, crowd)
    assert outcome.runs == 1.0
    assert outcome.conflicts > 0.3
    assert outcome.extra_calls == 1.0
    assert outcome.calls == pytest.approx(looks_of(spread) + 1 + outcome.conflicts)


def test_a_repair_in_line_costs_one_call_however_many_come_between(tmp_path: Path, spread: Spread, crowd: int) -> None:
    """In real time, where all who lost repair at once."""
    outcome = contend(tmp_path / "base", "accept in line", spread, crowd, crowd / 2, (0.001, 0.02))
    assert outcome.runs == 1.0
    assert outcome.conflicts > 0, "how many there are depends on how many threads the machine runs at a time"
    assert outcome.extra_calls == pytest.approx(1.0, abs=0.0 if spread == "one record" else 0.2)


def test_optimistic_retry_thinks_in_vain(tmp_path: Path, spread: Spread, crowd: int) -> None:
    """Whole records compared by hand, and with Comity used no better than that, cost the same: many runs."""
    hand, naive = (played(tmp_path, strategy, spread, crowd) for strategy in (BY_HAND, "naive retry"))
    assert hand.runs > 1.5
    assert (naive.runs, naive.calls, naive.wait_p99_s) == (hand.runs, hand.calls, hand.wait_p99_s)
