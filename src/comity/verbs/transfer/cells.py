"""Cells of a CSV and the values that they stand for.

A cell is text; what it means depends on its column. In a *text* column it means itself, in
a *typed* one it means the number, truth value or JSON that it spells. A column is what its
field is declared as; a column of an undeclared field is typed if every cell in it spells a
value, so that one leading zero keeps all its numbers texts. An empty cell says nothing.

A text that would be misread is written as a JSON string, quotation marks included, and a
cell is taken for such a string only if the text in it needed that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec

from comity import limits
from comity.deciding.fields import CompiledField
from comity.model.codec import encode

Column = Literal["text", "typed", "unknown"]

_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?\Z", re.ASCII)
_POWER: Final = re.compile(r"-?\d(\.\d+)?e-?\d+\Z", re.ASCII)
_FLAGS: Final = {"true": True, "false": False}
_TYPED: Final = frozenset({"integer", "number", "boolean", "list", "map"})


class Unspelt:
    """Be the answer for a cell that spells no value."""


_UNSPELT: Final = Unspelt()


def column_of(field: CompiledField | None) -> Column:
    """Return how the cells of a field's column are taken, as far as its declaration tells."""
    if field is None or field.type.name == "any":
        return "unknown"
    return "typed" if field.type.name in _TYPED else "text"


def guess(cells: Iterable[str]) -> Column:
    """Return how the cells of an undeclared field's column are taken.

    >>> guess(["1", "2.5", ""]), guess(["0049", "12"])
    ('typed', 'text')
    """
    return "typed" if all(not cell or spells_value(cell) for cell in cells) else "text"


def spells_value(cell: str) -> bool:
    """Tell whether a cell would be taken for something else than the text that it is."""
    return _spelt(cell) is not _UNSPELT


def read_cell(cell: str, column: Column) -> Any:
    """Return the value that a cell stands for; None for an empty one.

    In a typed column a cell that spells nothing stays a text, for the checks to judge.

    >>> read_cell("12", "typed"), read_cell("12", "text"), read_cell('""', "text")
    (12, '12', '')
    """
    if not cell:
        return None
    if column == "text":
        return _read_text(cell)
    spelt = _spelt(cell)
    return cell if isinstance(spelt, Unspelt) else spelt


def write_cell(value: Any, column: Column) -> str:
    """Return the cell that :func:`read_cell` takes for the value."""
    if value is None:
        return ""
    if column == "text" and isinstance(value, str) and value and _read_text(value) == value:
        return value
    return encode(value).decode()


def _read_text(cell: str) -> str:
    text = _unquoted(cell)
    if text is not None and (not text or _read_text(text) != text):
        return text
    return cell


def _unquoted(cell: str) -> str | None:
    if len(cell) < 2 or cell[0] != '"' or cell[-1] != '"':
        return None
    text = _decoded(cell)
    return text if isinstance(text, str) else None


def _spelt(cell: str) -> Any:
    flag = _FLAGS.get(cell.lower()) if len(cell) <= 5 else None
    if flag is not None:
        return flag
    if cell[:1] in ('"', "[", "{"):
        return _decoded(cell)
    if _NUMBER.match(cell):
        return _in_bounds(_decoded(cell))
    if _POWER.match(cell):
        value = _in_bounds(_decoded(cell))
        return value if encode(value).decode() == cell else _UNSPELT
    return _UNSPELT


def _decoded(cell: str) -> Any:
    try:
        return msgspec.json.decode(cell)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _UNSPELT


def _in_bounds(value: Any) -> Any:
    if isinstance(value, int) and not limits.INTEGER_MIN <= value <= limits.INTEGER_MAX:
        return _UNSPELT
    return value
