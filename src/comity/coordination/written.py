"""What the steps of a run have changed, as the log tells it, and what their undoing is to put back.

A step may find what it would write as it is already: then it changes nothing, and to undo it
would take away what somebody else has written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from comity import limits
from comity.model import refs
from comity.model.built_in import WORKFLOW
from comity.model.proposals import AnyChange
from comity.model.workflows import StepDefinition, Work
from comity.store.contract import EventFilter, Snapshot

Changed = Mapping[str, frozenset[str] | None]
"""The fields that a commit changed, by record; None where that is erased by now: any of them, perhaps."""


def changed_by(run: str, place: int, snapshot: Snapshot) -> Changed:
    """Return what the step at a place of a run changed; nothing for one that wasn't done."""
    chosen = EventFilter(kind=WORKFLOW, id=run, type="advanced", limit=limits.WORKFLOW_STEPS)
    for event in snapshot.events(chosen):
        if event.payload is not None and event.payload.data["step"] == place:
            return changed_in(event.revision, snapshot)
    return {}


def changed_in(revision: int, snapshot: Snapshot) -> Changed:
    """Return what the commit of a revision changed of users' records."""
    found: dict[str, frozenset[str] | None] = {}
    chosen = EventFilter(after=revision - 1, upto=revision, limit=limits.EVENTS_PER_COMMIT)
    for event in snapshot.events(chosen):
        if refs.is_built_in(event.kind):
            continue
        blame = event.payload.blame if event.payload is not None else None
        before = found.get(event.ref, frozenset())
        if blame is None or before is None:
            found[event.ref] = None
        else:
            found[event.ref] = before | {name for name, changed in blame.items() if changed == revision}
    return found


def put_back(step: StepDefinition, changed: Changed) -> Work | None:
    """Return what undoes a step that changed this: its ``undo``, less what the step found so already.

    None where nothing is left to be undone.
    """
    undo, work = step.undo, step.work
    if undo is None or work is None or not work.changes:
        return undo
    if not changed and not work.effects:
        return None
    named = _named(work.changes)
    changes = tuple(kept for change in undo.changes for kept in _kept(change, named, changed))
    return replace(undo, changes=changes) if changes or undo.effects else None


def _named(changes: Iterable[AnyChange]) -> dict[str, set[str]]:
    """Return the fields that a step would write, by record."""
    found: dict[str, set[str]] = {}
    for change in changes:
        found.setdefault(change.record, set()).update(_fields(change))
    return found


def _fields(change: AnyChange) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = getattr(change, "fields", {})
    return fields


def _kept(change: AnyChange, named: Mapping[str, set[str]], changed: Changed) -> Iterator[AnyChange]:
    """Yield a change without the fields that the step named and found so already; nothing where none is left."""
    fields, record = _fields(change), change.record
    if record not in named:
        yield change
    elif record in changed:
        done = changed[record]
        spare = named[record] - done if done is not None else set[str]()
        left = {name: value for name, value in fields.items() if name not in spare}
        if len(left) == len(fields):
            yield change
        elif left:
            yield replace(change, fields=left)
