"""From JSON Schema to the types of the expression language."""

from __future__ import annotations

from typing import Any

import pytest

from comity.deciding.expressions import FieldType
from comity.deciding.schemas import effective_schema, expected, field_type, schema_problems
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


@pytest.mark.parametrize(("schema", "known"), TYPES)
def test_a_schema_says_how_expressions_know_a_field(schema: dict[str, Any], known: FieldType) -> None:
    assert field_type(schema, is_nullable=True) == known


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({}, None),
        ({"type": ["integer", "string"]}, None),
        ({"anyOf": [{"type": "string"}]}, None),
        ({"type": "string"}, "a text"),
        ({"type": "string", "maxLength": 3, "pattern": "^a"}, "a text of at most 3 characters and that matches ^a"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "a number above 0 and of at most 1"),
        ({"type": "boolean"}, "true or false"),
        ({"type": "object"}, "an object"),
        ({"const": 3}, "an integer"),
        ({"enum": ["a", 1, None]}, 'one of "a", 1, null'),
        ({"enum": list(range(12))}, "one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"),
        ({"type": "string", "format": "date"}, "a date, such as 2026-01-31"),
        ({"type": "string", "format": "ipv6"}, "a text in the format ipv6"),
        ({"type": "array", "items": {"type": "integer"}}, "a list, such as f=[1]"),
        ({"type": "array", "items": {"type": "object"}}, "a list"),
        ({"type": "array", "items": {"enum": ["a"]}}, "a list"),
    ],
)
def test_a_schema_says_what_a_value_is_to_be(schema: dict[str, Any], words: str | None) -> None:
    assert expected(schema, "f") == words


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
