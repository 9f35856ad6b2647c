"""Compiling the effects of a definition, and what else carries data that is no record's."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from comity.deciding.compiled import CompiledEffect
from comity.deciding.expressions import Environment
from comity.deciding.fields import CompiledField
from comity.errors import InvalidExpression
from comity.model.definition import FieldDefinition
from comity.model.reading import Path, Reading


class Fields(Protocol):
    """Compile fields, noting what is wrong with them."""

    def field(self, definition: FieldDefinition, owners: tuple[str, ...], path: Path) -> CompiledField:
        """Return a field; one that is wrong is noted, and compiled as if it could hold anything."""
        ...

    def check_kind(self, kind: str, path: Path) -> None:
        """Note a kind that isn't there."""
        ...


def compile_effects(reading: Reading, fields: Fields, environment: Environment) -> dict[str, CompiledEffect]:
    """Return the effects of the definition, those left out that can't be compiled."""
    found: dict[str, CompiledEffect] = {}
    for effect in reading.definition.effects:
        path: Path = ("effects", effect.name)
        if effect.kind is not None:
            fields.check_kind(effect.kind, (*path, "kind"))
        if effect.still is not None:
            _check_still(reading, effect.still, environment, (*path, "still"))
        data = {one.name: fields.field(one, (), (*path, "data", one.name)) for one in effect.data}
        found[effect.name] = CompiledEffect(effect, data)
    _check_listed(reading, found)
    return found


def _check_still(reading: Reading, source: str, environment: Environment, path: Path) -> None:
    try:
        environment.assumption(source)
    except InvalidExpression as error:
        reading.problems.add_expression(path, error)


def _check_listed(reading: Reading, effects: Collection[str]) -> None:
    """Note the effects that an action lists and nobody declares, where any is declared."""
    for action in reading.definition.actions if effects else ():
        for name in action.effects:
            if name not in effects:
                path: Path = ("actions", action.name, "effects")
                reading.problems.add(path, f"there is no effect {name!r}", given=name, choices=sorted(effects))
