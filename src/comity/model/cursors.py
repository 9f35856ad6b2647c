"""Cursors: how far somebody has come in the log, in which life of the base."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from comity.errors import InvalidRequest

_CURSOR: Final = re.compile(r"([A-Za-z0-9-]{1,64}):([0-9]{1,18})\Z")
EXAMPLE: Final = "a cursor as the feed gave it, a revision, 'start' or 'now'"


class Cursor(msgspec.Struct, frozen=True, gc=False):
    """Be a place behind a commit: ``revision`` counts in this ``incarnation`` of the base only (S1).

    >>> str(Cursor("i3f2", 1234))
    'i3f2:1234'
    """

    incarnation: str
    revision: int

    def __str__(self) -> str:
        return f"{self.incarnation}:{self.revision}"


def parse_cursor(text: str) -> Cursor:
    """Return the cursor that a text stands for; raises InvalidRequest for anything else.

    >>> parse_cursor("i3f2:1234").revision
    1234
    """
    found = _CURSOR.match(text)
    if found is None:
        raise InvalidRequest(f"after: {text[:80]!r} is no cursor: give {EXAMPLE}")
    return Cursor(found[1], int(found[2]))
