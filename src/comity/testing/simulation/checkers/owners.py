"""Owners respected: whatever an agent wrote is its own, or an owner has accepted just that."""

from __future__ import annotations

from collections.abc import Iterator

from comity.model.events import Commit
from comity.testing.histories import Fault
from comity.testing.simulation.checkers.past import Past, is_bound
from comity.testing.simulation.scene import AGENTS, HUMAN, OWNERS


def check(past: Past) -> Iterator[Fault]:
    """Yield what was written by somebody whose it isn't."""
    for commit, _ in past.in_order():
        if not is_bound(commit) and commit.agent != HUMAN:
            continue
        consenting = _consenting(commit, past)
        for event, changed in past.writes(commit):
            for field in sorted(changed):
                owners = OWNERS.get(field) if event.kind == "customer" and event.version > 1 else None
                if owners is not None and commit.role not in owners and not consenting & set(owners):
                    message = f"{commit.agent} ({commit.role}) wrote {event.ref}.{field}, which belongs to {owners}"
                    yield Fault("not_the_owner", commit.proposal, message)


def _consenting(commit: Commit, past: Past) -> set[str]:
    """Return the roles of those who accepted the offer that this commit fulfils, at once or after a wait in line."""
    offer = past.at(("$handoff", commit.proposal), commit.revision)
    if offer.values.get("state") != "accepted":
        return set()
    return {AGENTS.get(name, "") for name in offer.values["consenting"]}
