"""What follows from a removal for the records that refer to what was removed (S36)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from comity import limits
from comity.deciding.compile import Referrer
from comity.deciding.drafts import DraftEvent, Drafting
from comity.deciding.view import Ref
from comity.model.filters import Condition, Query
from comity.model.records import ERASED, LIFE, RecordState
from comity.model.texts import listed

_REMOVED = ("archived", "deleted")


def derive(drafting: Drafting) -> None:
    """Carry removals on to the records that refer to what was removed, a level at a time."""
    removed = dict.fromkeys(event.ref for event in drafting.events if _removes(event))
    level = [ref for ref in removed if drafting.record(ref).life in _REMOVED]
    derived = 0
    while level:
        pairs = [
            pair
            for referrer, targets in _referrers(drafting, level)
            for pair in _referring(drafting, referrer, targets)
        ]
        derived += sum(len(found) for _, _, found in pairs)
        if derived > limits.DERIVED_WRITES:
            _refuse_too_broad(drafting, level[0], derived)
            return
        level = [ref for referrer, target, found in pairs for ref in _follow(drafting, referrer, target, found)]


def _removes(event: DraftEvent) -> bool:
    """Tell whether an event removes a record from those that refer to it; what is erased keeps its address (S37)."""
    return event.life in _REMOVED and LIFE in event.payload.was and event.type != ERASED


# -- who refers to it


def _referrers(drafting: Drafting, level: list[Ref]) -> Iterator[tuple[Referrer, list[Ref]]]:
    """Yield each field that may refer to what was removed, with what it may refer to."""
    by_kind: dict[str, list[Ref]] = {}
    for ref in level:
        by_kind.setdefault(ref[0], []).append(ref)
    for kind, targets in by_kind.items():
        for referrer in drafting.compiled.referrers.get(kind, ()):
            yield referrer, targets


def _referring(
    drafting: Drafting, referrer: Referrer, targets: list[Ref]
) -> Iterator[tuple[Referrer, Ref, list[RecordState]]]:
    """Yield the records that refer to each target; single references are found in one search."""
    drafted = {ref: drafting.state(record) for ref, record in drafting.working.items() if ref[0] == referrer.kind}
    if referrer.is_list:
        for target in targets:
            found = _find(drafting, referrer, Condition(referrer.field, "has", target[1]), drafted)
            yield referrer, target, found
        return
    ids = [target[1] for target in targets]
    by_id: dict[str, list[RecordState]] = {}
    for state in _find(drafting, referrer, Condition(referrer.field, "in", ids), drafted):
        by_id.setdefault(state.values[referrer.field], []).append(state)
    for target in targets:
        if target[1] in by_id:
            yield referrer, target, by_id[target[1]]


def _find(
    drafting: Drafting, referrer: Referrer, condition: Condition, drafted: Mapping[Ref, RecordState]
) -> list[RecordState]:
    query = Query(referrer.kind, (condition,), limit=limits.DERIVED_WRITES + 1)
    return drafting.view.find(query, drafted)


# -- what becomes of these


def _follow(drafting: Drafting, referrer: Referrer, target: Ref, found: list[RecordState]) -> list[Ref]:
    if not found:
        return []
    if referrer.on_removal == "refuse":
        _refuse_referenced(drafting, referrer, target, found)
        return []
    life = drafting.record(target).life
    for state in found:
        record = drafting.record((state.kind, state.id))
        if referrer.on_removal == "cascade":
            word = "archived" if life == "archived" else "deleted"
            drafting.live_on(record, life, word, f"cascade:{'/'.join(target)}")
        else:
            _detach(drafting, (state.kind, state.id), referrer, target)
    return [(state.kind, state.id) for state in found] if referrer.on_removal == "cascade" else []


def _detach(drafting: Drafting, ref: Ref, referrer: Referrer, target: Ref) -> None:
    record = drafting.record(ref)
    former = record.values.get(referrer.field)
    left = [item for item in former or () if item != target[1]] if referrer.is_list else None
    was: dict[str, Any] = {}
    drafting.assign(record, referrer.field, left, was, former)
    drafting.event(record, f"{ref[0]}.updated", was, derived=f"detach:{'/'.join(target)}")


def _refuse_referenced(drafting: Drafting, referrer: Referrer, target: Ref, found: list[RecordState]) -> None:
    readers = drafting.compiled.readers
    is_told = readers is None or not readers.has_readers(referrer.kind, referrer.field)
    names = [state.ref for state in found] if is_told else []
    shown = f"{listed(names)} ({referrer.field})" if is_told else "records whose reference isn't for everybody"
    drafting.refuse(
        "integrity.referenced",
        target,
        f"{'/'.join(target)} is referred to by {shown}.",
        "Remove or redirect these references first, in the same proposal if you like.",
        **({"referrers": names[:100]} if is_told else {}),
    )


def _refuse_too_broad(drafting: Drafting, target: Ref, count: int) -> None:
    drafting.refuse(
        "shape.too_broad",
        target,
        f"Removing it would change {count} other records or more; at most {limits.DERIVED_WRITES} may follow.",
        "Remove the referring records in smaller proposals first.",
    )
