"""The terms of a gated function: what is declared of its calls, checked before the first one, filled in for each."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import Any, Final

import msgspec

from comity.deciding.compiled import CompiledEffect
from comity.errors import InvalidRequest
from comity.model import refs
from comity.model.codec import encode
from comity.model.texts import listed

_FIELD: Final = re.compile(r"(.*)\.([A-Za-z][A-Za-z0-9_]*)\Z", re.DOTALL)
_QUOTED: Final = re.compile(r"""'{3}.*?'{3}|"{3}.*?"{3}|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)
"""A text in an expression."""
_PLACE: Final = "\0"
_OWNERS: Final = ("self", "cls")
_UNNAMED: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """Be what is declared of a function's calls.

    Texts may name the function's parameters: ``customer/{customer}``. ``reads`` are records, or
    fields of records (``customer/{customer}.status``), that a call rests on; ``requires`` is
    what must hold when it is decided and when it is released; ``affects`` are the records
    that it is about, the first of them its effect's target unless ``target`` names one.
    """

    effect: str
    action: str | None = None
    reads: tuple[str, ...] = ()
    requires: str | None = None
    affects: tuple[str, ...] = ()
    target: str | None = None
    once: str | None = None
    hold: str | None = None
    reason: str | None = None


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a function that can be called by name later on; raises InvalidRequest for any other."""
    signature = inspect.signature(function)
    if next(iter(signature.parameters), None) in _OWNERS:
        raise InvalidRequest(
            "a method can't be called later, without its object: gate a function, or the method of one object"
            " (ws.gated(…)(mailer.send))"
        )
    for parameter in signature.parameters.values():
        if parameter.kind in _UNNAMED:
            raise InvalidRequest(f"{parameter} has no name to be called by: take its arguments by name")
    return signature


def check_texts(gate: Gate, signature: inspect.Signature) -> None:
    """Raise InvalidRequest for a text that names something else than a parameter."""
    texts = (*gate.reads, *gate.affects, gate.target, gate.once, gate.reason, gate.requires)
    for text in filter(None, texts):
        for name in _names_in(text):
            if name not in signature.parameters:
                known = ", ".join(signature.parameters)
                raise InvalidRequest(f"{text[:80]!r} names {name[:40]!r}, and the function takes {known or 'nothing'}")
    if gate.requires is not None:
        _check_quotes(gate.requires)
    for text in filter(None, (*(split_read(one)[0] for one in gate.reads), *gate.affects, gate.target)):
        if not _names_in(text) and (problem := refs.problem_of(filled(text, {}))) is not None:
            raise InvalidRequest(f"{text[:80]!r} is no record: {problem}")


def check_data(effect: CompiledEffect | None, signature: inspect.Signature) -> None:
    """Raise InvalidRequest where no call could fit the data that the definition declares for its effect."""
    if effect is None or not effect.data:
        return
    parameters = signature.parameters.values()
    has_rest = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    taken = [parameter.name for parameter in parameters if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    more = [name for name in taken if name not in effect.data]
    required = [name for name, field in effect.data.items() if field.definition.required]
    lacking = [] if has_rest else [name for name in required if name not in taken]
    section = f"[effects.{effect.definition.name}.data]"
    if more:
        declares = f"{section} declares {listed(list(effect.data))}; the function also takes {listed(more)}"
        raise InvalidRequest(f"{declares}: declare these too, as every argument is kept until the call is done")
    if lacking:
        raise InvalidRequest(f"{section} requires {listed(lacking)}, which the function doesn't take")


def _check_quotes(expression: str) -> None:
    """Raise InvalidRequest for an argument between quotes: as it brings its own, it would stand outside of them."""
    marked = "".join(literal + (_PLACE if name is not None else "") for literal, name, _, _ in _parsed(expression))
    for quoted in _QUOTED.findall(marked):
        if _PLACE in quoted:
            raise InvalidRequest(
                f"{expression[:80]!r}: an argument stands between quotes; leave them out: it is filled in as a value"
            )


def key_of(once: str, named: Mapping[str, Any]) -> str:
    """Return what a call is done once for. Several arguments stand in quotes: it is told where each of them ends."""
    told = {name: str(value) for name, value in named.items()}
    return filled(once, told, as_literals=len(_names_in(once)) > 1)


def _names_in(text: str) -> Sequence[str]:
    return [name for _, name, _, _ in _parsed(text) if name is not None]


def _parsed(text: str) -> Sequence[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(Formatter().parse(text))
    except ValueError as error:
        raise InvalidRequest(f"{text[:80]!r}: {error}; a brace that is meant is written twice") from None


def filled(text: str, named: Mapping[str, Any], *, as_literals: bool = False) -> str:
    """Return a text with arguments in the places of their names, in an expression as literals."""
    parts: list[str] = []
    for literal, name, _, _ in Formatter().parse(text):
        parts.append(literal)
        if name is not None:
            value = named.get(name)
            parts.append(encode(value).decode() if as_literals else str(value))
    return "".join(parts)


def split_read(text: str) -> tuple[str, str | None]:
    """Return the record and the field that a text names, before the arguments are filled in."""
    found = _FIELD.match(text)
    if found is None or "/" not in found[1]:
        return text, None
    return found[1], found[2]
