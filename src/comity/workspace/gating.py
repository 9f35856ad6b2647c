"""Gating: a plain function whose calls go through the checks, as an effect.

The adapters for frameworks are thin shims over this: a tool is a function, and calling it
is an act on the outside world.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import WRAPPER_ASSIGNMENTS
from typing import Any, Generic, Literal, ParamSpec, Protocol, TypeVar, overload

import msgspec

from comity import limits
from comity.coordination.deliveries import Delivery, Handler, Tried, attempt, attempt_async, delivery_of
from comity.coordination.outbox import Outbox
from comity.errors import InvalidRequest, NotCommitted, NotDone, Undeliverable
from comity.model import refs
from comity.model.built_in import EFFECT
from comity.model.codec import encode
from comity.model.decisions import Decision
from comity.model.records import RecordState
from comity.model.texts import quote
from comity.operations.effecting import EffectAnswer, EffectState
from comity.workspace.agents import Agent
from comity.workspace.changes import check_text, listed_records
from comity.workspace.effecting import check_done_by_calling, hold_of
from comity.workspace.intents import Intent
from comity.workspace.terms import Gate, check_data, check_texts, filled, key_of, signature_of, split_read

P = ParamSpec("P")
Q = ParamSpec("Q")
T = TypeVar("T")

Happened = Literal["done", "held", "waits", "refused", "taken", "failed"]


class Outcome(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Be what became of a call: its ``value`` if it was done, and else why not, and what to do.

    ``happened`` is ``done``, ``held`` (until it is released), ``waits`` (for its turn, an
    owner or a human), ``refused``, ``taken`` (the same was wanted before: it isn't done
    twice) or ``failed`` (the function raised). ``str()`` of it is an answer fit for a model.

    ``state`` is how its effect stood at that moment; of what is ``taken`` it tells whether it was
    ``delivered`` (``answer`` is what it answered), is under way (``held``, ``sending``), or was put
    ``aside``. ``ws.effect(outcome)`` tells how it stands by now.
    """

    happened: Happened
    decision: Decision
    value: T | None = None
    effect: str | None = None
    error: str | None = None
    told: str = ""
    state: EffectState | None = None
    answer: str | None = None

    @property
    def is_done(self) -> bool:
        """Tell whether the function has run, and returned."""
        return self.happened == "done"

    def result(self) -> T:
        """Return the function's value.

        Raises NotCommitted with the decision where it wasn't let through, NotDone where it is
        held, was stopped at its release or is taken, Undeliverable where the function raised.
        """
        if self.happened == "done":
            return self.value  # type: ignore[return-value]
        if self.happened == "failed":
            raise Undeliverable(str(self))
        if self.decision.is_committed:
            raise NotDone(str(self))
        raise NotCommitted(self.decision)

    def __str__(self) -> str:
        return self.told


class Host(Protocol):
    """Be an open workspace whose agents' calls are gated."""

    def agent(self, name: str) -> Agent:
        """Return a handle to act as an agent."""
        ...

    def effect(self, effect: str) -> EffectAnswer:
        """Return what became of an effect."""
        ...


class _Calling(Generic[P]):
    """Turn calls of a function into proposals, and tell what became of them."""

    def __init__(
        self, host: Host, outbox: Outbox, function: Callable[P, Any], gate: Gate, agent: str | Agent | None
    ) -> None:
        self._signature = self.__signature__ = signature_of(function)
        check_texts(gate, self._signature)
        self._host = host
        self._outbox = outbox
        self._gate = gate
        self._agent = agent
        self.function = function
        if isinstance(agent, str):
            host.agent(agent)  # Raises where no such agent is declared: at once, and not at the first call.
        check_data(outbox.declared(gate.effect), self._signature)
        outbox.handle(gate.effect, handler_of(function))
        for name in WRAPPER_ASSIGNMENTS:
            if hasattr(function, name):
                setattr(self, name, getattr(function, name))

    @property
    def effect(self) -> str:
        """Return the name of the effect that its calls are."""
        return self._gate.effect

    def within(self, intent: Intent) -> Callable[P, None]:
        """Return the function as an effect of an intent: it goes with the intent's proposal, and isn't done before.

        What it reads counts as read by the intent.
        """

        def add(*args: P.args, **kwargs: P.kwargs) -> None:
            self._add(intent, self._bound(args, kwargs), claim=False)

        return add

    def _acting(self, agent: str | Agent | None) -> Agent:
        if agent is None:
            raise InvalidRequest(f"{self.effect}: nobody is said to call it: write .by(agent)(…), or agent=… above it")
        return self._host.agent(agent) if isinstance(agent, str) else agent

    def _bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by name, as they are kept until the call is done; raises TypeError, InvalidRequest."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        named = dict(bound.arguments)
        for parameter in self._signature.parameters.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                named |= named.pop(parameter.name, {})
        for name, value in named.items():
            try:
                encode(value)
            except (TypeError, ValueError, UnicodeError, OverflowError, RecursionError) as error:
                raise InvalidRequest(f"{self.effect}: {name} can't be kept until the call is done: {error}") from None
        return named

    def _propose(self, agent: Agent, named: dict[str, Any]) -> Decision:
        about = [filled(text, named) for text in self._gate.affects]
        reason = filled(self._gate.reason, named) if self._gate.reason is not None else None
        intent = agent.intent(self._gate.action, about=about, reason=reason)
        self._add(intent, named, claim=True)
        return intent.propose()

    def _add(self, intent: Intent, named: dict[str, Any], *, claim: bool) -> None:
        gate = self._gate
        for text in gate.reads:
            record, field = split_read(text)
            intent.get(filled(record, named), *((field,) if field else ()))
        requires = filled(gate.requires, named, as_literals=True) if gate.requires is not None else None
        if requires is not None:
            intent.assume(requires)
        target = gate.target or (gate.affects[0] if gate.affects else None)
        intent.effect(
            gate.effect,
            filled(target, named) if target is not None else None,
            data=named,
            once=key_of(gate.once, named) if gate.once is not None else None,
            still=requires,
            hold=gate.hold,
            claim=claim,
        )

    # -- what became of it

    def _not_now(self, decision: Decision) -> Outcome[Any] | None:
        """Return what became of a call that isn't to be done by its caller; None for one that may be."""
        if not decision.is_committed:
            happened: Happened = "waits" if decision.is_pending else "refused"
            return Outcome(happened=happened, decision=decision, told=decision.explain())
        finding = next((one for one in decision.findings if one.code == "effect.taken"), None)
        if finding is None:
            return None
        told = f"{finding.message} {finding.remedy or ''}".strip()
        known = finding.data
        return Outcome(
            happened="taken",
            decision=decision,
            effect=known["effect"],
            told=told,
            state=known["state"],
            answer=known.get("answer"),
        )

    def _waiting(self, effect: str, decision: Decision) -> Outcome[Any]:
        """Return what became of a call that was let through, and isn't to be done at this moment."""
        found = self._host.effect(effect)
        happened: Happened = "refused" if found.state == "cancelled" else "held"
        told = f"{found}. Don't call again for it: it is done by itself, or cancelled." if happened == "held" else found
        return Outcome(happened=happened, decision=decision, effect=effect, told=str(told), state=found.state)

    def _tried(self, effect: RecordState, tried: Tried, decision: Decision) -> Outcome[Any]:
        """Have it recorded what came of a call, and return that. There is no second try: its caller knows by now."""
        self._outbox.finish(effect, msgspec.structs.replace(tried, is_final=True))
        if tried.error is None:
            told = tried.answer if tried.answer is not None else "Done."
            return Outcome(
                happened="done",
                decision=decision,
                effect=effect.ref,
                value=tried.value,
                told=told,
                state="delivered",
                answer=tried.answer,
            )
        told = f"{self.effect} failed: {quote(tried.error)} It may have been done in part: look before you try again."
        return Outcome(
            happened="failed", decision=decision, effect=effect.ref, error=tried.error, told=told, state="aside"
        )

    def _not_begun(self, effect: RecordState, error: BaseException) -> None:
        """Have it recorded that a call was broken off before the function was called."""
        told = f"{type(error).__name__}: it was broken off before it began"
        self._outbox.finish(effect, Tried(error=told, is_final=True))

    def _broken_off(self, effect: RecordState, error: BaseException) -> None:
        """Have it recorded that a call was broken off: nobody knows how far it came."""
        told = f"{type(error).__name__}: it was broken off"
        self._outbox.finish(effect, Tried(error=told, is_final=True, is_uncertain=True))


class Gated(_Calling[P], Generic[P, T]):
    """Be a function whose calls are decided first. Calling it acts as the agent that it was declared for.

    What it returns is an :class:`Outcome`, whatever happened: a refusal is an answer.
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Outcome[T]:
        """Have a call decided, and done at once or once its hold is over; return what happened."""
        return self._call(self._agent, self._bound(args, kwargs))

    def by(self, agent: str | Agent) -> Callable[P, Outcome[T]]:
        """Return the function as called by an agent."""

        def call(*args: P.args, **kwargs: P.kwargs) -> Outcome[T]:
            return self._call(agent, self._bound(args, kwargs))

        return call

    def _call(self, agent: str | Agent | None, named: dict[str, Any]) -> Outcome[T]:
        decision = self._propose(self._acting(agent), named)
        outcome = self._not_now(decision)
        return self._do(str(_effect_of(decision)), decision) if outcome is None else outcome

    def _do(self, ref: str, decision: Decision) -> Outcome[T]:
        effect = self._outbox.begin(ref)
        if effect is None:
            return self._waiting(ref, decision)
        try:
            tried = attempt(handler_of(self.function), delivery_of(effect))
        except BaseException as error:
            self._broken_off(effect, error)
            raise
        return self._tried(effect, tried, decision)


class AsyncGated(_Calling[P], Generic[P, T]):
    """Be an asynchronous function whose calls are decided first; the event loop isn't blocked meanwhile.

    A call that is held is done later in a loop of its own.
    """

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Outcome[T]:
        """Have a call decided, and done at once or once its hold is over; return what happened."""
        return await self._call(self._agent, self._bound(args, kwargs))

    def by(self, agent: str | Agent) -> Callable[P, Awaitable[Outcome[T]]]:
        """Return the function as called by an agent."""

        def call(*args: P.args, **kwargs: P.kwargs) -> Awaitable[Outcome[T]]:
            return self._call(agent, self._bound(args, kwargs))

        return call

    async def _call(self, agent: str | Agent | None, named: dict[str, Any]) -> Outcome[T]:
        decision, broken = await _to_its_end(self._propose, self._acting(agent), named)
        outcome = self._not_now(decision)
        if broken is None:
            return await self._do(str(_effect_of(decision)), decision) if outcome is None else outcome
        if outcome is None and (effect := self._outbox.begin(str(_effect_of(decision)))) is not None:
            self._not_begun(effect, broken)
        raise broken

    async def _do(self, ref: str, decision: Decision) -> Outcome[T]:
        effect, broken = await _to_its_end(self._outbox.begin, ref)
        if broken is not None:
            if effect is not None:
                self._not_begun(effect, broken)
            raise broken
        if effect is None:
            return await asyncio.to_thread(self._waiting, ref, decision)
        try:
            tried = await attempt_async(_awaiting(self.function), delivery_of(effect))
        except BaseException as error:
            self._broken_off(effect, error)
            raise
        return await asyncio.to_thread(self._tried, effect, tried, decision)


async def _to_its_end(work: Callable[Q, T], *args: Q.args, **kwargs: Q.kwargs) -> tuple[T, BaseException | None]:
    """Return what a thread's work comes to, and what broke off the wait for it: the work isn't broken off by that."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    broken: BaseException | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            broken = error
    return task.result(), broken


def _effect_of(decision: Decision) -> str | None:
    """Return the effect that a committed call has put into the outbox."""
    return next((ref for ref in decision.records if ref.startswith(f"{EFFECT}/")), None)


def handler_of(function: Callable[..., Any]) -> Handler:
    """Return what does an effect by calling a function with its data, an asynchronous one in a loop of its own."""

    def call(delivery: Delivery) -> object:
        found = function(**delivery.data)
        return asyncio.run(_whole(found)) if inspect.isawaitable(found) else found

    return call


async def _whole(found: Awaitable[T]) -> T:
    return await found


def _awaiting(function: Callable[..., Any]) -> Callable[[Delivery], Awaitable[object]]:
    return lambda delivery: function(**delivery.data)


class Gating:
    """Gate the function that it decorates."""

    def __init__(
        self,
        host: Host,
        outbox: Outbox,
        agent: str | Agent | None,
        effect: str | None,
        reads: object,
        affects: object,
        terms: Mapping[str, str | None],
    ) -> None:
        self._host = host
        self._outbox = outbox
        self._agent = agent
        self._effect = effect
        self._reads = listed_records("reads", reads)
        self._affects = listed_records("affects", affects)
        self._terms = terms
        for what, given in terms.items():
            if given is not None:
                check_text(what, given)
        hold_of(terms.get("hold"))

    @overload
    def __call__(  # pyright: ignore[reportOverlappingOverload] - the first that fits is meant
        self, function: Callable[P, Coroutine[Any, Any, T]]
    ) -> AsyncGated[P, T]: ...

    @overload
    def __call__(self, function: Callable[P, T]) -> Gated[P, T]: ...

    def __call__(self, function: Callable[P, Any]) -> AsyncGated[P, Any] | Gated[P, Any]:
        """Return the function gated; raises InvalidRequest where it can't be called by name, or a text not filled."""
        check_done_by_calling(self._name(function), function)
        gate = Gate(effect=self._name(function), reads=self._reads, affects=self._affects, **self._terms)
        if inspect.iscoroutinefunction(function):
            return AsyncGated(self._host, self._outbox, function, gate, self._agent)
        return Gated(self._host, self._outbox, function, gate, self._agent)

    def _name(self, function: Callable[..., Any]) -> str:
        name = self._effect if self._effect is not None else getattr(function, "__name__", "")
        if not refs.NAME.match(name):
            raise InvalidRequest(f"{name[: limits.NAME_CHARS]!r} is no name of an effect: give it one with effect=…")
        return name
