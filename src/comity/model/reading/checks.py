"""The modes of checks: ``[checks]`` (S22)."""

from __future__ import annotations

from typing import Final, get_args

from comity.model.definition import ChecksDefinition, Mode
from comity.model.reading.parties import Parties
from comity.model.reading.sections import Section

MODES: Final[tuple[Mode, ...]] = get_args(Mode)
GATES: Final = ("ownership", "lease", "freshness", "guard", "integrity", "cascade", "rule")
"""Checks that may run in shadow."""

ALWAYS: Final = ("shape", "identity", "reader", "override", "definition", "workflow")
HINTS: Final = {gate: f"{gate!r} always enforces; there are {', '.join(GATES)}" for gate in ALWAYS}


def read_checks(section: Section, parties: Parties) -> ChecksDefinition:
    """Return the modes that a definition declares."""
    section.allow((*GATES, "kinds", "agents"), hints=HINTS)
    agents = section.section("agents")
    for name in agents.table:
        if agents.is_name(name, "agent"):
            parties.check(name, agents, name)
    return ChecksDefinition(
        gates=_read_modes(section), kinds=_read_each(section.section("kinds")), agents=_read_each(agents)
    )


def _read_each(section: Section) -> dict[str, dict[str, Mode]]:
    found: dict[str, dict[str, Mode]] = {}
    for name, entry in section.sections(example='{ freshness = "shadow" }'):
        entry.allow(GATES, hints=HINTS)
        found[name] = _read_modes(entry)
    return found


def _read_modes(section: Section) -> dict[str, Mode]:
    modes: dict[str, Mode] = {}
    for gate in GATES:
        mode: Mode | None = section.optional_choice(gate, MODES)
        if mode is not None:
            modes[gate] = mode
    return modes
