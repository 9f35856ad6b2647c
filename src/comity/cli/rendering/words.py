"""Values and times as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from rich import box
from rich.table import Table
from rich.text import Text

from comity.cli.rendering.harmless import clean
from comity.clock import SECOND_US, format_time
from comity.model.hidden import Hidden

CELL_CHARS: Final = 48
_BAD: Final = "red"
_GOOD: Final = "green"


def line(text: str, chars: int | None = None) -> str:
    """Return a text on one line, cut to a number of characters."""
    flat = clean(text.replace("\n", "⏎"))
    return flat if chars is None or len(flat) <= chars else flat[: chars - 1] + "…"


def value(found: Any, chars: int | None = None) -> Text:
    """Return a field's value: texts as they are, everything else as JSON, nothing as a dash, what is hidden as that.

    With a number of characters only the first line of a text is shown, cut to that number.
    """
    if found is None:
        return Text("-", style="dim")
    if isinstance(found, Hidden):
        return Text(str(found), style="dim")
    if isinstance(found, str):
        first, _, rest = found.partition("\n")
        return Text(line(f"{first} …" if rest and chars is not None else found, chars))
    return Text(line(msgspec.json.encode(found).decode(), chars), style="cyan")


def moment(text: str) -> str:
    """Return an RFC 3339 time, which is in UTC wherever Comity tells one, to the second.

    >>> moment("2026-11-24T06:12:46.42065Z")
    '2026-11-24 06:12:46 UTC'
    """
    return f"{text[:19].replace('T', ' ')} UTC"


def moment_of(us: int) -> str:
    """Return a time in microseconds as people read it."""
    return moment(format_time(us // SECOND_US * SECOND_US))


def arrow(was: Any, now: Any) -> Text:
    """Return a change: what was, what is."""
    return Text.assemble(value(was, CELL_CHARS), (" → ", "dim"), value(now, CELL_CHARS))


def quoted(reason: str | None) -> Text:
    """Return somebody's words, marked as such."""
    return Text(f'"{line(reason, 120)}"' if reason else "", style="italic")


def good(text: str) -> Text:
    """Return a text that tells of success."""
    return Text(text, style=_GOOD)


def bad(text: str) -> Text:
    """Return a text that tells of a failure."""
    return Text(text, style=_BAD)


def dim(text: str) -> Text:
    """Return a text of less weight."""
    return Text(text, style="dim")


def table(*columns: str) -> Table:
    """Return a table without frills, which reads as well in a pipe."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def facts(*pairs: tuple[str, Text | str]) -> Table:
    """Return names and what they are, one pair in a line."""
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, found in pairs:
        made.add_row(Text(name), Text(found) if isinstance(found, str) else found)
    return made


def stacked(parts: Sequence[Text]) -> Text:
    """Return texts below one another."""
    return Text("\n").join(parts)
