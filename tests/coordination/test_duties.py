"""What happens by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.coordination.duties import EXPIRING, step_id
from comity.coordination.queue import TOPIC
from comity.errors import InvalidRequest
from comity.model.proposals import Append, Emit, Proposal
from comity.testing.manual_clock import ManualClock

RULES = """
[agents]
sales   = { role = "sales" }
support = { role = "support" }

[kinds.task.fields]
log  = { type = "array", items = { type = "string" } }
busy = { type = "boolean" }

[[rules]]
name  = "not while busy"
when  = "agent.role == 'sales' && task.busy == true"
then  = "queue"
until = "task.busy != true"
"""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def base(tmp_path: Path, clock: ManualClock) -> Iterator[comity.Workspace]:
    definition = tmp_path / "comity.toml"
    definition.write_text(RULES, encoding="utf-8")
    with comity.open(tmp_path / "base.db", definition=definition, clock=clock) as made:
        made.agent("support").put("task/a", busy=True)
        yield made


def wait_in_line(base: comity.Workspace, count: int) -> None:
    for number in range(count):
        change = Append("task/a", {"log": [str(number)]})
        assert base.agent("sales").propose(Proposal(id=f"p{number}", changes=(change,))).is_pending


def let_go(base: comity.Workspace) -> None:
    base.agent("support").set("task/a", busy=False, was={"busy": True})


def test_all_that_expires_is_known() -> None:
    assert {"$intent", "$handoff", "$approval", "$queue", "$override", "$grant"} <= set(EXPIRING)


def test_limit_duties_at_once(base: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_in_line(base, 7)
    let_go(base)
    monkeypatch.setattr(limits, "DUTIES_AT_ONCE", 3)
    duties = base._engine.duties
    assert [duties.run(limits.DUTIES_AT_ONCE) for _ in range(4)] == [3, 3, 1, 0]
    assert base.get("task/a").log == tuple("0123456")


def test_limit_duties_look(base: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those first in their lines only so many are looked at in one go, and the next look goes on behind them."""
    for name in "bcde":
        base.agent("support").put(f"task/{name}", busy=True)
    for name in "abcde":
        base.agent("sales").propose(Proposal(id=f"p{name}", changes=(Append(f"task/{name}", {"log": ["x"]}),)))
    base.agent("support").set("task/e", busy=False, was={"busy": True})
    monkeypatch.setattr(limits, "DUTIES_LOOK", 2)
    assert [base._engine.duties.run() for _ in range(4)] == [0, 0, 1, 0]
    assert base.get("task/e").log == ("x",)


def test_each_that_waits_is_looked_at_for_itself(base: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        base.agent("support").put(f"task/w{number}", busy=True)
        base.agent("sales").propose(Proposal(id=f"w{number}", changes=(Append(f"task/w{number}", {"log": ["x"]}),)))
    monkeypatch.setattr(limits, "FACTS_PER_PROPOSAL", 8)
    assert base._engine.duties.run() == 0
    base.agent("support").set("task/w8", busy=False, was={"busy": True})
    assert base._engine.duties.run() == 1


def test_what_is_too_much_to_look_at_is_tried(base: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_in_line(base, 1)
    monkeypatch.setattr(limits, "FACTS_PER_PROPOSAL", 1)
    assert base._engine.duties.run() == 0
    with base._engine.store.snapshot() as snapshot:
        assert snapshot.noted(TOPIC).keys() == {"$queue/p0"}


def test_no_agent_uses_up_the_ids_of_duties(base: comity.Workspace) -> None:
    wait_in_line(base, 1)
    id = step_id(Emit("$queue/p0", "released"), 1)
    with pytest.raises(InvalidRequest):
        base.agent("support").propose(Proposal(id=id, changes=(Append("task/b", {"log": ["x"]}),)))
    let_go(base)
    assert base._engine.duties.run() == 1


def test_a_step_is_done_once_however_many_do_it(base: comity.Workspace, tmp_path: Path, clock: ManualClock) -> None:
    wait_in_line(base, 3)
    let_go(base)
    with comity.open(tmp_path / "base.db", clock=clock) as other:
        assert base._engine.duties.run() + other._engine.duties.run() == 3
        assert base.get("task/a").log == tuple("012")
        assert other.verify().is_clean
    emitted = Emit("$queue/p", "released")
    assert step_id(emitted, 1) == step_id(emitted, 1) != step_id(emitted, 2)


def test_what_has_expired_is_told_once(base: comity.Workspace, clock: ManualClock) -> None:
    wait_in_line(base, 2)
    sales = base.agent("sales")
    sales.intent("look", about="task/a", announce=True, ttl="10m").__enter__()
    clock.advance(seconds=limits.WAIT_S)
    assert base._engine.duties.run() == 3
    clock.advance(seconds=10)
    assert base._engine.duties.run() == 0
    assert [event.type for event in base.history("$queue/p0").events] == ["expired", "queued"]
    assert base.history("$queue/p0").events[0].known == "system"


def test_nothing_is_done_where_nothing_is_due(base: comity.Workspace) -> None:
    revision = base.revision
    assert base._engine.duties.run() == 0
    wait_in_line(base, 1)
    assert base._engine.duties.run() == 0
    assert base.revision == revision + 1


def test_only_one_thread_is_at_it_at_a_time(base: comity.Workspace) -> None:
    wait_in_line(base, 1)
    let_go(base)
    duties = base._engine.duties
    with duties._busy:
        assert duties.run() == 0
    assert duties.run() == 1


def test_a_workspace_can_be_closed_twice_and_while_duties_are_done(tmp_path: Path) -> None:
    base = comity.open(tmp_path / "other.db", duties=True)
    base.agent("ann").put("task/a", n=1)
    base.close()
    base.close()
    assert limits.DUTY_PAUSE_S < limits.LANE_TIMEOUT_S
