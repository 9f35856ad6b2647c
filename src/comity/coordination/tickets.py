"""What has become of what waits: a proposal under its ticket, a place in line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import structs

from comity import limits
from comity.clock import format_time
from comity.coordinator import Coordinator
from comity.coordinator.stored import stored_decision
from comity.deciding.effects import released_under
from comity.deciding.lines import line_of, subject_of
from comity.deciding.tickets import WAITS_OF, live_decision
from comity.deciding.view import Ref
from comity.errors import InvalidRequest, NotFound
from comity.model import refs
from comity.model.built_in import LEASE
from comity.model.decisions import Decision
from comity.store.contract import Snapshot

_ANEW: Final = "A new try takes a new id: this one has its answer."


def look_at(coordinator: Coordinator, snapshot: Snapshot, ticket: str, agent: str) -> Decision:
    """Return what has become of the proposal that waits, or waited, under a ticket, or of an agent's place in line.

    Raises InvalidRequest for what is no ticket, NotFound for one that never was.
    """
    ref = ticket_meant(snapshot, ticket)
    if ref[0] == LEASE:
        return _look_at_line(coordinator, snapshot, ref, agent)
    if ref[0] not in WAITS_OF:
        raise InvalidRequest(f"{ticket[:80]!r} is no ticket: a decision that is pending names its own, as $queue/ID")
    state = snapshot.records([ref]).get(ref)
    if state is None or state.is_erased:
        raise NotFound(f"{ticket} was erased" if state is not None else f"there is no {ticket}")
    proposal: str = state.values["proposal"]
    if (released := released_under(proposal)) is not None:
        raise InvalidRequest(f"{ticket} asks about the release of $effect/{released[0]}: look at that")
    stored = snapshot.answers([proposal]).get(proposal)
    if stored is None:
        raise NotFound(f"what was answered under {proposal!r} is no longer kept: look at {ticket}")
    decision = stored_decision(snapshot, stored)
    if decision.outcome == "refused":
        return structs.replace(decision, next=f"{decision.next} {_ANEW}")
    if not decision.is_pending:
        return decision
    return live_decision(decision, stored.content, coordinator.view(snapshot))


def ticket_meant(snapshot: Snapshot, name: str, kinds: Iterable[str] = WAITS_OF) -> Ref:
    """Return the ticket that a text means: by its address, or, by a proposal's id alone, its open or latest one.

    Raises NotFound where nothing ever waited under that id.
    """
    if "/" in name:
        return refs.split(name)
    named = [refs.split(f"{kind}/{name}") for kind in kinds]
    found = [state for state in snapshot.records(named).values() if state.version]
    if not found:
        raise NotFound(f"nothing waits, or waited, under {name[:80]!r}: a decision that is pending names its ticket")
    last = max(found, key=lambda state: (state.is_live, state.revision))
    return last.kind, last.id


def _look_at_line(coordinator: Coordinator, snapshot: Snapshot, ref: Ref, agent: str) -> Decision:
    """Return whether an agent's turn at a lease has come: ``allowed`` means that it may claim it."""
    view = coordinator.view(snapshot)
    line = line_of(view.record(ref), view.now_us, view.renewal)
    subject, mine = subject_of(ref[1]), [place for place in line.places if place.agent == agent]
    place = next((one for one in (*line.holders, *line.waiting) if one in mine), None)
    if place is None:
        raise NotFound(f"{agent} has no place in the line of {subject}")
    is_held, has_turn = place.claimed is not None, line.turn_of(place) is not None
    decision = Decision(
        id=place.hold,
        outcome="allowed" if is_held or has_turn else "pending",
        revision=view.revision,
        at=view.now_us,
        definition=view.compiled.number,
        next=f"You hold {subject}." if is_held else f"It is your turn: claim {subject} within {limits.CLAIM_S} s.",
    )
    if is_held or has_turn:
        return decision
    expires = line.end_of(place)
    move = f"It waits for its turn until {format_time(expires)}: wait on, or leave the line."
    return structs.replace(decision, waits_for="queue", ticket="/".join(ref), expires=expires, next=move)
