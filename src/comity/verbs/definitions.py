"""The definition: applying a new one, showing the one that judges."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from comity.deciding.compile import Compiled, load_definition
from comity.deciding.fitting import misfits
from comity.errors import InvalidDefinition
from comity.model.decisions import Decision
from comity.model.definition import Definition
from comity.model.proposals import Caller, Emit, Proposal
from comity.operations import Apply, ApplyAnswer, DefinitionAnswer, ShowDefinition
from comity.verbs.engine import Engine

_ATTEMPTS = 5
_MOST_PROBLEMS = 100
_GO_ON = "Nothing was changed. Mend these records first, or let the definition take them as they are; then apply again."


def apply(engine: Engine, caller: Caller, request: Apply) -> ApplyAnswer:
    """Make a definition the one that judges; a commit like any other.

    The records are scanned at a revision outside the head; what changes meanwhile is looked
    at under it (S26). Raises InvalidDefinition with every problem of the text, and with the
    records that don't fit.
    """
    current = engine.definition()
    compiled = load_definition(request.source, current.number + 1, origin=request.origin)
    definition = compiled.definition
    changes = tuple(_changes(current.definition, definition))
    if current.number and current.definition.source == request.source:
        _index(engine, definition)
        return ApplyAnswer(number=current.number, is_changed=False)
    replaces = current.number if request.replaces is None else request.replaces
    decision = _scan_and_propose(engine, caller, request, compiled, replaces)
    if decision.is_committed:
        _index(engine, definition)
    number = decision.records.get("$definition/current", current.number)
    return ApplyAnswer(number=number, is_changed=decision.is_allowed, changes=changes, decision=decision)


def _index(engine: Engine, definition: Definition) -> None:
    """Have the indexes that a definition declares, also those that a crash right after its commit left out."""
    engine.store.index({kind.name: kind.indexes for kind in definition.kinds if kind.indexes})


def _scan_and_propose(engine: Engine, caller: Caller, request: Apply, compiled: Compiled, replaces: int) -> Decision:
    """Return the decision; where too much changed since the scan, scan again, a few times."""
    attempts = _ATTEMPTS
    while True:
        attempts -= 1
        proposal = _proposal(engine, request, replaces, _scan(engine, compiled, request.origin))
        decision = engine.propose(proposal, caller, is_new=True, dry=request.dry)
        is_outdated = any(finding.code == "definition.scan_outdated" for finding in decision.findings)
        if not is_outdated or not attempts:
            return decision


def _proposal(engine: Engine, request: Apply, replaces: int, scanned: int) -> Proposal:
    data = {
        "source": request.source,
        "digest": digest_of(request.source),
        "replaces": replaces,
        "scanned": scanned,
    }
    return Proposal(id=engine.make_id(), changes=(Emit("$definition/current", "applied", data),), reason=request.reason)


def digest_of(source: str) -> str:
    """Return the hash by which two definitions are told apart."""
    return sha256(source.encode()).hexdigest()


def _scan(engine: Engine, compiled: Compiled, origin: str) -> int:
    """Return the revision at which all records fit; raises InvalidDefinition naming those that don't."""
    with engine.store.snapshot() as snapshot:
        problems: list[str] = []
        for state in snapshot.all_records():
            problems.extend(misfits(state, compiled))
            if len(problems) >= _MOST_PROBLEMS:
                problems = [*problems[:_MOST_PROBLEMS], "… and more"]
                break
        if problems:
            told = [f"{origin}: the records don't fit: {problem}" for problem in problems]
            raise InvalidDefinition([*told, _GO_ON])
        return snapshot.head.revision


def show(engine: Engine, caller: Caller, request: ShowDefinition) -> DefinitionAnswer:
    """Return the definition that judges now."""
    compiled = engine.definition()
    return DefinitionAnswer(number=compiled.number, source=compiled.definition.source)


def _changes(old: Definition, new: Definition) -> Iterator[str]:
    """Yield what is new, gone or different, by the parts of a definition."""
    for what, before, after in (
        ("agent", {agent.name: agent for agent in old.agents}, {agent.name: agent for agent in new.agents}),
        ("kind", {kind.name: kind for kind in old.kinds}, {kind.name: kind for kind in new.kinds}),
        ("action", {action.name: action for action in old.actions}, {action.name: action for action in new.actions}),
    ):
        yield from (f"+ {what} {name}" for name in after.keys() - before.keys())
        yield from (f"- {what} {name}" for name in before.keys() - after.keys())
        for name in sorted(before.keys() & after.keys()):
            if before[name] != after[name]:
                yield f"~ {what} {name}"
    for setting in ("name", "freshness", "blind_writes", "undeclared"):
        if getattr(old, setting) != getattr(new, setting):
            yield f"~ {setting} = {getattr(new, setting)}"
