"""What is said of kinds that aren't declared, and of records that a proposal is about but that aren't there.

A rule doesn't apply where there is no subject of its kind (S28), so that a misspelt subject
would pass every rule: where a rule may stop a proposal, what it is about must be there. And
where an action says of which kinds it needs subjects, nobody gets by without naming any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from comity import limits
from comity.deciding.case import Case
from comity.deciding.view import Ref, View
from comity.model import refs
from comity.model.decisions import Finding
from comity.model.filters import RECORD_ID_FIELD, Condition, Query
from comity.model.texts import listed, suggestion

UNKNOWN_SUBJECT: Final = "shape.unknown_subject"
NO_SUBJECT: Final = "shape.no_subject"

_HINTED: Final = 3
"""Of absent records for which the nearest one is looked up."""


def undeclared_kind(kind: str, case: Case) -> Iterator[Finding]:
    """Yield what there is to say of a kind that isn't declared."""
    nearest = case.compiled.suggest_kind(kind)
    hint = suggestion(nearest)
    if refs.is_built_in(kind):
        yield Finding("shape.unknown_kind", f"There is no built-in kind {kind!r}{hint or '.'}", subject=kind)
    elif case.compiled.has_declared_kinds and case.compiled.definition.undeclared == "refuse":
        known = listed(sorted(name for name in case.compiled.kinds if not refs.is_built_in(name)), 8)
        yield Finding(
            "shape.unknown_kind",
            f"{kind!r} is no declared kind{hint or '.'}",
            subject=kind,
            remedy=f"Use a declared kind ({known}), declare it with 'comity apply', or set undeclared = \"allow\".",
        )
    elif kind not in case.view.kind_revisions:
        known = sorted(name for name in case.view.kind_revisions if not refs.is_built_in(name))
        near = next((name for name in known if _is_near(name, kind)), nearest) or refs.nearest(kind, known)
        yield Finding(
            "shape.new_kind",
            f"{kind!r} is a new kind here{suggestion(near) or '.'}",
            subject=kind,
            severity="warn",
        )


def _is_near(left: str, right: str) -> bool:
    def fold(name: str) -> str:
        return name.lower().replace("_", "").replace("-", "").rstrip("s")

    return not refs.is_built_in(left) and fold(left) == fold(right)


def judge_about(case: Case) -> Iterator[Finding]:
    """Yield of which kinds an action needs a subject, where none is named, written or the target of an effect."""
    action = case.compiled.actions.get(case.proposal.action or "")
    if action is None or not action.about:
        return
    named = {kind for kind, _ in case.subjects}
    for kind in action.about:
        if kind not in named:
            yield Finding(
                NO_SUBJECT,
                f"{action.name} is about a {kind}, and none is named.",
                subject=action.name,
                remedy=f"Name the record that it is about: about=['{kind}/…'].",
                data={"kind": kind},
            )


def judge_subjects(case: Case) -> Iterable[Finding]:
    """Return which of the records that a well-formed proposal is about aren't there, not even once it is done."""
    absent: dict[Ref, None] = {}
    for record in case.proposal.about:
        ref = refs.parts(record)
        if not _is_there(ref, case):
            absent[ref] = None
    return _absent(absent, case) if absent else ()


def _absent(absent: Iterable[Ref], case: Case) -> Iterator[Finding]:
    told = {change.record.partition("/")[0] for change in case.changes}
    for place, ref in enumerate(absent):
        of_kind = [] if ref[0] in case.compiled.kinds else [*undeclared_kind(ref[0], case)]
        if ref[0] not in told:
            yield from of_kind
        if not of_kind:
            yield _unknown_subject(ref, case, is_hinted=place < _HINTED)
        told.add(ref[0])


def _is_there(ref: Ref, case: Case) -> bool:
    """Tell whether a subject is there before the proposal, or is once it is done."""
    drafted = case.draft.states.get(ref)
    if drafted is not None and drafted.life == "live":
        return True
    if refs.is_built_in(ref[0]) and ref[0] in case.compiled.kinds:
        return True
    return (drafted is not None and drafted.exists) or case.view.record(ref).exists


def _unknown_subject(ref: Ref, case: Case, *, is_hinted: bool) -> Finding:
    record = "/".join(ref)
    near = _nearest(ref, case.view) if is_hinted else None
    gone = " any more" if case.view.record(ref).life == "deleted" else ""
    may_stop = ref[0] in case.compiled.kinds and any(
        rule.definition.mode != "shadow" for rule in case.compiled.rules.rules.values()
    )
    return Finding(
        UNKNOWN_SUBJECT,
        f"There is no {record}{gone} that this could be about{suggestion(near) or '.'}",
        subject=record,
        severity="refuse" if may_stop else "warn",
        remedy="Name the record that it is about, or create it in the same proposal.",
    )


def _nearest(ref: Ref, view: View) -> str | None:
    """Return the record of the kind that a misspelt one most likely means, of those that stand near it by id."""
    kind, name = ref
    if kind not in view.kind_revisions:
        return None
    starts = (name[: len(name) // 2], name[:1], "")
    queries = [
        Query(kind, (Condition(RECORD_ID_FIELD, ">=", start),), limit=limits.RELATED_RECORDS) for start in starts
    ]
    known = {state.id for query in queries for state in view.find(query)}
    near = refs.nearest(name, sorted(known))
    return f"{kind}/{near}" if near is not None else None
