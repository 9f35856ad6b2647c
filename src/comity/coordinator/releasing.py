"""What is said of an effect whose release is judged: sent now, held up for now, or cancelled (S34).

Codes: ``effect.held_up``, ``effect.cancelled``, ``effect.suspect``, ``effect.lost``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from comity.deciding.compile import Compiled
from comity.deciding.effects import why_not
from comity.deciding.pipeline import Judgement
from comity.deciding.view import Ref, View
from comity.model import proposals, refs
from comity.model.built_in import EFFECT
from comity.model.decisions import Finding
from comity.model.flows import run_of
from comity.model.proposals import AnyRead, Proposal, QueryRead, Read, Was
from comity.model.records import RecordState
from comity.store.contract import Snapshot

_SETTING: Final = (proposals.Set, proposals.Put, proposals.Create)


def released_by(judgement: Judgement) -> Ref | None:
    """Return the effect that is to be released, or None."""
    event = judgement.events[0]
    return event.ref if event.ref[0] == EFFECT and event.type == "released" else None


class LaterSteps:
    """Know up to which revision a field was changed by nobody but steps of the workflow that wants an effect (S34).

    ``proposal_at`` returns the id of what was committed at a revision. A step that writes what
    an earlier one wrote rests on it, so that nobody else has come in between.
    """

    def __init__(self, run: str | None, view: View, proposal_at: Callable[[int], str | None]) -> None:
        self._run = run
        self._view = view
        self._proposal_at = proposal_at

    def revision(self, record: str, field: str, revision: int) -> int:
        """Return the revision as of which a field counts as read that was written at this one."""
        if self._run is None:
            return revision
        changed = self._view.record(refs.split(record)).blame.get(field, 0)
        is_own = changed > revision and run_of(self._proposal_at(changed) or "") == self._run
        return changed if is_own else revision

    def passing_over(self, read: Read) -> Iterator[Read]:
        """Yield a read of what earlier steps wrote so that what later ones make of it doesn't count."""
        if self._run is None or read.fields is None:
            yield read
            return
        for field in read.fields:
            seen = self.revision(read.record, field, read.revision)
            yield msgspec.structs.replace(read, revision=seen, fields=(field,))


def rebased(
    proposal: Proposal, revision: int, compiled: Compiled, snapshot: Snapshot, later: LaterSteps
) -> Iterator[AnyRead]:
    """Yield the reads of a proposal as if they were made just after its commit, and what it wrote as read (S34)."""
    for read in proposal.reads:
        if isinstance(read, Read):
            yield from later.passing_over(msgspec.structs.replace(read, revision=max(read.revision, revision)))
        elif isinstance(read, Was):
            yield Read(read.record, revision, tuple(read.values), whole=False, touched=True)
        else:
            yield _searched(read, revision, compiled, snapshot)
    for change in proposal.changes:
        if not refs.is_built_in(change.record):
            yield Read(change.record, revision, (), whole=False)
            for field in change.fields if isinstance(change, _SETTING) else ():
                seen = later.revision(change.record, field, revision)
                yield Read(change.record, seen, (field,), whole=False, touched=True)
    for effect in proposal.effects:
        if effect.target is not None:
            yield Read(effect.target, revision, (), whole=False)


def _searched(read: QueryRead, revision: int, compiled: Compiled, snapshot: Snapshot) -> QueryRead:
    query = (compiled.kinds.get(read.query.kind) or compiled.any_kind).normalise(read.query)
    if read.members is None:
        return msgspec.structs.replace(read, revision=revision, count=snapshot.count(query, revision=revision))
    found = snapshot.find(query, revision=revision)
    return msgspec.structs.replace(read, revision=revision, members=tuple(state.id for state in found))


# -- findings


def held_up(effect: RecordState, findings: Iterable[Finding]) -> Finding:
    """Return that something holds an effect up for now, and what does."""
    return Finding(
        "effect.held_up",
        f"{effect.ref} is held up: {why_not(findings)}",
        effect.ref,
        remedy="It is tried again by itself.",
    )


def cancelled(effect: RecordState, answer: str) -> Finding:
    """Return that an effect isn't to be sent any more, and why."""
    return Finding(
        "effect.cancelled",
        f"{effect.ref} was cancelled: {answer}",
        effect.ref,
        remedy=f"{effect.values['agent']} may look again, and want it anew if it still makes sense.",
    )


def suspect(effect: RecordState) -> Finding:
    """Return that the base was restored since an effect was wanted: it may have been sent in its former life (S1)."""
    return Finding(
        "effect.suspect",
        f"{effect.ref} was wanted in another life of this base, which was restored since: it may have been sent.",
        effect.ref,
        remedy="A human finds out, and retries or cancels it.",
    )


def lost() -> Finding:
    """Return that what an effect rests on is no longer known."""
    return Finding("effect.lost", "What it rests on was erased.", remedy="Want it anew if it still makes sense.")
