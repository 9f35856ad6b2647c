"""The four anomalies of Khan (arXiv 2606.17182): each by hand in many of 1,000 schedules, through Comity in none.

The definitions follow the TLA+ module that accompanies the paper. An operation reads, generates
for long, writes, and may act on the outside. Its anomalies, each found by one function here
that knows nothing of how the operations were run:

- *stale generation*: another agent wrote something that it had read, before it wrote
- *phantom tool*: the tool that it planned with was gone from the registry when it was called
- *causal cascade*: it acted on the outside, and something that it rests on was retracted
- *tool-effect reordering*: its acts reached the outside in another order than it issued them
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest

import comity
from comity.coordination.deliveries import Delivery
from comity.testing.manual_clock import ManualClock
from comity.testing.simulation.running import MEMORY

SCHEDULES = 1_000
PORTION = 250
RETRACTED_WITHIN_S = 60
"""How long a supervisor may take to retract a finding: effects that rest on one are held for longer."""

DEFINITION = """
name = "khan"

[kinds.cell.fields]
fact     = { type = "integer", default = 0 }
verdict  = { type = "integer" }

[kinds.tool.fields]
calls    = { type = "integer", default = 0 }

[kinds.order.fields]
state    = { type = "string", default = "open" }

[effects.call]
kind     = "tool"

[effects.act]
kind     = "cell"
hold     = "90s"

[effects.step]
kind     = "order"
attempts = 10

[effects.step.data]
number   = { type = "integer", required = true }
"""


class Operation(msgspec.Struct, kw_only=True):
    """Be one operation as it turned out; times are places in its schedule, None for what never happened."""

    read: dict[str, Any] = {}
    read_at: float = 0.0
    written_at: float | None = None
    tool: str | None = None
    called_at: float | None = None
    acted_at: float | None = None
    issued: tuple[int, ...] = ()
    arrived: list[int] = []


class Other(msgspec.Struct, frozen=True):
    """Be what somebody else did to something that an operation may rest on: its new value, or None for taken away."""

    cell: str
    value: Any
    at: float


# -- the anomalies


def is_stale_generation(operation: Operation, others: list[Other]) -> bool:
    """Tell whether it wrote on what had become something else since it read it."""
    written_at = operation.written_at
    return written_at is not None and any(
        operation.read_at < other.at < written_at and operation.read.get(other.cell, other.value) != other.value
        for other in others
    )


def is_phantom_tool(operation: Operation, others: list[Other]) -> bool:
    """Tell whether it called a tool that had gone since it planned."""
    called_at = operation.called_at
    return called_at is not None and any(
        other.cell == operation.tool and other.value is None and operation.read_at < other.at < called_at
        for other in others
    )


def is_causal_cascade(operation: Operation, others: list[Other]) -> bool:
    """Tell whether it acted on the outside though what it rests on was retracted."""
    return operation.acted_at is not None and any(
        other.cell in operation.read and other.at > operation.read_at for other in others
    )


def is_reordered(operation: Operation, others: list[Other]) -> bool:
    """Tell whether its acts arrived in another order than they were issued."""
    first = list(dict.fromkeys(operation.arrived))
    return first != [number for number in operation.issued if number in first]


# -- by hand


def read_generate_write_by_hand(chance: random.Random) -> tuple[Operation, list[Other]]:
    """Read, generate, write; somebody else writes at some time."""
    cells, other = {"fact": 0}, Other("fact", 1, chance.uniform(0, 3))
    operation = Operation(read_at=1.0, written_at=2.0)
    for _, step in sorted([(other.at, "other"), (1.0, "read"), (2.0, "write")]):
        if step == "other":
            cells["fact"] = other.value
        elif step == "read":
            operation.read = dict(cells)
        else:
            cells["verdict"] = operation.read["fact"] + 1
    return operation, [other]


def call_by_hand(chance: random.Random) -> tuple[Operation, list[Other]]:
    """Look a tool up, plan, call it; somebody unregisters it at some time."""
    registry, gone = {"tool"}, Other("tool", None, chance.uniform(0, 3))
    operation, planned = Operation(read_at=1.0, tool="tool"), False
    for at, step in sorted([(gone.at, "gone"), (1.0, "plan"), (2.0, "call")]):
        if step == "gone":
            registry.discard("tool")
        elif step == "plan":
            planned = "tool" in registry
        elif planned:
            operation.called_at = at
    return operation, [gone]


def act_by_hand(chance: random.Random) -> tuple[Operation, list[Other]]:
    """Act on a finding at once; a supervisor retracts it, or doesn't."""
    retracted = [Other("fact", 0, chance.uniform(2, 2 + RETRACTED_WITHIN_S))] if chance.random() < 0.5 else []
    return Operation(read={"fact": 7}, read_at=1.0, written_at=2.0, acted_at=2.0), retracted


def issue_by_hand(chance: random.Random) -> tuple[Operation, list[Other]]:
    """Issue three acts, each a request of its own that takes its time."""
    issued = (1, 2, 3)
    arrivals = sorted((place * 0.1 + chance.uniform(0, 1), number) for place, number in enumerate(issued))
    return Operation(issued=issued, arrived=[number for _, number in arrivals]), []


# -- through Comity


class Desk:
    """Be a workspace in which schedule after schedule is played, each on records of its own."""

    def __init__(self, folder: Path) -> None:
        (folder / "comity.toml").write_text(DEFINITION, encoding="utf-8")
        self.clock = ManualClock()
        self.workspace = comity.open(folder / "khan.db", definition=folder / "comity.toml", clock=self.clock)
        self.agent, self.other = self.workspace.agent("agent"), self.workspace.agent("other")
        self.left: list[Delivery] = []
        self.chance = random.Random(0)
        for effect in ("call", "act"):
            self.workspace.handle(effect, self.left.append)
        self.workspace.handle("step", self._step)

    def _step(self, delivery: Delivery) -> None:
        if self.chance.random() < 0.3:
            raise ConnectionError("not now")
        self.left.append(delivery)
        if self.chance.random() < 0.1:
            raise TimeoutError("nothing heard")

    def play(self, *steps: tuple[float, Callable[[float], None]]) -> None:
        """Take steps in the order of their times."""
        for at, step in sorted(steps, key=lambda one: one[0]):
            step(at)

    def read_generate_write(self, number: int, chance: random.Random) -> tuple[Operation, list[Other]]:
        """Read, generate, propose; somebody else writes at some time."""
        cell, other = f"cell/{number}", Other("fact", 1, chance.uniform(0, 3))
        self.other.put(cell, verdict=0)
        operation, intent = Operation(read_at=1.0), self.agent.intent("judge", about=cell)

        def read(at: float) -> None:
            operation.read = {"fact": intent.get(cell).fact}

        def write(at: float) -> None:
            intent.set(cell, verdict=operation.read["fact"] + 1)
            operation.written_at = at if intent.propose().is_committed else None

        self.play((other.at, lambda at: self._put(cell, fact=1)), (1.0, read), (2.0, write))
        return operation, [other]

    def _put(self, record: str, **fields: Any) -> None:
        self.other.put(record, fields, was=dict.fromkeys(fields, 0))

    def call(self, number: int, chance: random.Random) -> tuple[Operation, list[Other]]:
        """Look a tool up, plan, have it called; somebody unregisters it at some time, even once it is wanted."""
        tool, gone = f"tool/{number}", Other("tool", None, chance.uniform(0, 4))
        self.other.create(tool)
        operation, intent = Operation(read_at=1.0, tool="tool"), self.agent.intent("use", about=tool)
        planned: list[bool] = []

        def plan(at: float) -> None:
            planned.append(intent.get(tool).exists)

        def want(at: float) -> None:
            if planned == [True]:
                intent.effect("call", tool)
                planned.append(intent.propose().is_committed)

        def release(at: float) -> None:
            self.workspace.run_effects()
            operation.called_at = at if any(one.target == tool for one in self.left) else None

        self.play((gone.at, lambda at: self._unregister(tool)), (1.0, plan), (2.0, want), (3.0, release))
        if planned == [False]:
            intent.withdraw()
        return operation, [gone]

    def _unregister(self, tool: str) -> None:
        with self.other.intent("unregister") as intent:
            intent.get(tool)
            intent.delete(tool)

    def act(self, number: int, chance: random.Random) -> tuple[Operation, list[Other]]:
        """Act on a finding; a supervisor retracts it in time, or doesn't."""
        cell = f"cell/{number}"
        self.other.create(cell, verdict=0)
        found = self.other.set(cell, fact=7, was={"fact": 0})
        operation, intent = Operation(read_at=1.0), self.agent.intent("act", about=cell)
        operation.read = {"fact": intent.get(cell).fact}
        intent.effect("act", cell)
        assert intent.propose().is_committed
        retracted: list[Other] = []
        wait_s = chance.uniform(0, RETRACTED_WITHIN_S)
        self.clock.advance(seconds=wait_s)
        if chance.random() < 0.5:
            self.workspace.revert(commit=found.revision, reason="it was wrong")
            retracted.append(Other("fact", 0, 2 + wait_s))
        self.clock.advance(seconds=120)
        self.workspace.run_effects()
        operation.acted_at = 100.0 if any(one.target == cell for one in self.left) else None
        return operation, retracted

    def issue(self, number: int, chance: random.Random) -> tuple[Operation, list[Other]]:
        """Issue three acts in one commit, whose tries may fail, or not be heard."""
        order, issued = f"order/{number}", (1, 2, 3)
        self.chance = chance
        self.other.create(order)
        intent = self.agent.intent("fulfil", about=order)
        for place in issued:
            intent.effect("step", order, number=place, once=f"step {place}")
        assert intent.propose().is_committed
        while self.workspace.effects(state="held", target=order).effects:
            self.workspace.run_effects()
            self.clock.advance(seconds=600)
        return Operation(issued=issued, arrived=[one.data["number"] for one in self.left if one.target == order]), []


CASES: dict[str, tuple[Callable[[Operation, list[Other]], bool], Callable[..., Any], Callable[..., Any]]] = {
    "stale generation": (is_stale_generation, read_generate_write_by_hand, Desk.read_generate_write),
    "phantom tool": (is_phantom_tool, call_by_hand, Desk.call),
    "causal cascade": (is_causal_cascade, act_by_hand, Desk.act),
    "tool-effect reordering": (is_reordered, issue_by_hand, Desk.issue),
}


@pytest.fixture
def desk() -> Iterator[Desk]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        made = Desk(Path(folder))
        yield made
        made.workspace.close()


@pytest.mark.parametrize("anomaly", CASES)
def test_by_hand_it_occurs(anomaly: str) -> None:
    is_there, by_hand, _ = CASES[anomaly]
    found = sum(is_there(*by_hand(random.Random(seed))) for seed in range(SCHEDULES))
    assert found > SCHEDULES // 5


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SCHEDULES, PORTION))
@pytest.mark.parametrize("anomaly", CASES)
def test_through_comity_it_never_does(anomaly: str, first: int, desk: Desk) -> None:
    is_there, _, through = CASES[anomaly]
    done = 0
    for seed in range(first, first + PORTION):
        desk.left.clear()
        operation, others = through(desk, seed, random.Random(seed))
        assert not is_there(operation, others), f"schedule {seed}: {operation} {others}"
        acted = (operation.written_at, operation.called_at, operation.acted_at, operation.arrived or None)
        done += any(one is not None for one in acted)
    assert done > PORTION // 5, "what is always refused shows nothing"
