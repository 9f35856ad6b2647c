"""Nothing that others wrote steers the terminal: what is printed passes here, once, at the end."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

_STEERING: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of signs that move the cursor, turn the writing around or can't be printed."""


class Harmless:
    """Be something to print, with every steering sign in its texts written as its escape."""

    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._inner, options):
            yield segment if segment.control else Segment(clean(segment.text), segment.style)


def clean(text: str) -> str:
    r"""Return a text with every sign that steers instead of being shown written as its escape; lines stay.

    >>> clean("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    if text.isprintable():
        return text
    return "".join(sign if sign == "\n" or not _steers(sign) else _escaped(sign) for sign in text)


def _steers(sign: str) -> bool:
    return unicodedata.category(sign) in _STEERING


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode()
