"""Looking into a file for tables: a CSV, or every table of an SQLite base."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from comity import limits
from comity.clock import SystemClock
from comity.deciding.expressions import RESERVED_NAMES, variable_name
from comity.errors import InvalidRequest, NotFound
from comity.model import refs
from comity.model.definition import OnRemoval
from comity.model.reading.names import problem_of_name
from comity.model.records import RecordState
from comity.store.sqlite import SqliteStore
from comity.store.sqlite.opening import APPLICATION_ID
from comity.verbs.draft.columns import Column, Reference
from comity.verbs.draft.names import distinct, field_name, kind_name

ROWS_READ: Final = 100_000
"""How many rows of a table are looked at."""
SQLITE_MAGIC: Final = b"SQLite format 3\0"
HEADER_BYTES: Final = 100
APPLICATION_ID_AT: Final = slice(68, 72)
"""Where the header of an SQLite file says whose it is (https://www.sqlite.org/fileformat2.html)."""
DELIMITERS: Final = ",;\t|"
ON_DELETE: Final[dict[str, OnRemoval]] = {"CASCADE": "cascade", "SET NULL": "detach"}


class Table(msgspec.Struct, frozen=True):
    """Be a table: what it is called, the kind it becomes, its id column and its other columns.

    ``without_id`` counts the rows whose id is empty. ``left_out`` names columns that no field
    can hold. ``has_columns`` is false for what was a kind before.
    """

    name: str
    kind: str
    rows: int
    id_column: str | None
    columns: tuple[Column, ...]
    left_out: tuple[str, ...] = ()
    has_columns: bool = True
    without_id: int = 0


def tables_of(path: Path, kind: str | None) -> list[Table]:
    """Return the tables of a file, which this process may not have open otherwise.

    ``kind`` is what the records of a CSV are to be called, or the only kind wanted of an
    SQLite base. Raises NotFound for a file or kind that isn't there, and InvalidRequest
    for a file that holds no tables, or a kind that can't be called so.
    """
    if kind is not None:
        _check_kind(kind)
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
        if not header.startswith(SQLITE_MAGIC):
            return [_csv_table(path, kind)]
        is_workspace = int.from_bytes(header[APPLICATION_ID_AT]) == APPLICATION_ID
        tables = _workspace_tables(path) if is_workspace else _sqlite_tables(path)
    except FileNotFoundError:
        raise NotFound(f"there is no file {str(path)!r}") from None
    except (OSError, UnicodeDecodeError, csv.Error, sqlite3.Error) as error:
        raise InvalidRequest(f"{path.name} can't be read as a CSV in UTF-8 or as an SQLite base: {error}") from error
    return tables if kind is None else [_table_of(kind, tables, path)]


def _check_kind(kind: str) -> None:
    problem = problem_of_name(kind, "kind")
    if problem is None and (refs.is_built_in(kind) or variable_name(kind) in RESERVED_NAMES):
        problem = f"{kind!r} means something else in Comity; take another name"
    if problem is not None:
        raise InvalidRequest(problem)


def _table_of(kind: str, tables: Sequence[Table], path: Path) -> Table:
    for table in tables:
        if table.kind == kind:
            return msgspec.structs.replace(table, columns=tuple(map(_without_reference, table.columns)))
    raise NotFound(f"{path.name} has nothing for a kind {kind!r}; it has {', '.join(table.kind for table in tables)}")


def _without_reference(column: Column) -> Column:
    return msgspec.structs.replace(column, reference=None)


def is_id(values: Sequence[Any], rows: int) -> bool:
    """Tell whether a column's values may be ids of records: one in each row, all different."""
    texts = {str(value) for value in values}
    return len(texts) == rows == len(values) and all(
        len(text) <= limits.RECORD_ID_CHARS and refs.RECORD_ID.match(text) for text in texts
    )


# -- CSV


def _csv_table(path: Path, kind: str | None) -> Table:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        file.seek(0)
        reader = csv.reader(file, delimiter=max(DELIMITERS, key=first.count), strict=True)
        header = next(reader, [])
        rows = [row for row, _ in zip((row for row in reader if row), range(ROWS_READ), strict=False)]
    if not any(header):
        raise InvalidRequest(f"{path.name} has no first line with the names of its columns")
    name = kind or kind_name(path.stem)
    columns = {column: _texts(rows, position) for position, column in enumerate(header) if column}
    id_column = _id_column(columns, name, len(rows))
    return Table(
        name=path.name,
        kind=name,
        rows=len(rows),
        id_column=id_column,
        columns=tuple(
            Column(column, values, is_text=True) for column, values in columns.items() if column != id_column
        ),
        without_id=len(rows) - len(columns[id_column]) if id_column is not None else 0,
    )


def _texts(rows: Sequence[Sequence[str]], position: int) -> list[str]:
    return [row[position] for row in rows if position < len(row) and row[position] != ""]


def _id_column(columns: dict[str, list[str]], kind: str, rows: int) -> str | None:
    """Return the column that holds the ids: by its name, and by what is in it; a few rows may lack theirs."""
    names = {field_name(column).lower(): column for column in reversed(columns)}
    first = field_name(next(iter(columns))).lower()
    guesses = ["id", f"{kind.lower()}_id", *([first] if first.endswith("id") else []), "uuid", "key"]
    candidates = [names[guess] for guess in guesses if guess in names]
    return next((column for column in candidates if _holds_ids(columns[column], rows)), None)


def _holds_ids(values: Sequence[str], rows: int) -> bool:
    return len(values) > rows / 2 and is_id(values, len(values))


# -- records


def _workspace_tables(path: Path) -> list[Table]:
    with closing(SqliteStore.open(str(path), clock=SystemClock())) as store, store.snapshot() as snapshot:
        return tables_of_records(snapshot.all_records())


def tables_of_records(records: Iterable[RecordState]) -> list[Table]:
    """Return a table for each kind of the live and archived records, built-in kinds left out."""
    by_kind: dict[str, list[RecordState]] = {}
    for state in records:
        if state.exists and not refs.is_built_in(state.kind):
            by_kind.setdefault(state.kind, []).append(state)
    kinds = distinct(f"{kind}_record" if kind in RESERVED_NAMES else kind for kind in sorted(by_kind))
    return [_kind_table(name, by_kind[kind]) for kind, name in zip(sorted(by_kind), kinds, strict=True)]


def _kind_table(kind: str, records: Sequence[RecordState]) -> Table:
    columns: dict[str, list[Any]] = {}
    for state in records[:ROWS_READ]:
        for field, value in state.values.items():
            columns.setdefault(field, []).append(value)
    return Table(
        name=kind,
        kind=kind,
        rows=len(records),
        id_column=None,
        columns=tuple(Column(field, values) for field, values in columns.items()),
        has_columns=False,
    )


# -- SQLite


TABLES: Final = """
    SELECT name FROM sqlite_master
    WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND sql NOT LIKE 'CREATE VIRTUAL %'
    ORDER BY name
"""


def _sqlite_tables(path: Path) -> list[Table]:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
        names = [row[0] for row in base.execute(TABLES)]
        kinds = dict(zip(names, distinct(map(kind_name, names)), strict=True))
        keys = {name: _primary_key(base, name) for name in names}
        return [_sqlite_table(base, name, kinds, keys) for name in names]


def _primary_key(base: sqlite3.Connection, table: str) -> str | None:
    rows = base.execute("SELECT name FROM pragma_table_info(?) WHERE pk > 0", (table,)).fetchall()
    return rows[0][0] if len(rows) == 1 else None


def _sqlite_table(base: sqlite3.Connection, name: str, kinds: dict[str, str], keys: dict[str, str | None]) -> Table:
    quoted = name.replace('"', '""')
    rows = base.execute(f'SELECT * FROM "{quoted}" LIMIT {ROWS_READ}').fetchall()  # noqa: S608  # a name can't be bound
    references = dict(_references(base, name, kinds, keys))
    info = base.execute('SELECT name, type, "notnull" FROM pragma_table_info(?)', (name,)).fetchall()
    id_column: str | None = None
    columns: list[Column] = []
    left_out: list[str] = []
    for position, (column, declared, is_required) in enumerate(info):
        values = [row[position] for row in rows if row[position] is not None]
        if column == keys[name] and is_id(values, len(rows)):
            id_column = column
        elif "BLOB" in declared.upper() or any(isinstance(value, bytes) for value in values):
            left_out.append(column)
        else:
            columns.append(
                Column(column, values, declared, is_required=bool(is_required), reference=references.get(column))
            )
    return Table(name, kinds[name], len(rows), id_column, tuple(columns), tuple(left_out))


def _references(
    base: sqlite3.Connection, table: str, kinds: dict[str, str], keys: dict[str, str | None]
) -> Iterator[tuple[str, Reference]]:
    """Yield the foreign keys of one column each that point at another table's id."""
    rows = base.execute(
        'SELECT id, "table", "from", "to", on_delete FROM pragma_foreign_key_list(?)', (table,)
    ).fetchall()
    by_name = {name.lower(): name for name in kinds}
    for key, target, column, target_column, on_delete in rows:
        name = by_name.get(target.lower())
        is_single = sum(row[0] == key for row in rows) == 1
        if name is not None and is_single and target_column in (None, keys[name]):
            yield column, Reference(kinds[name], ON_DELETE.get(on_delete, "refuse"))
