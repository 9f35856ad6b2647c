"""Which checks only tell what they find, instead of standing in the way (S22)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from comity.model.definition import Mode
from comity.model.reading import Reading

Setting = tuple[str, str]
"""An agent or a kind, and a gate."""


@dataclass(frozen=True, slots=True)
class Modes:
    """Know the modes of all checks; where nothing is declared, they enforce."""

    gates: Mapping[str, Mode]
    kinds: Mapping[Setting, Mode]
    agents: Mapping[Setting, Mode]

    def of(self, gate: str, kind: str | None, agent: str) -> Mode:
        """Return the mode of a gate: the agent's setting comes before the kind's, and this before the workspace's."""
        mode = self.agents.get((agent, gate))
        if mode is None and kind is not None:
            mode = self.kinds.get((kind, gate))
        return mode or self.gates.get(gate, "enforce")


def compile_modes(reading: Reading) -> Modes:
    """Return the modes that a definition declares; a kind that isn't there is noted."""
    checks = reading.definition.checks
    _check_kinds(checks.kinds, reading)
    named = dict(_settings(checks.agents))
    return Modes(checks.gates, dict(_settings(checks.kinds)), {**named, **dict(_by_role(reading, checks.agents))})


def _settings(each: Mapping[str, Mapping[str, Mode]]) -> Iterator[tuple[Setting, Mode]]:
    for name, modes in each.items():
        for gate, mode in modes.items():
            yield (name, gate), mode


def _by_role(reading: Reading, each: Mapping[str, Mapping[str, Mode]]) -> Iterator[tuple[Setting, Mode]]:
    """Yield the settings of declared agents, their own over those of their roles."""
    for agent in reading.definition.agents:
        yield from _settings({agent.name: {**each.get(agent.role, {}), **each.get(agent.name, {})}})


def _check_kinds(kinds: Iterable[str], reading: Reading) -> None:
    declared = [kind.name for kind in reading.definition.kinds]
    if not declared or reading.definition.undeclared == "allow":
        return
    for name in kinds:
        if name not in declared and name not in reading.unread.kinds:
            path = ("checks", "kinds", name)
            reading.problems.add(path, f"there is no kind {name!r}", given=name, choices=declared)
