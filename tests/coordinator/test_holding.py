"""What is open, held over batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import comity
from comity import limits
from comity.coordinator.holding import HELD, QUEUED, Holding, load
from comity.model.proposals import Append, Proposal, Put
from comity.testing.manual_clock import ManualClock
from comity.workspace.opening import Workspace

DEFINITION = """
[kinds.task.fields]
n     = { type = "integer", owner = "bob" }
owned = { type = "integer", owner = "ops" }
log   = { type = "array", items = { type = "string" } }

[[rules]]
name  = "wait"
when  = "agent.id == 'ann'"
then  = "queue"
until = "false"
"""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def base(tmp_path: Path, clock: ManualClock) -> Iterator[Workspace]:
    definition = tmp_path / "comity.toml"
    definition.write_text(DEFINITION, encoding="utf-8")
    with comity.open(tmp_path / "base.db", definition=definition, clock=clock) as made:
        made.agent("bob").put("task/a", n=1)
        yield made


@pytest.fixture
def other(base: Workspace, tmp_path: Path, clock: ManualClock) -> Iterator[Workspace]:
    """Return the same base as another process has it."""
    with comity.open(tmp_path / "base.db", clock=clock) as made:
        yield made


def queue_up(base: Workspace, name: str) -> str:
    change = Append("task/a", {"log": [name]})
    return base.agent("ann").propose(Proposal(id=name, changes=(change,))).ticket or ""


def places(base: Workspace, held: Holding) -> list[str]:
    """Return who is held to be in line; it is what is there."""
    with base._engine.store.snapshot() as snapshot:
        found = sorted(held.at(snapshot, QUEUED).places)
        assert found == sorted(load(snapshot, QUEUED).places)
    return found


def test_it_follows_what_happens_to_tickets(base: Workspace) -> None:
    held = Holding()
    assert places(base, held) == []
    first = queue_up(base, "p")
    assert places(base, held) == ["$queue/p"]
    queue_up(base, "q")
    base.agent("bob").put("task/b", n=1)
    base.agent("ann").withdraw(first)
    assert places(base, held) == ["$queue/q"]
    held.clear()
    assert places(base, held) == ["$queue/q"]


def steps(base: Workspace, other: Workspace, clock: ManualClock) -> Iterator[Callable[[], Any]]:
    """Yield what happens to open records of each kind that is held, through this process and another one."""
    key = base.issue_key("ops").key
    ops, there, bob = base.agent("ops", key=key), other.agent("ops", key=key), other.agent("bob")
    terms: dict[str, Any] = {"reason": "so", "ttl": "1h"}
    made: dict[str, Any] = {}
    for name, begin in (
        ("pin", lambda: ops.pin("task/a", **terms)),
        ("field", lambda: there.pin("task/a", "n", **terms)),
        ("action", lambda: ops.pin(action="send", **terms)),
        ("pause", lambda: there.pause("cid", **terms)),
        ("freeze", lambda: ops.freeze(**terms)),
        ("grant", lambda: there.grant("cid", "task/a.owned", **terms)),
        ("order", lambda: ops.grant("cid", "task.n", **terms)),
    ):
        yield lambda name=name, begin=begin: made.update({name: begin()})
    yield lambda: there.lift(made["freeze"])
    yield lambda: ops.lift(made["pin"])
    yield lambda: ops.revoke(made["grant"])
    made["intent"] = bob.intent("send", about="task/b")
    yield lambda: made["intent"].announce(ttl="10m")
    yield lambda: made["intent"].announce(plan="more", ttl="20m")
    yield made["intent"].withdraw
    yield lambda: bob.intent("send", about=["task/b", "task/c"]).announce(ttl="10m")
    yield lambda: queue_up(other, "q")
    yield lambda: clock.advance(seconds=3_601)
    yield base._engine.duties.run


def test_every_kind_is_held_as_it_is(base: Workspace, other: Workspace, clock: ManualClock) -> None:
    holding, kept, met = Holding(), {}, set()
    for number, step in enumerate(steps(base, other, clock)):
        step()
        with base._engine.store.snapshot() as snapshot:
            for kind, held in HELD.items():
                index = holding.at(snapshot, held)
                assert vars(index) == vars(load(snapshot, held)), (number, kind)
                assert kept.setdefault(kind, index) is index, "it is followed, and not read anew"
                if any(vars(index).values()):
                    met.add(kind)
    assert met == HELD.keys()


def test_s1_what_another_process_holds_or_lets_go_counts_at_once(base: Workspace, other: Workspace) -> None:
    key = base.issue_key("ops").key
    bob, there = base.agent("bob"), other.agent("ops", key=key)

    def codes(name: str) -> list[str]:
        decision = bob.propose(Proposal(id=name, changes=(Put(f"task/{name}", {"n": 1}),)))
        return [finding.code for finding in decision.refusals]

    base.agent("ops", key=key).pin("task/z", reason="so", ttl="1h")
    assert codes("p1") == []
    frozen = there.freeze(reason="so", ttl="1h")
    assert codes("p2") == ["override.frozen"]
    assert codes("p3") == ["override.frozen"]
    there.lift(frozen)
    assert codes("p4") == []


def test_of_many_overrides_only_those_are_read_that_changed(base: Workspace) -> None:
    """Judging doesn't cost more for overrides that nothing happened to: they aren't read again."""
    ops = base.agent("ops", key=base.issue_key("ops").key)
    for number in range(20):
        ops.pin(f"task/t{number}", reason="so", ttl="1h")
    coordinator, bob = base._engine.coordinator, base.agent("bob")
    with base._engine.store.snapshot() as snapshot:
        index = coordinator._holding.at(snapshot, HELD["$override"])
    places = {ref: id(one) for ref, one in index._all.items()}
    assert len(places) == 20
    for number in range(3):
        bob.put("task/other", n=number, was={"n": number - 1 if number else None})
    ops.pin("task/last", reason="so", ttl="1h")
    bob.put("task/other", n=7, was={"n": 2})
    with base._engine.store.snapshot() as snapshot:
        assert coordinator._holding.at(snapshot, HELD["$override"]) is index
    assert {ref: id(one) for ref, one in index._all.items()}.items() >= places.items()
    assert len(index) == 21


def test_where_too_much_has_happened_it_is_read_anew(base: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Holding()
    assert places(base, held) == []
    for name in "pqr":
        queue_up(base, name)
    monkeypatch.setattr(limits, "CATCH_UP_EVENTS", 2)
    assert places(base, held) == ["$queue/p", "$queue/q", "$queue/r"]


def test_the_past_is_read_anew(base: Workspace) -> None:
    held = Holding()
    with base._engine.store.snapshot() as before:
        assert held.at(before, QUEUED).places == {}
    queue_up(base, "p")
    assert places(base, held) == ["$queue/p"]


def test_another_incarnation_is_read_anew(base: Workspace, tmp_path: Path) -> None:
    """Its revisions may be the same, and what they did another."""
    held = Holding()
    queue_up(base, "p")
    assert places(base, held) == ["$queue/p"]
    with comity.open(tmp_path / "restored.db", definition=tmp_path / "comity.toml") as restored:
        restored.agent("bob").put("task/a", n=1)
        queue_up(restored, "q")
        assert restored.revision == base.revision
        assert places(restored, held) == ["$queue/q"]
