"""The edges of the wait-for graph as a view has them, and what becomes of a wait that would close a cycle (S31).

A proposal that has to wait is refused if its wait would close a cycle, and is told which.
Where all of a cycle are deferrals, the weakest of them gives way instead: that of the rule
with the lowest priority, then of the intent that was announced first; its agent goes ahead.
A deferral is an edge as long as the intent that meets it is announced, or was deferred not long ago.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from heapq import merge
from typing import Final

import msgspec

from comity import limits
from comity.clock import SECOND_US, format_time, parse_time
from comity.deciding.case import Case
from comity.deciding.gates import rule
from comity.deciding.lines import lease_edges
from comity.deciding.queues import Place, is_in_line, run_behind, same_terms
from comity.deciding.rulebook import CompiledRule
from comity.deciding.tickets import addressees, is_waiting
from comity.deciding.turns import (
    is_anyone_behind,
    is_anyone_waiting_for,
    line_of,
    names_in,
    names_of,
    next_ahead,
    place_count,
    place_in,
    place_under,
    places_of,
    terms_of,
    waiting_count,
)
from comity.deciding.view import View, Wish
from comity.deciding.waits import CYCLE, Group, Step, TooManyWaits, Wait, explain, find_cycle
from comity.model import refs
from comity.model.built_in import APPROVAL, HANDOFF, INTENT, LEASE, TASK, WORKFLOW
from comity.model.decisions import Finding, Severity
from comity.model.filters import Condition, Query
from comity.model.proposals import Caller, Emit, Proposal
from comity.model.records import RecordState

_RUN: Final = f"{WORKFLOW}/"
_WAITING: Final = frozenset({"waited", "refused"})
"""The transitions with which a run begins to wait."""
_ASKED: Final = ((HANDOFF, "to"), (APPROVAL, "to"), (TASK, "to"), (WORKFLOW, "behind"))
"""The kinds whose open records name whom they wait for, and where."""


class Edges:
    """Know the waits of a view; of the deferrals those that are about the same ``subjects``.

    ``coming`` is a place that somebody is about to take, and ``joining`` are lines of leases
    as they are about to be: they count as if they were so already. ``step`` is the run of a
    workflow whose step is about to wait, and what it waits under.

    Runs wait like agents, and are waited for, under their addresses.
    """

    def __init__(
        self,
        view: View,
        subjects: Iterable[str] = (),
        coming: Place | None = None,
        joining: Mapping[str, RecordState] | None = None,
        step: tuple[str, str] | None = None,
    ) -> None:
        self._view = view
        self._subjects = frozenset(subjects)
        self._coming = coming
        self._joining = joining or {}
        self._step = step
        self._lines: dict[str, dict[str, list[str]]] = {}

    def find_cycle(self, start: Wait | Place) -> tuple[Step, ...]:
        """Return the cycle that a wait, or a place in line, closes; raises TooManyWaits."""
        if not self._is_waited_for(start.agent):  # Most agents are waited for by nobody at all.
            return ()
        return find_cycle(self.place(start) if isinstance(start, Place) else start, self)

    def of(self, agent: str) -> list[Wait]:
        """Return the waits of an agent or a run; none of a human.

        Raises TooManyWaits for more than the graph may have.
        """
        if agent.startswith(_RUN):
            return self._run(agent)
        if self._view.agent(agent).kind == "human":
            return []
        places = places_of(self._view, agent)
        if len(places) > limits.WAITS_IN_GRAPH:
            raise TooManyWaits
        return [*map(self.place, places), *self._tickets(agent), *self.joined(agent), *self._deferrals(agent)]

    def under(self, name: str) -> Wait | None:
        """Return the wait under a ticket in line, or None where nobody waits under it."""
        place = place_under(self._view, name)
        return None if place is None else self.place(place)

    def place(self, place: Place) -> Wait:
        """Return what a place in line waits for: everybody whom its ticket names, and the next ones ahead."""
        ahead = (name for subject in place.subjects for name in self._line(subject).get(place.ticket, ()))
        return Wait(place.agent, place.ticket, self.each(place.to, place.agent), tuple(dict.fromkeys(ahead)))

    def _run(self, run: str) -> list[Wait]:
        """Return what a run waits for: those that have what its step needs, its ticket, its task."""
        state = self._view.record(refs.split(run))
        if not state.is_live:
            return []
        groups, ahead = [*self.each(state.values.get("behind", ()), run)], list[str]()
        if (ticket := state.values.get("ticket")) is not None:
            groups += self._ticket(ticket)
            ahead.append(ticket)
        if (task := state.values.get("task")) is not None:
            asked = self._view.record(refs.split(task))
            groups += [group] if asked.is_live and (group := self.asked(asked.values.get("to", ()))) else []
        if self._step is not None and self._step[0] == run:
            ahead.append(self._step[1])
        by = f"{run}, step {state.values.get('step_name')}"
        return [Wait(run, by, tuple(groups), tuple(ahead))] if groups or ahead else []

    def _ticket(self, ticket: str) -> Iterator[Group]:
        """Yield who may answer what waits under a ticket; a place in line is a wait of its own."""
        state = self._view.record(refs.split(ticket))
        if state.kind in (HANDOFF, APPROVAL) and is_waiting(state, self._view.now_us):
            group = self.answering(state.kind, state.values.get("to", ()), state.values["agent"])
            yield from (group,) if group else ()

    def asked(self, to: Sequence[str]) -> Group:
        """Return those of whom any may answer a task."""
        return self.any(to, "") if to else self.humans("")

    def _line(self, subject: str) -> dict[str, list[str]]:
        """Return whom each of those who wait on a subject is next behind, by their tickets."""
        known = self._lines.get(subject)
        if known is None:
            places = line_of(self._view, subject)
            coming = self._coming
            if coming is not None and subject in coming.subjects:
                others = (place for place in places if place.ticket != coming.ticket)
                places = merge(others, [coming], key=lambda place: place.order)
            known = self._lines[subject] = next_ahead(places, lambda place: names_in(place, self._view))
        return known

    def _is_waited_for(self, agent: str) -> bool:
        """Tell whether anybody may wait for an agent; that nobody does is certain."""
        view, names = self._view, names_of(self._view.agent(agent))
        if self._step is not None:
            names |= {self._step[0]}
        return (
            is_anyone_waiting_for(view, names)
            or (self._coming is not None and is_anyone_behind(self._coming, view))
            or any(not names.isdisjoint(group) for wait in self._in_lines() for group in wait.groups)
            or any(names & _deferred_to(one) for one in view.compiled.rules.rules.values())
            or any(self._is_named(*asked, names) for asked in _ASKED if asked[0] in view.kind_revisions)
        )

    def _is_named(self, kind: str, field: str, names: Iterable[str]) -> bool:
        """Tell whether an open record of a kind names somebody as whom it waits for."""
        found = (Query(kind, (Condition(field, "has", name),), limit=1) for name in sorted(names))
        return any(map(self._view.find, found))

    def each(self, names: Iterable[str], waiter: str) -> tuple[Group, ...]:
        """Return a group for each of several agents or roles, all of whom one waits for."""
        groups = (self.any([name], waiter) for name in names)
        return tuple(group for group in groups if group)

    def any(self, names: Iterable[str], waiter: str) -> Group:
        """Return the agents who are named, themselves or by their role, without the one who waits."""
        found: set[str] = set()
        for name in names:
            meant = {agent.name for agent in self._view.compiled.agents.values() if name in (agent.name, agent.role)}
            found |= meant or {name}
        return frozenset(found - {waiter})

    def humans(self, waiter: str) -> Group:
        """Return all humans who are declared."""
        declared = self._view.compiled.agents.values()
        return frozenset(agent.name for agent in declared if agent.kind == "human") - {waiter}

    def _in_lines(self) -> Iterator[Wait]:
        for waits in self._lease_waits.values():
            yield from waits

    def joined(self, agent: str) -> list[Wait]:
        """Return the places of an agent in the lines of leases, one wait for all that is taken together."""
        return self._lease_waits.get(agent, [])

    @cached_property
    def _lease_waits(self) -> dict[str, list[Wait]]:
        """Return the places in the lines of leases, by their agents; raises TooManyWaits beyond the bound."""
        found: dict[tuple[str, str], dict[str, None]] = {}
        for edge in lease_edges(self._contested(), self._view.now_us, self._view.renewal):
            found.setdefault((edge.agent, edge.hold), {})[edge.waits_for] = None
        waits: dict[str, list[Wait]] = {}
        for (agent, hold), others in found.items():
            waits.setdefault(agent, []).append(Wait(agent, f"lease {hold}", self.each(others, agent)))
        return waits

    def _contested(self) -> list[RecordState]:
        """Return the leases for which anybody waits."""
        if LEASE not in self._view.kind_revisions:
            return [*self._joining.values()]
        most = limits.WAITS_IN_GRAPH
        lines = self._view.find(Query(LEASE, (Condition("waiting", ">", 0),), limit=most + 1))
        if len(lines) > most:
            raise TooManyWaits
        return [*(line for line in lines if line.id not in self._joining), *self._joining.values()]

    def _tickets(self, agent: str) -> Iterator[Wait]:
        where = (Condition("agent", "=", agent), Condition("state", "=", "waiting"))
        for kind in (HANDOFF, APPROVAL):
            if kind not in self._view.kind_revisions:
                continue
            for state in self._view.find(Query(kind, where, limit=limits.WAITS_IN_GRAPH + 1)):
                if is_waiting(state, self._view.now_us):
                    group = self.answering(kind, state.values.get("to", ()), agent)
                    yield Wait(agent, state.ref, (group,) if group else ())

    def answering(self, kind: str, to: Sequence[str], waiter: str) -> Group:
        """Return those of whom any may answer an offer or an approval."""
        if to:
            return self.any(to, waiter)
        return self.humans(waiter) if kind == APPROVAL else frozenset()

    def _deferrals(self, agent: str) -> Iterator[Wait]:
        """Yield what the rules would say of what an agent has announced, and of what else it was deferred about."""
        if not self._view.compiled.rules.rules:
            return
        met: set[tuple[str, str | None]] = set()
        unannounced = (wish for wish in self._view.wishes(agent) if not self._has_done(wish, agent))
        for wish in (*self._announced(agent), *unannounced):
            for finding in self._deferred(wish, agent):
                if (finding.code, finding.subject) not in met:
                    met.add((finding.code, finding.subject))
                    yield self.deferral(finding, agent, wish.at, f"{wish.id}, {finding.code}")

    def _announced(self, agent: str) -> Iterator[Wish]:
        """Yield what an agent has announced that it is going to do, the oldest first."""
        if INTENT not in self._view.kind_revisions:
            return
        own = Query(INTENT, (Condition("agent", "=", agent),), limit=limits.WAITS_IN_GRAPH + 1)
        found = (one for one in self._view.find(own) if parse_time(one.values["expires_at"]) > self._view.now_us)
        for intent in sorted(found, key=_announced_at):
            values = intent.values
            yield Wish(intent.ref, values.get("action"), tuple(values.get("about", ())), _announced_at(intent))

    def _has_done(self, wish: Wish, agent: str) -> bool:
        """Tell whether an agent has changed since what it was deferred about: its next wish is another one."""
        later = (self._view.recent(refs.split(ref), wish.at, limits.RECENT_EVENTS) for ref in wish.about)
        return any(one.agent == agent for happened in later for one in happened)

    def _deferred(self, wish: Wish, agent: str) -> Iterator[Finding]:
        about = tuple(ref for ref in wish.about if refs.parse(ref))
        wanted = Proposal(id=wish.id, action=wish.action, about=about)
        for finding in rule.judge(Case(wanted, Caller(agent), self._view)):
            if finding.severity == "defer" and (finding.subject is None or finding.subject in self._subjects):
                yield finding

    def wanted_since(self, finding: Finding, agent: str) -> int | None:
        """Return since when an agent is known to want what meets the same deferral; None where it isn't."""
        met = (wait for wait in self._deferrals(agent) if wait.by.endswith(f", {finding.code}"))
        return min((wait.since for wait in met), default=None)

    def deferral(self, finding: Finding, agent: str, since: int, by: str) -> Wait:
        """Return the wait that a rule's deferral is."""
        groups = self.each(addressees(finding), agent)
        return Wait(agent, by, groups, (), finding.data.get("priority", 0), since, True)


def _deferred_to(one: CompiledRule) -> frozenset[str]:
    """Return for whom a rule has others step back."""
    rule = one.definition
    return frozenset({rule.to} if rule.then == "defer" and rule.to else ())


# -- what becomes of a wait


def settle(case: Case, findings: list[Finding], severity: Severity) -> list[Finding]:
    """Return the findings of a proposal that has to wait, as they are once all other waits are looked at."""
    try:
        if severity == "defer":
            return [settled for finding in findings for settled in _settle_deferral(finding, case)]
        more = [*_crowded(case, severity)]
        more += _bounded(case, findings) if severity == "queue" else ()
        if case.agent.kind != "human" and not more:
            more += _refused(_cycle(case, findings, severity))
    except TooManyWaits:
        more = [_too_many()]
    return [*findings, *more]


def judge_waits(case: Case) -> Iterator[Finding]:
    """Yield the cycles that are closed by a run which begins to wait, or by places taken in the lines of leases."""
    if not case.emits:
        return
    for change in case.changes:
        if type(change) is Emit and change.record.startswith(_RUN) and change.event in _WAITING:
            yield from _run_behind(change, case)
    if any(type(change) is Emit and change.event == "joined" for change in case.changes):
        yield from _joining(case)


def _run_behind(change: Emit, case: Case) -> Iterator[Finding]:
    """Yield the cycle that a run closes which waits for what others have."""
    edges, run = Edges(case.view), change.record
    groups = edges.each(change.data.get("behind", ()), run)
    try:
        yield from _refused(edges.find_cycle(Wait(run, f"{run}, its step", groups)))
    except TooManyWaits:
        yield _too_many()


def _joining(case: Case) -> Iterator[Finding]:
    joining = {ref[1]: state for ref, state in case.draft.states.items() if ref[0] == LEASE and state.is_live}
    edges = Edges(case.view, map("/".join, case.subjects), joining=joining)
    try:
        for wait in edges.joined(case.agent.name):
            yield from _refused(edges.find_cycle(wait))
    except TooManyWaits:
        yield _too_many()


def _too_many() -> Finding:
    return Finding(
        "shape.too_broad",
        f"More than {limits.WAITS_IN_GRAPH} waits hang together here, too many to tell whether one more would end.",
        remedy="Try again later, or propose something else.",
    )


def _cycle(case: Case, findings: Sequence[Finding], severity: Severity) -> tuple[Step, ...]:
    """Return the cycle that the wait of a proposal would close."""
    agent, subjects = case.agent.name, list(map("/".join, case.subjects))
    if severity == "queue":
        if _waits_already(case, findings):
            return ()
        place = _coming(case, findings)
        edges = Edges(case.view, subjects, place, step=None if place.run is None else (place.run, place.ticket))
        return edges.find_cycle(place)
    first = next(finding for finding in findings if finding.severity == severity)
    run = run_behind(case.proposal.id) if case.caller.known == "workflow" else None
    edges = Edges(case.view, subjects, step=None if run is None else (run, first.code))
    group = edges.answering(HANDOFF if severity == "offer" else APPROVAL, addressees(first), agent)
    return edges.find_cycle(Wait(agent, first.code, (group,) if group else ()))


def _waits_already(case: Case, findings: Sequence[Finding]) -> bool:
    """Tell whether a proposal waits for just this: then it is for whoever came later not to close a cycle.

    That is so while it is being released as well, but no longer once it has waited for something else.
    """
    ticket = case.view.record(refs.split(place_in(case).ticket))
    if not ticket.version or not (is_in_line(ticket) or ticket.revision >= case.view.revision):
        return False
    return same_terms(terms_of(case, findings), ticket.values)


def _coming(case: Case, findings: Sequence[Finding]) -> Place:
    """Return the place that a proposal is about to take, or has already."""
    terms, place = terms_of(case, findings), place_in(case)
    return msgspec.structs.replace(
        place,
        order=(min(place.order[0], -terms["priority"]), *place.order[1:]),
        to=tuple(terms["to"]),
        subjects=tuple(terms["subjects"]),
    )


def _settle_deferral(finding: Finding, case: Case) -> Iterator[Finding]:
    """Yield a deferral, as a mere warning where its agent goes ahead, with the cycle where it would close one."""
    yield_to = addressees(finding)
    if finding.severity != "defer" or not yield_to or case.agent.kind == "human":
        yield finding
        return
    edges = Edges(case.view, [finding.subject] if finding.subject else [])
    start = edges.deferral(finding, case.agent.name, case.view.now_us, finding.code)
    cycle = edges.find_cycle(start)
    if cycle and all(step.wait.is_deferral for step in cycle):
        since = _announced(case) or edges.wanted_since(finding, case.agent.name)
        mine = start if since is None else msgspec.structs.replace(start, since=since)
        weakest = min((mine, *(step.wait for step in cycle[1:])), key=_strength)
        yield _gone_ahead(finding, cycle) if weakest is mine else _staying(finding, cycle, weakest.agent)
    else:
        yield finding
        yield from _refused(cycle)


def _strength(wait: Wait) -> tuple[int, int, str]:
    return wait.strength


def _announced_at(intent: RecordState) -> int:
    return parse_time(intent.values["announced_at"])


def _announced(case: Case) -> int | None:
    """Return when the intent that a proposal is made of was announced; None where it names none."""
    ref = refs.parse(f"{INTENT}/{case.proposal.intent}") if case.proposal.intent else None
    state = case.view.record(ref) if ref is not None and INTENT in case.view.kind_revisions else None
    if state is None or not state.is_live or state.values["agent"] != case.agent.name:
        return None
    return _announced_at(state)


def _gone_ahead(finding: Finding, cycle: Sequence[Step]) -> Finding:
    message = f"{finding.message} But {explain(cycle)}, and of these you go ahead."
    data = {**finding.data, "cycle": _names(cycle)}
    return msgspec.structs.replace(finding, severity="warn", message=message, data=data)


def _staying(finding: Finding, cycle: Sequence[Step], first: str) -> Finding:
    """Return a mutual deferral that holds, with who goes ahead of whom."""
    remedy = (
        f"{finding.remedy or 'Try again later.'} {explain(cycle)[0].upper()}{explain(cycle)[1:]}; {first} goes ahead."
    )
    return msgspec.structs.replace(finding, remedy=remedy, data={**finding.data, "cycle": _names(cycle)})


def _refused(cycle: Sequence[Step]) -> Iterator[Finding]:
    if cycle:
        yield Finding(
            CYCLE,
            f"Nobody would ever go on: {explain(cycle)}.",
            subject=cycle[0].wait.agent,
            remedy=f"Don't wait: {_way_out(cycle)}",
            data={"cycle": _names(cycle)},
        )


def _way_out(cycle: Sequence[Step]) -> str:
    """Return what would break a cycle, for who would close it."""
    if len(cycle) > 1:
        return f"answer or give back what {cycle[-1].wait.agent} waits for, or propose something else."
    return "propose something else."


def _names(cycle: Sequence[Step]) -> list[str]:
    return [cycle[0].wait.agent, *(step.to for step in cycle)]


def _crowded(case: Case, severity: Severity) -> Iterator[Finding]:
    """Yield that an agent would have too many proposals that wait, so that others' could hardly."""
    if severity == "queue":
        is_too_many = place_count(case.view, case.agent.name) >= limits.TICKETS_PER_AGENT
    else:
        # Times as texts differ in length, so that the query takes a second more.
        since = format_time((case.view.now_us // SECOND_US - 1) * SECOND_US)
        own, waiting = Condition("agent", "=", case.agent.name), Condition("state", "=", "waiting")
        where = (own, waiting, Condition("expires_at", ">", since))
        query = Query(HANDOFF if severity == "offer" else APPROVAL, where)
        is_too_many = query.kind in case.view.kind_revisions and case.view.has_more_than(
            limits.TICKETS_PER_AGENT - 1, query
        )
    if is_too_many:
        yield Finding(
            "ticket.too_many",
            f"{limits.TICKETS_PER_AGENT} proposals of {case.agent.name} wait for the same sort of answer already.",
            remedy="Withdraw those that are no longer meant, or wait until some are answered.",
        )


def _bounded(case: Case, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield why there is no place in line for a proposal."""
    most = limits.TICKET_SUBJECTS
    if len(terms_of(case, findings)["subjects"]) > most:
        yield Finding(
            "shape.too_broad",
            f"It would have to wait, and what waits is about {most} records at most.",
            remedy="Split it into smaller proposals.",
        )
    if (
        not is_in_line(case.view.record(refs.split(place_in(case).ticket)))
        and waiting_count(case.view) >= limits.QUEUE_WAITING
    ):
        yield Finding(
            "queue.full",
            f"{limits.QUEUE_WAITING} proposals wait already.",
            remedy="Try again later, or propose something else.",
        )
