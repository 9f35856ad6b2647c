"""Guessing what a column holds.

A guess counts only if the field that it makes accepts every value seen, judged as a
proposal would be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from comity.deciding.fields import CompiledField, compile_field
from comity.model.definition import FieldDefinition, OnRemoval
from comity.model.values import normalise

Schema = dict[str, Any]

INTEGER: Final = re.compile(r"-?(0|[1-9]\d{0,18})\Z", re.ASCII)
NUMBER: Final = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d+)?([eE][+-]?\d{1,2})?\Z", re.ASCII)
EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\Z")
DAY: Final = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", re.ASCII)

ENUM_VALUES: Final = 12
ENUM_CHARS: Final = 40
ENUM_REPEATS: Final = 5
"""How often, on average, each value of an enum must have been seen for it to be taken for one."""

BY_DECLARATION: Final[tuple[tuple[str, Schema], ...]] = (
    ("BOOL", {"type": "boolean"}),
    ("INT", {"type": "integer"}),
    ("DATETIME", {"type": "string", "format": "date-time"}),
    ("TIMESTAMP", {"type": "string", "format": "date-time"}),
    ("DATE", {"type": "string", "format": "date"}),
    ("CHAR", {"type": "string"}),
    ("TEXT", {"type": "string"}),
    ("CLOB", {"type": "string"}),
    ("REAL", {"type": "number"}),
    ("FLOA", {"type": "number"}),
    ("DOUB", {"type": "number"}),
    ("NUM", {"type": "number"}),
    ("DEC", {"type": "number"}),
)
"""Words of a column's type in SQL and what they mean, after SQLite's own rules of affinity."""


class Reference(msgspec.Struct, frozen=True):
    """Be a foreign key: the kind that a column refers to, and what SQL does on its removal."""

    kind: str
    on_removal: OnRemoval = "refuse"


class Column(msgspec.Struct, frozen=True):
    """Be a column: its name, the values seen in it without the empty ones, and what SQL says of it.

    ``is_text`` tells that all values came as texts, whatever they mean, as in a CSV.
    """

    name: str
    values: Sequence[Any]
    declared: str = ""
    is_required: bool = False
    is_text: bool = False
    reference: Reference | None = None


def guess_field(name: str, column: Column) -> FieldDefinition:
    """Return the field that a column becomes."""
    for field in _candidates(name, column):
        compiled = compile_field(field, ())
        if all(_accepts(compiled, value, column) for value in _distinct(column.values)):
            return field
    return FieldDefinition(name=name, required=column.is_required)


def value_of(text: str, schema: Schema) -> Any:
    """Return what a text of a CSV means in a field with this schema; raises ValueError if nothing."""
    read = READERS.get(schema.get("type", "string"))
    return text if read is None else read(text)


def _candidates(name: str, column: Column) -> Iterator[FieldDefinition]:
    reference = column.reference
    if reference is not None:
        on_removal = "refuse" if column.is_required and reference.on_removal == "detach" else reference.on_removal
        yield FieldDefinition(name=name, required=column.is_required, ref=reference.kind, on_removal=on_removal)
    for schema in _schemas(column):
        yield FieldDefinition(name=name, required=column.is_required, schema=schema)


def _schemas(column: Column) -> Iterator[Schema]:
    declared = column.declared.upper()
    if "BOOL" in declared or not column.values:
        yield from (schema for word, schema in BY_DECLARATION if word in declared)
    if not column.values:
        return
    if column.is_text:
        yield from _schemas_of_texts(column.values)
    elif all(isinstance(value, str) for value in column.values):
        yield from _schemas_of_words(column.values)
    yield from ({"type": name} for name in ("boolean", "integer", "number", "string", "array", "object"))


def _schemas_of_texts(texts: Sequence[str]) -> Iterator[Schema]:
    """Yield what the texts of a CSV may mean."""
    for name, pattern in (("integer", INTEGER), ("number", NUMBER)):
        if _all_match(pattern, texts):
            yield {"type": name}
    if {text.lower() for text in texts} <= {"true", "false"}:
        yield {"type": "boolean"}
    yield from _schemas_of_words(texts)
    yield {"type": "string"}


def _schemas_of_words(texts: Sequence[str]) -> Iterator[Schema]:
    """Yield what texts may mean that aren't meant as anything but texts."""
    for name, pattern in (("date", DAY), ("date-time", MOMENT), ("email", EMAIL)):
        if _all_match(pattern, texts):
            yield {"type": "string", "format": name}
    values = set(texts)
    is_enum = 2 <= len(values) <= min(ENUM_VALUES, len(texts) // ENUM_REPEATS)
    if is_enum and all(0 < len(value) <= ENUM_CHARS and value == value.strip() for value in values):
        yield {"enum": sorted(values)}


def _all_match(pattern: re.Pattern[str], texts: Sequence[str]) -> bool:
    return all(pattern.match(text) for text in texts)


def _accepts(field: CompiledField, value: Any, column: Column) -> bool:
    schema = field.definition.schema
    try:
        meant = value_of(value, schema) if column.is_text else _stored(value, column)
        return not field.problems(field.normalise(normalise(meant)))
    except ValueError:
        return False


def _stored(value: Any, column: Column) -> Any:
    """Return what a stored value means: SQL has no booleans but 0 and 1."""
    return bool(value) if "BOOL" in column.declared.upper() and value in (0, 1) else value


def _distinct(values: Sequence[Any]) -> Sequence[Any]:
    try:
        return list(set(values))
    except TypeError:
        return values


def _read_flag(text: str) -> bool:
    flags = {"true": True, "false": False}
    if text.lower() not in flags:
        raise ValueError(f"{text!r} is neither true nor false")
    return flags[text.lower()]


def _read_number(text: str) -> int | float:
    return int(text) if INTEGER.match(text) else float(text)


READERS: Final[dict[str, Callable[[str], Any]]] = {"integer": int, "number": _read_number, "boolean": _read_flag}
