"""The JSON Schema keywords that a field may use (Draft 2020-12).

Here their names are checked, at any depth; what they hold is checked by the engine, in
:mod:`comity.deciding.schemas`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from comity.model.reading.places import Path
from comity.model.reading.problems import Problems
from comity.model.reading.sections import describe, quoted
from comity.model.values import normalise

TYPES: Final = ("string", "integer", "number", "boolean", "array", "object")

FORMATS: Final = (
    "date", "date-time", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6",
    "uri", "uri-reference", "iri", "iri-reference", "uuid", "uri-template", "json-pointer", "relative-json-pointer",
    "regex",
)  # fmt: skip

SCHEMA_AT: Final = frozenset(
    {
        "items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties",
        "not", "if", "then", "else", "contentSchema",
    }
)  # fmt: skip
SCHEMAS_IN_LIST: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
SCHEMAS_BY_NAME: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})

PLAIN: Final = frozenset(
    {
        "type", "enum", "const", "format", "pattern", "minLength", "maxLength", "minimum", "maximum",
        "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minContains",
        "maxContains", "minProperties", "maxProperties", "dependentRequired", "title", "description", "examples",
        "deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType", "$comment",
    }
)  # fmt: skip

KEYWORDS: Final = PLAIN | SCHEMA_AT | SCHEMAS_IN_LIST | SCHEMAS_BY_NAME
"""Those of a field itself, where ``required`` and ``default`` mean the field."""

NESTED: Final = KEYWORDS | {"required", "default"}

REFUSED: Final = frozenset(
    {"$ref", "$dynamicRef", "$dynamicAnchor", "$anchor", "$id", "$schema", "$defs", "$vocabulary", "definitions"}
)


def read_schema(table: dict[str, Any], path: Path, problems: Problems) -> dict[str, Any]:
    """Return the keywords among the keys of a field's table, as JSON; problems are noted at their places."""
    schema: dict[str, Any] = {}
    for key in table.keys() & KEYWORDS:
        try:
            schema[key] = normalise(table[key], 1)
        except ValueError as error:
            problems.add((*path, key), str(error))
    for place, name, value in _uses(schema, path):
        _check_keyword(place, name, value, problems)
    return {key: schema[key] for key in table if key in schema}


def _uses(schema: object, path: Path) -> Iterator[tuple[Path, str, object]]:
    """Yield every keyword used in a schema and the schemas in it."""
    if not isinstance(schema, dict):
        return
    for name, value in schema.items():
        here = (*path, name)
        yield here, name, value
        if name in SCHEMA_AT:
            yield from _uses(value, here)
        elif name in SCHEMAS_IN_LIST and isinstance(value, list):
            for position, item in enumerate(value):
                yield from _uses(item, (*here, position))
        elif name in SCHEMAS_BY_NAME and isinstance(value, dict):
            for key, item in value.items():
                yield from _uses(item, (*here, key))


def _check_keyword(path: Path, name: str, value: object, problems: Problems) -> None:
    if name in REFUSED:
        problems.add(path, refusal(name))
    elif name not in NESTED:
        problems.add(path, f"unknown keyword {name!r}", given=name, choices=NESTED)
    elif name == "type":
        for item in value if isinstance(value, list) else [value]:
            if item not in (*TYPES, "null"):
                given = item if isinstance(item, str) else None
                message = f"unknown type {describe(item)}; there are {quoted(TYPES)}"
                problems.add(path, message, given=given, choices=TYPES)
    elif name == "format" and value not in FORMATS:
        given = value if isinstance(value, str) else None
        problems.add(path, f"unknown format {describe(value)}", given=given, choices=FORMATS)


def refusal(keyword: str) -> str:
    """Return why a keyword of JSON Schema isn't allowed here."""
    return f"{keyword!r} isn't allowed: a field's schema stands on its own, with no part elsewhere"
