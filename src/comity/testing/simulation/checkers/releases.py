"""No effect is released after a commit that breaks what it rests on: its condition, its reads, a rule (S34)."""

from __future__ import annotations

from collections.abc import Iterator

from comity.model import refs
from comity.model.events import Commit
from comity.model.proposals import Read
from comity.model.records import RecordState
from comity.model.values import same
from comity.testing.histories import Fault
from comity.testing.simulation.checkers.past import Past, proposal_of, until_us


def check(past: Past) -> Iterator[Fault]:
    """Yield effects that were released though something that they rest on was no longer so."""
    for commit, events in past.in_order():
        for event in events:
            if event.kind == "$effect" and event.type == "released":
                effect = past.at((event.kind, event.id), commit.revision - 1)
                for why in _against(effect, commit, past):
                    yield Fault("released_in_vain", event.ref, f"released at {commit.revision}, though {why}")


def _against(effect: RecordState, commit: Commit, past: Past) -> Iterator[str]:
    values = effect.values
    if not effect.is_live or values["state"] != "held":
        yield f"it was {values['state']}"
        return
    if until_us(effect, "release_at") > commit.at:
        yield f"it was held until {values['release_at']}"
    target = past.at(refs.split(values["target"]), commit.revision - 1).values
    if target["status"] != "active":
        yield f"{values['target']} was {target['status']}"
    if target["open_tickets"] > 0:
        yield f"{values['target']} had {target['open_tickets']} open tickets"
    wanting = past.commits[values["wanted_in"]]
    for read in proposal_of(wanting).reads:
        if isinstance(read, Read):
            yield from _moved(read, wanting.revision, commit.revision - 1, past)


def _moved(read: Read, since: int, until: int, past: Past) -> Iterator[str]:
    ref = refs.split(read.record)
    was, now = past.at(ref, since), past.at(ref, until)
    for name in read.fields if read.fields is not None else {**was.values, **now.values}:
        if not same(was.values.get(name), now.values.get(name)):
            yield f"{read.record}.{name}, which it had read, had changed since"
