"""Two workflows on one customer, interleaved at every step: what comes of it is what one of them alone would leave."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

import comity
from comity.coordination.runs import Run, Scene
from comity.coordination.workflows import Workflows
from comity.testing.manual_clock import ManualClock
from tests.semantics.working import AGENTS, Stage

OVER = {"done", "compensated", "failed"}


def of_two(lease: str, on_refusal: str) -> str:
    """Return the definition of two workflows that write the same two fields."""
    text = AGENTS
    for name, first, seats, last in (("a", "leaving", 0, "left"), ("b", "at_risk", 7, "active")):
        text += f"""
[workflows.{name}]
params = {{ c = {{ ref = "customer", required = true }} }}
{lease}
"""
        steps = (("support", f'status = "{first}"', 'status = "active"'), ("product", f"seats = {seats}", "seats = 5"))
        for place, (agent, does, undoes) in enumerate((*steps, ("sales", f'status = "{last}"', 'status = "active"'))):
            text += f"""
[[workflows.{name}.steps]]
name = "{place}"
as   = "{agent}"
set  = {{ "customer/{{c}}" = {{ {does} }} }}
undo = {{ set = {{ "customer/{{c}}" = {{ {undoes} }} }} }}
on_refusal = "{on_refusal}"
"""
    return text


class OneByOne(Workflows):
    """Carry on one run at a time: the one that is chosen."""

    chosen = ""

    def _due(self, scene: Scene, most: int) -> Iterator[Run]:
        for run in super()._due(scene, most):
            if run.state.id == self.chosen:
                yield run

    def move(self, run: str) -> None:
        """Make the next move of a run."""
        self.chosen = run
        self.run(10)


def orders(moves: int) -> Iterator[str]:
    """Yield every order in which two runs can make so many moves each."""
    for places in combinations(range(2 * moves), moves):
        yield "".join("a" if place in places else "b" for place in range(2 * moves))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def play(folder: Path, order: str, text: str) -> tuple[dict[str, str], tuple[str, int]]:
    """Return how both runs ended, and what the customer is then."""
    definition, clock = folder / "comity.toml", ManualClock()
    definition.write_text(text, encoding="utf-8")
    base = folder / f"{order}{len(os.listdir(folder))}.db"
    with comity.open(base, definition=definition, clock=clock) as ws:
        stage = Stage(ws, clock)
        runs = {name: stage.sales.start(name, c="acme") for name in "ab"}
        mover = OneByOne(ws._engine)
        for name in order:
            mover.move(runs[name].run)
        for _ in range(30):
            if {run.state for run in runs.values()} <= OVER:
                break
            stage.later(60)
        values = stage.values()
        assert ws.verify().is_clean
        assert not ws.leases().places
        return {name: run.state for name, run in runs.items()}, (values["status"], values["seats"])


AFTER = {"a": ("left", 0), "b": ("active", 7), "": ("active", 5)}


@pytest.mark.parametrize("on_refusal", ["compensate", "wait"])
def test_two_workflows_interleaved_at_every_step_leave_nothing_dirty(folder: Path, on_refusal: str) -> None:
    seen: set[str] = set()
    for order in orders(3):
        ended, customer = play(folder, order, of_two("", on_refusal))
        assert set(ended.values()) <= OVER, (order, ended)
        done = [name for name in "ab" if ended[name] == "done"]
        assert customer in [AFTER[name] for name in done or [""]], (order, ended, customer)
        seen.add("".join(done))
    assert seen >= ({"ab"} if on_refusal == "wait" else {"a", "b"})


@pytest.mark.parametrize("order", [*orders(3)][::3])
def test_two_workflows_that_hold_the_customer_run_one_after_the_other(folder: Path, order: str) -> None:
    lease = 'leases = [{ on = "customer/{c}" }]'
    ended, customer = play(folder, order, of_two(lease, "compensate"))
    assert ended == {"a": "done", "b": "done"}
    assert customer in (AFTER["a"], AFTER["b"])
