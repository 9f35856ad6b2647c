"""Do references stand, and do the records exist that are to be changed?

Codes: ``integrity.missing_target``, ``integrity.missing``, ``integrity.exists``,
``integrity.archived``, ``integrity.deleted``, ``integrity.erased``, ``integrity.in_use``, ``integrity.referenced``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from comity.clock import format_age
from comity.deciding.case import Case
from comity.deciding.drafts import DraftEvent
from comity.deciding.fields import CompiledField
from comity.deciding.view import Ref
from comity.model import refs
from comity.model.decisions import Finding
from comity.model.records import LIFE, RecordState
from comity.model.texts import quote


def judge(case: Case) -> Iterable[Finding]:
    """Return what drafting met (missing records, referrers in the way), and references into the void."""
    draft, kinds = case.draft, case.compiled.kinds
    found = [*draft.findings]
    for ref, state in draft.states.items():
        kind = kinds.get(ref[0])
        if kind is None or not kind.references or not state.is_live:
            continue
        was = draft.was[ref]
        for name, target in kind.references:
            if name in was or LIFE in was:
                missing = _targets(f"{state.ref}.{name}", target, state.values.get(name), case)
                found += _untold(missing, kind.fields[name])
    if case.emits:
        for event in draft.events:
            if event.named:
                found += _references_in_event(event, case)
    return found


def _references_in_event(event: DraftEvent, case: Case) -> Iterator[Finding]:
    kind = case.compiled.kind(event.ref[0])
    declared = kind.events.get(event.type) if kind else None
    for name, field in declared.data.items() if declared else ():
        if field.definition.ref:
            value = event.payload.data.get(name)
            yield from _untold(_targets(f"{event.type}.{name}", field.definition.ref, value, case), field)


def _untold(found: Iterable[Finding], field: CompiledField) -> Iterator[Finding]:
    """Yield findings without the values that they are about, where these have readers (S39)."""
    for one in found:
        subject, target = str(one.subject), field.definition.ref
        yield (
            _missing(subject, f"it refers to no live {target}", f"Refer to a live {target}.") if field.readers else one
        )


def _targets(subject: str, kind: str, value: Any, case: Case) -> Iterator[Finding]:
    for name in value if isinstance(value, list) else [] if value is None else [value]:
        if not isinstance(name, str) or refs.problem_of(f"{kind}/{name}"):
            yield _missing(
                subject, f"{name!r} is no id of a {kind}", f"Give the id alone, such as 'acme' for {kind}/acme."
            )
            continue
        ref = (kind, name)
        state = case.draft.states.get(ref) or case.view.record(ref)
        if not state.is_live:
            yield _missing(subject, _what_happened(ref, state, case), f"Refer to a live {kind}, or create it first.")


def _what_happened(ref: Ref, state: RecordState, case: Case) -> str:
    if state.life == "absent":
        return f"there is no {'/'.join(ref)}"
    if ref in case.draft.states:
        return f"this very proposal leaves {state.ref} {state.life}"
    author = case.view.author(state, LIFE)
    reason = f": {quote(author.reason)}" if author.reason else ""
    return f"{state.ref} is {state.life}, by {author.by} {format_age(case.view.now_us - author.at)} ago{reason}"


def _missing(subject: str, problem: str, remedy: str) -> Finding:
    return Finding("integrity.missing_target", f"{subject}: {problem}.", subject, remedy=remedy)
