"""Making room: what is over but hasn't been told so takes up the room of what is to begin."""

from __future__ import annotations

from typing import Final

from comity.coordination.duties import SYSTEM
from comity.coordination.expiry import run_out
from comity.model.proposals import Proposal
from comity.verbs.engine import Engine

_AT_ONCE: Final = 100


def tell_expired(engine: Engine, kind: str) -> None:
    """Tell what of a kind is over, at most a hundred at once."""
    with engine.store.snapshot() as snapshot:
        over = tuple(run_out(snapshot, (kind,), engine.coordinator.time_at(snapshot.head).now_us, _AT_ONCE))
    if over:
        engine.propose(Proposal(id=engine.make_id(), changes=over), SYSTEM, is_new=True)
