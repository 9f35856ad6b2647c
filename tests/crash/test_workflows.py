"""A workflow cut off anywhere goes on where it was: no step is done twice, none is left out (S7)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import comity
from comity.errors import ComityError
from comity.store.sqlite import SqliteStore
from comity.testing.faulty_store import Call, Fault, FaultyStore, Side, die, fail
from comity.testing.manual_clock import ManualClock
from comity.verbs.engine import Engine
from comity.workspace.opening import Workspace

OVER = {"done", "compensated"}
SOURCE = """
[agents]
sales   = { role = "sales" }
support = { role = "support" }

[kinds.customer.fields]
name  = { type = "string" }
seats = { type = "integer", default = 0 }
steps = { type = "array", items = { type = "string" } }

[effects.email]
kind = "customer"
hold = "1d"

[workflows.w]
params = { c = { ref = "customer", required = true } }
leases = [{ on = "customer/{c}" }]

[[workflows.w.steps]]
name    = "one"
as      = "support"
add     = { "customer/{c}" = { seats = 1 } }
append  = { "customer/{c}" = { steps = ["one"] } }
effects = [{ name = "email", target = "customer/{c}" }]
undo    = { add = { "customer/{c}" = { seats = -1 } }, append = { "customer/{c}" = { steps = ["undo one"] } } }

[[workflows.w.steps]]
name   = "two"
as     = "sales"
add    = { "customer/{c}" = { seats = 10 } }
append = { "customer/{c}" = { steps = ["two"] } }
undo   = { add = { "customer/{c}" = { seats = -10 } }, append = { "customer/{c}" = { steps = ["undo two"] } } }

[[workflows.w.steps]]
name   = "three"
as     = "support"
append = { "customer/{c}" = { steps = ["three"] } }
guard  = "GUARD"
"""
FORWARDS, BACKWARDS = ["one", "two", "three"], ["one", "two", "undo two", "undo one"]
GUARDS = {"done": "customer.seats == 11", "compensated": "customer.seats == 99"}
FAULTS: list[tuple[Call, Side]] = [
    ("turn", "before"),
    ("batch", "after"),
    ("append", "after"),
    ("commit", "before"),
    ("commit", "after"),
    ("keep", "before"),
    ("snapshot", "before"),
]


def begin(folder: Path, ending: str) -> Path:
    """Return a workspace in which the workflow was started, and nothing more."""
    definition, path = folder / "comity.toml", folder / f"{ending}.db"
    definition.write_text(SOURCE.replace("GUARD", GUARDS[ending]), encoding="utf-8")
    with comity.open(path, definition=definition, clock=ManualClock()) as ws:
        ws.agent("sales").put("customer/acme", name="Acme")
        ws.agent("sales").start("w", c="acme", key="k")
    return path


def open_faulty(path: Path, *faults: Fault) -> Workspace:
    """Open a workspace whose store fails as planned."""
    clock = ManualClock()
    store = FaultyStore(SqliteStore.open(str(path), clock=clock))
    ws = Workspace(Engine(store, str(path), clock, os.urandom))
    store.plan(*faults)
    return ws


def carry_on(ws: Workspace) -> bool:
    """Make moves until the run is over; return whether it is."""
    engine = ws._engine
    for _ in range(30):
        engine.workflows.run(10)
    return bool([run for run in ws.workflows(over=True).runs if run.state in OVER])


def check(path: Path, ending: str) -> None:
    """Have the run end, if it hasn't, and see that everything was done once."""
    with comity.open(path, clock=ManualClock()) as ws:
        assert carry_on(ws)
        [run] = ws.workflows(over=True).runs
        customer = dict(ws.get("customer/acme"))
        steps = FORWARDS if ending == "done" else BACKWARDS
        assert (run.state, [*customer["steps"]], customer["seats"]) == (ending, steps, 11 if ending == "done" else 0)
        assert len(ws.effects(state="held").effects) == int(ending == "done")
        assert not ws.leases().places
        assert ws.verify().is_clean


def copies(path: Path) -> Iterator[Path]:
    """Yield fresh copies of a closed workspace, one after the other."""
    for number in range(200):
        copy = path.with_name(f"{path.stem}-{number}.db")
        shutil.copy(path, copy)
        yield copy


@pytest.mark.parametrize("ending", GUARDS)
@pytest.mark.parametrize(("call", "side"), FAULTS, ids=[f"{call}-{side}" for call, side in FAULTS])
def test_s7_a_workflow_survives_a_store_that_fails_at_any_call(
    tmp_path: Path, call: Call, side: Side, ending: str
) -> None:
    for nth, path in enumerate(copies(begin(tmp_path, ending)), 1):
        struck: list[int] = []
        ws = open_faulty(path, Fault(call, side, nth, lambda struck=struck: strike(struck)))
        with suppress(ComityError):
            carry_on(ws)
        ws._engine.store.plan()  # type: ignore[attr-defined]
        ws.close()
        check(path, ending)
        if not struck:
            return


def strike(struck: list[int]) -> None:
    """Note that the failure came, and fail."""
    struck.append(1)
    fail()


def carry_on_and_die(path: Path, call: Call, side: Side, nth: int) -> None:
    """Make moves until the run is over, or this process is killed."""
    ws = open_faulty(path, Fault(call, side, nth, die))
    assert carry_on(ws)
    ws.close()


def spawn(path: Path, call: str, side: str, nth: int) -> int:
    """Have a child process do so; return its exit status."""
    script = (
        "from pathlib import Path\n"
        "from tests.crash.test_workflows import carry_on_and_die\n"
        f"carry_on_and_die(Path({str(path)!r}), {call!r}, {side!r}, {nth})\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    return subprocess.run([sys.executable, "-c", script], env=environment, check=False).returncode


@pytest.mark.parametrize(
    ("call", "side", "nth", "ending"), [("commit", "after", 1, "done"), ("commit", "before", 2, "compensated")]
)
def test_s7_a_workflow_survives_kill_9_at_every_step(
    tmp_path: Path, call: str, side: str, nth: int, ending: str
) -> None:
    path = begin(tmp_path, ending)
    ended = [spawn(path, call, side, nth) for _ in range(5)]
    assert -signal.SIGKILL in ended
    assert set(ended) <= {0, -signal.SIGKILL}
    check(path, ending)
