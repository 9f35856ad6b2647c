"""Is what a proposal wants done outside well-formed, declared, and allowed under its action (S27)?

Drafting takes all of this for granted, so it is a matter of the shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from comity import limits
from comity.clock import SECOND_US, format_age
from comity.deciding.case import Case
from comity.deciding.compiled import CompiledEffect
from comity.deciding.complaints import invalid_value, required, unknown_name
from comity.deciding.effects import ref_of
from comity.deciding.view import Ref
from comity.errors import InvalidExpression
from comity.model import refs
from comity.model.codec import encode
from comity.model.decisions import Finding
from comity.model.proposals import Effect
from comity.model.texts import listed, suggestion
from comity.model.values import normalise


def judge_effects(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the effects wanted; leave the case's effects normalised where nothing is."""
    effects = case.proposal.effects
    if len(effects) > limits.EFFECTS_PER_PROPOSAL:
        message = f"The proposal wants {len(effects)} effects; at most {limits.EFFECTS_PER_PROPOSAL} are allowed."
        yield Finding("shape.too_large", message, remedy="Split it into smaller proposals.")
        return
    normalised: list[Effect] = []
    taken: set[Ref] = set()
    for effect in effects:
        yield from _name(effect, case)
        yield from _address(effect, case)
        yield from _terms(effect, case)
        data: dict[str, Any] = {}
        yield from _data(effect, case.compiled.effects.get(effect.name), data)
        ref = ref_of(effect, case.proposal)
        if ref in taken:
            yield _invalid(effect, "wants the same twice", "Give each its own once=…, if both are meant.")
        taken.add(ref)
        normalised.append(msgspec.structs.replace(effect, data=data))
    case.effects = tuple(normalised)


def _name(effect: Effect, case: Case) -> Iterator[Finding]:
    compiled = case.compiled
    if not refs.NAME.match(effect.name) or len(effect.name) > limits.NAME_CHARS:
        yield _invalid(effect, "is no name of an effect", "Use letters, digits and '_', a letter first.")
    elif compiled.effects and effect.name not in compiled.effects:
        hint = suggestion(refs.nearest(effect.name, compiled.effects))
        yield Finding(
            "shape.unknown_effect",
            f"{effect.name!r} is no declared effect{hint or '.'}",
            remedy=f"Want a declared one ({listed(sorted(compiled.effects), 8)}), or declare it under [effects].",
        )
    elif compiled.actions and effect.name not in _listed(case):
        may = [name for name, action in compiled.actions.items() if effect.name in action.effects]
        remedy = f"Do it under {listed(sorted(may), 8)}." if may else "Have it listed by an action of the definition."
        message = f"The action {case.proposal.action!r} may not have the effect {effect.name!r}."
        yield Finding("shape.unlisted_effect", message, remedy=remedy)


def _listed(case: Case) -> tuple[str, ...]:
    action = case.compiled.actions.get(case.proposal.action or "")
    return action.effects if action is not None else ()


def _address(effect: Effect, case: Case) -> Iterator[Finding]:
    compiled = case.compiled.effects.get(effect.name)
    kind = compiled.definition.kind if compiled is not None else None
    if effect.target is None:
        if kind is not None:
            yield _wrong_target(effect, f"concerns a {kind}, and none is named", f"Name it, as target={kind}/…")
    elif problem := refs.problem_of(effect.target):
        yield _wrong_target(effect, f"has no target that can be: {problem}", "Name the record as kind/id.")
    elif refs.is_built_in(effect.target):
        yield _wrong_target(effect, f"can't concern {effect.target}", "Name a record of your own kinds.")
    elif kind is not None and not effect.target.startswith(f"{kind}/"):
        yield _wrong_target(effect, f"concerns a {kind}, not {effect.target}", f"Name it, as target={kind}/…")


def _terms(effect: Effect, case: Case) -> Iterator[Finding]:
    if effect.once is not None and not 0 < len(effect.once) <= limits.ONCE_CHARS:
        yield _invalid(effect, f"has a 'once' of {len(effect.once)} characters", f"Take 1 to {limits.ONCE_CHARS}.")
    if effect.hold_s is not None and not 0 <= effect.hold_s <= limits.EFFECT_HOLD_S:
        longest = format_age(limits.EFFECT_HOLD_S * SECOND_US)
        yield _invalid(effect, "can't be held for that long", f"Hold it for {longest} at most.")
    for text in (effect.once, effect.still):
        try:
            normalise(text)
        except ValueError as error:
            yield _invalid(effect, f"has a text that can't be taken: {error}", "Leave that character out.")
            return
    if effect.still is not None:
        try:
            case.compiled.assumption(effect.still)
        except InvalidExpression as error:
            yield _invalid(effect, f"is to be sent only if {effect.still!r}: {error}", "Correct the expression.")


def _data(effect: Effect, compiled: CompiledEffect | None, data: dict[str, Any]) -> Iterator[Finding]:
    for name, value in effect.data.items():
        field = compiled.data.get(name) if compiled is not None else None
        if field is None and compiled is not None and compiled.data:
            yield unknown_name(effect.name, name, compiled.data)
            continue
        try:
            plain = normalise(value)
            data[name] = plain if field is None or plain is None else field.normalise(plain)
        except ValueError as error:
            yield invalid_value(effect.name, name[: limits.NAME_CHARS], str(error), field)
    for field in compiled.data.values() if compiled is not None else ():
        given = data.get(field.name)
        if given is None and field.definition.required:
            yield required(effect.name, field)
        elif given is not None:
            for problem in field.problems(given):
                yield invalid_value(effect.name, field.name, problem, field)
    size = len(encode(data))
    if size > limits.EFFECT_BYTES:
        message = f"The effect {effect.name} would carry {size} bytes; at most {limits.EFFECT_BYTES} are allowed."
        yield Finding("shape.too_large", message, remedy="Keep large values elsewhere, and their addresses here.")


# -- findings


def _invalid(effect: Effect, problem: str, remedy: str) -> Finding:
    return Finding("shape.invalid_effect", f"The effect {effect.name[:64]!r} {problem}.", remedy=remedy)


def _wrong_target(effect: Effect, problem: str, remedy: str) -> Finding:
    return Finding("shape.invalid_effect", f"The effect {effect.name[:64]!r} {problem}.", effect.target, remedy=remedy)
