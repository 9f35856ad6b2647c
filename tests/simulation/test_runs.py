"""A thousand seeds, each of which keeps every promise; and each of which is the same run when it is played again."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from functools import cache

import pytest

from comity.testing.histories import Fault
from comity.testing.simulation import History, Outcome, Summary, run_seed, run_seeds, stage
from comity.testing.simulation.__main__ import main
from comity.testing.simulation.running import run_some

SEEDS = 1_000
PORTION = 25

SEEN = (
    "clock jump",
    "crash",
    "decision committed",
    "decision pending",
    "decision refused",
    "decision unknown",
    "effect received",
    "effect received again",
    "effect.still",
    "fault",
    "freshness.blind_write",
    "freshness.changed",
    "freshness.query_changed",
    "identity.paused",
    "lease.held",
    "lease.lapsed",
    "override.frozen",
    "override.pinned",
    "ownership.other_domain",
    "queue.behind",
    "reboot",
    "rule.large_contracts_are_approved",
    "rule.product_waits_out_bad_health",
    "rule.support_goes_first",
    "ticket.declined",
    "ticket.stale",
    "$effect cancelled",
    "$effect delivered",
    "$workflow cancelled",
    "$workflow compensated",
    "$workflow done",
    "RenewLease held",
    "TakeLease waiting",
)
"""What has to happen in a few dozen runs, or they show less than they seem to."""


@cache
def outcomes(first: int) -> Sequence[Outcome]:
    """Return what came of a portion of the seeds."""
    return run_some(range(first, first + PORTION))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, PORTION))
def test_every_promise_is_kept(first: int) -> None:
    failed = [(one.seed, *map(str, one.faults), one.error) for one in outcomes(first) if not one.is_clean]
    assert not failed, failed[0]


@pytest.mark.slow
def test_runs_show_every_pattern() -> None:
    happened: Counter[str] = Counter()
    for outcome in (*outcomes(0), *outcomes(PORTION)):
        happened.update(outcome.happened)
    assert not [what for what in SEEN if not happened[what]]


def test_whoever_runs_seeds_hears_of_what_happens_afterwards(caplog: pytest.LogCaptureFixture) -> None:
    run_some(())
    logging.getLogger("comity").warning("a word")
    assert caplog.messages == ["a word"]


def test_a_seed_is_the_same_run_again() -> None:
    with stage() as play:
        first, again, other = play(3), play(3), play(4)
    assert first.digest == again.digest != other.digest
    assert first.log == again.log
    assert first.asked == again.asked
    assert first.followed == again.followed


def test_a_seed_is_the_same_run_in_another_process() -> None:
    code = "from comity.testing.simulation import stage\nwith stage() as play: print(play(3).digest)"
    digests = {_said(code, hash_seed) for hash_seed in ("1", "2")}
    with stage() as play:
        assert digests == {play(3).digest}


def _said(code: str, hash_seed: str) -> str:
    surroundings = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=surroundings, check=True)
    return done.stdout.split()[-1]


def test_many_seeds_are_shared_out_to_processes() -> None:
    told: list[tuple[int, int]] = []
    summary = run_seeds(0, 10, jobs=2, progress=lambda done, total: told.append((done, total)))
    assert (summary.seeds, summary.failed) == (10, ())
    assert summary.commits > 200
    assert told[-1] == (10, 10)


def test_the_command_counts_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "2", "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert "decision committed" in said
    assert "2 seeds" in said


def test_the_command_names_the_seeds_that_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = Outcome(seed=4711, faults=(("owners", Fault("not_the_owner", "p-1", "wrote what isn't its own")),))
    summary = Summary(seeds=1, commits=9, happened={}, failed=(failed, Outcome(seed=4712, error="broke off")))
    monkeypatch.setattr("comity.testing.simulation.__main__.run_seeds", lambda *_, **__: summary)
    assert main(["--seeds", "1"]) == 1
    said = capsys.readouterr().out
    assert "--first 4711 --seeds 1" in said
    assert "owners: not_the_owner (p-1)" in said
    assert "broke off" in said


def test_a_run_that_breaks_off_is_a_failure() -> None:
    def break_off(seed: int) -> History:
        raise RuntimeError("no run")

    outcome = run_seed(1, break_off)
    assert not outcome.is_clean
    assert "no run" in str(outcome.error)
