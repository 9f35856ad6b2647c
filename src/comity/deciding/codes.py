"""The codes of findings that are named in a definition."""

from __future__ import annotations

import re
from typing import Final

_OTHER: Final = re.compile(r"[^a-z0-9]+")


def code_of(name: str) -> str:
    """Return the name of a guard or a rule as the tail of a code.

    >>> code_of("Churned is final")
    'churned_is_final'
    """
    return _OTHER.sub("_", name.lower()).strip("_") or "unnamed"
