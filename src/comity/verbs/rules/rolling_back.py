"""Putting a former definition in force again."""

from __future__ import annotations

from bisect import bisect_left

from comity.coordinator.round import DEFINITION
from comity.deciding.definitions import shadowed_in
from comity.errors import NotFound
from comity.model.proposals import Caller
from comity.model.records import RecordState
from comity.operations import Apply, ApplyAnswer, Rollback
from comity.store.contract import Snapshot
from comity.verbs.enacting import put_in_force
from comity.verbs.engine import Engine


def rollback(engine: Engine, caller: Caller, request: Rollback) -> ApplyAnswer:
    """Put a former definition in force again, as a new version, by the way that every definition takes.

    Rules that enforced then enforce again, and those that were in shadow are so again.
    Raises NotFound for a version that isn't there, InvalidDefinition where the records don't
    fit it any more.
    """
    with engine.store.snapshot() as snapshot:
        current = engine.coordinator.definition(snapshot)
        to = current.number - 1 if request.to is None else request.to
        former = _former(snapshot, to, current.number)
    apply = Apply(
        source=former.values["source"],
        origin=f"version {to}",
        replaces=current.number,
        reason=request.reason or f"roll back to version {to}",
        dry=request.dry,
    )
    return put_in_force(engine, caller, apply, current, shadowed_in(former))


def _former(snapshot: Snapshot, version: int, last: int) -> RecordState:
    """Return the definition's record as of one of its versions."""
    if last < 2 and version < 1:
        raise NotFound("there is no earlier definition to go back to")
    if not 1 <= version <= last:
        raise NotFound(f"there is no version {version} of the definition: they go from 1 to {last}")
    revisions = range(snapshot.head.revision + 1)
    revision = bisect_left(revisions, version, key=lambda revision: _version_at(snapshot, revision))
    former = snapshot.records_at([DEFINITION], revision)[DEFINITION]
    if "source" not in former.values:
        raise NotFound(f"the text of version {version} was erased")
    return former


def _version_at(snapshot: Snapshot, revision: int) -> int:
    state = snapshot.records_at([DEFINITION], revision).get(DEFINITION)
    return 0 if state is None else state.version
