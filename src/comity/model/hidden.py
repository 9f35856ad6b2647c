"""What stands for a value whose reader may not see it (S39): the same mark in Python, JSON and texts.

It is no value: a proposal that carries it is refused, so no record ever holds one.
"""

from __future__ import annotations

from typing import Final

import msgspec

KEY: Final = "$hidden"
"""The one key of the object that the mark is in JSON."""

UNTOLD: Final = "not told"
"""What findings and alerts say instead of the value of a field that has readers: they are kept, and shown to many."""


class Hidden(msgspec.Struct, frozen=True, gc=False):
    """Stand for a value that is only for ``readers`` (agents or roles), whether it is empty or not.

    >>> mark = Hidden(("sales", "support"))
    >>> str(mark), msgspec.json.encode(mark)
    ('hidden', b'{"$hidden":["sales","support"]}')
    """

    readers: tuple[str, ...] = msgspec.field(name=KEY)

    def __str__(self) -> str:
        return "hidden"

    def __repr__(self) -> str:
        return f"<hidden, for {', '.join(self.readers)}>"
