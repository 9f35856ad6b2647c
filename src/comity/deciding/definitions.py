"""Definitions made ready for judging, kept for a while: several are in use only around a change.

Compiling a large one takes a good part of a second. Whoever proposes one has it compiled
outside the head, where the records are scanned; under the head it is then found here.
"""

from __future__ import annotations

from functools import lru_cache

from comity.deciding.compile import Compiled, load_definition
from comity.model.records import RecordState


@lru_cache(maxsize=8)
def compiled_of(source: str, number: int, shadowed: tuple[str, ...]) -> Compiled:
    """Return the definition of a source; number 0 is the empty one of a new workspace.

    ``shadowed`` names the rules that run in shadow as they don't say themselves what they
    do (S26). Raises InvalidDefinition.
    """
    return load_definition(source if number else "", number, shadowed=shadowed)


def compiled_from(state: RecordState | None) -> Compiled:
    """Return the definition that the record ``$definition/current`` holds; the empty one where there is none."""
    if state is None:
        return compiled_of("", 0, ())
    return compiled_of(state.values["source"], state.version, shadowed_in(state))


def shadowed_in(state: RecordState) -> tuple[str, ...]:
    """Return the rules that a definition was put in force with in shadow, as they were new."""
    return tuple(state.values.get("shadowed") or ())


def is_of(compiled: Compiled, state: RecordState) -> bool:
    """Tell whether a compiled definition is that of the record ``$definition/current``."""
    is_same_text = compiled.number == state.version and compiled.definition.source == state.values["source"]
    return is_same_text and compiled.shadowed == shadowed_in(state)
