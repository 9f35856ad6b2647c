"""Many runs: each seed played and examined, in as many processes as there are cores, and what came of it."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from comity.testing.histories import Fault
from comity.testing.simulation import scene
from comity.testing.simulation.checkers import CHECKERS
from comity.testing.simulation.checkers.past import Past
from comity.testing.simulation.playing import RUN_S, History, Play

MEMORY: Final = Path("/dev/shm")
"""Where files cost no disk, on systems that have such a place: runs are about order, not about disks."""
_MOST_FAULTS: Final = 20
_AT_ONCE: Final = 8


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Be what came of one seed: the faults found, by checker, or the error that broke the run off."""

    seed: int
    commits: int = 0
    digest: str = ""
    faults: tuple[tuple[str, Fault], ...] = ()
    happened: dict[str, int] = {}
    error: str | None = None

    @property
    def is_clean(self) -> bool:
        """Tell whether every promise was kept."""
        return not self.faults and self.error is None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Be what came of many seeds: how many there were, what happened in all of them, and those that failed."""

    seeds: int
    commits: int
    happened: dict[str, int]
    failed: tuple[Outcome, ...]


@contextmanager
def stage(folder: Path | None = None) -> Generator[Callable[[int], History]]:
    """Give a function that plays a seed, on a stage that is cleared away at the end.

    >>> with stage() as play:
    ...     len(play(7).digest)
    64
    """
    where = folder or (MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None)
    home = Path(tempfile.mkdtemp(prefix="comity-sim-", dir=where))
    try:
        key = scene.prepare(home / "base.db")
        yield partial(_play, home=home, key=key)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _play(seed: int, seconds: float = RUN_S, *, home: Path, key: str) -> History:
    with tempfile.TemporaryDirectory(dir=home) as folder:
        return Play(seed, Path(folder), home / "base.db", key).run(seconds)


def examine(history: History, names: Iterable[str] = CHECKERS) -> list[tuple[str, Fault]]:
    """Return what checkers find in a history, each with the checker's name."""
    past = Past(history)
    return [(name, fault) for name in names for fault in CHECKERS[name](past)]


def run_seed(seed: int, play: Callable[[int], History]) -> Outcome:
    """Return what came of a seed."""
    try:
        history = play(seed)
        faults = tuple(examine(history)[:_MOST_FAULTS])
    except Exception:  # noqa: BLE001 - whatever breaks a run off is what it has found
        return Outcome(seed=seed, error=traceback.format_exc())
    return Outcome(
        seed=seed,
        commits=len(history.log.entries),
        digest=history.digest,
        faults=faults,
        happened=dict(history.happened),
    )


def run_some(seeds: Sequence[int]) -> list[Outcome]:
    """Return what came of some seeds, in this process."""
    with _silence(), stage() as play:
        return [run_seed(seed, play) for seed in seeds]


@contextmanager
def _silence() -> Generator[None]:
    """Have nothing logged but errors: planned failures are no news."""
    log = logging.getLogger("comity")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def run_seeds(
    first: int, count: int, *, jobs: int | None = None, progress: Callable[[int, int], object] | None = None
) -> Summary:
    """Return what came of many seeds, shared out to processes; ``progress`` is told how many of them are done."""
    portions = [range(start, min(start + _AT_ONCE, first + count)) for start in range(first, first + count, _AT_ONCE)]
    commits, happened, failed = 0, Counter[str](), list[Outcome]()
    done = 0
    with multiprocessing.get_context("spawn").Pool(jobs or os.cpu_count()) as pool:
        for outcomes in pool.imap_unordered(run_some, portions):
            done += len(outcomes)
            commits += sum(outcome.commits for outcome in outcomes)
            for outcome in outcomes:
                happened.update(outcome.happened)
            failed += [outcome for outcome in outcomes if not outcome.is_clean]
            if progress is not None:
                progress(done, count)
    failed.sort(key=lambda outcome: outcome.seed)
    return Summary(seeds=count, commits=commits, happened=dict(happened), failed=tuple(failed))
