"""News: what others did to some records since a revision, and who is active there."""

from __future__ import annotations

from collections.abc import Callable

from comity import limits
from comity.coordination.news import Glance, Look, Read, news_of
from comity.errors import InvalidRequest, LimitExceeded
from comity.model import refs
from comity.model.news import News
from comity.model.proposals import Caller
from comity.operations import NewsAnswer, TellNews
from comity.store.contract import Snapshot
from comity.verbs import names
from comity.verbs.engine import Engine, revision_of


def tell(engine: Engine, caller: Caller, request: TellNews) -> NewsAnswer:
    """Return what others than the caller did between two revisions, and who of them is active.

    Where there is nothing to tell, a kind that nobody knows raises NotFound, and records that
    were never written are named.
    """
    if not request.records and not request.arrived:
        raise InvalidRequest("name at least one record, as kind/id")
    if len(request.records) + len(request.arrived) > limits.READS_PER_PROPOSAL:
        raise LimitExceeded(f"at most {limits.READS_PER_PROPOSAL} records can be looked at")
    for record in (*request.records, *request.arrived):
        refs.split(record)
    with engine.store.snapshot() as snapshot:
        until = revision_of(snapshot, request.until)
        if request.since > until:
            raise InvalidRequest(f"revision {request.since} is later than {until}: name the earlier one as since")
        look = Look(caller.agent, request.records, request.since, until, request.arrived, request.read)
        news = news_of(snapshot, engine.coordinator, engine.presences, look)
        return NewsAnswer(news=news, unknown=() if news else _unknown(engine, snapshot, request))


def _unknown(engine: Engine, snapshot: Snapshot, request: TellNews) -> tuple[str, ...]:
    compiled = engine.coordinator.definition(snapshot)
    asked = [refs.split(record) for record in dict.fromkeys((*request.records, *request.arrived))]
    told = [names.never_written(snapshot, compiled, ref) for ref in asked]
    return tuple(one for one in told if one is not None)


def tell_intent(engine: Engine, glance: Glance, read: Callable[[], Read]) -> News | None:
    """Return the news for an intent of this process, or None, where a glance didn't show that there are none.

    ``read`` says which fields were read of the records that it knows.
    """
    look = Look(glance.agent, tuple(glance.known), glance.since, glance.until, tuple(glance.arrived), read())
    with engine.store.snapshot() as snapshot:
        return news_of(snapshot, engine.coordinator, engine.presences, look) or None
