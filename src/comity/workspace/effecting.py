"""Effecting: how an agent wants something done outside, and how everyone sees what became of it."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar, overload

from comity.clock import format_time, parse_time
from comity.coordination.deliveries import Handler
from comity.coordination.outbox import Outbox, Tally
from comity.errors import EffectUndeclared, InvalidRequest
from comity.model.built_in import EFFECT
from comity.model.decisions import Decision
from comity.model.durations import parse_duration
from comity.model.proposals import Effect, Proposal
from comity.operations import (
    CancelAnswer,
    CancelEffects,
    EffectAnswer,
    EffectsAnswer,
    ListEffects,
    RetryEffect,
    RunAnswer,
    RunEffects,
    ShowEffect,
)
from comity.operations.effecting import Choice
from comity.workspace.changes import check_text, proposal_of, split_options
from comity.workspace.memory import Memory
from comity.workspace.outcomes import raise_unless_committed
from comity.workspace.session import Session

H = TypeVar("H", bound=Handler)


class Called(Protocol):
    """Be what came of a gated call, whose effect it may name."""

    @property
    def effect(self) -> str | None:
        """Return the effect's address, or None for a call that wasn't let through."""
        ...


AnEffect = str | EffectAnswer | Decision | Called
"""An effect: its address, what a list shows of it, the decision that wanted it, or what came of a gated call."""


def make_effect(
    name: str,
    target: str | None,
    data: Mapping[str, Any],
    *,
    once: str | None = None,
    still: str | None = None,
    hold: str | None = None,
    claim: bool = False,
) -> Effect:
    """Return an effect that is wanted; raises InvalidRequest for what can't even be judged."""
    for what, given in (("name", name), ("target", target), ("once", once), ("still", still), ("hold", hold)):
        if given is not None or what == "name":
            check_text(what, given)
    return Effect(name, target, dict(data), once=once, hold_s=hold_of(hold), still=still, claim=claim)


def hold_of(hold: str | None) -> float | None:
    """Return how long an effect is to be held, in seconds; raises InvalidRequest for what is no length of time."""
    try:
        return None if hold is None else float(parse_duration(hold))
    except ValueError as error:
        raise InvalidRequest(f"hold: {error}") from None


class Wanting:
    """Want effects, beside the changes that an intent collects."""

    _memory: Memory

    def effect(
        self,
        name: str,
        target: str | None = None,
        /,
        data: Mapping[str, Any] | None = None,
        *,
        once: str | None = None,
        still: str | None = None,
        hold: str | None = None,
        claim: bool = False,
        **values: Any,
    ) -> None:
        """Want something done outside, by the commit of this intent: ``intent.effect("email", "customer/acme", …)``.

        ``name`` is what the definition calls it, ``target`` the record that it concerns;
        ``data`` and what else is named is what its handler gets. Of the same effect on the same
        target one alone is delivered for each intent, or for each ``once`` (S35). ``still`` is a CEL
        condition that must hold at its release, ``hold`` (``"2m"``) how long it waits at least.
        With ``claim`` the caller releases it and waits for what comes of it: it isn't held, and
        there is one try. Raises InvalidRequest once the intent has ended.
        """
        given = {**(data or {}), **values}
        self._memory.want(make_effect(name, target, given, once=once, still=still, hold=hold, claim=claim))


def alone(
    session: Session,
    name: str,
    target: str | None,
    data: Mapping[str, Any] | None,
    terms: Mapping[str, Any],
    values: dict[str, Any],
) -> tuple[Proposal, bool]:
    """Return a single effect as a proposal, and whether nobody can know its id yet (S7)."""
    given, options = split_options(values)
    effect = make_effect(name, target, {**(data or {}), **given}, **terms)
    if options.was and target is None:
        raise InvalidRequest("was: it tells what you believe of the target, and none is named")
    proposal = proposal_of(options.id or session.make_id(), options, target, effects=(effect,))
    return proposal, options.id is None


class Outgoing:
    """See, stop and repeat what is to be done outside. What isn't committed raises NotCommitted with the decision."""

    _session: Session

    def effects(
        self,
        *,
        state: Choice = "pending",
        agent: str | None = None,
        target: str | None = None,
        name: str | None = None,
        limit: int = 100,
    ) -> EffectsAnswer:
        """Return effects, those to be sent next first: what is pending, or what is in another ``state``."""
        return self._session.call(ListEffects(state=state, agent=agent, target=target, name=name, limit=limit))

    def cancel_effect(self, effect: AnEffect, *, reason: str) -> Decision:
        """Cancel an effect before it is sent: as who wants it, or as an operator."""
        answer: CancelAnswer = self._session.call(CancelEffects(effect=address_of(effect), reason=reason))
        return raise_unless_committed(answer.decisions[0])

    def cancel_effects(self, *, agent: str, since: int | str | datetime | None = None, reason: str) -> CancelAnswer:
        """Cancel all that an agent wants (since a revision or time) and that is still pending.

        What can't be stopped any more is named in ``left``, with the reason.
        """
        since = format_time(parse_time(since.isoformat())) if isinstance(since, datetime) else since
        return self._session.call(CancelEffects(agent=agent, since=since, reason=reason))

    def retry_effect(self, effect: AnEffect, *, reason: str | None = None) -> Decision:
        """Have an effect tried again that was put aside, or that is suspect since the base was restored."""
        return raise_unless_committed(self._session.call(RetryEffect(effect=address_of(effect), reason=reason)))

    def run_effects(self) -> RunAnswer:
        """Release what is due, and deliver it by the handlers of this process; return what came of it.

        For processes that don't do duties; it returns once nothing is due any more.
        """
        return self._session.call(RunEffects())


def show_effect(session: Session, effect: AnEffect) -> EffectAnswer:
    """Return what became of an effect; raises NotFound for one that never was."""
    return session.call(ShowEffect(effect=address_of(effect)))


def address_of(effect: AnEffect) -> str:
    """Return the address of an effect, perhaps one wanted before; raises InvalidRequest for none, or several."""
    if isinstance(effect, str):
        return effect
    if not isinstance(effect, Decision):
        found = getattr(effect, "effect", None)
        named = [found] if found is not None else []
    else:
        named = [record for record in effect.records if record.startswith(f"{EFFECT}/")]
        named = named or [finding.data["effect"] for finding in effect.findings if finding.code == "effect.taken"]
    if len(named) == 1:
        return named[0]
    if named:
        raise InvalidRequest(f"that names {len(named)} effects: give the address of one, as effects() shows it")
    raise InvalidRequest("no effect came of that, as its decision says: there is none to look at")


class Delivering:
    """Deliver effects in this process."""

    _outbox: Outbox

    @property
    def tally(self) -> Tally:
        """Return how many tries of this process were delivered, failed, or not let through."""
        return self._outbox.tally

    @overload
    def handle(self, effect: str) -> Callable[[H], H]: ...

    @overload
    def handle(self, effect: str, handler: H) -> H: ...

    def handle(self, effect: str, handler: H | None = None) -> H | Callable[[H], H]:
        """Have an effect delivered by a function of this process: ``@ws.handle("email")``.

        It gets a :class:`comity.Delivery`. What it returns is kept as the answer; where it
        raises, the effect is tried again, with the same key, unless it raises
        :class:`comity.Undeliverable`. Raises InvalidRequest for a function that is
        asynchronous or a generator, and where another one delivers this effect already.
        EffectUndeclared warns of an effect that isn't among those declared: it may be a slip, or
        come with a definition that is applied later; from then on this process delivers it.
        """
        check_text("effect", effect)
        if handler is None:
            return lambda function: self.handle(effect, function)
        if not callable(handler):
            raise InvalidRequest(f"{effect}: a handler is a function of one delivery, not {type(handler).__name__}")
        if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__):
            raise InvalidRequest(
                f"{effect}: its handler is called by a thread of its own, so it can't be asynchronous:"
                " give a function that calls asyncio.run"
            )
        check_done_by_calling(effect, handler)
        undeclared = self._outbox.undeclared(effect)
        if undeclared is not None:
            warnings.warn(f"{undeclared} It is delivered here once it is declared.", EffectUndeclared, stacklevel=2)
        self._outbox.handle(effect, handler)
        return handler


def check_done_by_calling(effect: str, function: Callable[..., object]) -> None:
    """Raise InvalidRequest for a generator: calling it does nothing."""
    called = type(function).__call__
    for one in (function, called):
        if inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one):
            raise InvalidRequest(f"{effect}: calling a generator does nothing: give a function that does it")
