"""Fields' types: JSON Schema in, validators and the types of the expression language out.

The keywords are those of Draft 2020-12; a schema stands on its own, so nothing is ever
fetched. Patterns run in an engine whose time is linear in the text, so that no value can
stall the others who share the workspace; it knows no lookaround and no backreferences.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError, ValidationErrorKind

from comity.deciding.expressions import FieldType
from comity.model.definition import FieldDefinition
from comity.model.reading import Path
from comity.model.texts import listed

PATTERNS: Final = RegexOptions()

TypeName = Literal["string", "integer", "number", "boolean", "time", "list", "map", "any"]

TYPE_NAMES: Final[Mapping[str, TypeName]] = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "array": "list",
    "object": "map",
}

JSON_TYPES: Final[tuple[tuple[type, str], ...]] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)
"""In an order in which booleans aren't taken for integers."""

BOUNDS: Final = (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"))

EXPECTED_TYPES: Final[Mapping[str, str]] = {
    "string": "a text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}
EXAMPLE_ITEMS: Final[Mapping[str, str]] = {"string": '"x"', "integer": "1", "number": "1.5", "boolean": "true"}
EXPECTED_FORMATS: Final[Mapping[str, str]] = {
    "date-time": "a time, such as 2026-01-31T12:00:00Z",
    "date": "a date, such as 2026-01-31",
    "time": "a time of day, such as 12:00:00Z",
    "email": "an e-mail address",
    "uri": "an address, such as https://example.org/",
}
EXPECTED_BOUNDS: Final[Mapping[str, str]] = {
    "minimum": "of at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "of at most {}",
    "exclusiveMaximum": "below {}",
    "minLength": "of at least {} characters",
    "maxLength": "of at most {} characters",
    "pattern": "that matches {}",
}
ENUM_SHOWN: Final = 10

MESSAGE_CHARS: Final = 200
"""Of a message about a value; a longer one has its middle cut out."""


def effective_schema(field: FieldDefinition) -> dict[str, Any]:
    """Return a field's schema with what ``ref`` and ``format`` imply: a text, or a list of texts."""
    schema = dict(field.schema)
    if field.ref is not None or "format" in schema:
        schema.setdefault("type", "string")
    if field.ref is not None and schema["type"] == "array":
        schema.setdefault("items", {"type": "string"})
    return schema


def build_validator(schema: Mapping[str, Any]) -> Draft202012Validator | None:
    """Return what judges values by a schema, or None where every value is right.

    Raises jsonschema_rs.ValidationError for a schema that is wrong itself.
    """
    if not schema:
        return None
    return Draft202012Validator(
        dict(schema), validate_formats=True, ignore_unknown_formats=False, pattern_options=PATTERNS, offline=True
    )


def schema_problems(schema: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with a schema, each with its path in it.

    The engine stops at the first fault, so the keyword at fault is taken out and the rest tried again.
    """
    rest = dict(schema)
    while True:
        try:
            build_validator(rest)
        except ValidationError as error:
            path = tuple(error.instance_path)
            yield path, _fault(error)
            if not path or rest.pop(str(path[0]), None) is None:
                return
        else:
            break
    yield from _contradictions(rest)


def value_problems(validator: Draft202012Validator, value: object) -> list[str]:
    """Return what is wrong with a value, in words."""
    return [_value_fault(error) for error in validator.iter_errors(value)]


def field_type(schema: Mapping[str, Any], *, is_nullable: bool) -> FieldType:
    """Return the type by which expressions know a field: ``any`` where its schema doesn't say."""
    types = {name for name in _types(schema) if name != "null"}
    if types == {"integer", "number"}:
        types = {"number"}
    if len(types) != 1:
        return FieldType("any", None, is_nullable)
    name: TypeName = TYPE_NAMES.get(types.pop(), "any")
    if name == "list":
        items = schema.get("items")
        item = field_type(items, is_nullable=False) if isinstance(items, dict) else FieldType("any")
        return FieldType("list", item, is_nullable)
    if name == "string" and schema.get("format") == "date-time":
        return FieldType("time", None, is_nullable)
    return FieldType(name, None, is_nullable)


def expected(schema: Mapping[str, Any], name: str) -> str | None:
    """Return what a value of the field ``name`` is to be, in words, or None where the schema doesn't tell.

    >>> expected({"type": "integer", "minimum": 0}, "n"), expected({"type": "array"}, "tags")
    ('an integer of at least 0', 'a list, such as tags=["x"]')
    """
    if "enum" in schema:
        return f"one of {listed(list(map(_json, schema['enum'])), ENUM_SHOWN)}"
    if "format" in schema:
        return EXPECTED_FORMATS.get(schema["format"], f"a text in the format {schema['format']}")
    types = list(_types(schema))
    if len(types) != 1 or types[0] not in EXPECTED_TYPES:
        return None
    if types[0] == "array":
        return f"a list{_example(schema.get('items'), name)}"
    bounds = [words.format(schema[keyword]) for keyword, words in EXPECTED_BOUNDS.items() if keyword in schema]
    return " ".join([EXPECTED_TYPES[types[0]], " and ".join(bounds)]).rstrip()


def _example(items: object, name: str) -> str:
    type_ = items.get("type", "") if isinstance(items, dict) else "string"
    return f", such as {name}=[{EXAMPLE_ITEMS[type_]}]" if type_ in EXAMPLE_ITEMS else ""


def _types(schema: Mapping[str, Any]) -> Iterable[str]:
    """Return the JSON types that a schema lets through, as far as ``type``, ``enum`` and ``const`` tell."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return [declared]
    if isinstance(declared, list):
        return declared
    if "const" in schema:
        return [json_type(schema["const"])]
    return [json_type(value) for value in schema.get("enum", ())]


def json_type(value: object) -> str:
    """Return the JSON type of a value, integers apart from other numbers."""
    if value is None:
        return "null"
    return next(name for type_, name in JSON_TYPES if isinstance(value, type_))


def _fault(error: ValidationError) -> str:
    if error.message.endswith('is not a "regex"'):
        return f"{_cut(error.message)}: no regular expression without lookaround and backreferences"
    return _cut(error.message)


def _contradictions(schema: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    for low, high in BOUNDS:
        if low in schema and high in schema and schema[low] > schema[high]:
            yield (low,), f"{low} {schema[low]} is above {high} {schema[high]}, so no value fits"
    if "enum" in schema:
        yield from _enum_contradictions(schema)


def _enum_contradictions(schema: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    values: list[object] = schema["enum"]
    if not values:
        yield ("enum",), "an empty enum lets no value through"
    others = build_validator({key: value for key, value in schema.items() if key != "enum"})
    for position, value in enumerate(values):
        if value is not None and others is not None and not others.is_valid(value):
            yield ("enum", position), f"{'; '.join(value_problems(others, value))}, so this value never fits"


def _value_fault(error: ValidationError) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    message = _cut(_choices(error) or error.message)
    return f"at {place.removeprefix('.')}: {message}" if place else message


def _choices(error: ValidationError) -> str | None:
    """Return the message about an enum with all its values: whoever corrects a value needs to know them."""
    if not isinstance(error.kind, ValidationErrorKind.Enum):
        return None
    return f"{_json(error.instance)} is none of {', '.join(map(_json, error.kind.options))}"


def _cut(message: str) -> str:
    if len(message) <= MESSAGE_CHARS:
        return message
    return f"{message[: MESSAGE_CHARS // 3]} … {message[-MESSAGE_CHARS // 2 :]}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
