"""What surrounds the changes of a proposal: its id, texts, deadline, cause and reads, and whether they are in form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.deciding.case import Case
from comity.deciding.complaints import invalid, invalid_value, too_large, unknown_name, unknown_revision
from comity.deciding.fields import normalise_given
from comity.errors import InvalidQuery, InvalidReference, LimitExceeded
from comity.model import filters, proposals, refs
from comity.model.decisions import Finding
from comity.model.proposals import Read
from comity.model.records import LIFE
from comity.model.refs import parse
from comity.model.texts import listed, suggestion
from comity.model.values import normalise

_DAY_US: Final = 86_400 * SECOND_US
_FEW: Final = min(limits.CHANGES_PER_PROPOSAL, limits.READS_PER_PROPOSAL, limits.SUBJECTS_PER_PROPOSAL)
_OPERATING: Final = (proposals.Undo, proposals.Erase)
_SHORT: Final = min(limits.REASON_CHARS, limits.NAME_CHARS)


def is_ordinary(case: Case) -> bool:
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


def judge_envelope(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with a proposal besides its changes, effects and reads."""
    proposal = case.proposal
    if not _has_id(case):
        yield invalid(f"{proposal.id[:40]!r} is no proposal id.", "Use letters, digits and _.:@/+=-, or leave it out.")
    if len(proposal.changes) + len(proposal.reads) + len(proposal.about) + len(proposal.relies_on) > _FEW:
        yield from _counts(case)
    if proposal.assumptions or proposal.about or not _is_plain(proposal):
        yield from _texts(case)
    if proposal.not_after is not None:
        yield from _deadline(proposal.not_after, case)
    if case.compiled.actions:
        yield from _action(case)
    if proposal.accept is not None and not 0 <= proposal.accept <= case.view.revision:
        yield unknown_revision(proposal.accept, case.view.revision)
    if proposal.cause is not None:
        yield from _cause(proposal.cause, case)
    if abs(proposal.priority) > limits.PRIORITY:
        yield invalid(f"A priority is from {-limits.PRIORITY} to {limits.PRIORITY}.", "Take one in between.")
    if proposal.wait_s is not None and not 0 < proposal.wait_s * SECOND_US <= limits.WAIT_DAYS * _DAY_US:
        yield invalid(
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
            yield too_large(f"The proposal has {count} {what}; at most {most} are allowed.")


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
        yield too_large(message, f"Name a time before {format_time(now + limits.NOT_AFTER_DAYS * _DAY_US)}.")


def _texts(case: Case) -> Iterator[Finding]:
    proposal = case.proposal
    for what, size, most, remedy in (
        ("assumptions", len(proposal.assumptions), limits.ASSUMPTIONS_PER_PROPOSAL, "Join some of them by '&&'."),
        ("characters of reason", len(proposal.reason or ""), limits.REASON_CHARS, "Say it in fewer words."),
        ("characters of action", len(proposal.action or ""), limits.NAME_CHARS, "Give the action a short name."),
    ):
        if size > most:
            yield too_large(f"The proposal has {size} {what}; at most {most} are allowed.", remedy)
    for text in (proposal.reason, proposal.intent, proposal.action, *proposal.assumptions):
        try:
            normalise(text)
        except ValueError as error:
            yield invalid(f"A text of the proposal can't be taken: {error}.", "Leave that character out.")
    for ref in proposal.about:
        if problem := refs.problem_of(ref):
            yield invalid(f"about: {problem}.", "Name the subject as kind/id.")


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
    undoes = any(isinstance(change, _OPERATING) for change in case.changes)
    return (
        bool(case.changes)
        and (undoes or case.proposal.action is None)
        and not case.proposal.effects
        and all(change.record.startswith("$") or isinstance(change, _OPERATING) for change in case.changes)
    )


def _cause(cause: str, case: Case) -> Iterator[Finding]:
    try:
        revision, ordinal = refs.parse_event_id(cause)
    except InvalidReference as error:
        yield invalid(f"cause: {error}.", "Name the event that led to this, as revision.ordinal.")
        return
    if not case.view.has_event(revision, ordinal):
        yield Finding("shape.unknown_cause", f"There is no event {cause} yet.", remedy="Name an event of the log.")


# -- reads


def judge_reads(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the form of the reads; leave the case's reads normalised where nothing is."""
    searches = sum(isinstance(read, proposals.QueryRead) for read in case.proposal.reads)
    if searches > limits.QUERY_READS_PER_PROPOSAL:
        yield too_large(f"It rests on {searches} searches; at most {limits.QUERY_READS_PER_PROPOSAL} are allowed.")
    is_changed = False
    kept: list[proposals.AnyRead] = []
    for read in case.proposal.reads:
        if isinstance(read, proposals.QueryRead):
            yield from _query(read, case, kept)
            is_changed = True
            continue
        if problem := refs.problem_of(read.record):
            yield invalid(f"A read: {problem}.", "Name the record as kind/id.")
        elif isinstance(read, proposals.Was):
            yield from _was(read, case, kept)
            is_changed = True
            continue
        elif not 0 <= read.revision <= case.view.revision:
            yield unknown_revision(read.revision, case.view.revision)
        kept.append(read)
    if is_changed:
        case.reads = tuple(kept)


def _was(read: proposals.Was, case: Case, kept: list[proposals.AnyRead]) -> Iterator[Finding]:
    """Bring the values believed into the form of stored ones, so that equal things compare equal (S16)."""
    kind, values = case.kind(read.record.partition("/")[0]), dict[str, Any]()
    for name, value in read.values.items():
        field = kind.fields.get(name)
        if field is None and kind.name and name != LIFE:
            yield unknown_name(read.record, name, kind.fields)
            continue
        try:
            values[name] = normalise_given(value, field)
        except ValueError as error:
            yield invalid_value(read.record, name[: limits.NAME_CHARS], str(error), field)
    kept.append(proposals.Was(read.record, values))


def _query(read: proposals.QueryRead, case: Case, kept: list[proposals.AnyRead]) -> Iterator[Finding]:
    if not 0 <= read.revision <= case.view.revision:
        yield unknown_revision(read.revision, case.view.revision)
    if read.members is None and read.count is None:
        yield invalid("A query read shows neither members nor a count.", "Give what the search showed.")
    if len(read.members or ()) > limits.QUERY_RECORDS:
        message = f"A query read has {len(read.members or ())} members; at most {limits.QUERY_RECORDS} are allowed."
        yield too_large(message, "Search page by page.")
    try:
        query = filters.check_query(read.query)
    except LimitExceeded as error:
        yield too_large(f"A query read: {error}.", "Search for less at once.")
    except InvalidQuery as error:
        yield invalid(f"A query read: {error}.", "Give the query as it was asked.")
    else:
        kept.append(msgspec.structs.replace(read, query=query))
