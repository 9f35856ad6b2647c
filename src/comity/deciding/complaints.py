"""What is said of names and values that don't fit what is declared: which one, and what would.

What holds values is a record, whose fields they are, or an event, whose data they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from comity import limits
from comity.deciding.fields import CompiledField
from comity.model import refs
from comity.model.decisions import Finding
from comity.model.hidden import UNTOLD
from comity.model.texts import listed, suggestion

_SHOWN = 10

SAID_BESIDE: Final = ("reason", "action", "about", "was", "assume", "accept", "cause", "leases", "not_after")
"""What verbs that set fields take beside these, so that a misspelt one comes as a field."""


def unknown_name(record: str, name: str, declared: Mapping[str, CompiledField], event: str | None = None) -> Finding:
    """Return that a record has no such field, or that an event carries no such data."""
    shown = name[: limits.NAME_CHARS]
    hint = suggestion(refs.nearest(name, declared)) or "."
    names = listed(sorted(declared), _SHOWN)
    if event is not None:
        message = f"{shown!r} is no data of the event {event} of {record}{hint}"
        remedy = f"It carries: {names}." if names else "It carries no data."
    else:
        is_misspelt = name not in SAID_BESIDE and not refs.nearest(name, declared)
        option = refs.nearest(name, SAID_BESIDE) if is_misspelt else None
        hint = f"; did you mean {option!r}, which is said beside its fields?" if option else hint
        message = f"{shown!r} is no field of {record}{hint}"
        remedy = f"Declared fields: {names}." if names else "No field of it is declared."
    return Finding("shape.unknown_field", message, _subject(record, shown, event), remedy=remedy)


def unknown_event(record: str, event: str, declared: Iterable[str]) -> Finding:
    """Return that a record's kind declares no such event."""
    known = sorted(declared)
    hint = suggestion(refs.nearest(event, known)) or "."
    return Finding(
        "shape.unknown_event",
        f"{event!r} is no event of {record}{hint}",
        subject=record,
        remedy=f"Declared events: {listed(known, _SHOWN)}." if known else "Set its fields: no event is declared.",
    )


def required(record: str, field: CompiledField, event: str | None = None) -> Finding:
    """Return that a value is lacking which there must be."""
    message = (
        f"{record}.{field.name} is required."
        if event is None
        else f"The event {event} of {record} needs {field.name!r} among its data."
    )
    return Finding("shape.required", message, _subject(record, field.name, event), remedy=_advice(field.name, field))


def invalid_value(
    record: str, name: str, problem: str, field: CompiledField | None = None, event: str | None = None
) -> Finding:
    """Return what is wrong with a value, and what would be right where the definition tells; a few see some (S39)."""
    if field is not None and field.readers:
        problem = f"the value given ({UNTOLD} here) isn't what is declared"
    subject = _subject(record, name, event)
    whole = subject if event is None else f"{subject} of {record}"
    return Finding("shape.invalid_value", f"{whole}: {problem}.", subject, remedy=_advice(name, field))


def invalid_operand(record: str, name: str, problem: str, remedy: str) -> Finding:
    """Return what is wrong with what is to be added to, put into or taken out of a field."""
    subject = _subject(record, name, None)
    return Finding("shape.invalid_value", f"{subject}: {problem}.", subject, remedy=remedy)


def invalid(message: str, remedy: str) -> Finding:
    """Return that something is out of form."""
    return Finding("shape.invalid", message, remedy=remedy)


def too_large(message: str, remedy: str = "Split it into smaller proposals.") -> Finding:
    """Return that there is more of something than may be."""
    return Finding("shape.too_large", message, remedy=remedy)


def unknown_revision(revision: int, last: int) -> Finding:
    """Return that there is no such revision."""
    return Finding(
        "shape.unknown_revision",
        f"There is no revision {revision} yet; the last one is {last}.",
        remedy="Name the revision that an answer of this workspace gave.",
    )


def _subject(record: str, name: str, event: str | None) -> str:
    return f"{event or record}.{name}"


def _advice(name: str, field: CompiledField | None) -> str:
    expected = field.expected() if field is not None else None
    return f"Give {name} as {expected}." if expected else f"Give {name} another value."
