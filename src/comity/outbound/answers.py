"""What came of a try to send something."""

from __future__ import annotations

from typing import Literal

import msgspec

from comity import limits

Verdict = Literal["delivered", "later", "refused"]
"""``later``: the receiver may take it another time; ``refused``: it won't take this."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """Be what a receiver answered.

    ``status`` is its code, of HTTP or of SMTP, ``text`` the beginning of its words,
    ``retry_after_s`` how long it wants to be left alone, where it says so.
    """

    status: int
    verdict: Verdict
    retry_after_s: float | None = None
    text: str = ""

    @property
    def is_delivered(self) -> bool:
        """Tell whether the receiver has taken it."""
        return self.verdict == "delivered"


class Unanswered(msgspec.Struct, frozen=True, gc=False):
    """Be a try without an answer. Unless ``may_have_arrived``, surely nothing was sent."""

    message: str
    may_have_arrived: bool
    verdict: Verdict = "later"

    @property
    def is_delivered(self) -> bool:
        """Tell that it isn't known to have been taken."""
        return False


Outcome = Answer | Unanswered


def words_kept(said: str) -> str:
    """Return the beginning of a receiver's words, without what no record can hold, and no terminal should get.

    >>> words_kept("Gone" + chr(0) + chr(27))
    'Gone'
    """
    return "".join(one for one in said[: limits.OUTBOUND_TEXT_CHARS] if one.isprintable() or one in "\t\n").strip()
