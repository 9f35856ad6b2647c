"""The definition: applying a new one, showing the one that judges."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from comity.deciding.compile import Compiled
from comity.model import refs
from comity.model.definition import Definition
from comity.model.proposals import Caller
from comity.model.reading import read_partly
from comity.operations import Apply, ApplyAnswer, DefinitionAnswer, ShowDefinition
from comity.store.contract import Snapshot
from comity.verbs.enacting import put_in_force
from comity.verbs.engine import Engine
from comity.verbs.rules.examining import examine
from comity.verbs.seeing import check_trial


def apply(engine: Engine, caller: Caller, request: Apply) -> ApplyAnswer:
    """Make a definition the one that judges; a commit like any other.

    The records are scanned at a revision outside the head; what changes meanwhile is looked
    at under it (S26). A rule that is new to a workspace with a history and has no mode of
    its own starts in shadow, unless the request says otherwise. Tests of its own that fail
    don't keep it away; they are named. Raises InvalidDefinition
    with every problem of the text, and with the records that don't fit.
    """
    check_trial(engine, caller, "apply a definition", operates=True)
    with engine.store.snapshot() as snapshot:
        current, has_history = engine.coordinator.definition(snapshot), _has_history(snapshot)
    definition = read_partly(request.source, origin=request.origin).definition
    shadowed = () if request.enforce else tuple(_shadowed(current, definition, has_history=has_history))
    answer = put_in_force(engine, caller, request, current, shadowed)
    if not definition.tests or answer.decision is None:
        return answer
    failed = [test.name for test in examine(request.source, request.origin).tests if not test.has_passed]
    return msgspec.structs.replace(answer, failed=tuple(failed))


def _has_history(snapshot: Snapshot) -> bool:
    """Tell whether anything but Comity's own was ever written."""
    return any(not refs.is_built_in(kind) for kind in snapshot.kinds())


def _shadowed(current: Compiled, definition: Definition, *, has_history: bool) -> Iterator[str]:
    """Yield the rules that run in shadow at first: new ones, and those that have done so until now."""
    for rule in definition.rules:
        is_new = has_history and current.rules.named(rule.name) is None
        if rule.mode is None and (is_new or rule.name in current.shadowed):
            yield rule.name


def show(engine: Engine, caller: Caller, request: ShowDefinition) -> DefinitionAnswer:
    """Return the definition that judges now."""
    compiled = engine.definition()
    return DefinitionAnswer(number=compiled.number, source=compiled.definition.source)
