"""Workflows done once and whole: no step twice, none left out, and what went backwards has left nothing half done."""

from __future__ import annotations

from collections.abc import Iterator

from comity.model.records import RecordState
from comity.testing.histories import Fault
from comity.testing.simulation.checkers.past import Past


def check(past: Past) -> Iterator[Fault]:
    """Yield runs whose record isn't what all steps, or none of them, would have made of it."""
    for run in past.of_kind("$workflow", past.end):
        renewal = past.at(("renewal", run.values["params"]["number"]), past.end)
        if renewal.is_live and (renewal.values["signed"] > 1 or renewal.values["filed"] > 1):
            yield Fault("step_done_twice", run.ref, f"{renewal.ref} is {renewal.values}")
        if run.values["state"] == "done" and not _is_whole(renewal):
            yield Fault("step_left_out", run.ref, f"done, and {renewal.ref} is {renewal.life} with {renewal.values}")
        if run.values["state"] in ("compensated", "cancelled", "failed") and renewal.is_live:
            yield Fault("half_done", run.ref, f"{run.values['state']}, and {renewal.ref} is still there")


def _is_whole(renewal: RecordState) -> bool:
    return renewal.is_live and (renewal.values["signed"], renewal.values["filed"]) == (1, 1)
