"""The generated log: one seed, one history."""

from __future__ import annotations

from pathlib import Path

import comity
from comity.testing.manual_clock import ManualClock
from comity.testing.planted import DEFINITION, Planted, play, score


def history(folder: Path, seed: int) -> tuple[list[Planted], list[str]]:
    folder.mkdir()
    (folder / "comity.toml").write_text(DEFINITION)
    clock = ManualClock()
    with comity.open(folder / "base.db", definition=folder / "comity.toml", clock=clock) as workspace:
        planted = play(workspace, clock, seed, workspace._engine.duties.run, hours=0.2)
        events = workspace.history(oldest_first=True, limit=1_000).events
        return planted, [f"{one.at} {one.type} {one.record} {one.by}" for one in events if "/p" in one.record]


def test_a_seed_makes_one_history(tmp_path: Path) -> None:
    planted, events = history(tmp_path / "one", 7)
    again, same = history(tmp_path / "two", 7)
    assert [(one.detector, one.first_us) for one in planted] == [(one.detector, one.first_us) for one in again]
    assert events == same
    other, _ = history(tmp_path / "three", 8)
    assert [one.first_us for one in planted] != [one.first_us for one in other]


def test_what_counts_as_found() -> None:
    planted = [Planted("ping_pong", "item/a.n", 0, 10), Planted("ping_pong", "item/b.n", 0, 10)]
    raised = [Planted("ping_pong", "item/a.n", 5, 5), Planted("lost_update", "item/a.n", 5, 5)]

    class Raised:
        def __init__(self, one: Planted) -> None:
            self.detector, self.subject, self.first_at, self.seen = one.detector, one.subject, one.first_us, one.last_us

    lost, ping = score(planted, map(Raised, raised), {})
    assert (ping.planted, ping.found, ping.raised, ping.right, ping.recall, ping.precision) == (2, 1, 1, 1, 0.5, 1.0)
    assert (lost.planted, lost.raised, lost.precision, lost.recall) == (0, 1, 0.0, 1.0)
