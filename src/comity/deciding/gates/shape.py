"""Is the proposal well-formed, within limits, and do its values fit what is declared?

Codes: ``shape.invalid``, ``shape.too_large``, ``shape.too_broad``, ``shape.expired``,
``shape.unknown_kind``, ``shape.unknown_field``, ``shape.unknown_event``,
``shape.unknown_action``, ``shape.unknown_revision``, ``shape.unknown_cause``,
``shape.unknown_subject``, ``shape.unknown_effect``, ``shape.unlisted_effect``, ``shape.invalid_effect``,
``shape.new_kind`` (a warning), ``shape.no_subject``, ``shape.transition``, ``shape.invalid_value``,
``shape.required``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

import msgspec

from comity import limits
from comity.deciding.case import Case
from comity.deciding.compile import CompiledField, CompiledKind
from comity.deciding.complaints import (
    invalid,
    invalid_operand,
    invalid_value,
    required,
    too_large,
    unknown_event,
    unknown_name,
    unknown_revision,
)
from comity.deciding.drafts import DraftEvent
from comity.deciding.envelope import is_ordinary, judge_envelope, judge_reads
from comity.deciding.fields import normalise_given
from comity.deciding.unknown import judge_about, judge_subjects, undeclared_kind
from comity.deciding.wished import judge_effects
from comity.model import proposals, refs
from comity.model.built_in import SPEAKING
from comity.model.codec import encode
from comity.model.decisions import Finding
from comity.model.proposals import AnyChange, Emit
from comity.model.records import LIFE, RecordState
from comity.model.texts import listed

_SETTING: Final = (proposals.Put, proposals.Set, proposals.Create)


def judge(case: Case) -> Iterable[Finding]:
    """Return what is wrong with the form; leave the case's changes normalised where nothing is."""
    found = [] if is_ordinary(case) else [*judge_envelope(case), *judge_reads(case)]
    kinds = case.compiled.kinds
    for change in case.changes:
        if not _is_normal(change, kinds):
            found += _changes(case)
            break
    if case.effects:
        found += judge_effects(case)
    case.is_well_formed = not found or all(finding.severity != "refuse" for finding in found)
    if case.is_well_formed:
        found += _states(case)
        if case.compiled.actions:
            found += judge_about(case)
        if case.proposal.about:
            found += judge_subjects(case)
    return found


# -- changes


def _changes(case: Case) -> Iterator[Finding]:
    kept: list[AnyChange] = []
    warned: set[str] = set()
    for change in case.proposal.changes:
        ref = refs.parse(change.record) if type(change.record) is str else None
        if ref is None:
            problem = str(refs.problem_of(change.record))
            yield invalid(f"{problem[:1].upper()}{problem[1:]}.", "Name the record as kind/id.")
            continue
        kind_name = ref[0]
        declared = case.compiled.kinds.get(kind_name)
        if declared is None and kind_name not in warned:
            warned.add(kind_name)
            yield from undeclared_kind(kind_name, case)
        yield from _change(change, case.kind(kind_name), declared is not None, case, kept)
    case.changes = tuple(kept)


def _is_normal(change: AnyChange, kinds: Mapping[str, CompiledKind]) -> bool:
    """Tell at a glance that a change sets declared fields to values that are as they should be kept."""
    if not isinstance(change, _SETTING) or type(change.record) is not str:
        return False
    ref = refs.parse(change.record)
    kind = kinds.get(ref[0]) if ref is not None else None
    if kind is None or kind.is_built_in or len(change.fields) > limits.FIELDS_PER_RECORD:
        return False
    for name, value in change.fields.items():
        field = kind.fields.get(name)
        if field is None or field.form != "plain":
            return False
        if type(value) is str:
            if not value.isascii() or "\0" in value:
                return False
        elif type(value) is int:
            if not limits.INTEGER_MIN <= value <= limits.INTEGER_MAX:
                return False
        elif value is not None and type(value) is not bool:
            return False
    return True


def _change(
    change: AnyChange, kind: CompiledKind, is_declared: bool, case: Case, kept: list[AnyChange]
) -> Iterator[Finding]:
    if refs.is_built_in(change.record):
        yield from _transition(change, kind)
    if isinstance(change, proposals.Erase):
        yield from _erase(change, case)
    if isinstance(change, Emit):
        yield from _emit(change, kind, is_declared, kept)
        return
    if isinstance(change, proposals.Undo):
        yield from _undo(change, kind, is_declared, case)
        kept.append(change)
        return
    fields: Mapping[str, Any] | None = getattr(change, "fields", None)
    if fields is None:
        kept.append(change)
        return
    values: dict[str, Any] = {}
    yield from _values(change.record, fields, kind.fields, is_declared, values)
    yield from _operands(change, values)
    kept.append(msgspec.structs.replace(change, fields=values))


def _transition(change: AnyChange, kind: CompiledKind) -> Iterator[Finding]:
    if isinstance(change, proposals.Erase) and kind.name in SPEAKING:
        return
    if not isinstance(change, Emit) or change.event not in kind.events:
        yield Finding(
            "shape.transition",
            f"{change.record} changes only by its own transitions, not by {type(change).__name__.lower()}.",
            subject=change.record,
            remedy=f"Its transitions: {listed(sorted(kind.events))}; use the operation made for it.",
        )


def _emit(change: Emit, kind: CompiledKind, is_declared: bool, kept: list[AnyChange]) -> Iterator[Finding]:
    if not refs.NAME.match(change.event) or len(change.event) > limits.NAME_CHARS:
        yield invalid(f"{change.event[:64]!r} is no event name.", "Use letters, digits and '_', a letter first.")
        return
    event = kind.events.get(change.event)
    if is_declared and event is None:
        yield unknown_event(change.record, change.event, kind.events)
        return
    values: dict[str, Any] = {}
    declared = event.data if event else {}
    yield from _values(change.record, change.data, declared, event is not None, values, change.event)
    for field in declared.values():
        yield from _declared_value(change.record, field, values.get(field.name), change.event)
    kept.append(msgspec.structs.replace(change, data=values))


def _values(
    record: str,
    fields: Mapping[str, Any],
    declared: Mapping[str, CompiledField],
    is_declared: bool,
    values: dict[str, Any],
    event: str | None = None,
) -> Iterator[Finding]:
    if len(fields) > limits.FIELDS_PER_RECORD:
        yield _too_many_fields(record, len(fields))
        return
    for name, value in cast("Mapping[object, Any]", fields).items():
        if not isinstance(name, str):
            yield invalid(f"{name!r} is no field name.", "Field names are texts.")
            continue
        field = declared.get(name)
        if field is None and is_declared:
            yield unknown_name(record, name, declared, event)
        elif field is None and (not refs.NAME.match(name) or len(name) > limits.NAME_CHARS):
            yield invalid(f"{name[:64]!r} is no field name.", "Use letters, digits and '_', a letter first.")
        else:
            try:
                values[name] = normalise_given(value, field)
            except ValueError as error:
                yield invalid_value(record, name, str(error), field, event)


def _undo(change: proposals.Undo, kind: CompiledKind, is_declared: bool, case: Case) -> Iterator[Finding]:
    for name, revision in change.fields.items():
        if not 0 <= revision <= case.view.revision:
            yield unknown_revision(revision, case.view.revision)
        if is_declared and name != LIFE and name not in kind.fields:
            yield unknown_name(change.record, name, kind.fields)


def _erase(change: proposals.Erase, case: Case) -> Iterator[Finding]:
    if len(change.also) > limits.ERASED_ALSO:
        message = (
            f"{len(change.also)} commits are to be emptied besides; at most {limits.ERASED_ALSO} are named at once."
        )
        yield too_large(message, "Use the operation made for it, which names them bit by bit.")
    for revision in change.also:
        if not 0 < revision <= case.view.revision:
            yield unknown_revision(revision, case.view.revision)


def _operands(change: AnyChange, values: dict[str, Any]) -> Iterator[Finding]:
    record = change.record
    if isinstance(change, proposals.Add):
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                yield invalid_operand(record, name, "only a number can be added", f"Give {name} as a number.")
    elif isinstance(change, (proposals.Include, proposals.Exclude, proposals.Append)):
        for name, value in values.items():
            if not isinstance(value, list):
                advice = f'Give {name} as a list, such as {name}=["x"].'
                yield invalid_operand(record, name, "its elements come as a list", advice)


# -- what the records would be


def _states(case: Case) -> list[Finding]:
    draft, kinds = case.draft, case.compiled.kinds
    found: list[Finding] = []
    for event in draft.events:
        if len(event.encoded) > limits.RECORD_BYTES:
            found += _size(event)
    for ref, state in draft.states.items():
        kind = kinds.get(ref[0])
        if kind is not None and state.life == "live":
            found += _declared_values(state, kind, draft.was[ref])
        if len(state.values) > limits.FIELDS_PER_RECORD:
            found.append(_too_many_fields(state.ref, len(state.values)))
    return found


def _declared_values(state: RecordState, kind: CompiledKind, was: Mapping[str, Any]) -> list[Finding]:
    found: list[Finding] = []
    for name in was:
        field = kind.fields.get(name)
        if field is not None:
            value = state.values.get(name)
            if value is None or not field.is_plainly_right(value):
                found += _declared_value(state.ref, field, value)
    if was.get(LIFE, state.life) != state.life:
        found += _brought_back(state, kind, was)
    return found


def _brought_back(state: RecordState, kind: CompiledKind, was: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what of a record that comes to life doesn't fit: it may have been away while the definition changed."""
    for name in (*kind.required, *state.values):
        if name in was:
            continue
        if name not in kind.fields:
            yield unknown_name(state.ref, name, kind.fields)
        else:
            yield from _declared_value(state.ref, kind.fields[name], state.values.get(name))


def _declared_value(record: str, field: CompiledField, value: Any, event: str | None = None) -> Iterator[Finding]:
    if value is None:
        if field.definition.required:
            yield required(record, field, event)
        return
    for problem in field.problems(value):
        yield invalid_value(record, field.name, problem, field, event)


def _size(event: DraftEvent) -> Iterator[Finding]:
    size = len(encode(event.payload.values))
    if size > limits.RECORD_BYTES:
        message = f"{'/'.join(event.ref)} would have {size} bytes; at most {limits.RECORD_BYTES} are allowed."
        yield too_large(message, "Keep large values elsewhere, and their addresses here.")


# -- findings


def _too_many_fields(record: str, count: int) -> Finding:
    message = f"{record} would have {count} fields; at most {limits.FIELDS_PER_RECORD} are allowed."
    return too_large(message, "Put some of them into another record, or into an object.")
