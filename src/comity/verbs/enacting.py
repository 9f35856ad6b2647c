"""Putting a definition in force: the scan of the records, the commit, and what is different from the one before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from comity.coordination.indexing import index
from comity.deciding.compile import Compiled, load_definition
from comity.deciding.definitions import compiled_of
from comity.deciding.fitting import misfits
from comity.deciding.gates.definition import digest_of
from comity.errors import InvalidDefinition
from comity.model.decisions import Decision
from comity.model.definition import Definition
from comity.model.proposals import Caller, Emit, Proposal
from comity.operations import Apply, ApplyAnswer
from comity.verbs.engine import Engine

_ATTEMPTS: Final = 5
_MOST_PROBLEMS: Final = 100
_IN_SHADOW: Final = "(in shadow at first; enforce=True or a mode ends that)"
_GO_ON: Final = (
    "Nothing was changed. Mend these records first, or let the definition take them as they are; then apply again."
)


def put_in_force(
    engine: Engine, caller: Caller, request: Apply, current: Compiled, shadowed: tuple[str, ...]
) -> ApplyAnswer:
    """Make a definition the one that judges, with the rules ``shadowed`` that are to run in shadow.

    ``current`` is the one that it was compared with. Raises InvalidDefinition.
    """
    compiled = check_source(request.source, request.origin, current.number + 1, shadowed)
    definition = compiled.definition
    if current.number and current.definition.source == request.source and current.shadowed == shadowed:
        _index(engine, definition)
        return ApplyAnswer(number=current.number, is_changed=False, shadowed=shadowed)
    replaces = current.number if request.replaces is None else request.replaces
    decision = _scan_and_propose(engine, caller, request, compiled, replaces)
    if decision.is_committed:
        _index(engine, definition)
    return ApplyAnswer(
        number=decision.records.get("$definition/current", current.number),
        is_changed=decision.is_allowed,
        changes=tuple(_changes(current, compiled)),
        shadowed=shadowed if decision.is_allowed else current.shadowed,
        decision=decision,
    )


def check_source(source: str, origin: str, number: int = 1, shadowed: tuple[str, ...] = ()) -> Compiled:
    """Return a definition made ready, where the checks find it again; raises InvalidDefinition, naming its origin."""
    with suppress(InvalidDefinition):
        return compiled_of(source, number, shadowed)
    return load_definition(source, number, origin=origin)


def _index(engine: Engine, definition: Definition) -> None:
    """Have the indexes that a definition declares, also those that a crash right after its commit left out."""
    with engine.store.snapshot() as snapshot:
        kinds = snapshot.kinds()
    index(engine.store, definition, kinds)


def _scan_and_propose(engine: Engine, caller: Caller, request: Apply, compiled: Compiled, replaces: int) -> Decision:
    """Return the decision; where too much changed since the scan, scan again, a few times."""
    attempts = _ATTEMPTS
    while True:
        attempts -= 1
        scanned = _scan(engine, compiled, request.origin)
        data: dict[str, Any] = {
            "source": request.source,
            "digest": digest_of(request.source),
            "replaces": replaces,
            "scanned": scanned,
        }
        if compiled.shadowed:
            data["shadowed"] = list(compiled.shadowed)
        change = Emit("$definition/current", "applied", data)
        proposal = Proposal(id=engine.make_id(), changes=(change,), reason=request.reason)
        decision = engine.propose(proposal, caller, is_new=True, dry=request.dry)
        is_outdated = any(finding.code == "definition.scan_outdated" for finding in decision.findings)
        if not is_outdated or not attempts:
            return decision


def _scan(engine: Engine, compiled: Compiled, origin: str) -> int:
    """Return the revision at which all records fit; raises InvalidDefinition naming those that don't."""
    with engine.store.snapshot() as snapshot:
        readers = engine.coordinator.definition(snapshot).readers
        problems: list[str] = []
        for state in snapshot.all_records():
            problems.extend(misfits(state, compiled, readers))
            if len(problems) >= _MOST_PROBLEMS:
                problems = [*problems[:_MOST_PROBLEMS], "… and more"]
                break
        if problems:
            told = [f"{origin}: the records don't fit: {problem}" for problem in problems]
            raise InvalidDefinition([*told, _GO_ON])
        return snapshot.head.revision


def _changes(old: Compiled, new: Compiled) -> Iterator[str]:
    """Yield what is new, gone or different, by the parts of a definition."""
    before, after = old.definition, new.definition
    for what, were, are in (
        ("agent", {one.name: one for one in before.agents}, {one.name: one for one in after.agents}),
        ("kind", {one.name: one for one in before.kinds}, {one.name: one for one in after.kinds}),
        ("action", {one.name: one for one in before.actions}, {one.name: one for one in after.actions}),
        ("webhook", {one.name: one for one in before.webhooks}, {one.name: one for one in after.webhooks}),
        ("test", {one.name: one for one in before.tests}, {one.name: one for one in after.tests}),
    ):
        yield from _different(what, were, are)
    yield from _different_rules(old, new)
    for setting in ("name", "freshness", "blind_writes", "undeclared"):
        if getattr(before, setting) != getattr(after, setting):
            yield f"~ {setting} = {getattr(after, setting)}"
    for setting in ("checks", "mail", "alerts", "cascades", "retention"):
        if getattr(before, setting) != getattr(after, setting):
            yield f"~ {setting}"


def _different(what: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    yield from (f"+ {what} {name}" for name in sorted(after.keys() - before.keys()))
    yield from (f"- {what} {name}" for name in sorted(before.keys() - after.keys()))
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            yield f"~ {what} {name}"


def _different_rules(old: Compiled, new: Compiled) -> Iterator[str]:
    """Yield the rules that are new, gone or different; which begin and which cease to stand in the way.

    Of those that are in shadow as nobody said otherwise, it is told how to end that.
    """
    before, after = ({name: rule.digest for name, rule in one.rules.rules.items()} for one in (old, new))
    for change in _different("rule", before, after):
        name = change[len("~ rule ") :]
        modes = [one.rules.rules[name].definition.mode or "enforce" for one in (old, new) if name in one.rules.rules]
        if len(set(modes)) > 1:
            yield f"{change} ({' → '.join(modes)})"
        else:
            yield f"{change} {_IN_SHADOW}" if name in new.shadowed else change
