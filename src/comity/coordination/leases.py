"""Leases: the transitions that take, claim, release and break them, and how the lines stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from comity import limits
from comity.deciding.lines import TOPIC, Line, Renewed, key_of, line_of, places_of, subject_of
from comity.model.built_in import LEASE
from comity.model.events import Event
from comity.model.filters import Query, page_after
from comity.model.proposals import Emit
from comity.model.records import RecordState
from comity.store.contract import Snapshot

_LIVE = Query(LEASE, limit=limits.QUERY_RECORDS)


class Terms(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Be how a lease is wanted: for how long, what of it, with whom it is shared, who may break it."""

    ttl_s: int
    exclusive: bool = True
    fields: tuple[str, ...] = ()
    priority: int = 0
    breakable_by: tuple[str, ...] = ()


def taking(subjects: Iterable[str], hold: str, terms: Terms) -> tuple[Emit, ...]:
    """Return the transitions that take a lease on all subjects at once, or on none."""
    return _each(subjects, "taken", hold=hold, **msgspec.structs.asdict(terms))


def joining(subjects: Iterable[str], hold: str, terms: Terms, wait_s: int) -> tuple[Emit, ...]:
    """Return the transitions that take a place in all lines at once: so no two who do can wait for each other."""
    return _each(subjects, "joined", hold=hold, wait_s=wait_s, **msgspec.structs.asdict(terms))


def claiming(subjects: Iterable[str], hold: str) -> tuple[Emit, ...]:
    """Return the transitions that turn places in line into a lease."""
    return _each(subjects, "claimed", hold=hold)


def leaving(subjects: Iterable[str], hold: str) -> tuple[Emit, ...]:
    """Return the transitions that give up places in line."""
    return _each(subjects, "left", hold=hold)


def releasing(subjects: Iterable[str], hold: str) -> tuple[Emit, ...]:
    """Return the transitions that give up a lease."""
    return _each(subjects, "released", hold=hold)


def breaking(subject: str, holds: Iterable[str], reason: str) -> tuple[Emit, ...]:
    """Return the transitions that end others' leases."""
    return tuple(one for hold in holds for one in _each([subject], "broken", hold=hold, reason=reason))


def loser_of(broken: Event) -> str | None:
    """Return the agent whose lease an event of type ``broken`` ended; None once it is erased."""
    payload = broken.payload
    if payload is None:
        return None
    before = places_of(payload.was)
    return next((place.agent for place in before if place.hold == payload.data.get("hold")), None)


def _each(subjects: Iterable[str], event: str, **data: object) -> tuple[Emit, ...]:
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in data.items()}
    return tuple(Emit(f"{LEASE}/{key_of(subject)}", event, given) for subject in subjects)


# -- how the lines stand


def renewed_in(snapshot: Snapshot, states: Iterable[RecordState]) -> Renewed:
    """Return what tells of renewals of the leases in these records, as of a snapshot, which may end then."""
    names = {place.renewal for state in states for place in places_of(state.values) if place.claimed is not None}
    return (snapshot.noted(TOPIC, list(names)) if names else dict[str, str]()).get


def lines_of(snapshot: Snapshot, subjects: Sequence[str], now_us: int) -> dict[str, Line]:
    """Return the lines of subjects; empty ones where nobody holds or waits."""
    keys = {subject: key_of(subject) for subject in subjects}
    states = snapshot.records([(LEASE, key) for key in keys.values()])
    renewed = renewed_in(snapshot, states.values())
    return {
        subject: line_of(states.get((LEASE, key)) or RecordState(LEASE, key), now_us, renewed)
        for subject, key in keys.items()
    }


def all_lines(snapshot: Snapshot, now_us: int) -> Iterator[tuple[str, Line]]:
    """Yield every line that has places, with its subject, by the subjects' keys."""
    page = snapshot.find(_LIVE) if LEASE in snapshot.kinds() else []
    while page:
        renewed = renewed_in(snapshot, page)
        for state in page:
            yield subject_of(state.id), line_of(state, now_us, renewed)
        after = page_after(_LIVE, page[-1])
        page = snapshot.find(msgspec.structs.replace(_LIVE, after=after)) if len(page) == _LIVE.limit else []


def run_out(snapshot: Snapshot, now_us: int) -> Iterator[Emit]:
    """Yield the transitions that clear away what has expired; it counts no longer anyway (S6)."""
    for subject, line in all_lines(snapshot, now_us):
        if any(map(line.is_over, line.places)):
            yield Emit(f"{LEASE}/{key_of(subject)}", "expired")


def spent_renewals(snapshot: Snapshot, now_us: int) -> list[str]:
    """Return the names of the noted renewals that are past: those leases are over for good."""
    return [name for name, until in snapshot.noted(TOPIC).items() if int(until) <= now_us]
