"""One holder per time: no two leases that exclude each other, no write past one, no stale token accepted (S33)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, Final

from comity.clock import parse_time
from comity.model.events import Commit
from comity.testing.histories import Fault
from comity.testing.simulation.checkers.past import Past, is_bound, overlap, proposal_of

Place = Mapping[str, Any]
_LEASE: Final = "$lease"


class _Leases:
    """Know how long each lease was good: as its record says, and as it was renewed outside the log (S18)."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._renewed: dict[str, int] = {}
        self._unsure: set[str] = set()
        for one in past.history.renewed:
            if one.expires_at is None:
                self._unsure.add(one.hold)
            else:
                self._renewed[one.hold] = max(self._renewed.get(one.hold, 0), parse_time(one.expires_at))

    def places(self, record: str, revision: int) -> list[Place]:
        """Return who holds a record, or waits for it, as its lease says right after a revision."""
        kind, _, id = record.partition("/")
        state = self._past.at((_LEASE, f"{kind}~{id}"), revision)
        return state.values.get("line") or [] if state.is_live else []

    def holds(self, place: Place, at_us: int, *, at_most: bool = False) -> bool:
        """Tell whether a place holds at a time; ``at_most`` also counts a renewal whose answer was lost."""
        if place.get("claimed") is None:
            return False
        end = max(parse_time(place["expires_at"]), self._renewed.get(place["hold"], 0))
        return end > at_us or (at_most and place["hold"] in self._unsure)


def check(past: Past) -> Iterator[Fault]:
    """Yield holders that exclude each other, writes of what others hold, tokens that were good no longer."""
    leases = _Leases(past)
    for commit, events in past.in_order():
        for event in events:
            if event.kind == _LEASE:
                yield from _two_holders(event.id.replace("~", "/", 1), commit, leases)
        yield from _stale_tokens(commit, leases)
        if is_bound(commit):
            yield from _written_past(commit, past, leases)


def _two_holders(record: str, commit: Commit, leases: _Leases) -> Iterator[Fault]:
    holders = [place for place in leases.places(record, commit.revision) if leases.holds(place, commit.at)]
    for one, other in combinations(holders, 2):
        if (one.get("exclusive", True) or other.get("exclusive", True)) and overlap(one, other):
            message = f"{one['agent']} and {other['agent']} hold it at {commit.revision}"
            yield Fault("two_holders", record, message)


def _stale_tokens(commit: Commit, leases: _Leases) -> Iterator[Fault]:
    for record, token in proposal_of(commit).leases.items():
        places = leases.places(record, commit.revision - 1)
        mine = [one for one in places if one["agent"] == commit.agent and token.endswith(f":{one.get('claimed')}")]
        if not any(leases.holds(place, commit.at, at_most=True) for place in mine):
            yield Fault("stale_token", commit.proposal, f"commit {commit.revision} was let through under {token}")


def _written_past(commit: Commit, past: Past, leases: _Leases) -> Iterator[Fault]:
    for event, changed in past.writes(commit):
        for place in leases.places(event.ref, commit.revision - 1):
            is_others = place["agent"] != commit.agent and leases.holds(place, commit.at)
            if is_others and (not place.get("fields") or changed & set(place["fields"])):
                message = f"{commit.agent} wrote {event.ref} at {commit.revision}, which {place['agent']} held"
                yield Fault("written_past_lease", commit.proposal, message)
