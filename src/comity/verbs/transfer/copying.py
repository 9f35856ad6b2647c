"""Copying a whole workspace into another store: its log, what the log folds to, and all that is kept beside it.

The log is followed page by page, each page one batch of the target, so that a copy which
was broken off holds the beginning of the log and goes on from there. In the end the target
is verified as a whole, against the source's head. The target is a life of its own, a new
*incarnation* (S1): fencing tokens of the source are worth nothing there, and effects that
were pending are suspect until a person has looked, as both bases might send them. A place
in the log is the same in both, so consumers go on where they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from comity.coordination import erasing
from comity.coordination.indexing import index
from comity.deciding.definitions import compiled_from
from comity.errors import InvalidRequest, StoreDamaged, StoreUnsupported
from comity.model.built_in import DEFINITION
from comity.model.texts import listed
from comity.operations import CopyAnswer
from comity.store.contract import Head, Snapshot, Store
from comity.verbs.engine import Progress
from comity.verbs.portions import AT_ONCE
from comity.verbs.replaying import replay_aside, replay_log
from comity.verbs.verifying import audit

TOPIC: Final = "copy"
"""Of the bookkeeping that tells, while a copy isn't whole, of which base it is one."""
_UNFINISHED: Final = "unfinished"
_DEFINITION: Final = (DEFINITION, "current")


def copy(source: Store, target: Store, progress: Progress | None = None) -> CopyAnswer:
    """Copy one store into another that is empty, or holds the beginning of such a copy.

    ``progress`` is told the commits done, and how many there are. What is committed to the
    source meanwhile is copied too, up to the moment at which everything else has been.
    Raises InvalidRequest for a target that holds anything else, StoreDamaged where the copy
    doesn't verify: nobody can work with it then.
    """
    begun = _begin(source, target)
    _follow(source, target, progress)
    with source.snapshot() as last:
        revision, former, life = last.head.revision, last.head.incarnation, target.head().incarnation
        replay_log(last, target, revision, progress)
        replay_aside(last, target, revision)
        for topic in last.topics():
            if topic not in (TOPIC, erasing.TOPIC):  # What was copied before it was erased is emptied there anew.
                target.note(topic, _relocated(last.noted(topic), former, life))
        index(target, compiled_from(last.records([_DEFINITION]).get(_DEFINITION)).definition, last.kinds())
        head = f"{revision}:{last.head.chain.hex()}"
    with target.snapshot() as copied:
        found = audit(copied, head, progress)
    if not found.is_clean:
        raise StoreDamaged(f"the copy doesn't verify: {listed(found.problems, 3)}. Verify the source, and copy anew.")
    target.note(TOPIC, {_UNFINISHED: None})
    return CopyAnswer(
        revision=found.revision,
        commits=found.commits,
        copied=found.revision - begun,
        events=found.events,
        records=found.records,
        head=found.head,
    )


def check_whole(store: Store) -> None:
    """Raise StoreUnsupported for a store that holds a copy which was broken off."""
    with store.snapshot() as snapshot:
        origin = snapshot.noted(TOPIC, [_UNFINISHED]).get(_UNFINISHED)
        if origin is not None:
            raise StoreUnsupported(
                f"this is a copy that was broken off at revision {snapshot.head.revision}:"
                " run the same 'comity copy' again, and it goes on from there"
            )


def _begin(source: Store, target: Store) -> int:
    """Return the revision up to which a target is a copy already; raises InvalidRequest for what is none."""
    with source.snapshot() as from_, target.snapshot() as to:
        begun, origin = to.head, to.noted(TOPIC, [_UNFINISHED]).get(_UNFINISHED)
        if from_.head.incarnation == begun.incarnation:
            raise InvalidRequest("source and target are the same workspace: name another target")
        if begun.revision or origin is not None:
            _check_beginning(from_, begun, origin)
        origin = from_.head.incarnation
    target.note(TOPIC, {_UNFINISHED: origin})
    return begun.revision


def _check_beginning(source: Snapshot, begun: Head, origin: str | None) -> None:
    if origin is None:
        raise InvalidRequest(
            f"the target holds a workspace already, up to revision {begun.revision}: copy into an empty place"
        )
    there = source.commit(begun.revision) if begun.revision else None
    if origin != source.head.incarnation or (begun.revision and (there is None or there.chain != begun.chain)):
        raise InvalidRequest("the target holds the beginning of a copy of another workspace: copy into an empty one")


def _follow(source: Store, target: Store, progress: Progress | None) -> None:
    """Copy the log in short looks, until what is left of it fits into one: a long look would hold the source up."""
    while True:
        with source.snapshot() as snapshot:
            done, whole = target.head().revision, snapshot.head.revision
            if whole - done <= AT_ONCE:
                return
            replay_log(snapshot, target, done + AT_ONCE)
        if progress is not None:
            progress(done + AT_ONCE, whole)


def _relocated(noted: Mapping[str, str], source: str, target: str) -> dict[str, str]:
    """Return bookkeeping with its cursors in the target, where the same revision is the same place."""
    return {name: value.replace(source, target) for name, value in noted.items()}
