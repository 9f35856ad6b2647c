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
from comity.clock import SECOND_US, format_time
from comity.deciding.case import Case
from comity.deciding.compile import CompiledField, CompiledKind
from comity.deciding.complaints import invalid_operand, invalid_value, required, unknown_event, unknown_name
from comity.deciding.drafts import DraftEvent
from comity.deciding.unknown import judge_about, judge_subjects, undeclared_kind
from comity.deciding.wished import judge_effects
from comity.errors import InvalidQuery, InvalidReference, LimitExceeded
from comity.model import filters, proposals, refs
from comity.model.codec import encode
from comity.model.decisions import Finding
from comity.model.proposals import AnyChange, Emit, Read
from comity.model.records import LIFE, RecordState
from comity.model.refs import parse
from comity.model.texts import listed, suggestion
from comity.model.values import normalise

_SETTING: Final = (proposals.Put, proposals.Set, proposals.Create)
_DAY_US: Final = 86_400 * SECOND_US
_FEW: Final = min(limits.CHANGES_PER_PROPOSAL, limits.READS_PER_PROPOSAL, limits.SUBJECTS_PER_PROPOSAL)
_SHORT: Final = min(limits.REASON_CHARS, limits.NAME_CHARS)


def judge(case: Case) -> Iterable[Finding]:
    """Return what is wrong with the form; leave the case's changes normalised where nothing is."""
    found = [] if _is_ordinary(case) else [*_envelope(case), *judge_reads(case)]
    found += _changes(case)
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


# -- the envelope


def _is_ordinary(case: Case) -> bool:
    """Tell at a glance that nothing can be wrong but the changes: most proposals are like that."""
    proposal, revision = case.proposal, case.view.revision
    if (
        proposal.not_after is not None
        or proposal.accept is not None
        or proposal.cause is not None
        or proposal.priority
        or proposal.wait_s is not None
        or proposal.assumptions
        or proposal.relies_on
        or len(proposal.changes) + len(proposal.reads) + len(proposal.about) > _FEW
        or not _has_id(case)
        or (case.compiled.actions and proposal.action not in case.compiled.actions)
    ):
        return False
    for read in proposal.reads:
        if type(read) is not Read or not 0 <= read.revision <= revision or parse(read.record) is None:
            return False
    return _is_plain(proposal) and None not in map(parse, proposal.about)


def _envelope(case: Case) -> Iterator[Finding]:
    proposal = case.proposal
    if not _has_id(case):
        yield _invalid(f"{proposal.id[:40]!r} is no proposal id.", "Use letters, digits and _.:@/+=-, or leave it out.")
    if len(proposal.changes) + len(proposal.reads) + len(proposal.about) + len(proposal.relies_on) > _FEW:
        yield from _counts(case)
    if proposal.assumptions or proposal.about or not _is_plain(proposal):
        yield from _texts(case)
    if proposal.not_after is not None:
        yield from _deadline(proposal.not_after, case)
    if case.compiled.actions:
        yield from _action(case)
    if proposal.accept is not None and not 0 <= proposal.accept <= case.view.revision:
        yield _unknown_revision(proposal.accept, case)
    if proposal.cause is not None:
        yield from _cause(proposal.cause, case)
    if abs(proposal.priority) > limits.PRIORITY:
        yield _invalid(f"A priority is from {-limits.PRIORITY} to {limits.PRIORITY}.", "Take one in between.")
    if proposal.wait_s is not None and not 0 < proposal.wait_s * SECOND_US <= limits.WAIT_DAYS * _DAY_US:
        yield _invalid(
            f"A proposal waits from 1 second to {limits.WAIT_DAYS} days; wait_s is {proposal.wait_s}.",
            "Take a span in between, or leave it out.",
        )


def _has_id(case: Case) -> bool:
    """Tell whether a proposal's id is one that its caller may use."""
    id = case.proposal.id
    is_inner = case.caller.known in ("system", "workflow")
    form = refs.SYSTEM_PROPOSAL_ID if is_inner else refs.PROPOSAL_ID
    return len(id) <= limits.PROPOSAL_ID_CHARS and form.match(id) is not None


def _is_plain(proposal: proposals.Proposal) -> bool:
    """Tell at a glance that nothing is wrong with the texts: all of them together are short."""
    texts = f"{proposal.reason}{proposal.action}{proposal.intent}"
    return len(texts) <= _SHORT and texts.isascii() and "\0" not in texts


def _counts(case: Case) -> Iterator[Finding]:
    proposal = case.proposal
    for what, count, most in (
        ("changes", len(proposal.changes), limits.CHANGES_PER_PROPOSAL),
        ("reads", len(proposal.reads), limits.READS_PER_PROPOSAL),
        ("subjects", _count_subjects(proposal), limits.SUBJECTS_PER_PROPOSAL),
        ("relied fields", len(proposal.relies_on), limits.READS_PER_PROPOSAL),
    ):
        if count > most:
            yield _too_large(f"The proposal has {count} {what}; at most {most} are allowed.")


def _count_subjects(proposal: proposals.Proposal) -> int:
    return len({*proposal.about, *(change.record for change in proposal.changes)})


def _deadline(deadline: int, case: Case) -> Iterator[Finding]:
    now = case.view.now_us
    if deadline <= now:
        yield Finding(
            "shape.expired",
            f"The proposal was to be decided by {format_time(max(deadline, 0))}; it is {format_time(now)}.",
            remedy="Look again, then propose anew under a new id.",
        )
    elif deadline > now + limits.NOT_AFTER_DAYS * _DAY_US:
        message = f"not_after may lie at most {limits.NOT_AFTER_DAYS} days ahead."
        yield _too_large(message, f"Name a time before {format_time(now + limits.NOT_AFTER_DAYS * _DAY_US)}.")


def _texts(case: Case) -> Iterator[Finding]:
    proposal = case.proposal
    for what, size, most, remedy in (
        ("assumptions", len(proposal.assumptions), limits.ASSUMPTIONS_PER_PROPOSAL, "Join some of them by '&&'."),
        ("characters of reason", len(proposal.reason or ""), limits.REASON_CHARS, "Say it in fewer words."),
        ("characters of action", len(proposal.action or ""), limits.NAME_CHARS, "Give the action a short name."),
    ):
        if size > most:
            yield _too_large(f"The proposal has {size} {what}; at most {most} are allowed.", remedy)
    for text in (proposal.reason, proposal.intent, proposal.action, *proposal.assumptions):
        try:
            normalise(text)
        except ValueError as error:
            yield _invalid(f"A text of the proposal can't be taken: {error}.", "Leave that character out.")
    for ref in proposal.about:
        if problem := refs.problem_of(ref):
            yield _invalid(f"about: {problem}.", "Name the subject as kind/id.")


def _action(case: Case) -> Iterator[Finding]:
    action, declared = case.proposal.action, case.compiled.actions
    if action in declared or _is_operation(case):
        return
    names = listed(sorted(declared), 8)
    what = (
        f"{action[:64]!r} is no declared action" if action else "This workspace declares its actions, and none is named"
    )
    hint = suggestion(case.compiled.suggest_action(action)) if action else ""
    yield Finding(
        "shape.unknown_action", f"{what}{hint or '.'}", remedy=f"Name the action that this is: {names}.", subject=action
    )


def _is_operation(case: Case) -> bool:
    """Tell whether a proposal only operates: changes built-in records or undoes (S24), which is no business action."""
    undoes = any(isinstance(change, proposals.Undo) for change in case.changes)
    return (
        bool(case.changes)
        and (undoes or case.proposal.action is None)
        and not case.proposal.effects
        and all(change.record.startswith("$") or isinstance(change, proposals.Undo) for change in case.changes)
    )


def _cause(cause: str, case: Case) -> Iterator[Finding]:
    try:
        revision, ordinal = refs.parse_event_id(cause)
    except InvalidReference as error:
        yield _invalid(f"cause: {error}.", "Name the event that led to this, as revision.ordinal.")
        return
    if not case.view.has_event(revision, ordinal):
        yield Finding("shape.unknown_cause", f"There is no event {cause} yet.", remedy="Name an event of the log.")


# -- reads


def judge_reads(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the form of the reads; leave the case's reads normalised where nothing is."""
    searches = sum(isinstance(read, proposals.QueryRead) for read in case.proposal.reads)
    if searches > limits.QUERY_READS_PER_PROPOSAL:
        yield _too_large(f"It rests on {searches} searches; at most {limits.QUERY_READS_PER_PROPOSAL} are allowed.")
    is_changed = False
    normalised: list[proposals.AnyRead] = []
    for read in case.proposal.reads:
        if isinstance(read, proposals.QueryRead):
            yield from _query(read, case, normalised)
            is_changed = True
            continue
        if problem := refs.problem_of(read.record):
            yield _invalid(f"A read: {problem}.", "Name the record as kind/id.")
        elif isinstance(read, proposals.Was):
            yield from _was(read, case, normalised)
            is_changed = True
            continue
        elif not 0 <= read.revision <= case.view.revision:
            yield _unknown_revision(read.revision, case)
        normalised.append(read)
    if is_changed:
        case.reads = tuple(normalised)


def _was(read: proposals.Was, case: Case, normalised: list[proposals.AnyRead]) -> Iterator[Finding]:
    """Bring the values believed into the form of stored ones, so that equal things compare equal (S16)."""
    kind, values = case.kind(read.record.partition("/")[0]), dict[str, Any]()
    for name, value in read.values.items():
        field = kind.fields.get(name)
        if field is None and kind.name and name != LIFE:
            yield unknown_name(read.record, name, kind.fields)
            continue
        try:
            values[name] = _normalise(value, field)
        except ValueError as error:
            yield invalid_value(read.record, name[: limits.NAME_CHARS], str(error), field)
    normalised.append(proposals.Was(read.record, values))


def _query(read: proposals.QueryRead, case: Case, normalised: list[proposals.AnyRead]) -> Iterator[Finding]:
    if not 0 <= read.revision <= case.view.revision:
        yield _unknown_revision(read.revision, case)
    if read.members is None and read.count is None:
        yield _invalid("A query read shows neither members nor a count.", "Give what the search showed.")
    if len(read.members or ()) > limits.QUERY_RECORDS:
        message = f"A query read has {len(read.members or ())} members; at most {limits.QUERY_RECORDS} are allowed."
        yield _too_large(message, "Search page by page.")
    try:
        query = filters.check_query(read.query)
    except LimitExceeded as error:
        yield _too_large(f"A query read: {error}.", "Search for less at once.")
    except InvalidQuery as error:
        yield _invalid(f"A query read: {error}.", "Give the query as it was asked.")
    else:
        normalised.append(msgspec.structs.replace(read, query=query))


# -- changes


def _changes(case: Case) -> Iterator[Finding]:
    normalised: list[AnyChange] = []
    warned: set[str] = set()
    for change in case.proposal.changes:
        ref = refs.parse(change.record) if type(change.record) is str else None
        if ref is None:
            problem = str(refs.problem_of(change.record))
            yield _invalid(f"{problem[:1].upper()}{problem[1:]}.", "Name the record as kind/id.")
            continue
        kind_name = ref[0]
        declared = case.compiled.kinds.get(kind_name)
        if declared is not None and _is_normal(change, declared):
            normalised.append(change)
            continue
        if declared is None and kind_name not in warned:
            warned.add(kind_name)
            yield from undeclared_kind(kind_name, case)
        yield from _change(change, case.kind(kind_name), declared is not None, case, normalised)
    case.changes = tuple(normalised)


def _is_normal(change: AnyChange, kind: CompiledKind) -> bool:
    """Tell at a glance that a change sets declared fields to values that are as they should be kept."""
    if not isinstance(change, _SETTING) or len(change.fields) > limits.FIELDS_PER_RECORD or kind.name.startswith("$"):
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
    change: AnyChange, kind: CompiledKind, is_declared: bool, case: Case, normalised: list[AnyChange]
) -> Iterator[Finding]:
    if refs.is_built_in(change.record):
        yield from _transition(change, kind)
    if isinstance(change, Emit):
        yield from _emit(change, kind, is_declared, normalised)
        return
    if isinstance(change, proposals.Undo):
        yield from _undo(change, kind, is_declared, case)
        normalised.append(change)
        return
    fields: Mapping[str, Any] | None = getattr(change, "fields", None)
    if fields is None:
        normalised.append(change)
        return
    values: dict[str, Any] = {}
    yield from _values(change.record, fields, kind.fields, is_declared, values)
    yield from _operands(change, values)
    normalised.append(msgspec.structs.replace(change, fields=values))


def _transition(change: AnyChange, kind: CompiledKind) -> Iterator[Finding]:
    if not isinstance(change, Emit) or change.event not in kind.events:
        yield Finding(
            "shape.transition",
            f"{change.record} changes only by its own transitions, not by {type(change).__name__.lower()}.",
            subject=change.record,
            remedy=f"Its transitions: {listed(sorted(kind.events))}; use the operation made for it.",
        )


def _emit(change: Emit, kind: CompiledKind, is_declared: bool, normalised: list[AnyChange]) -> Iterator[Finding]:
    if not refs.NAME.match(change.event) or len(change.event) > limits.NAME_CHARS:
        yield _invalid(f"{change.event[:64]!r} is no event name.", "Use letters, digits and '_', a letter first.")
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
    normalised.append(msgspec.structs.replace(change, data=values))


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
            yield _invalid(f"{name!r} is no field name.", "Field names are texts.")
            continue
        field = declared.get(name)
        if field is None and is_declared:
            yield unknown_name(record, name, declared, event)
        elif field is None and (not refs.NAME.match(name) or len(name) > limits.NAME_CHARS):
            yield _invalid(f"{name[:64]!r} is no field name.", "Use letters, digits and '_', a letter first.")
        else:
            try:
                values[name] = _normalise(value, field)
            except ValueError as error:
                yield invalid_value(record, name, str(error), field, event)


def _normalise(value: Any, field: CompiledField | None) -> Any:
    plain = normalise(value)
    return plain if field is None or plain is None else field.normalise(plain)


def _undo(change: proposals.Undo, kind: CompiledKind, is_declared: bool, case: Case) -> Iterator[Finding]:
    for name, revision in change.fields.items():
        if not 0 <= revision <= case.view.revision:
            yield _unknown_revision(revision, case)
        if is_declared and name != LIFE and name not in kind.fields:
            yield unknown_name(change.record, name, kind.fields)


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
    draft, kinds, found = case.draft, case.compiled.kinds, list[Finding]()
    for event in draft.events:
        if len(event.encoded) > limits.RECORD_BYTES:
            found += _size(event)
    for ref, state in draft.states.items():
        kind = kinds.get(ref[0])
        if kind is not None and state.life == "live":
            found += _declared_values(state, kind, case.view.record(ref), case.view.revision + 1)
        if len(state.values) > limits.FIELDS_PER_RECORD:
            found.append(_too_many_fields(state.ref, len(state.values)))
    return found


def _declared_values(state: RecordState, kind: CompiledKind, before: RecordState, revision: int) -> list[Finding]:
    found: list[Finding] = []
    for name in [name for name, changed in state.blame.items() if changed == revision]:
        field = kind.fields.get(name)
        if field is not None:
            value = state.values.get(name)
            if value is None or not field.is_plainly_right(value):
                found += _declared_value(state.ref, field, value)
    if state.life != before.life:
        found += _brought_back(state, kind, revision)
    return found


def _brought_back(state: RecordState, kind: CompiledKind, revision: int) -> Iterator[Finding]:
    """Yield what of a record that comes to life doesn't fit: it may have been away while the definition changed."""
    for name in (*kind.required, *state.values):
        if state.blame.get(name) == revision:
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
        yield _too_large(message, "Keep large values elsewhere, and their addresses here.")


# -- findings


def _invalid(message: str, remedy: str) -> Finding:
    return Finding("shape.invalid", message, remedy=remedy)


def _too_large(message: str, remedy: str = "Split it into smaller proposals.") -> Finding:
    return Finding("shape.too_large", message, remedy=remedy)


def _too_many_fields(record: str, count: int) -> Finding:
    message = f"{record} would have {count} fields; at most {limits.FIELDS_PER_RECORD} are allowed."
    return _too_large(message, "Put some of them into another record, or into an object.")


def _unknown_revision(revision: int, case: Case) -> Finding:
    return Finding(
        "shape.unknown_revision",
        f"There is no revision {revision} yet; the last one is {case.view.revision}.",
        remedy="Name the revision that an answer of this workspace gave.",
    )
