"""Processes on one file: each has an engine of its own, dies in the middle of anything, and starts again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from comity.errors import OutcomeUnknown, StoreUnavailable
from comity.model.proposals import Add, Caller, Proposal
from comity.testing.faulty_store import Fault
from comity.testing.manual_clock import ManualClock
from comity.testing.simulation import scene
from comity.testing.simulation.processes import Process
from comity.testing.simulation.scheduling import Crash, Scheduler
from comity.testing.simulation.witness import Witness

VISIT = Proposal(id="visit", changes=(Add(scene.CUSTOMERS[0], {"visits": 1}),), action="tally")
DESK = Caller("desk_1")


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
def process(tmp_path: Path, witness: Witness) -> Iterator[Process]:
    scene.prepare(tmp_path / "base.db")
    clock = ManualClock()
    made = Process("one", tmp_path / "base.db", clock, Scheduler(clock), random.Random(1), witness)
    made.boot(delivers=True)
    yield made
    made.bury()


def visits(process: Process) -> int:
    assert process.engine is not None
    with process.engine.store.snapshot() as snapshot:
        (state,) = snapshot.records([("customer", "acme")]).values()
    return int(state.values["visits"])


@pytest.mark.parametrize(("side", "there"), [("before", 0), ("after", 1)])
def test_who_dies_at_a_commit_finds_it_whole_or_not_at_all(
    process: Process, witness: Witness, side: str, there: int
) -> None:
    assert process.store is not None
    process.store.plan(Fault("commit", "before" if side == "before" else "after", strike=process.die))
    with pytest.raises(Crash):
        process.session(DESK).propose(VISIT)
    assert list(witness.unanswered["desk_1"]) == ["visit"]
    process.bury()
    assert not process.is_up
    process.boot(delivers=True)
    assert visits(process) == there
    assert process.session(DESK).propose(VISIT).is_committed
    assert visits(process) == 1
    assert not witness.unanswered["desk_1"]


def test_an_answer_that_was_lost_is_written_down_as_such(process: Process, witness: Witness) -> None:
    assert process.store is not None
    process.store.plan(Fault("commit", "after"), Fault("batch", "before", nth=2))
    with pytest.raises((OutcomeUnknown, StoreUnavailable)):
        process.session(DESK).propose(VISIT)
    assert [one.decision for one in witness.asked] == [None]
    decision = process.session(DESK).propose(VISIT)
    assert decision.is_committed
    assert visits(process) == 1


def test_the_base_is_the_same_each_time(tmp_path: Path) -> None:
    keys = [scene.prepare(tmp_path / name) for name in ("one.db", "two.db")]
    assert keys[0] == keys[1]
