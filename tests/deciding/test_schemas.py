"""From JSON Schema to the types of the expression language."""

from __future__ import annotations

from typing import Any

import pytest

from comity.deciding.expressions import FieldType
from comity.deciding.schemas import effective_schema, field_type, schema_problems
from comity.model.definition import FieldDefinition

ANY = FieldType("any")
TYPES: list[tuple[dict[str, Any], FieldType]] = [
    ({}, ANY),
    ({"type": "string"}, FieldType("string")),
    ({"type": "string", "format": "email"}, FieldType("string")),
    ({"type": "string", "format": "date-time"}, FieldType("time")),
    ({"type": ["string", "null"], "format": "date-time"}, FieldType("time")),
    ({"type": ["integer", "number"]}, FieldType("number")),
    ({"type": ["integer", "string"]}, ANY),
    ({"type": "array"}, FieldType("list", ANY)),
    ({"type": "array", "items": {"type": "integer"}}, FieldType("list", FieldType("integer", None, False))),
    ({"type": "object", "properties": {"a": {}}}, FieldType("map")),
    ({"enum": ["a", "b", None]}, FieldType("string")),
    ({"enum": [1, 2.5]}, FieldType("number")),
    ({"enum": [1, "a"]}, ANY),
    ({"const": True}, FieldType("boolean")),
    ({"anyOf": [{"type": "string"}]}, ANY),
]


@pytest.mark.parametrize(("schema", "expected"), TYPES)
def test_a_schema_says_how_expressions_know_a_field(schema: dict[str, Any], expected: FieldType) -> None:
    assert field_type(schema, is_nullable=True) == expected


def test_references_are_texts_and_formats_are_of_texts() -> None:
    schemas = [
        effective_schema(FieldDefinition(name="f", ref="customer")),
        effective_schema(FieldDefinition(name="f", ref="customer", schema={"type": "array"})),
        effective_schema(FieldDefinition(name="f", schema={"format": "date"})),
        effective_schema(FieldDefinition(name="f", schema={"minimum": 1})),
    ]
    assert schemas == [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}},
        {"format": "date", "type": "string"},
        {"minimum": 1},
    ]


def test_every_wrong_keyword_is_told() -> None:
    schema = {"type": "string", "minLength": -1, "maximum": "x", "pattern": "(", "minItems": 3, "maxItems": 1}
    found = {path[0] for path, _ in schema_problems(schema)}
    assert found == {"minLength", "maximum", "pattern", "minItems"}


def test_nothing_outside_a_schema_is_fetched() -> None:
    assert list(schema_problems({"items": {"$ref": "http://127.0.0.1:9/schema"}}))
