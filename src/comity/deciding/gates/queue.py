"""Does somebody wait for the same, who came first?

A proposal that competes with one that waits on the same subject, of higher or equal
priority, takes its place behind it (S32): else whoever comes at the right moment would go
before those who wait. Two compete if they are of the same action, change the same field or
wait for the same. Whom anybody ahead waits for passes, as the line would never move
otherwise, and so do humans. Who holds a lease on the subject passes those who came after it
stood in line for that, or took it: a lease taken over the heads of those who wait is no way
past them. What waits itself keeps the place that its ticket has.

Codes: ``queue.behind``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from comity.clock import parse_time
from comity.deciding.case import Case
from comity.deciding.lines import Place as LeasePlace
from comity.deciding.lines import key_of
from comity.deciding.lines import line_of as lease_line_of
from comity.deciding.operators import is_inner
from comity.deciding.queues import BEHIND, Place, run_behind
from comity.deciding.turns import ahead_of, is_waited_for, line_of, names_in, place_in
from comity.model import refs
from comity.model.built_in import LEASE, QUEUE
from comity.model.decisions import Finding


def judge(case: Case) -> Iterable[Finding]:
    """Return behind whom the proposal has to wait, once for each who is first on one of its subjects."""
    return _judge(case) if QUEUE in case.view.kind_revisions else ()


def _judge(case: Case) -> Iterator[Finding]:
    if case.agent.kind == "human" or is_inner(case):
        return
    mine: Place | None = None
    told: set[str] = set()
    for subject in map("/".join, case.subjects):
        if next(line_of(case.view, subject), None) is None:
            continue
        mine = mine or place_in(case)
        first = _first_ahead(mine, subject, case)
        if first is None or first.ticket in told:
            continue
        if not is_waited_for(mine, names_in(mine, case.view), case.view, subject):
            told.add(first.ticket)
            yield _behind(first, subject, case)


def _first_ahead(mine: Place, subject: str, case: Case) -> Place | None:
    """Return who is first of those ahead whom the proposal may not pass, or None."""
    lease = _lease_on(subject, case) if subject in case.proposal.leases else None
    ahead = ahead_of(mine, case.view, subject)
    return next((one for one in ahead if lease is None or not _came_after(one, lease, case)), None)


def _lease_on(subject: str, case: Case) -> LeasePlace | None:
    """Return the lease that the proposer, or the run whose step it does, holds on a subject; or None."""
    line = lease_line_of(case.view.record((LEASE, key_of(subject))), case.view.now_us, case.view.renewal)
    own = run_behind(case.proposal.id) if case.caller.known == "workflow" else None
    return next((place for place in line.holders if place.whose == (own or case.agent.name)), None)


def _came_after(one: Place, lease: LeasePlace, case: Case) -> bool:
    """Tell whether one who waits came when the holder of a lease had it, or stood in line for it, already."""
    if lease.claimed is not None and one.order[1] > lease.claimed:
        return True
    opened_at: str = case.view.record(refs.split(one.ticket)).values["opened_at"]
    return parse_time(lease.joined_at) < parse_time(opened_at)


def _behind(first: Place, subject: str, case: Case) -> Finding:
    whose = "You wait" if first.agent == case.agent.name else f"{first.agent} waits"
    return Finding(
        BEHIND,
        f"{whose} for the same on {subject}, and that came first ({first.ticket}).",
        subject=subject,
        severity="queue",
        remedy="Wait for your turn, or propose something else.",
        data={"behind": first.ticket},
    )
