"""Erasing what is known of records: a decision, then the emptying that it allows (S37).

The proposal is judged like any other. What is emptied for it, and how that is gone on with
after a crash, is :mod:`comity.coordination.erasing`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from comity import limits
from comity.coordination.erasing import Found, erasing, find, speaking_of
from comity.deciding.case import withheld_from
from comity.deciding.compile import Compiled
from comity.errors import InvalidRequest, LimitExceeded
from comity.model import refs
from comity.model.filters import Condition, Query
from comity.model.proposals import Caller, Proposal, Read
from comity.operations import Erase, EraseAnswer
from comity.store.contract import Ref, Snapshot
from comity.verbs import names
from comity.verbs.engine import Engine
from comity.verbs.portions import find_states

_TOLD: Final = 100
"""Of referring records that an answer names."""


def erase(engine: Engine, caller: Caller, request: Erase) -> EraseAnswer:
    """Erase records, with what Comity's own records say of them, and what the log holds of both.

    Raises NotFound for a record that never was, InvalidRequest where none is named, no reason
    is given or a record is Comity's own, LimitExceeded for more than ``limits.ERASED_TOGETHER``.
    """
    if not request.records or not (request.reason or "").strip():
        raise InvalidRequest("name the records to erase, and a reason: it stays, so put no data of a person into it")
    with engine.store.snapshot() as snapshot:
        compiled = engine.coordinator.definition(snapshot)
        asked = _asked(snapshot, compiled, caller, request)
        revision = snapshot.head.revision
        ends = speaking_of(snapshot, dict.fromkeys(asked, revision + 1))
        found = find(snapshot, ends)
        speaking = _open_first(snapshot, sorted(ends.keys() - set(asked)))
        referrers = sorted(set(_referring(snapshot, compiled, caller, asked)).difference(asked))[:_TOLD]
    proposal = _proposal(engine.make_id(), asked, speaking, found, revision, request.reason)
    decision = engine.propose(proposal, caller, is_new=True, dry=request.dry)
    answer = EraseAnswer(
        records=tuple(map("/".join, asked)),
        speaking=tuple(map("/".join, speaking)),
        events=len(found.events),
        commits=len(found.own) + len(found.also),
        answers=len(found.answers),
        decision=decision,
        referrers=tuple(map("/".join, referrers)),
    )
    if not decision.is_committed:
        return answer
    scrubbed = engine.erasing.finish()
    return replace(answer, is_done=scrubbed.is_done, left=scrubbed.left)


def _asked(snapshot: Snapshot, compiled: Compiled, caller: Caller, request: Erase) -> list[Ref]:
    """Return the records asked for, with those of some kinds that refer to them."""
    asked = dict.fromkeys(map(refs.split, request.records))
    for ref in asked:
        if refs.is_built_in(ref[0]):
            raise InvalidRequest(f"{'/'.join(ref)} is Comity's own: it goes with the records of which it speaks")
        names.check_record(snapshot, compiled, ref)
    for kind in request.with_referrers:
        names.check_kind(snapshot, compiled, kind)
    referring = [ref for ref in _referring(snapshot, compiled, caller, list(asked)) if ref[0] in request.with_referrers]
    found = list(dict.fromkeys((*asked, *referring)))
    if len(found) > limits.ERASED_TOGETHER:
        raise LimitExceeded(
            f"{len(found)} records would be erased together; at most {limits.ERASED_TOGETHER} are:"
            " begin with those that refer to it, some at a time"
        )
    return found


def _referring(snapshot: Snapshot, compiled: Compiled, caller: Caller, targets: Sequence[Ref]) -> Iterator[Ref]:
    """Yield the records with a declared reference to one of some others, as far as their number matters.

    References that are hidden from the caller aren't followed: they would tell what they hold (S39).
    """
    withheld = withheld_from(caller, compiled)
    for kind, id in targets:
        for referrer in compiled.referrers.get(kind, ()):
            if withheld is not None and withheld.kind(referrer.kind).of(referrer.field) is not None:
                continue
            where = Condition(referrer.field, "has" if referrer.is_list else "=", id)
            query = Query(referrer.kind, (where,), limit=limits.ERASED_TOGETHER + 1, life="any")
            yield from ((state.kind, state.id) for state in find_states(snapshot, query, None))


def _open_first(snapshot: Snapshot, speaking: Sequence[Ref]) -> list[Ref]:
    """Return records with those in front that are open: what may stand in the way is told by the first proposal."""
    states = snapshot.records(speaking)
    return sorted(speaking, key=lambda ref: not states[ref].is_live)


def _proposal(
    id: str, asked: Sequence[Ref], speaking: Sequence[Ref], found: Found, revision: int, reason: str | None
) -> Proposal:
    """Return what is proposed: it rests on the records being there as they were found."""
    seen = tuple(Read("/".join(ref), revision, ()) for ref in asked)
    return Proposal(id=id, changes=tuple(erasing(asked, speaking, found)), reads=seen, reason=reason)
