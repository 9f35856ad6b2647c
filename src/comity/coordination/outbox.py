"""The outbox: effects that are due are released, and delivered by the process that released them (S34, S35).

Any number of processes may look. A release is a decision, under an id that names its try, so
that one of them alone gets it; it delivers what it got, outside of any lock, and has the
outcome decided too. Whoever dies in between is found out once its time is over: then another
try follows, under the same key, by which the receiver can drop what it has already.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Protocol

import msgspec

from comity import limits
from comity.clock import SECOND_US, format_time, parse_time
from comity.coordination.deliveries import (
    Handler,
    Tried,
    attempt,
    by_webhook,
    delivery_of,
    heard,
    missing_secrets,
    webhooks_of,
)
from comity.coordination.flights import Flights
from comity.coordination.host import Host
from comity.coordination.landings import Landings
from comity.coordination.pending import PENDING, Entry, Pending
from comity.coordinator.holding import Holding
from comity.deciding.compile import Compiled
from comity.deciding.compiled import CompiledEffect
from comity.deciding.effects import declared, due_us, is_over, released_under
from comity.deciding.lines import subject_of
from comity.errors import ComityError, InvalidRequest
from comity.lane import Answer, is_committed
from comity.model import refs
from comity.model.built_in import APPROVAL, EFFECT, LEASE, OVERRIDE
from comity.model.definition import WebhookDefinition
from comity.model.ids import Entropy
from comity.model.proposals import Caller, Emit, Proposal
from comity.model.records import RecordState
from comity.model.texts import counted, listed, suggestion
from comity.outbound import delay_s
from comity.store.contract import EventFilter, Snapshot

SYSTEM: Final = Caller(refs.SYSTEM_AGENT, "system")
"""Who does duties."""

_UNHEARD: Final = Tried(error="Nothing was heard of this try in time.", is_uncertain=True)
_SENDER_BYTES: Final = 8
_SHOWN: Final = 8
_MOVED: Final = 1_000
"""Of how many events of leases it is told which records they concern; after more of them all is tried again."""

Start = Callable[[str, Callable[[], None]], None]
"""Have some work done in the background, under a name."""

_log: Final = logging.getLogger("comity")


class EffectHost(Host, Protocol):
    """Be an open workspace with effects."""

    url: str

    @property
    def entropy(self) -> Entropy:
        """Return where chance comes from."""
        ...


class Tally(msgspec.Struct, frozen=True):
    """Be how many tries were delivered, failed, or not let through."""

    delivered: int = 0
    failed: int = 0
    stopped: int = 0

    def plus(self, *, delivered: int = 0, failed: int = 0, stopped: int = 0) -> Tally:
        """Return it with more of each."""
        return Tally(self.delivered + delivered, self.failed + failed, self.stopped + stopped)

    def __sub__(self, before: Tally) -> Tally:
        return self.plus(delivered=-before.delivered, failed=-before.failed, stopped=-before.stopped)


class Outbox:
    """Release and deliver the effects of one workspace for which this process has a handler."""

    def __init__(self, host: EffectHost) -> None:
        self._host = host
        self._process = host.entropy(_SENDER_BYTES).hex()
        self._handlers: dict[str, Handler] = {}
        self._holding = Holding()
        self._looking = threading.Lock()
        self._overridden = self._leased = self._asked = 0
        self._flights = Flights(host.clock)
        self._landings = Landings[tuple[RecordState, Tried]](self._record, lambda: len(self._flights.names()))
        self._counting = threading.Lock()
        self._start: Start = _start_thread
        self._is_closed = False
        self.next_us: int | None = None
        self.tally = Tally()

    def handle(self, effect: str, handler: Handler) -> None:
        """Have an effect delivered by a function of this process; raises InvalidRequest if one does already."""
        if self._handlers.setdefault(effect, handler) is not handler:
            raise InvalidRequest(f"this process delivers {effect!r} already: one function for each effect")

    def declared(self, effect: str) -> CompiledEffect | None:
        """Return an effect as declared, or None where no effects are.

        Raises InvalidRequest, with the nearest name, for one that isn't among those declared.
        """
        if (problem := self.undeclared(effect)) is not None:
            raise InvalidRequest(problem)
        return self._known().get(effect)

    def undeclared(self, effect: str) -> str | None:
        """Return in sentences that an effect isn't among those declared; None where it is, or none are."""
        known = self._known()
        if not known or effect in known:
            return None
        hint = suggestion(refs.nearest(effect, known)) or "."
        named = listed(sorted(known), _SHOWN)
        return f"{effect[: limits.NAME_CHARS]!r} is no declared effect{hint} Declared: {named}."

    def _known(self) -> Mapping[str, CompiledEffect]:
        with self._host.store.snapshot() as snapshot:
            return self._host.coordinator.definition(snapshot).effects

    def unready(self) -> list[str]:
        """Return in sentences which webhooks this process would send to, and can't as it lacks their secrets."""
        with self._host.store.snapshot() as snapshot:
            compiled = self._host.coordinator.definition(snapshot)
        by_webhooks = (name for name in compiled.effects if name not in self._handlers)
        used = {declared(name, compiled).webhook for name in by_webhooks} | {*compiled.definition.alerts.webhooks}
        return [
            f"webhook {webhook.name}: {' and '.join(missing)} is empty or missing, so this process sends nothing there"
            for webhook in compiled.definition.webhooks
            if webhook.name in used and (missing := missing_secrets(webhook))
        ]

    def start_with(self, start: Start) -> None:
        """Have deliveries in the background begun by a function, in place of a thread for each."""
        self._start = start

    def handler_of(self, effect: str) -> Handler | None:
        """Return what delivers an effect in this process, or None."""
        return self._handlers.get(effect)

    def run(self, most: int, *, in_background: bool = True) -> int:
        """Have decided what is due and tell what is over, at most so many each; return how many of both there were.

        What is released is delivered in the background, by a thread for each, unless the
        caller is to do it. Only one look is taken at a time.
        """
        if self._is_closed or not self._looking.acquire(blocking=False):
            return 0
        try:
            self._tell_late()
            with self._host.store.snapshot() as snapshot:
                if EFFECT not in snapshot.kinds():
                    return 0
                now_us = self._host.coordinator.time_at(snapshot.head).now_us
                compiled = self._host.coordinator.definition(snapshot)
                pending = self._pending(snapshot)
                over = self._over(pending, snapshot, now_us, most)
                due = self._due(pending, compiled, now_us, snapshot.head.incarnation, most)
                self.next_us = pending.next_us()
            told = sum(is_committed(answer) for answer in self._propose(over))
            return told + self._release(due, compiled, in_background=in_background)
        finally:
            self._looking.release()

    def begin(self, effect: str) -> RecordState | None:
        """Release one effect, by its record's address, to be delivered by the caller; None where it isn't to be sent.

        What comes of it is told to :meth:`finish`.
        """
        ref = refs.split(effect)
        with self._host.store.snapshot() as snapshot:
            state = snapshot.records([ref]).get(ref)
            compiled = self._host.coordinator.definition(snapshot)
        if state is None or state.life != "live" or state.values["state"] != "held":
            return None
        return self._decide([(state.id, state.version, state.values["effect"])], compiled)[0]

    def finish(self, effect: RecordState, tried: Tried) -> None:
        """Have it recorded what came of an effect that was released to the caller."""
        self._record([(effect, tried)])

    def _record(self, outcomes: Sequence[tuple[RecordState, Tried]]) -> None:
        """Have it recorded what came of several, in one go."""
        now_us = self._host.coordinator.time_at(self._host.store.head()).now_us
        told = [(_outcome(effect, tried, now_us), effect.version) for effect, tried in outcomes]
        for (effect, _), answer in zip(outcomes, self._propose(told), strict=True):
            if isinstance(answer, ComityError):
                _log.warning("what came of %s could not be kept, so it is tried again: %s", effect.ref, answer)

    def left(self) -> dict[str, str]:
        """Return by name the effects that are due and that this process doesn't deliver, each with how many and why."""
        with self._looking, self._host.store.snapshot() as snapshot:
            if EFFECT not in snapshot.kinds():
                return {}
            now_us = self._host.coordinator.time_at(snapshot.head).now_us
            compiled = self._host.coordinator.definition(snapshot)
            due = Counter(entry.effect for entry in self._pending(snapshot).due(now_us, snapshot.head.incarnation))
        return {
            effect: f"{counted(count, 'effect')} {effect} due, and this process {self._lack(effect, compiled)}"
            for effect, count in sorted(due.items())
            if not self._delivers(effect, compiled) or not self._flights.room().has(effect)
        }

    def _lack(self, effect: str, compiled: Compiled) -> str:
        """Return why an effect isn't delivered here."""
        if self._delivers(effect, compiled):
            hanging = self._flights.hanging(effect)
            return f"delivers no more of it until one of its {counted(hanging, 'handler')} ends whose time is over"
        webhook = _webhook_of(effect, compiled)
        if webhook is None:
            return f"has no handler for it: @ws.handle({effect!r}), or a webhook in the definition"
        return f"can't use its webhook {webhook.name}: {' and '.join(missing_secrets(webhook))} is empty or missing"

    def is_delivering(self) -> bool:
        """Tell whether anything is being delivered here, in the background, that is still in its time."""
        return self._flights.is_any_in_time()

    def settle(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing is being delivered here any more; tell whether that came in time."""
        return self._flights.settle(timeout_s)

    def settle_in_time(self) -> None:
        """Wait until nothing is being delivered here any more but what has outlasted its time."""
        self._flights.wait_in_time()

    def close(self) -> None:
        """Release nothing more, and wait a while for what is being delivered.

        What takes longer is left to itself: whatever comes of it, it counts as not heard of.
        """
        self._is_closed = True
        if not self.settle(limits.EFFECT_CLOSE_S):
            _log.warning("closed while effects were being delivered: %s", ", ".join(self._flights.names()))

    # -- what is due

    def _pending(self, snapshot: Snapshot) -> Pending:
        """Return what is pending; what was held up is tried at once where what held it up may be over."""
        pending = self._holding.at(snapshot, PENDING)
        if pending.is_low:
            self._holding.clear()
            pending = self._holding.at(snapshot, PENDING)
        kinds = snapshot.kinds()
        overridden, leased, asked = (kinds.get(kind, 0) for kind in (OVERRIDE, LEASE, APPROVAL))
        if overridden != self._overridden:
            pending.retry()
            pending.look_at_ends()
        elif leased != self._leased:
            pending.retry(_moved_leases(snapshot, self._leased))
        if asked != self._asked:
            pending.retry_these(_answered(snapshot, self._asked))
        self._overridden, self._leased, self._asked = overridden, leased, asked
        return pending

    def _over(self, pending: Pending, snapshot: Snapshot, now_us: int, most: int) -> list[tuple[Emit, int]]:
        """Return what tells that effects are over, and that nothing was heard of a try: it may have arrived.

        Of an effect whose time was stopped the end is put off (S24).
        """
        over = pending.over(now_us, snapshot.head.incarnation, most)
        if not over:
            return []
        states, view = snapshot.records([(EFFECT, entry.id) for entry in over]), self._host.coordinator.view(snapshot)
        told: list[tuple[Emit, int]] = []
        for entry in over:
            state = states[EFFECT, entry.id]
            view.asked = 0
            if entry.is_sending:
                told.append((_failed(state, _UNHEARD, now_us), state.version))
            elif is_over(state, view):
                told.append((Emit(state.ref, "expired"), state.version))
            else:
                pending.put_off_end(entry, max(due_us(state, view), now_us + 1))
        return told

    def _due(self, pending: Pending, compiled: Compiled, now_us: int, incarnation: str, most: int) -> list[Entry]:
        """Return what is to be released now: what this process delivers, and has room for."""
        pending.ripen(now_us)
        room, due = self._flights.room(), list[Entry]()
        if most <= 0 or not any(map(room.has, self._delivered(compiled))):
            return due
        for entry in pending.due(now_us, incarnation):
            if self._delivers(entry.effect, compiled) and room.take(entry.effect):
                due.append(entry)
                if len(due) >= most:
                    break
        return due

    def _tell_late(self) -> None:
        """Tell of each try that has outlasted its time and still runs, and of what that means for the others."""
        for flight in self._flights.newly_late():
            left = limits.EFFECTS_AT_ONCE - self._flights.hanging(flight.effect)
            then = f"{left} more may be tried here at once" if left else "no more is delivered here until one ends"
            _log.warning("%s: its handler still runs though its time is over; of this effect %s", flight.name, then)

    def _delivered(self, compiled: Compiled) -> Iterator[str]:
        """Yield the names of what this process delivers."""
        yield from self._handlers
        yield from (name for name in compiled.effects if name not in self._handlers and self._delivers(name, compiled))

    def _delivers(self, effect: str, compiled: Compiled) -> bool:
        return self._function(effect, compiled) is not None

    def _function(self, effect: str, compiled: Compiled) -> tuple[Handler, str | None] | None:
        """Return what delivers an effect here, and by which webhook; whose secret isn't here is for other processes."""
        own = self._handlers.get(effect)
        if own is not None:
            return own, None
        webhook = _webhook_of(effect, compiled)
        if webhook is None or missing_secrets(webhook):
            return None
        return by_webhook(webhook, self._host.url, self._host.clock), webhook.name

    # -- release

    def _release(self, due: Sequence[Entry], compiled: Compiled, *, in_background: bool) -> int:
        """Have releases decided, in one go, and deliver what is released; return how many were decided."""
        if not due:
            return 0
        states = self._decide([(entry.id, entry.version, entry.effect) for entry in due], compiled)
        now_us = self._host.coordinator.time_at(self._host.store.head()).now_us
        for entry, state in zip(due, states, strict=True):
            if state is None:
                entry.put_off(now_us)
            elif in_background:
                self._fly(state, compiled)
            else:
                self._deliver(state, compiled)
        self._count(stopped=sum(state is None for state in states))
        return len(due)

    def _decide(self, named: Sequence[tuple[str, int, str]], compiled: Compiled) -> list[RecordState | None]:
        """Return effects (by id, version and name) as released; None for what isn't to be sent now, or by others."""
        now_us = self._host.coordinator.time_at(self._host.store.head()).now_us
        steps: list[tuple[Emit, int]] = []
        for id, version, effect in named:
            until = format_time(now_us + declared(effect, compiled).timeout_s * SECOND_US)
            terms = {"sender": f"{self._process}.{version}", "sending_until": until}
            steps.append((Emit(f"{EFFECT}/{id}", "released", terms), version))
        answers = self._propose(steps)
        gone = [(EFFECT, one[0]) for one, answer in zip(named, answers, strict=True) if is_committed(answer)]
        if not gone:
            return [None] * len(named)
        with self._host.store.snapshot() as snapshot:
            states = snapshot.records(gone)
        return [states.get((EFFECT, id)) if (EFFECT, id) in gone else None for id, _, _ in named]

    def _fly(self, state: RecordState, compiled: Compiled) -> None:
        """Deliver in a thread that nobody has to wait for: a handler may hang."""
        effect: str = state.values["effect"]
        flight = self._flights.begin(state.ref, effect, declared(effect, compiled).timeout_s)

        def work() -> None:
            try:
                self._deliver(state, compiled)
            finally:
                self._flights.end(flight)

        try:
            self._start(f"comity {effect}", work)
        except RuntimeError as error:  # There is no thread to be had: then whoever looks delivers it.
            _log.warning("%s is delivered in the thread of the duties: %s", state.ref, error)
            work()

    def _deliver(self, state: RecordState, compiled: Compiled) -> None:
        """Hand an effect to its handler, and have the outcome recorded."""
        function = self._function(state.values["effect"], compiled)
        if function is None or not self._has_time(state):
            return
        handler, webhook = function
        tried = attempt(handler, delivery_of(state))
        tried = heard(tried, webhook) if webhook is not None else tried
        self._count(delivered=tried.error is None, failed=tried.error is not None)
        try:
            self._landings.land((state, tried))
        except ComityError as error:
            _log.warning("what came of %s and others could not be kept, so they are tried again: %s", state.ref, error)

    def _has_time(self, state: RecordState) -> bool:
        """Tell whether a try may begin: one whose time is over counts as lost, and may have been cancelled by now."""
        try:
            now_us = self._host.coordinator.time_at(self._host.store.head()).now_us
        except ComityError as error:
            _log.warning("the time can't be told, so that %s is tried again later: %s", state.ref, error)
            return False
        return now_us < parse_time(state.values["sending_until"])

    def _count(self, **more: int) -> None:
        with self._counting:
            self.tally = self.tally.plus(**more)

    def _propose(self, steps: Sequence[tuple[Emit, int]]) -> list[Answer]:
        """Return the answers to transitions of effects at a version, each under an id that names its try."""
        proposals = [Proposal(id=_step_id(change, version), changes=(change,)) for change, version in steps]
        return self._host.propose_many(proposals, SYSTEM) if proposals else []


def _webhook_of(effect: str, compiled: Compiled) -> WebhookDefinition | None:
    named = declared(effect, compiled).webhook
    return webhooks_of(compiled.definition.webhooks).get(named) if named is not None else None


def _start_thread(name: str, work: Callable[[], None]) -> None:
    threading.Thread(target=work, name=name, daemon=True).start()


def _step_id(change: Emit, version: int) -> str:
    """Return the id of a step: of one try's transition of an effect at a version."""
    sender: Any = change.data.get("sender", "")
    name = f"{change.event}:{change.record}:{version}:{sender}:{change.data.get('sending_until', '')}"
    return f"duty~{sha256(name.encode()).hexdigest()[:32]}"


def _moved_leases(snapshot: Snapshot, after: int) -> set[str] | None:
    """Return the records whose leases have moved since a revision, by others' acts; None for too many to tell."""
    moved = snapshot.events(EventFilter(kind=LEASE, after=after, limit=_MOVED))
    return {subject_of(event.id) for event in moved} if len(moved) < _MOVED else None


def _answered(snapshot: Snapshot, after: int) -> Iterator[str]:
    """Yield the effects of which a human has said since a revision whether they may be released.

    What wasn't among the last ones is tried in its time.
    """
    for event in snapshot.events(EventFilter(kind=APPROVAL, after=after, newest_first=True, limit=_MOVED)):
        released = released_under(event.id)
        if released is not None:
            yield released[0]


# -- what came of a try


def _outcome(state: RecordState, tried: Tried, now_us: int) -> Emit:
    if tried.error is not None:
        return _failed(state, tried, now_us)
    data: dict[str, Any] = {"wanted_in": state.values["wanted_in"], "sender": state.values["sender"]}
    return Emit(state.ref, "delivered", data | ({"answer": tried.answer} if tried.answer is not None else {}))


def _failed(state: RecordState, tried: Tried, now_us: int) -> Emit:
    values: Mapping[str, Any] = state.values
    wait_s = max(delay_s(values["attempts"], state.id), tried.retry_after_s or 0.0)
    next_us = now_us + round(wait_s * SECOND_US)
    return Emit(
        state.ref,
        "failed",
        {
            "sender": values["sender"],
            "error": tried.error,
            "is_uncertain": tried.is_uncertain,
            "is_final": tried.is_final,
            "release_at": format_time(next_us),
            "expires_at": format_time(next_us + values["patience_s"] * SECOND_US),
        },
    )
