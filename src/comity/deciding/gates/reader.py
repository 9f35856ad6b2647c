"""Does it look at what its agent may not see (S39)?

Who may not see a field may create records with it and append to it, but neither set it nor rest
anything on it: whether that is let through would tell what it holds. Whatever else could be
found of such a proposal would tell that too, so nothing else is looked at. What the
definition itself looks at (rules, guards, what an effect is released by) is no matter of its.

Codes: ``reader.write``, ``reader.read``, ``reader.assumption``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from comity.deciding.case import Case, withheld_from
from comity.deciding.effects import is_own, ref_of
from comity.deciding.expressions import Expression, variable_name
from comity.deciding.operators import is_operator
from comity.deciding.readers import Withheld
from comity.errors import InvalidExpression
from comity.model import filters, proposals
from comity.model.decisions import Finding
from comity.model.hidden import Hidden
from comity.model.proposals import AnyChange, AnyRead, QueryRead, Was
from comity.model.texts import listed

_OPEN: Final = (proposals.Create, proposals.Append)
"""The changes that tell nothing of what a field held."""
_WRITE: Final = "Leave it out: you may create a record with it, and append to it"
_READ: Final = "Rest it on what you may see"


def judge(case: Case) -> Iterable[Finding]:
    """Return each field named that is hidden from the agent; if any is, nothing else is asked."""
    if case.compiled.readers is None or not case.is_well_formed:
        return ()
    withheld = withheld_from(case.caller, case.compiled)
    if withheld is None or _is_release(case):
        return ()
    found = [*_writes(case, withheld), *judge_reads(case), *_assumptions(case, withheld)]
    case.is_well_formed = not found
    return found


def _is_release(case: Case) -> bool:
    """Tell whether what it rests on was let through when its effects were wanted, and is but looked at again (S34)."""
    wanted = [case.view.record(ref_of(effect, case.proposal)) for effect in case.effects]
    return bool(wanted) and not case.changes and all(is_own(state, case.proposal) for state in wanted)


# -- changes


def _writes(case: Case, withheld: Withheld) -> Iterator[Finding]:
    for change in case.changes:
        concealed = withheld.kind(change.record.partition("/")[0])
        for name in _overwritten(change, case):
            if (mark := concealed.of(name)) is not None:
                subject = f"{change.record}.{name}"
                yield _refuse("write", f"You may not see {subject}, so you may not set it", subject, mark, _WRITE)
        if getattr(change, "replace", False) and concealed.marks:
            mark = next(iter(concealed.marks.values()))
            message = f"Replacing {change.record} would clear what you may not see"
            yield _refuse("write", message, change.record, mark, "Put the fields that you mean, without replace")


def _overwritten(change: AnyChange, case: Case) -> Iterable[str]:
    if isinstance(change, _OPEN) or (isinstance(change, proposals.Undo) and is_operator(case)):
        return ()
    fields: dict[str, Any] = getattr(change, "fields", {})
    return fields


# -- reads


def judge_reads(case: Case) -> Iterator[Finding]:
    """Yield the reads that name a field which is hidden from the agent."""
    withheld = withheld_from(case.caller, case.compiled)
    if withheld is None:
        return
    for read in case.reads:
        kind = read.query.kind if isinstance(read, QueryRead) else read.record.partition("/")[0]
        for name in _named(read):
            if (mark := withheld.asked(kind, name)) is not None:
                subject = f"{kind}.{name}" if isinstance(read, QueryRead) else f"{read.record}.{name}"
                yield _refuse("read", f"It rests on {subject}, which you may not see", subject, mark, _READ)
    for path in case.proposal.relies_on:
        record, _, name = path.rpartition(".")
        if (mark := withheld.kind(record.partition("/")[0]).marks.get(name)) is not None:
            yield _refuse("read", f"It relies on {path}, which you may not see", path, mark, _READ)


def _named(read: AnyRead) -> Iterable[str]:
    if isinstance(read, Was):
        return read.values
    if isinstance(read, QueryRead):
        return sorted(filters.fields_of(read.query).union(read.fields or ()))
    return read.fields or ()


# -- assumptions


def _assumptions(case: Case, withheld: Withheld) -> Iterator[Finding]:
    stills = [effect.still for effect in case.effects if effect.still is not None]
    for source in (*case.proposal.assumptions, *stills):
        try:
            expression = case.compiled.assumption(source)
        except InvalidExpression:
            continue  # It is told by the check that judges it.
        for subject, mark in _looked_at(expression, withheld):
            message = f"You may not see {subject}, so you may not assume anything of it"
            yield _refuse("assumption", message, subject, mark, "Assume what you may see")


def _looked_at(expression: Expression, withheld: Withheld) -> Iterator[tuple[str, Hidden]]:
    for (kind, *event), concealed in withheld.things.items():
        for root, name in sorted(expression.reads) if not event else ():
            if root == variable_name(kind) and (mark := concealed.of(name)) is not None:
                yield f"{kind}.{name}", mark


def _refuse(what: str, message: str, subject: str, mark: Hidden, remedy: str) -> Finding:
    readers = listed(mark.readers)
    return Finding(
        f"reader.{what}",
        f"{message}: it is for {readers} only.",
        subject,
        remedy=f"{remedy}; or ask {readers}.",
        data={"readers": list(mark.readers)},
    )
