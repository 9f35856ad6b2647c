"""Leases: the transitions that are proposed, and how the lines stand."""

from __future__ import annotations

from pathlib import Path

import pytest

import comity
from comity.coordination import leases
from comity.coordination.leases import Terms
from comity.deciding.lines import TOPIC
from comity.model.proposals import Emit, Proposal
from comity.testing.manual_clock import ManualClock

TERMS = Terms(ttl_s=60, fields=("status",), breakable_by=("ops",))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def base(tmp_path: Path, clock: ManualClock) -> comity.Workspace:
    return comity.open(tmp_path / "base.db", clock=clock)


def test_each_subject_gets_the_same_transition() -> None:
    first, second = leases.joining(["customer/acme", "name:printer"], "h", TERMS, 30)
    assert (first.record, second.record) == ("$lease/customer~acme", "$lease/name:printer")
    assert first.event == "joined"
    assert first.data == second.data
    assert first.data == {
        "hold": "h",
        "wait_s": 30,
        "ttl_s": 60,
        "exclusive": True,
        "fields": ["status"],
        "priority": 0,
        "breakable_by": ["ops"],
    }


@pytest.mark.parametrize(
    ("made", "event"),
    [
        (leases.taking(["name:a"], "h", TERMS), "taken"),
        (leases.claiming(["name:a"], "h"), "claimed"),
        (leases.leaving(["name:a"], "h"), "left"),
        (leases.releasing(["name:a"], "h"), "released"),
        (leases.breaking("name:a", ["h"], "why"), "broken"),
    ],
)
def test_what_is_proposed_is_what_the_kind_declares(made: tuple[Emit, ...], event: str, base: comity.Workspace) -> None:
    assert [change.event for change in made] == [event]
    base.agent("bob").lease("name:a").take()
    decision = base.agent("ann").propose(Proposal(id="p", changes=made))
    assert {one.gate for one in decision.refusals} == {"lease"}


def take(base: comity.Workspace, *subjects: str, **terms: object) -> None:
    base.agent("ann").lease(*subjects, **terms).take()  # type: ignore[arg-type]


def test_lines_are_as_of_the_snapshot_also_after_it(base: comity.Workspace, clock: ManualClock) -> None:
    take(base, "name:a", ttl=60)
    clock.advance(seconds=61)
    store = base._engine.store
    with store.snapshot() as snapshot:
        now_us = base._engine.coordinator.time_at(snapshot.head).now_us
        lines = leases.lines_of(snapshot, ["name:a", "customer/acme"], now_us)
    assert [len(line.places) for line in lines.values()] == [1, 0]
    assert [line.holders for line in lines.values()] == [[], []]


def test_every_line_is_found_over_pages(base: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        take(base, f"name:{name}")
    monkeypatch.setattr(leases, "_LIVE", leases.msgspec.structs.replace(leases._LIVE, limit=2))
    with base._engine.store.snapshot() as snapshot:
        assert [subject for subject, _ in leases.all_lines(snapshot, 0)] == ["name:a", "name:b", "name:c"]


def test_what_has_run_out_is_cleared_away_by_anyone(base: comity.Workspace, clock: ManualClock) -> None:
    take(base, "name:a", ttl=60)
    take(base, "name:b", ttl=90)
    clock.advance(seconds=60)
    store, bob = base._engine.store, base.agent("bob")
    with store.snapshot() as snapshot:
        now_us = base._engine.coordinator.time_at(snapshot.head).now_us
        over = list(leases.run_out(snapshot, now_us))
    assert over == [Emit("$lease/name:a", "expired")]
    assert bob.propose(Proposal(id="p", changes=tuple(over))).is_committed
    assert base.get("$lease/name:a").life == "archived"


def test_renewals_that_are_past_are_told(base: comity.Workspace) -> None:
    store = base._engine.store
    store.note(TOPIC, {"old": "5", "new": "7"})
    with store.snapshot() as snapshot:
        assert leases.spent_renewals(snapshot, 6) == ["old"]
