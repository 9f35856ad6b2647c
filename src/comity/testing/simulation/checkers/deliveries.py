"""Effects exactly once by key: a receiver that drops the keys it knows acts once on each wish (S35)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from comity.testing.histories import Fault
from comity.testing.simulation.checkers.past import Past
from comity.testing.simulation.witness import Received


def check(past: Past) -> Iterator[Fault]:
    """Yield effects that arrived unasked, twice without a warning, or never though they count as delivered."""
    by_key: dict[str, list[Received]] = defaultdict(list)
    for one in past.history.received:
        by_key[one.key].append(one)
    tries = _tries(past)
    for key, arrivals in by_key.items():
        yield from _unasked(key, arrivals, tries.get(key, set()))
        yield from _unannounced(key, arrivals)
    yield from _undelivered(past, by_key)
    yield from _two_keys(past)


def _tries(past: Past) -> dict[str, set[tuple[str, int]]]:
    """Return for each key the wishes and tries that were released."""
    tries: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for commit, events in past.in_order():
        for event in events:
            if event.kind == "$effect" and event.type == "released":
                values = past.at((event.kind, event.id), commit.revision).values
                tries[event.id].add((values["wanted_at"], values["attempts"]))
    return tries


def _unasked(key: str, arrivals: list[Received], tries: set[tuple[str, int]]) -> Iterator[Fault]:
    seen: set[tuple[str, int]] = set()
    for one in arrivals:
        if (one.wanted_at, one.attempt) not in tries:
            yield Fault("sent_unreleased", key, f"try {one.attempt} arrived, and nobody had released it")
        if (one.wanted_at, one.attempt) in seen:
            yield Fault("sent_twice", key, f"try {one.attempt} arrived twice")
        seen.add((one.wanted_at, one.attempt))


def _unannounced(key: str, arrivals: list[Received]) -> Iterator[Fault]:
    """Yield a later try that didn't say that an earlier one might have arrived, though it had."""
    for one in arrivals:
        earlier = [other for other in arrivals if other.wanted_at == one.wanted_at and other.attempt < one.attempt]
        if earlier and not one.is_uncertain:
            yield Fault("sent_twice", key, f"try {one.attempt} was sure that none before it had arrived")


def _undelivered(past: Past, by_key: dict[str, list[Received]]) -> Iterator[Fault]:
    for commit, events in past.in_order():
        for event in events:
            if event.kind == "$effect" and event.type == "delivered" and event.id not in by_key:
                yield Fault(
                    "never_sent", event.ref, f"delivered according to commit {commit.revision}, and never arrived"
                )


def _two_keys(past: Past) -> Iterator[Fault]:
    """Yield wishes of one meaning that got two keys: the receiver couldn't tell that they are the same."""
    keys: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for state in past.of_kind("$effect", past.end):
        keys[state.values["effect"], state.values["target"], state.values["once"]].add(state.id)
    for meaning, found in keys.items():
        if len(found) > 1:
            yield Fault("two_keys", "/".join(meaning), f"one wish has {len(found)} keys")
