"""Expiry: what is over by itself, and the transitions that tell so, for duties and for whoever needs the room.

What is expired is expired for everybody, told or not (S6).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from comity.clock import SECOND_US, format_time, parse_time
from comity.model.filters import Condition, Order, Query
from comity.model.proposals import Emit
from comity.store.contract import Snapshot


def run_out(snapshot: Snapshot, kinds: Iterable[str], now_us: int, most: int) -> Iterator[Emit]:
    """Yield the transitions that tell what of some kinds is over, what is so longest first, at most so many of each."""
    known = snapshot.kinds()
    # Times as texts differ in length: so the query takes a second more, and the moment decides here.
    until = format_time((now_us // SECOND_US + 1) * SECOND_US)
    for kind in kinds:
        if kind in known:
            query = Query(kind, (Condition("expires_at", "<=", until),), (Order("expires_at"),), most)
            for state in snapshot.find(query):
                if parse_time(state.values["expires_at"]) <= now_us:
                    yield Emit(state.ref, "expired")
