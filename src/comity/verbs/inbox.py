"""The inbox: showing it, and acknowledging what was seen."""

from __future__ import annotations

from comity import limits
from comity.coordination.desk import Desk
from comity.coordination.inbox import find_items, forgotten, topic_of
from comity.deciding.case import identify, withheld_from
from comity.errors import InvalidRequest, LimitExceeded
from comity.model.proposals import Caller
from comity.model.texts import listed
from comity.operations import Acknowledge, AcknowledgeAnswer, InboxAnswer, InboxItem, ShowInbox
from comity.store.contract import Snapshot
from comity.verbs.engine import Engine


def show(engine: Engine, caller: Caller, request: ShowInbox) -> InboxAnswer:
    """Return what waits for the caller and what became of what it proposed, newest first."""
    if not 0 < request.limit <= limits.INBOX_ITEMS:
        raise LimitExceeded(f"limit: between 1 and {limits.INBOX_ITEMS}")
    with engine.store.snapshot() as snapshot:
        desk = _desk(engine, caller, snapshot)
        items = _unread(desk)
    shown = tuple(items[: request.limit])
    return InboxAnswer(items=shown, revision=desk.view.revision, at=desk.now_us, more=len(items) - len(shown))


def acknowledge(engine: Engine, caller: Caller, request: Acknowledge) -> AcknowledgeAnswer:
    """Note that items were seen; raises InvalidRequest for ids that no unread item has."""
    with engine.store.snapshot() as snapshot:
        desk = _desk(engine, caller, snapshot)
        items = _unread(desk)
        noted = snapshot.noted(topic_of(caller.agent))
    wanted = dict.fromkeys(request.items)
    unknown = [id for id in wanted if id not in noted and all(item.id != id for item in items)]
    if unknown:
        raise InvalidRequest(f"no item of your inbox has the id {listed([repr(id[:80]) for id in unknown], 3)}")
    new = [id for id in wanted if id not in noted]
    entries: dict[str, str | None] = dict.fromkeys(forgotten(noted, desk.now_us))
    engine.store.note(topic_of(caller.agent), entries | dict.fromkeys(new, str(desk.now_us)))
    return AcknowledgeAnswer(acknowledged=len(new), left=len(items) - len(new))


def _desk(engine: Engine, caller: Caller, snapshot: Snapshot) -> Desk:
    view = engine.coordinator.view(snapshot)
    return Desk(identify(caller, view.compiled), snapshot, view, withheld_from(caller, view.compiled))


def _unread(desk: Desk) -> list[InboxItem]:
    items = find_items(desk)
    seen = desk.snapshot.noted(topic_of(desk.agent.name), [item.id for item in items])
    return [item for item in items if item.id not in seen]
