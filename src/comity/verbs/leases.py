"""Leases: taking, waiting in line, renewing, releasing, breaking, and who holds what.

All but renewals are proposals, so the checks say who may. A renewal is noted outside the log
(S18), under this process's turn at the head: nothing is decided between the look whether
the lease is still good and the note that it goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import sleep

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.coordination import leases
from comity.coordination.leases import Terms
from comity.deciding.leasing import lapsed
from comity.deciding.lines import NAMED, TOPIC, Line, Place, rest_in_line, token_of
from comity.errors import InvalidRequest, LimitExceeded, NotFound, Refused
from comity.model.decisions import Decision
from comity.model.durations import parse_duration
from comity.model.proposals import Caller, Emit, Proposal
from comity.operations import (
    BreakLease,
    LeaseAnswer,
    LeasesAnswer,
    ListLeases,
    PlaceAnswer,
    ReleaseLease,
    RenewLease,
    TakeLease,
)
from comity.verbs import names
from comity.verbs.engine import Engine


def take(engine: Engine, caller: Caller, request: TakeLease) -> LeaseAnswer:
    """Return a lease on all subjects, or a place in their lines.

    Raises Refused, telling who holds them, where it can't be had in time; any place in line
    is then given up. With the ``hold`` of one's own place, that wait goes on.
    """
    taking = _Taking(engine, caller, request)
    found = taking.resumed() if request.hold is not None else None
    if found is None:
        decision = taking.propose(leases.taking(taking.subjects, taking.hold, taking.terms))
        if decision.is_committed:
            return taking.answer()
        if taking.wait_s is None or not _is_only_held(decision):
            raise Refused(decision)
        taking.join(taking.wait_s)
    elif found.state == "held":
        return found
    return taking.look_once() if request.place else taking.wait()


def renew(engine: Engine, caller: Caller, request: RenewLease) -> LeaseAnswer:
    """Return a lease with its new end; raises Refused where it has lapsed, whoever has it now."""
    subjects = _subjects(request.subjects)
    ttl_s = None if request.ttl is None else _seconds("ttl", request.ttl)
    with engine.store.turn():
        look = _Look(engine, subjects)
        places = look.own(caller.agent, request.hold, is_claimed=True)
        if places is None:
            raise Refused(look.refusal(engine.make_id(), caller.agent, request.hold))
        until = look.now_us + (ttl_s or min(place.ttl_s for place in places.values())) * SECOND_US
        until = max(until, *(look.lines[subject].end_of(place) for subject, place in places.items()))
        engine.store.note(TOPIC, {place.renewal: str(until) for place in places.values()})
    return look.lease(caller.agent, places, until)


def release(engine: Engine, caller: Caller, request: ReleaseLease) -> Decision:
    """Return the decision on giving up one's lease, or places in line; of one that has lapsed it is a refusal."""
    subjects = _subjects(request.subjects)
    look = _Look(engine, subjects)
    if (places := look.own(caller.agent, request.hold, is_claimed=True)) is not None:
        hold = next(iter(places.values())).hold
        decision = _propose(engine, caller, leases.releasing(subjects, hold), request.reason)
        if decision.is_committed:
            engine.store.note(TOPIC, {place.renewal: None for place in places.values()})
        return decision
    places = look.own(caller.agent, request.hold, is_claimed=False)
    if places is None:
        return look.refusal(engine.make_id(), caller.agent, request.hold)
    return _propose(engine, caller, leases.leaving(subjects, next(iter(places.values())).hold), request.reason)


def break_(engine: Engine, caller: Caller, request: BreakLease) -> Decision:
    """Return the decision on ending others' leases; raises NotFound where nobody holds it."""
    if not request.reason:
        raise InvalidRequest("reason: say why; those who lose the lease are told")
    [subject] = _subjects([request.subject])
    line = _Look(engine, (subject,)).lines[subject]
    holds = [place.hold for place in line.holders if request.hold is None or place.hold == request.hold]
    if not holds:
        raise NotFound(
            f"nobody holds {subject}{' under that id' if request.hold else ''}, so there is nothing to break"
        )
    return _propose(engine, caller, leases.breaking(subject, holds, request.reason), request.reason)


def list_leases(engine: Engine, caller: Caller, request: ListLeases) -> LeasesAnswer:
    """Return who holds what, and who waits for it, in the order in which their turn comes."""
    if not 0 < request.limit <= limits.QUERY_RECORDS:
        raise LimitExceeded(f"limit: between 1 and {limits.QUERY_RECORDS}")
    found: list[PlaceAnswer] = []
    with engine.store.snapshot() as snapshot:
        now_us = engine.coordinator.time_at(snapshot.head).now_us
        incarnation = snapshot.head.incarnation
        if request.subject is None:
            lines = leases.all_lines(snapshot, now_us)
        else:
            lines = iter(leases.lines_of(snapshot, _subjects([request.subject]), now_us).items())
        for subject, line in lines:
            found += [one for one in _places(subject, line, incarnation) if request.agent in (None, one.agent)]
            if len(found) > request.limit:
                break
        if not found:
            names.check_empty(engine, snapshot, record=_record(request.subject), agents=[request.agent])
    return LeasesAnswer(places=tuple(found[: request.limit]), is_cut=len(found) > request.limit)


def _record(subject: str | None) -> str | None:
    """Return a subject where it is a record, and no name on which agents agree."""
    return None if subject is None or subject.startswith(NAMED) else subject


# -- what the verbs share


class _Look:
    """Be a look at lines: how they stood at one moment."""

    def __init__(self, engine: Engine, subjects: Sequence[str]) -> None:
        with engine.store.snapshot() as snapshot:
            self.head = snapshot.head
            self.now_us = engine.coordinator.time_at(snapshot.head).now_us
            self.lines: Mapping[str, Line] = leases.lines_of(snapshot, subjects, self.now_us)
            self._number = engine.coordinator.definition(snapshot).number

    def own(self, agent: str, hold: str | None, *, is_claimed: bool) -> dict[str, Place] | None:
        """Return an agent's places of one hold, in all of these lines, that are not over; None where one lacks."""
        places: dict[str, Place] = {}
        for subject, line in self.lines.items():
            mine = [place for place in (line.holders if is_claimed else line.waiting) if place.agent == agent]
            chosen = next((place for place in mine if hold in (None, place.hold)), None)
            if chosen is None:
                return None
            hold = chosen.hold
            places[subject] = chosen
        return places

    def end_of(self, places: Mapping[str, Place]) -> int:
        """Return when the first of these places ends."""
        return min(self.lines[subject].end_of(place) for subject, place in places.items())

    def ahead_of(self, places: Mapping[str, Place]) -> int:
        """Return how many are ahead, in the longest of these lines."""
        return max(len(self.lines[subject].blockers_of(place)) for subject, place in places.items())

    def lease(self, agent: str, places: Mapping[str, Place], until: int) -> LeaseAnswer:
        """Return places that are held as the lease that they are."""
        [*_, place] = places.values()
        token = token_of(self.head.incarnation, place)
        return LeaseAnswer(
            hold=place.hold,
            subjects=tuple(places),
            agent=agent,
            state="held",
            expires_at=format_time(until),
            token=token,
        )

    def refusal(self, id: str, agent: str, hold: str | None) -> Decision:
        """Return where an agent has no lease (of that hold), as the checks would tell it."""
        lines = self.lines.items()
        findings = tuple(lapsed(subject, line) for subject, line in lines if not _has(line.holders, agent, hold))
        return Decision(
            id=id,
            outcome="refused",
            revision=self.head.revision,
            at=self.now_us,
            definition=self._number,
            next=findings[0].remedy or "",
            findings=findings,
        )


def _has(places: Iterable[Place], agent: str, hold: str | None) -> bool:
    return any(place.agent == agent and hold in (None, place.hold) for place in places)


class _Taking:
    """Be one attempt to take a lease, from the first look to the last."""

    def __init__(self, engine: Engine, caller: Caller, request: TakeLease) -> None:
        self.subjects = _subjects(request.subjects)
        self.hold = request.hold or engine.make_id()
        self.wait_s = None if request.wait is None else _seconds("wait", request.wait)
        self.terms = Terms(
            ttl_s=_seconds("ttl", request.ttl),
            exclusive=not request.shared,
            fields=request.fields,
            priority=request.priority,
            breakable_by=request.breakable_by,
        )
        self._engine = engine
        self._caller = caller
        self._reason = request.reason

    def propose(self, changes: tuple[Emit, ...]) -> Decision:
        """Return the decision on transitions of these lines."""
        return _propose(self._engine, self._caller, changes, self._reason)

    def join(self, wait_s: int) -> None:
        """Take a place in all lines; raises Refused."""
        decision = self.propose(leases.joining(self.subjects, self.hold, self.terms, wait_s))
        if not decision.is_committed:
            raise Refused(decision)

    def resumed(self) -> LeaseAnswer | None:
        """Return what this hold has already: the lease, or its places in line."""
        look = self._look()
        for is_claimed in (True, False):
            if look.own(self._caller.agent, self.hold, is_claimed=is_claimed) is not None:
                return self.answer(look)
        return None

    def wait(self) -> LeaseAnswer:
        """Return the lease once its turn has come in all lines.

        Raises Refused when the time is over, or where somebody gave the places up meanwhile.
        """
        deadline = 0
        try:
            while (places := (look := self._look()).own(self._caller.agent, self.hold, is_claimed=False)) is not None:
                deadline = look.end_of(places)
                if self._has_claimed(look, places):
                    return self.answer()
                self._pause(look, places)
            if look.now_us < deadline:
                raise Refused(look.refusal(self._engine.make_id(), self._caller.agent, self.hold))
        except BaseException:
            self._leave()
            raise
        return self._last_try()

    def _pause(self, look: _Look, places: Mapping[str, Place]) -> None:
        """Wait until a line may have moved, or where many are ahead, until it is worth a look."""
        rest_s = rest_in_line(look.ahead_of(places))
        if rest_s:
            sleep(min(rest_s, _span(look)))
        else:
            self._engine.store.wait(look.head.revision, _span(look))

    def look_once(self) -> LeaseAnswer:
        """Return the lease if its turn has come in all lines, else the place in line; raises Refused without one."""
        look = self._look()
        places = look.own(self._caller.agent, self.hold, is_claimed=False)
        if places is not None and self._has_claimed(look, places):
            return self.answer()
        return self.answer(look)

    def _has_claimed(self, look: _Look, places: Mapping[str, Place]) -> bool:
        """Claim the lease if its turn has come in all lines, and tell whether it was; raises Refused."""
        if any(look.lines[subject].turn_of(place) is None for subject, place in places.items()):
            return False
        decision = self.propose(leases.claiming(self.subjects, self.hold))
        if not decision.is_committed and not _is_only_held(decision):
            raise Refused(decision)
        return decision.is_committed

    def answer(self, look: _Look | None = None) -> LeaseAnswer:
        """Return what there is under this hold now."""
        look = look or self._look()
        agent = self._caller.agent
        held = look.own(agent, self.hold, is_claimed=True)
        if held is not None:
            return look.lease(agent, held, look.end_of(held))
        waiting = look.own(agent, self.hold, is_claimed=False)
        if waiting is None:
            raise Refused(look.refusal(self._engine.make_id(), agent, self.hold))
        return LeaseAnswer(
            hold=self.hold,
            subjects=self.subjects,
            agent=agent,
            state="waiting",
            expires_at=format_time(look.end_of(waiting)),
            ahead=look.ahead_of(waiting),
        )

    def _look(self) -> _Look:
        return _Look(self._engine, self.subjects)

    def _leave(self) -> None:
        """Give up the places, or the lease where an interrupt struck between its claim and the answer."""
        if not self.propose(leases.leaving(self.subjects, self.hold)).is_committed:
            self.propose(leases.releasing(self.subjects, self.hold))

    def _last_try(self) -> LeaseAnswer:
        """Take it at the last moment, or tell who has it."""
        self._leave()
        decision = self.propose(leases.taking(self.subjects, self.hold, self.terms))
        if not decision.is_committed:
            raise Refused(decision)
        return self.answer()


def _span(look: _Look) -> float:
    """Return how long to wait, in seconds, before a line may have moved by itself."""
    changes = [change for line in look.lines.values() if (change := line.next_change()) is not None]
    return min([limits.WAIT_LOOK_S, *((change - look.now_us) / SECOND_US for change in changes)])


def _is_only_held(decision: Decision) -> bool:
    return all(finding.code == "lease.held" for finding in decision.refusals)


def _propose(engine: Engine, caller: Caller, changes: tuple[Emit, ...], reason: str | None) -> Decision:
    return engine.propose(Proposal(id=engine.make_id(), changes=changes, reason=reason), caller, is_new=True)


def _subjects(given: Sequence[str]) -> tuple[str, ...]:
    """Return subjects without repeats; raises InvalidRequest for none, InvalidReference for what is none."""
    subjects = tuple(dict.fromkeys(given))
    if not subjects:
        raise InvalidRequest("name what is to be leased: records as kind/id, or names as name:printer")
    if len(subjects) > limits.LEASE_SUBJECTS:
        raise LimitExceeded(f"at most {limits.LEASE_SUBJECTS} records and names are leased together")
    for subject in subjects:
        leases.key_of(subject)
    return subjects


def _seconds(name: str, text: str) -> int:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise InvalidRequest(f"{name}: {error}") from None
    if not 0 < seconds <= limits.LEASE_S:
        raise LimitExceeded(f"{name}: between 1s and {limits.LEASE_S}s")
    return seconds


def _places(subject: str, line: Line, incarnation: str) -> list[PlaceAnswer]:
    held = [_place(subject, place, line, token=token_of(incarnation, place)) for place in line.holders]
    waiting = [_place(subject, place, line, position=n) for n, place in enumerate(line.waiting, start=1)]
    return held + waiting


def _place(subject: str, place: Place, line: Line, *, token: str | None = None, position: int = 0) -> PlaceAnswer:
    return PlaceAnswer(
        subject=subject,
        agent=place.agent,
        hold=place.hold,
        state="waiting" if token is None else "held",
        since=place.joined_at,
        expires_at=format_time(line.end_of(place)),
        shared=not place.exclusive,
        fields=place.fields,
        priority=place.priority,
        token=token,
        position=position,
    )
