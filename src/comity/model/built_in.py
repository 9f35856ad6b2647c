"""Comity's own kinds, declared in ``built_in.toml`` in the language of a user's definition.

The gates that protect their records and the verbs that propose changes to them share this
one description.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

from comity.model.definition import Definition
from comity.model.reading import read_built_in

DEFINITION: Final = "$definition"
AGENT: Final = "$agent"
INTENT: Final = "$intent"
HANDOFF: Final = "$handoff"
GRANT: Final = "$grant"
APPROVAL: Final = "$approval"
QUEUE: Final = "$queue"
OVERRIDE: Final = "$override"
LEASE: Final = "$lease"
ALERT: Final = "$alert"
EFFECT: Final = "$effect"
WORKFLOW: Final = "$workflow"
TASK: Final = "$task"

SPEAKING: Final = frozenset({INTENT, HANDOFF, GRANT, APPROVAL, QUEUE, OVERRIDE, LEASE, ALERT, EFFECT, WORKFLOW, TASK})
"""The kinds whose records hold what was said or done about others: they are erased with these (S37)."""
ENDING: Final = frozenset({INTENT, ALERT})
"""Those of them that may be erased while they are open, as nothing waits for them."""


@cache
def built_in() -> Definition:
    """Return the definition of the built-in kinds.

    >>> [kind.name for kind in built_in().kinds][:2]
    ['$definition', '$agent']
    """
    origin = "built_in.toml"
    return read_built_in(files("comity.model").joinpath(origin).read_text("utf-8"), origin=origin)
