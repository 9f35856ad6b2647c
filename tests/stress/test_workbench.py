"""Sixteen agents on a company's tables: what collides is kept, told or decided, and never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.workbench import MODES, Mode, Outcome, run
from bench.workbench_errands import DRILLS, deal
from bench.workbench_letters import letters_of
from bench.workbench_letters import run as send_letters
from bench.workbench_tables import REAL, Tables, generate_tables, load_tables

pytestmark = pytest.mark.slow

PAIRS = 2 * DRILLS
"""Two domains have drills of each sort."""


def check(outcome: Outcome) -> None:
    assert outcome.verdict.is_clean, "\n".join(map(str, outcome.verdict.faults[:20]))
    assert outcome.is_verified
    assert not outcome.silent
    assert outcome.drills == {
        "disjoint fields": {"both survived": PAIRS},
        "same field": {"one won, the other was told": PAIRS},
        "delete against update": {"decided, the later one told": PAIRS},
        "foreign field": {"refused, the owner named": 4},
    }
    assert outcome.verdict.unjudged == {"ownership.other_domain": 4}


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_lost_on_the_tables_at_hand(tmp_path: Path, mode: Mode) -> None:
    tables = load_tables()
    print(tables.origin)
    outcome = run(tmp_path, mode, tables)
    assert outcome.records == 1_300
    check(outcome)


def test_nothing_is_lost_on_generated_tables(tmp_path: Path) -> None:
    check(run(tmp_path, "16 threads", generate_tables()))


@pytest.mark.parametrize("tables", [load_tables(), generate_tables()], ids=["at hand", "generated"])
def test_emails_are_sent_once_and_only_if_their_condition_holds(tmp_path: Path, tables: Tables) -> None:
    post = send_letters(tmp_path, tables)
    assert not post.wrong
    assert post.wanted == len(letters_of(tables)) > post.different
    assert post.sent + len(post.held_back) == post.different
    assert 0 < len(post.held_back) < post.conditional
    assert all(held.why.startswith("You assumed person.overdue") for held in post.held_back)


def test_a_clone_without_the_tables_says_so(tmp_path: Path) -> None:
    tables = load_tables(tmp_path / "nothing")
    assert "generated" in tables.origin
    assert tables == generate_tables()
    assert generate_tables(1) != tables


def test_generated_tables_have_the_shapes_of_the_real_ones() -> None:
    real, generated = load_tables(REAL), generate_tables()
    for name in ("customers", "project_tasks", "calendar_events", "emails"):
        ours, theirs = getattr(generated, name), getattr(real, name)
        assert len(ours) == len(theirs)
        assert list(ours[0]) == list(theirs[0])
    used = {(call.name, *sorted(call.args)) for task in real.tasks for call in task.actions}
    assert {(call.name, *sorted(call.args)) for task in generated.tasks for call in task.actions} == used


def test_each_agent_has_at_most_one_errand_in_a_round() -> None:
    places = [(errand.agent, errand.round) for errand in deal(load_tables())]
    assert len(places) == len(set(places))
    assert len({agent for agent, _ in places}) == 16
