"""Folding: changes become drafted events, and events become records.

:func:`draft` is the forward way, from a proposal to events with after-images;
:func:`replay` the way back, from events to records, used by ``verify``. As every event
carries its after-image, replaying evaluates no expression and repeats no rule (S37).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from comity.deciding import operands
from comity.deciding.drafts import Draft, Drafting, Working
from comity.deciding.removals import derive
from comity.deciding.transitions import emit
from comity.deciding.view import Ref, View
from comity.model import proposals, refs
from comity.model.built_in import ENDING, SPEAKING
from comity.model.definition import AgentDefinition
from comity.model.events import Event
from comity.model.proposals import AnyChange
from comity.model.records import ERASED, LIFE, Life, RecordState


def draft(changes: Iterable[AnyChange], agent: AgentDefinition, view: View) -> Draft:
    """Return what well-formed changes would do, applied in order, with what follows from them."""
    drafting = Drafting(agent, view)
    for change in changes:
        _APPLY[type(change)](drafting, drafting.record(refs.parts(change.record)), change)
        if drafting.is_too_large:
            drafting.refuse_too_large()
            break
    if drafting.has_removed:
        derive(drafting)
    drafting.finish()
    return drafting


def replay(events: Iterable[Event]) -> dict[Ref, RecordState]:
    """Return the records that events lead to, in the order of the log."""
    return {(event.kind, event.id): event.after() for event in events}


# -- life


def _create(drafting: Drafting, record: Working, change: proposals.Create | proposals.Put) -> None:
    if record.life in ("live", "archived"):
        _refuse_existing(drafting, record)
        return
    fields = {**drafting.kind(record.ref[0]).defaults, **change.fields}
    was: dict[str, Any] = {LIFE: record.life}
    former = record.values
    record.born = record.version + 1
    record.live_on("live", drafting.revision)
    record.blame.pop(ERASED, None)
    record.values = {}
    for name in former.keys() - fields.keys():
        drafting.assign(record, name, None, was, former.get(name))
    for name, value in fields.items():
        drafting.assign(record, name, value, was, None)
    drafting.event(record, f"{record.ref[0]}.created", was)


def _refuse_existing(drafting: Drafting, record: Working) -> None:
    archived = record.life == "archived"
    drafting.refuse(
        "integrity.exists",
        record.ref,
        f"{'/'.join(record.ref)} exists already{' and is archived' if archived else ''}.",
        "Restore it, then set its fields." if archived else "Read it and set its fields, or take another id.",
    )


def _archive(drafting: Drafting, record: Working, change: AnyChange) -> None:
    if drafting.is_live(record):
        drafting.live_on(record, "archived", "archived")


def _delete(drafting: Drafting, record: Working, change: AnyChange) -> None:
    if record.life == "archived" or drafting.is_live(record):
        drafting.live_on(record, "deleted", "deleted")


def _restore(drafting: Drafting, record: Working, change: AnyChange) -> None:
    if ERASED in record.blame:
        _refuse_erased(drafting, record)
    elif record.life in ("archived", "deleted"):
        if record.life == "deleted":
            record.born = record.version + 1
        drafting.live_on(record, "live", "restored")
    elif record.life == "absent":
        drafting.refuse_absent(record)


def _erase(drafting: Drafting, record: Working, change: proposals.Erase) -> None:
    if record.life == "absent":
        drafting.refuse_absent(record)
    elif record.life == "live" and record.ref[0] in SPEAKING - ENDING and not change.more:
        _refuse_open(drafting, record)
    else:
        _empty(drafting, record, change)


def _empty(drafting: Drafting, record: Working, change: proposals.Erase) -> None:
    data: dict[str, Any] = {"payloads": change.payloads}
    if change.also:
        data["also"] = list(change.also)
    was: dict[str, Any] = {}
    if not change.more:
        was[LIFE] = record.life
        record.life, record.values = "deleted", {}
        record.blame = {LIFE: drafting.revision, ERASED: drafting.revision}
    drafting.event(record, ERASED, was, data=data)


def _refuse_open(drafting: Drafting, record: Working) -> None:
    drafting.refuse(
        "integrity.in_use",
        record.ref,
        f"{'/'.join(record.ref)} is still open, and speaks of what is to be erased.",
        "Cancel, withdraw, answer or lift it first.",
    )


def _refuse_erased(drafting: Drafting, record: Working) -> None:
    drafting.refuse(
        "integrity.erased",
        record.ref,
        f"{'/'.join(record.ref)} was erased: nothing is left that could be brought back.",
        "Create it anew, if that is right.",
    )


# -- fields


def _set(drafting: Drafting, record: Working, change: proposals.Set) -> None:
    if drafting.is_live(record):
        _set_fields(drafting, record, change.fields)


def _put(drafting: Drafting, record: Working, change: proposals.Put) -> None:
    if record.life in ("absent", "deleted"):
        _create(drafting, record, change)
    elif drafting.is_live(record):
        fields = change.fields
        if change.replace:
            fields = {**dict.fromkeys(record.values.keys() - fields.keys()), **fields}
        _set_fields(drafting, record, fields)


def _set_fields(drafting: Drafting, record: Working, fields: Mapping[str, Any]) -> None:
    """Assign fields, those together that make the same event."""
    held = record.values
    for event, names in drafting.kind(record.ref[0]).events_of(tuple(fields)):
        was: dict[str, Any] = {}
        for name in names:
            drafting.assign(record, name, fields[name], was, held.get(name))
        if was:
            drafting.event(record, event or f"{record.ref[0]}.updated", was)


def _add(drafting: Drafting, record: Working, change: proposals.Add) -> None:
    _compute(drafting, record, change.fields, operands.added)


def _include(drafting: Drafting, record: Working, change: proposals.Include) -> None:
    _compute(drafting, record, change.fields, operands.included)


def _exclude(drafting: Drafting, record: Working, change: proposals.Exclude) -> None:
    _compute(drafting, record, change.fields, operands.excluded)


def _append(drafting: Drafting, record: Working, change: proposals.Append) -> None:
    _compute(drafting, record, change.fields, operands.appended)


def _compute(
    drafting: Drafting, record: Working, fields: Mapping[str, Any], compute: Callable[[Any, Any], Any]
) -> None:
    if not drafting.is_live(record):
        return
    results: dict[str, Any] = {}
    for name, operand in fields.items():
        try:
            results[name] = compute(record.values.get(name), operand)
        except ValueError as error:
            drafting.refuse(
                "shape.invalid_value", record.ref, f"{name}: {error}", "Read the record and set the field instead."
            )
    _set_fields(drafting, record, results)


def _undo(drafting: Drafting, record: Working, change: proposals.Undo) -> None:
    if LIFE not in change.fields and not drafting.is_live(record):
        return
    was: dict[str, Any] = {}
    for name, revision in change.fields.items():
        past = drafting.view.past(record.ref, revision)
        if past.is_erased:
            _refuse_erased(drafting, record)
            return
        if name != LIFE:
            drafting.assign(record, name, past.values.get(name), was, record.values.get(name))
        elif record.life != _undone_life(past):
            was[LIFE] = record.life
            record.born = record.version + 1 if _is_reborn(record, past) else record.born
            record.live_on(_undone_life(past), drafting.revision)
    if was:
        drafting.event(record, f"{record.ref[0]}.reverted", was)


def _is_reborn(record: Working, past: RecordState) -> bool:
    return record.life == "deleted" and past.life == "live"


def _undone_life(past: RecordState) -> Life:
    return "deleted" if past.life == "absent" else past.life


_APPLY: Final[dict[type, Callable[[Drafting, Working, Any], None]]] = {
    proposals.Create: _create,
    proposals.Set: _set,
    proposals.Put: _put,
    proposals.Add: _add,
    proposals.Include: _include,
    proposals.Exclude: _exclude,
    proposals.Append: _append,
    proposals.Emit: emit,
    proposals.Archive: _archive,
    proposals.Restore: _restore,
    proposals.Delete: _delete,
    proposals.Undo: _undo,
    proposals.Erase: _erase,
}
