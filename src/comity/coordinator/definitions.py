"""Definitions made ready for judging, kept for a while: several are in use only around a change."""

from __future__ import annotations

from functools import lru_cache

from comity.deciding.compile import Compiled, load_definition


@lru_cache(maxsize=8)
def compiled_of(source: str, number: int) -> Compiled:
    """Return the definition of a source; number 0 is the empty one of a new workspace."""
    return load_definition(source if number else "", number)
