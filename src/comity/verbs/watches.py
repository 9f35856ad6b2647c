"""Watching: what others change there comes into an agent's inbox."""

from __future__ import annotations

from comity import limits
from comity.coordination.watches import Kept, read_watches, topic_of
from comity.errors import InvalidRequest, LimitExceeded, NotFound
from comity.feed import selection_of
from comity.model import refs
from comity.model.codec import encode
from comity.model.proposals import Caller
from comity.model.texts import suggestion
from comity.operations import ListWatches, Unwatch, Watch, WatchAnswer, WatchesAnswer
from comity.verbs.engine import Engine
from comity.verbs.feed import passing_of


def watch(engine: Engine, caller: Caller, request: Watch) -> WatchAnswer:
    """Watch something from now on; the same once more is the same watch."""
    selection_of(request)
    passing = passing_of(request)
    if not passing:
        raise InvalidRequest("say what to watch: a record, a kind, a field, an agent, a type of event or an action")
    with engine.store.snapshot() as snapshot:
        kept, revision = read_watches(snapshot, caller.agent), snapshot.head.revision
    for name, one in kept.items():
        if one.passing == passing:
            return WatchAnswer(watch=name, since=one.since, passing=passing)
    if len(kept) >= limits.WATCHES:
        raise LimitExceeded(f"{caller.agent} watches {limits.WATCHES} things already: end one that isn't needed")
    made = WatchAnswer(watch=engine.make_id(), since=revision, passing=passing)
    engine.store.note(topic_of(caller.agent), {made.watch: encode(Kept(revision, passing)).decode()})
    return made


def unwatch(engine: Engine, caller: Caller, request: Unwatch) -> WatchesAnswer:
    """End a watch and return those that are left; raises NotFound for one that the caller hasn't."""
    with engine.store.snapshot() as snapshot:
        kept = read_watches(snapshot, caller.agent)
    if kept.pop(request.watch, None) is None:
        hint = suggestion(refs.nearest(request.watch, kept))
        raise NotFound(f"{caller.agent} has no watch {request.watch[:80]!r}{hint or '.'}")
    engine.store.note(topic_of(caller.agent), {request.watch: None})
    return _told(kept)


def list_watches(engine: Engine, caller: Caller, request: ListWatches) -> WatchesAnswer:
    """Return what the caller watches, the oldest first."""
    with engine.store.snapshot() as snapshot:
        return _told(read_watches(snapshot, caller.agent))


def _told(kept: dict[str, Kept]) -> WatchesAnswer:
    return WatchesAnswer(
        watches=tuple(WatchAnswer(watch=name, since=one.since, passing=one.passing) for name, one in kept.items())
    )
