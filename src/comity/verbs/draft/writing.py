"""Writing a draft down, as TOML with comments for the person who goes on from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from comity import limits
from comity.model.definition import FieldDefinition
from comity.model.records import RecordState
from comity.verbs.draft.columns import Column, guess_field
from comity.verbs.draft.names import distinct, field_name
from comity.verbs.draft.sources import Table, tables_of, tables_of_records

HEAD: Final = """\
# Drafted by `comity init` from {file}. The types are guesses that fit the rows there:
# look through them, then say who owns what.

name = {name}

# Who acts. Once agents are declared, nobody else may.
# [agents]
# sales = {{ role = "sales" }}
"""


def draft_from(path: str | Path, kind: str | None = None) -> str:
    """Return a definition, as TOML, for what is in a file.

    ``path`` is a CSV (its first line names the columns) or an SQLite base, each table of
    which becomes a kind. ``kind`` is what a CSV's records are to be called, or the only
    kind wanted of an SQLite base. Raises NotFound and InvalidRequest.
    """
    path = Path(path)
    return _write(path.name, path.stem, tables_of(path, kind))


def draft_from_records(name: str, records: Iterable[RecordState]) -> str:
    """Return a definition, as TOML, for the records of a workspace whose kinds aren't declared yet.

    ``name`` is the workspace's. Records that aren't there any more, and built-in kinds, don't count.
    """
    return _write("the records there", name, tables_of_records(records))


def _write(file: str, name: str, tables: Sequence[Table]) -> str:
    head = HEAD.format(file=_line(file), name=toml(_line(name)))
    return "\n".join([head, *("\n".join(_kind_lines(table)) for table in tables)])


def _kind_lines(table: Table) -> Iterator[str]:
    yield f"# {table.rows} rows of {_line(table.name)}. {_id_remark(table)}".rstrip()
    if table.left_out:
        yield f"# Left out, as they hold bytes: {', '.join(map(_line, table.left_out))}."
    yield f"[kinds.{table.kind}.fields]"
    fields = [
        guess_field(name, column) for name, column in zip(_field_names(table.columns), table.columns, strict=True)
    ]
    width = max((len(field.name) for field in fields), default=0)
    for field, column in zip(fields, table.columns, strict=True):
        yield f"{field.name:<{width}} = {_field_text(field)}{_remark(field, column, table.rows)}"
    yield ""


def _field_names(columns: Sequence[Column]) -> list[str]:
    return distinct(field_name(column.name) for column in columns)


def _id_remark(table: Table) -> str:
    if not table.has_columns:
        return ""
    if table.id_column is None:
        return "No column was found that could hold the records' ids."
    remark = f"Its column {_line(table.id_column)} holds the records' ids, so it is no field."
    return f"{remark} It is empty in {table.without_id}, which can't be imported so." if table.without_id else remark


def _field_text(field: FieldDefinition) -> str:
    entries: dict[str, Any] = dict(field.schema)
    if field.ref is not None:
        entries["ref"] = field.ref
    if field.on_removal != "refuse":
        entries["on_removal"] = field.on_removal
    if field.required:
        entries["required"] = True
    return "{ " + ", ".join(f"{key} = {toml(value)}" for key, value in entries.items()) + " }" if entries else "{}"


def _remark(field: FieldDefinition, column: Column, rows: int) -> str:
    remarks: list[str] = []
    if field.name != column.name:
        remarks.append(f"the column {_line(column.name)}")
    if "enum" in field.schema:
        remarks.append("as seen; add what may come")
    elif column.values and not field.schema and field.ref is None:
        remarks.append("of several types")
    if rows and not column.values:
        remarks.append("always empty")
    return f"  # {', '.join(remarks)}" if remarks else ""


def toml(value: object) -> str:
    """Return a JSON value without null as TOML.

    >>> toml(["a", 1, True])
    '["a", 1, true]'
    """
    if isinstance(value, str):
        # TOML's basic strings are JSON's, but for DEL (https://toml.io/en/v1.0.0#string).
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return repr(value)


def _line(text: str) -> str:
    """Return a text on one line, without signs that TOML allows in no comment, cut."""
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(printable.split())[: limits.NAME_CHARS] or "workspace"
