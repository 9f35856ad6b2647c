"""The whole demo, from an empty folder to what is told about it."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from rich.console import Console

from comity.cli.demo import evidence, grounds, report, stage
from comity.cli.demo.audit import Audit, read_audit
from comity.cli.demo.evidence import Evidence
from comity.cli.demo.proof import how_they_yielded, is_proven
from comity.cli.demo.worlds import WITH, WITHOUT, WORLDS, YIELDING


def run(folder: Path, *, as_json: bool = False) -> int:
    """Play the demo in a folder; return 0 if it shows what it is meant to show, 1 otherwise.

    Raises InvalidRequest where the folder holds something else than an earlier demo, can't
    be written, or is another demo's at this moment.
    """
    with grounds.taken(folder):
        return _play(folder, as_json=as_json)


def _play(folder: Path, *, as_json: bool) -> int:
    console = Console(quiet=as_json, highlight=False, markup=False)
    try:
        runs = {world: _run(world, folder, console) for world in (WITHOUT, WITH)}
        audit = _audit(folder, WITH)
        report.tell_comparison(console, runs)
        report.tell_audit(console, audit)
        yielded = _run(YIELDING, folder, console)
    except stage.StageError as error:
        sys.stderr.write(f"the demo broke off: {error}\n")
        return 1
    trail = _audit(folder, YIELDING)
    yielding = how_they_yielded(yielded, trail)
    report.tell_next(console, folder / YIELDING / WORLDS[YIELDING].base)
    if as_json:
        told = {**report.as_data(folder, runs, audit), **report.yielding_as_data(folder, yielded, trail, yielding)}
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    return 0 if is_proven(runs, audit) and yielding.is_proven and trail.verified else 1


def _run(world: str, folder: Path, console: Console) -> Evidence:
    stage.play(world, folder / world)
    told = evidence.collect(world, folder / world)
    report.tell_run(console, world, told)
    return told


def _audit(folder: Path, world: str) -> Audit:
    return read_audit(folder / world / WORLDS[world].base)
