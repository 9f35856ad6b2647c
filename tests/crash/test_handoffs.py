"""An acceptance in the middle of which the process dies: the offer is open, or all of it is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import comity
from comity.coordinator import Coordinator, submit
from comity.model.proposals import Caller, Emit, Proposal
from comity.store.sqlite import SqliteStore
from comity.testing.faulty_store import Fault, FaultyStore, die
from comity.testing.manual_clock import ManualClock
from tests.crash.test_kill import CALLS

SOURCE = """
[agents]
sales = {}
support = {}
[kinds.customer.fields]
name = { type = "string", owner = "sales" }
status = { type = "string", owner = "support" }
"""
ACCEPTANCE = Proposal(id="a1", changes=(Emit("$handoff/o1", "accepted"),))


def accept_through(path: Path, call: str, side: str) -> None:
    """Accept the offer through a store that dies on the way."""
    clock = ManualClock()
    store = FaultyStore(SqliteStore.open(str(path), clock=clock), Fault(call, side, 1, die))  # type: ignore[arg-type]
    Coordinator(store, clock, os.urandom).decide([submit(ACCEPTANCE, Caller("support"))])


def accept_and_die(path: Path, call: str, side: str) -> int:
    """Have a child process do so; return its exit status."""
    script = (
        "from pathlib import Path\n"
        "from tests.crash.test_handoffs import accept_through\n"
        f"accept_through(Path({str(path)!r}), {call!r}, {side!r})\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    return subprocess.run([sys.executable, "-c", script], env=environment, check=False).returncode


@pytest.mark.parametrize(("call", "side"), CALLS, ids=[f"{call}-{side}" for call, side in CALLS])
def test_s21_an_acceptance_is_whole_or_not_at_all(tmp_path: Path, call: str, side: str) -> None:
    path, definition = tmp_path / "base.db", tmp_path / "comity.toml"
    definition.write_text(SOURCE, encoding="utf-8")
    with comity.open(path, definition=definition, clock=ManualClock()) as base:
        base.agent("sales").offer("customer/acme", name="Acme", status="active", id="o1")
    assert accept_and_die(path, call, side) == -signal.SIGKILL
    with comity.open(path, clock=ManualClock()) as base:
        is_done = (call, side) in (("commit", "after"), ("turn", "after"))
        assert len(base.offers().tickets) == int(not is_done)
        assert base.get("customer/acme").exists is is_done
        again = base.agent("support").propose(ACCEPTANCE)
        assert again.outcome == "committed", "the same attempt goes on where it was cut off (S7)"
        assert (base.get("customer/acme").status, base.offers().tickets) == ("active", ())
        assert base.verify().is_clean
