"""Fields, ready to judge values: what a proposal may put into them, and in which form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from jsonschema_rs import Draft202012Validator

from comity import limits
from comity.clock import format_time, parse_time
from comity.deciding import schemas
from comity.deciding.expressions import FieldType
from comity.model import refs
from comity.model.definition import FieldDefinition
from comity.model.filters import Operator
from comity.model.values import normalise

Form = Literal["plain", "integer", "time", "ref"]
"""What is special about a value, or about each element of a list."""

NORMAL_TIME: Final = re.compile(r"[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:[0-5]\d(\.\d{0,5}[1-9])?Z\Z", re.ASCII)
"""In form; that it is a day and an hour is left to the schema's ``format``."""
TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?([Zz]|[+-]\d\d:\d\d)?\Z", re.ASCII)
FIRST_TIME: Final = "1000-01-01T00:00:00Z"
FIRST_TIME_US: Final = parse_time(FIRST_TIME)


@dataclass(frozen=True, slots=True)
class CompiledField:
    """Be a field that can judge values.

    ``owners`` are the field's own, or else the kind's; empty means everyone. So are
    ``readers``, of whom the owners are some (S39). ``default``
    is normalised; None means that there is none. ``form`` and ``is_list`` say what
    ``normalise`` and ``problems`` look at besides the schema.
    """

    name: str
    definition: FieldDefinition
    type: FieldType
    owners: frozenset[str]
    default: Any
    validator: Draft202012Validator | None
    form: Form
    is_list: bool
    readers: frozenset[str] = frozenset()

    def normalise(self, value: Any) -> Any:
        """Return a value in the one form in which equal things are equal (S16).

        ``value`` has been through :func:`comity.model.values.normalise`. A ``date-time``
        becomes RFC 3339 in UTC; one without an offset is taken as UTC. A reference may be
        given as ``kind/id`` or as an integer and becomes the id. Raises ValueError.
        """
        if self.form == "plain" or self.form == "integer":
            return value
        if self.is_list:
            return [self._normalise_one(item) for item in value] if isinstance(value, list) else value
        return self._normalise_one(value)

    def normalise_operand(self, op: Operator, operand: Any) -> Any:
        """Return what a condition compares with, in the form that the field holds; as it is where it can't be."""
        if self.form == "plain" or self.form == "integer" or op == "^=":
            return operand
        try:
            if op == "in" or op == "not in":
                return [self.normalise(member) for member in operand]
            return self._normalise_one(operand) if op == "has" else self.normalise(operand)
        except ValueError:
            return operand

    def problem_of_operand(self, op: Operator, operand: Any) -> str | None:
        """Return why no value of the field can be equal to what a condition compares with, or None.

        ``operand`` has been through ``normalise_operand``. Only ``=`` and ``in`` can be told so.
        """
        if op != "=" and op != "in":
            return None
        for value in operand if op == "in" else (operand,):
            if found := self.problems(value):
                return f"{found[0]}; ask with has for one element" if self.is_list else found[0]
        return None

    def expected(self) -> str | None:
        """Return what a value is to be, in words, or None where the definition doesn't tell."""
        if self.form == "ref" and not self.is_list:
            return f"the id of a {self.definition.ref}"
        return schemas.expected(schemas.effective_schema(self.definition), self.name)

    def is_plainly_right(self, value: Any) -> bool:
        """Tell at a glance that nothing is wrong with a normalised value; False means: look closer."""
        return self.form == "plain" and (self.validator is None or self.validator.is_valid(value))

    def problems(self, value: Any) -> list[str]:
        """Return what is wrong with a normalised value, in words; null is never wrong here."""
        if value is None:
            return []
        found: list[str] = []
        if self.validator is not None and not self.validator.is_valid(value):
            found = schemas.value_problems(self.validator, value)
        if not found and self.form != "plain":
            items = value if self.is_list else [value]
            found = [problem for item in items if (problem := self._problem_of_one(item)) is not None]
        return found

    def _normalise_one(self, value: Any) -> Any:
        if self.form == "time":
            return value if not isinstance(value, str) or NORMAL_TIME.match(value) else normalise_time(value)
        if isinstance(value, str):
            return value.removeprefix(f"{self.definition.ref}/")
        return str(value) if type(value) is int else value

    def _problem_of_one(self, value: Any) -> str | None:
        if self.form == "integer":
            return "integers must fit in 64 bits" if isinstance(value, float) else None
        if self.form != "ref" or not isinstance(value, str):
            return None
        return refs.problem_of(f"{self.definition.ref}/{value}")


def normalise_time(text: str) -> str:
    """Return a time as RFC 3339 in UTC, to the microsecond; without an offset it is taken as UTC.

    Raises ValueError for anything else. Seconds may be left out, and a space may stand for the ``T``.

    >>> normalise_time("2024-05-01 11:30+02:00")
    '2024-05-01T09:30:00Z'
    """
    message = f"{text[:40]!r} is no time such as 2024-05-01T09:30:00Z"
    if len(text) > limits.NAME_CHARS or not TIME.match(text):
        raise ValueError(message)
    try:
        us = parse_time(text.upper().replace(",", "."))
        time = format_time(us)
    except (ValueError, OverflowError):
        raise ValueError(message) from None
    if us < FIRST_TIME_US:
        raise ValueError(f"{text[:40]!r} lies before {FIRST_TIME}")
    return time


def compile_field(definition: FieldDefinition, owners: tuple[str, ...], readers: tuple[str, ...] = ()) -> CompiledField:
    """Return a field whose schema is known to be right; ``owners`` and ``readers`` are those of its kind.

    Its default is normalised as far as that goes; whether it fits is for the caller to ask.
    In expressions a field with a default is never null: where it is empty, the default is read.
    """
    schema = schemas.effective_schema(definition)
    is_nullable = not definition.required and definition.default is None
    type_ = schemas.field_type(schema, is_nullable=is_nullable)
    inner = type_.item if type_.name == "list" and type_.item is not None else type_
    bare = CompiledField(
        name=definition.name,
        definition=definition,
        type=type_,
        owners=frozenset(definition.owner or owners),
        default=None,
        validator=None,
        form=_form(definition, inner),
        is_list=inner is not type_,
        readers=_readers(definition.readers or readers, definition.owner or owners),
    )
    return _complete(bare, schema)


def _readers(readers: tuple[str, ...], owners: tuple[str, ...]) -> frozenset[str]:
    """Return who sees a field; none where everyone does. An owner always does."""
    return frozenset((*readers, *owners)) if readers else frozenset()


def _form(definition: FieldDefinition, type_: FieldType) -> Form:
    if definition.ref is not None:
        return "ref"
    if type_.name == "time" or type_.name == "integer":
        return type_.name
    return "plain"


def _complete(bare: CompiledField, schema: dict[str, Any]) -> CompiledField:
    """Return a field with its validator and default: both hold values in normalised form."""
    if "enum" in schema:
        schema["enum"] = [normalise_or_keep(bare, value) for value in schema["enum"]]
    if "const" in schema:
        schema["const"] = normalise_or_keep(bare, schema["const"])
    return CompiledField(
        name=bare.name,
        definition=bare.definition,
        type=bare.type,
        owners=bare.owners,
        default=normalise_or_keep(bare, bare.definition.default),
        validator=schemas.build_validator(schema),
        form=bare.form,
        is_list=bare.is_list,
        readers=bare.readers,
    )


def normalise_given(value: Any, field: CompiledField | None) -> Any:
    """Return a value in the form that records hold, of a field that may be undeclared; raises ValueError."""
    plain = normalise(value)
    return plain if field is None or plain is None else field.normalise(plain)


def normalise_or_keep(field: CompiledField, value: Any) -> Any:
    """Return a value normalised, or as it is where that can't be done and judging it will tell."""
    try:
        return field.normalise(value)
    except ValueError:
        return value
