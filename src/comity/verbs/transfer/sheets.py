"""Rows of a CSV file (RFC 4180): a first line with the names of its columns, then a record in each."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any, BinaryIO, Final

import msgspec

from comity import limits
from comity.deciding.compile import CompiledKind
from comity.errors import InvalidRequest
from comity.model.refs import NAME
from comity.operations import LineError
from comity.verbs.draft import field_name
from comity.verbs.transfer.cells import Column, column_of, read_cell, spells_value
from comity.verbs.transfer.rows import Row, Rows, Source, addressed, key_of, without_key

DELIMITERS: Final = ",;\t|"

Line = tuple[int, list[str] | LineError]
"""The line in which a row begins, and its cells."""


class Sheet(msgspec.Struct, frozen=True):
    """Be what the first line says: the delimiter, the fields by column, which column is the id."""

    delimiter: str
    fields: tuple[str, ...]
    key: str
    columns: tuple[Column, ...]


def csv_rows(file: BinaryIO, source: Source) -> Rows:
    """Yield the rows of a CSV. It is gone through twice: first to see what its columns hold."""
    # The bound is the whole process's, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), limits.PROPOSAL_BYTES))
    sheet = _sheet_of(file, source)
    with closing(_cells(file, sheet.delimiter)) as lines:
        next(lines)
        for line, cells in lines:
            yield cells if isinstance(cells, LineError) else _row(line, cells, sheet, source)


def _row(line: int, cells: list[str], sheet: Sheet, source: Source) -> Row | LineError:
    if len(cells) != len(sheet.fields):
        problem = f"{len(cells)} cells, and the first line names {len(sheet.fields)} columns"
        return LineError(line=line, record=None, problem=problem)
    values: dict[str, Any] = {}
    for name, cell, column in zip(sheet.fields, cells, sheet.columns, strict=True):
        if cell:
            values[name] = read_cell(cell, column)
    name = cells[sheet.fields.index(sheet.key)]
    if not name:
        return LineError(line=line, record=None, problem=f"{sheet.key}: the id is empty")
    return addressed(line, f"{source.kind}/{name}", without_key(values, sheet.key, source))


# -- the first look


def _sheet_of(file: BinaryIO, source: Source) -> Sheet:
    first = file.readline(limits.PROPOSAL_BYTES).decode("utf-8-sig", errors="replace")
    file.seek(0)
    delimiter = max(DELIMITERS, key=first.count)
    with closing(_cells(file, delimiter)) as lines:
        _, header = next(lines, (1, []))
        if isinstance(header, LineError) or not any(header):
            raise InvalidRequest("the first line should name the columns")
        key = _key_of(header, source)
        fields = _fields(header, key)
        columns: list[Column] = [_declared(name, source.declared) for name in fields]
        _guess_unknown(lines, columns)
    file.seek(0)
    return Sheet(delimiter, fields, key, tuple(columns))


def _key_of(header: list[str], source: Source) -> str:
    key = key_of(header, source)
    if key is None:
        what = f"there is no column {source.key!r}" if source.key else "no column is called id"
        raise InvalidRequest(f"{what}: say which one holds the ids with key=COLUMN. Columns: {', '.join(header)}")
    return key


def _fields(header: list[str], key: str) -> tuple[str, ...]:
    """Return the fields that columns stand for: a name that can't be one is made into one, as ``comity init`` does."""
    fields = tuple(name if name == key or NAME.match(name) else field_name(name) for name in header)
    twice = [name for position, name in enumerate(fields) if name in fields[:position]]
    if twice:
        raise InvalidRequest(f"two columns stand for the field {twice[0]!r}: rename one")
    return fields


def _declared(name: str, kind: CompiledKind | None) -> Column:
    return column_of(kind.fields.get(name) if kind is not None else None)


def _guess_unknown(lines: Iterator[Line], columns: list[Column]) -> None:
    """Settle the columns that nothing is declared of: typed, unless a cell spells no value."""
    unknown = {position for position, column in enumerate(columns) if column == "unknown"}
    for position in unknown:
        columns[position] = "typed"
    for _, cells in lines:
        if not unknown:
            return
        if isinstance(cells, LineError):
            continue
        plain = [at for at in unknown if at < len(cells) and cells[at] and not spells_value(cells[at])]
        for position in plain:
            columns[position] = "text"
        unknown.difference_update(plain)


# -- lines


def _cells(file: BinaryIO, delimiter: str) -> Generator[Line, None, None]:
    """Yield the cells of each row, of the header first, with the line that it begins in; blank lines are left out."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        line = 1
        while True:
            cells = _next(reader, line)
            if cells is None:
                return
            if cells:
                yield line, cells
            line = reader.line_num + 1
    finally:
        text.detach()


def _next(reader: Any, line: int) -> list[str] | LineError | None:
    try:
        cells: list[str] | None = next(reader, None)
    except csv.Error as error:
        return LineError(line=line, record=None, problem=f"not CSV: {error}")
    if cells and any(not cell.isascii() and _is_broken(cell) for cell in cells):
        return LineError(line=line, record=None, problem="not UTF-8")
    return cells


def _is_broken(cell: str) -> bool:
    return any("\udc80" <= sign <= "\udcff" for sign in cell)
