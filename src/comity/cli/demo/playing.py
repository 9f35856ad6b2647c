"""The whole demo, from an empty folder to what is told about it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
from rich.console import Console

from comity.cli.demo import evidence, grounds, report, stage
from comity.cli.demo.audit import Audit, read_audit
from comity.cli.demo.evidence import Evidence
from comity.cli.demo.proof import Gated, how_it_was_gated, how_they_yielded, is_proven
from comity.cli.demo.worlds import ALL, GATED, WITH, WITHOUT, WORLDS, YIELDING


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
        gated = {world: _run(world, folder, console) for world in (GATED, ALL)}
        trails = {world: _audit(folder, world) for world in gated}
    except stage.StageError as error:
        sys.stderr.write(f"the demo broke off: {error}\n")
        return 1
    trail = _audit(folder, YIELDING)
    yielding = how_they_yielded(yielded, trail)
    found = {world: how_it_was_gated(trails[world]) for world in (GATED, ALL)}
    report.tell_mechanisms(console, audit, yielding, found)
    report.tell_next(console, folder / YIELDING / WORLDS[YIELDING].base)
    if as_json:
        told = {**report.as_data(folder, runs, audit), **report.yielding_as_data(folder, yielded, trail, yielding)}
        for world in gated:
            told |= report.gated_as_data(folder, world, gated[world], trails[world], found[world])
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    is_shown = is_proven(runs, audit) and yielding.is_proven and trail.verified and _is_gated(gated, trails, found)
    return 0 if is_shown else 1


def _is_gated(runs: Mapping[str, Evidence], trails: Mapping[str, Audit], found: Mapping[str, Gated]) -> bool:
    """Tell whether the effect gate stopped the e-mail, alone and together with the others."""
    are_clean = all(run.is_clean and trails[world].verified for world, run in runs.items())
    return are_clean and found[GATED].is_proven_alone and found[ALL].is_proven_together


def _run(world: str, folder: Path, console: Console) -> Evidence:
    stage.play(world, folder / world)
    told = evidence.collect(world, folder / world)
    report.tell_run(console, world, told)
    return told


def _audit(folder: Path, world: str) -> Audit:
    return read_audit(folder / world / WORLDS[world].base)
