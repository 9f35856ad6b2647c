"""The actions of a definition: what agents do in business terms (S27)."""

from __future__ import annotations

from collections.abc import Mapping

from comity.model.definition import ActionDefinition
from comity.model.reading import Path, Reading


def compile_actions(reading: Reading) -> Mapping[str, ActionDefinition]:
    """Return the actions of a definition by their names; a kind that isn't there is noted."""
    definition = reading.definition
    declared = [kind.name for kind in definition.kinds]
    for action in definition.actions if declared and definition.undeclared != "allow" else ():
        for kind in action.about:
            if kind not in declared and kind not in reading.unread.kinds:
                path: Path = ("actions", action.name, "about")
                reading.problems.add(path, f"there is no kind {kind!r}", given=kind, choices=sorted(declared))
    return {action.name: action for action in definition.actions}
