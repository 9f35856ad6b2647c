"""``comity demo``: three agents on the same records, first by hand, then through Comity.

Sales, Support and Product are three processes that run fixed programs, no models. The same
script of turns is played twice, on a fresh base each; what came of it is then counted from
the files alone. Promised: nothing is sent to anyone, and no folder is cleared that the demo
didn't make. Forbidden here: results that aren't counted, and turns that differ between the runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from comity.cli.demo import evidence, grounds, report, stage
from comity.cli.demo.audit import Audit, read_audit
from comity.cli.demo.evidence import Evidence
from comity.cli.demo.script import AGENTS
from comity.cli.demo.worlds import WITH, WITHOUT, WORLDS


def run(folder: Path, *, as_json: bool = False) -> int:
    """Play the demo in a folder; return 0 if it shows what it is meant to show, 1 otherwise.

    Raises InvalidRequest where the folder holds something else than an earlier demo, can't
    be written, or is another demo's at this moment.
    """
    with grounds.taken(folder):
        return _play(folder, as_json=as_json)


def _play(folder: Path, *, as_json: bool) -> int:
    console = Console(quiet=as_json, highlight=False, markup=False)
    runs: dict[str, Evidence] = {}
    try:
        for world in (WITHOUT, WITH):
            stage.play(world, folder / world)
            runs[world] = evidence.collect(world, folder / world)
            report.tell_run(console, world, runs[world])
    except stage.StageError as error:
        sys.stderr.write(f"the demo broke off: {error}\n")
        return 1
    base = folder / WITH / WORLDS[WITH].base
    audit = read_audit(base)
    report.tell_comparison(console, runs)
    report.tell_audit(console, audit)
    report.tell_next(console, base)
    if as_json:
        sys.stdout.write(report.as_json(folder, runs, audit).decode() + "\n")
    return 0 if is_proven(runs, audit) else 1


def is_proven(runs: dict[str, Evidence], audit: Audit) -> bool:
    """Tell whether the collisions did their harm by hand, and none through Comity, where all agents got to work."""
    before, after = runs[WITHOUT], runs[WITH]
    has_harm = before.emails_sent > 0 and before.lost_updates > 0 and before.dangling_references > 0
    are_processes = all(len({entry.process for entry in one.entries}) == len(AGENTS) for one in runs.values())
    has_worked = {entry.agent for entry in after.entries if entry.outcome == "saved"} == set(AGENTS)
    return has_harm and are_processes and after.is_clean and has_worked and bool(audit.refusals) and audit.verified
