"""The effects of a definition: ``[effects.NAME]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from comity import limits
from comity.model.definition import EffectDefinition, FieldDefinition
from comity.model.reading.sections import Section, describe

EFFECT_KEYS: Final = (
    "kind", "data", "hold", "still", "window", "patience", "timeout", "attempts", "webhook",
)  # fmt: skip

ReadData = Callable[[str, Section], tuple[FieldDefinition, ...]]
"""Return the fields of the data of something, by its name and its table."""


def read_effects(section: Section, read_data: ReadData) -> tuple[EffectDefinition, ...]:
    """Return the effects with a valid name."""
    if len(section.table) > limits.EFFECT_KINDS:
        section.problems.add(section.path, f"{len(section.table)} effects, of at most {limits.EFFECT_KINDS}")
    entries = section.sections(example='{ kind = "customer", hold = "2m" }')
    return tuple(_read_effect(name, entry, read_data) for name, entry in entries if entry.is_name(name, "effect"))


def _read_effect(name: str, entry: Section, read_data: ReadData) -> EffectDefinition:
    entry.allow(EFFECT_KEYS)
    return EffectDefinition(
        name=name,
        kind=entry.name("kind", "kind"),
        data=read_data(f"effect {name}", entry),
        hold_s=_span(entry, "hold", 0, limits.EFFECT_HOLD_S, least_s=0),
        still=entry.text("still", limit=limits.AGENT_EXPRESSION_CHARS),
        window_s=_span(entry, "window", limits.EFFECT_WINDOW_S, limits.EFFECT_WINDOW_MOST_S),
        patience_s=_span(entry, "patience", limits.EFFECT_PATIENCE_S, limits.EFFECT_HOLD_S),
        timeout_s=_span(entry, "timeout", limits.EFFECT_TIMEOUT_S, 3_600),
        attempts=_attempts(entry),
        webhook=entry.name("webhook", "name"),
    )


def _span(entry: Section, key: str, otherwise_s: int, limit_s: int, *, least_s: int = 1) -> int:
    seconds = entry.span(key, limit_s=limit_s)
    if seconds is None:
        return otherwise_s
    if seconds < least_s:
        entry.problem(key, "must be longer than nothing")
    return seconds


def _attempts(entry: Section) -> int:
    if "attempts" not in entry.table:
        return limits.EFFECT_ATTEMPTS
    value = entry.table["attempts"]
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= limits.EFFECT_ATTEMPTS_MOST:
        return value
    most = limits.EFFECT_ATTEMPTS_MOST
    entry.problem("attempts", f"must be an integer from 1 to {most}, not {describe(value)}")
    return limits.EFFECT_ATTEMPTS
