"""No lost update: what was acknowledged is in the log, each commit did what it proposed, on what was still so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from comity.model import refs
from comity.model.proposals import Add
from comity.testing.histories import Fault
from comity.testing.histories.commits import check_commit, check_log
from comity.testing.simulation.checkers.past import Past, proposal_of
from comity.testing.simulation.scene import CUSTOMERS


def check(past: Past) -> Iterator[Fault]:
    """Yield what was lost, half done, or done on what was no longer so."""
    yield from (Fault("log_broken", "verify", problem) for problem in past.history.problems)
    yield from check_log(past.history.log, past)
    yield from _acknowledged(past)
    for commit, _ in past.in_order():
        for fault in check_commit(commit, proposal_of(commit), past):
            # A workflow's step writes as declared, whatever was there.
            if not _is_bookkeeping(fault) and (fault.code, commit.known) != ("blind_write", "workflow"):
                yield fault
    yield from _visits(past)


def _is_bookkeeping(fault: Fault) -> bool:
    """Tell whether it is about a record of Comity's own: what its transitions make of one is declared, not proposed."""
    return fault.code in ("stray_change", "lost_change") and refs.is_built_in(fault.message)


def _acknowledged(past: Past) -> Iterator[Fault]:
    for asked in past.history.asked:
        decision = asked.decision
        if decision is None or not decision.is_committed or not decision.events:
            continue
        events = past.events.get(decision.revision, ())
        if tuple(event.event_id for event in events) != decision.events:
            message = (
                f"acknowledged as commit {decision.revision} with {decision.events}; it isn't in the log like that"
            )
            yield Fault("lost_commit", decision.id, message)


def _visits(past: Past) -> Iterator[Fault]:
    """Yield customers whose visits aren't what was added: those acknowledged at least, with the unheard at most."""
    sure: Counter[str] = Counter()
    unsure: Counter[str] = Counter()
    for asked in past.history.asked:
        for change in asked.proposal.changes if asked.proposal is not None else ():
            if isinstance(change, Add) and "visits" in change.fields:
                counted = sure if asked.decision is not None and asked.decision.is_committed else unsure
                counted[change.record] += 1
    for customer in CUSTOMERS:
        visits = past.at(refs.split(customer), past.end).values["visits"]
        if not sure[customer] <= visits <= sure[customer] + unsure[customer]:
            yield Fault("lost_update", customer, f"{sure[customer]} visits were acknowledged, and {visits} are counted")
