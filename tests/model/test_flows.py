"""The ids by which runs and their proposals are known."""

from __future__ import annotations

import pytest

from comity import limits
from comity.model import refs
from comity.model.flows import once_of, prefix_of, proposal_id, run_id, run_of


def test_the_same_key_is_the_same_run() -> None:
    assert run_id("w", "k") == run_id("w", "k") != run_id("w", "l")
    assert run_id("w", "k") != run_id("v", "k")


@pytest.mark.parametrize("phase", ["step", "undo", "withdraw"])
def test_a_proposal_tells_its_run(phase: str) -> None:
    run = run_id("off-board", "k")
    id = proposal_id(run, phase, 12, 3)  # type: ignore[arg-type]
    assert run_of(id) == run
    assert id.startswith(prefix_of(run, phase))  # type: ignore[arg-type]
    assert refs.is_system_id(id)
    assert refs.SYSTEM_PROPOSAL_ID.match(id)


@pytest.mark.parametrize("id", ["p1", "flow~w", "duty~123", "flow~w~step1", "flow~w~step1~x"])
def test_other_ids_are_of_no_run(id: str) -> None:
    assert run_of(id) is None


def test_the_longest_name_of_a_workflow_makes_a_proposal_id() -> None:
    run = run_id("w" * limits.NAME_CHARS, "k")
    assert len(proposal_id(run, "withdraw", 10**6, 10**6)) <= limits.PROPOSAL_ID_CHARS


def test_effects_are_told_apart_by_step_and_direction() -> None:
    named = {once_of("r", "step", "a", None), once_of("r", "undo", "a", None), once_of("r", "step", "a", "x")}
    assert len(named) == 3
