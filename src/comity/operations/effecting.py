"""Effects: what is to be done outside, what became of it, and how it is stopped."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from comity.model.decisions import Decision
from comity.model.texts import counted, quote
from comity.operations.arguments import Answer, Limit, Reason, Request

EffectState = Literal["held", "sending", "delivered", "cancelled", "aside"]
Choice = Literal["pending", "held", "sending", "aside", "suspect", "delivered", "cancelled", "all"]
EffectName = Annotated[str, Meta(description="the effect, as 'effects list' shows it; its first characters are enough")]


class ListEffects(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List effects: those that are not done with, or all; which are held up, by what, and which failed."""

    state: Annotated[Choice, Meta(description="those in this state; pending: held, being sent, or put aside")] = (
        "pending"
    )
    agent: Annotated[str | None, Meta(description="those only that this agent wants")] = None
    target: Annotated[str | None, Meta(description="those only that concern this record")] = None
    name: Annotated[str | None, Meta(description="those only of this name, such as email")] = None
    limit: Limit = 100


class ShowEffect(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Show one effect: what it is to do, for whom, and what became of it."""

    effect: EffectName


class CancelEffects(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Cancel an effect before it is sent, or all that an agent wants and that are still pending."""

    effect: Annotated[str | None, Meta(description="the effect, as 'effects list' shows it")] = None
    agent: Annotated[str | None, Meta(description="all pending ones that this agent wants …")] = None
    since: Annotated[int | str | None, Meta(description="… since this revision or time")] = None
    reason: Annotated[str | None, Meta(description="why; who wanted it sees it, so it is needed")] = None


class RetryEffect(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Have an effect tried again that was put aside, or that is suspect since the base was restored."""

    effect: EffectName
    reason: Reason = None


class RunEffects(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Do once what is due: release effects and deliver them, here and now; for a time table (cron)."""


class EffectAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one effect.

    ``state`` is ``held`` (until ``release_at``, or longer where ``held_up`` says by what),
    ``sending``, ``delivered``, ``cancelled`` or ``aside`` (given up after too many tries, until
    somebody retries or cancels it). ``is_uncertain`` tells that a try may have arrived
    unheard; ``is_suspect`` that the base was restored since it was wanted (S1); ``is_overdue``
    that its time has come, nothing holds it up, and no process has sent it.
    """

    effect: str
    name: str
    state: EffectState
    agent: str
    proposal: str
    revision: int
    once: str
    wanted_at: str
    release_at: str
    target: str | None = None
    data: dict[str, Any] = {}
    action: str | None = None
    reason: str | None = None
    still: tuple[str, ...] = ()
    held_up: str | None = None
    expires_at: str | None = None
    attempts: int = 0
    attempts_most: int = 0
    error: str | None = None
    answer: str | None = None
    closed_at: str | None = None
    closed_by: str | None = None
    is_uncertain: bool = False
    is_suspect: bool = False
    is_overdue: bool = False

    @property
    def what(self) -> str:
        """Return what it is, and whom it concerns, in words."""
        return f"{self.name} to {self.target}" if self.target else self.name

    def told(self) -> str:
        """Return in a sentence how it stands."""
        if self.is_suspect:
            return (
                "suspect: wanted before the base was restored, so it may have been sent; a human retries or cancels it"
            )
        match self.state:
            case "held" if self.held_up:
                return f"held up: {self.held_up}"
            case "held" if self.is_overdue:
                return self.overdue()
            case "held" if self.attempts:
                return f"tried {self.attempts} of {self.attempts_most} times, again at {self.release_at}: {self.error}"
            case "held":
                return f"held until {self.release_at}; it is judged again then"
            case "sending":
                return f"being sent, try {self.attempts} of {self.attempts_most}"
            case "delivered":
                return f"delivered at {self.closed_at}" + (f": {self.answer}" if self.answer else "")
            case "cancelled":
                return f"cancelled by {self.closed_by}: {self.answer}"
            case "aside":
                return f"put aside after {self.attempts} of {self.attempts_most} tries: {self.error}"

    def overdue(self) -> str:
        """Return in a sentence what an effect needs that nobody sends."""
        last = f"; the last try: {self.error}" if self.error else ""
        needs = f"that takes one that does duties and has a handler, or the webhook's secret, for {self.name}"
        return f"due since {self.release_at}, and no process has sent it: {needs}{last}"

    def __str__(self) -> str:
        why = f" ({quote(self.reason)})" if self.reason else ""
        doubt = " A try may have arrived unheard." if self.is_uncertain and self.state != "delivered" else ""
        return f"{self.effect}: {self.what}, wanted by {self.agent}{why}: {self.told()}{doubt}"


class EffectsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be effects, those to be sent next first. ``is_cut`` tells that there are more."""

    effects: tuple[EffectAnswer, ...]
    is_cut: bool = False

    def __str__(self) -> str:
        if not self.effects:
            return "No such effect is there."
        more = ["  and more"] if self.is_cut else []
        return "\n".join([counted(len(self.effects), "effect"), *(f"  {one}" for one in self.effects), *more])


class LeftEffect(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be an effect that wasn't cancelled, and why. ``is_denied`` tells that somebody else may."""

    effect: str
    why: str
    is_denied: bool = False


class CancelAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what was cancelled, and what was left because it can't be any more."""

    cancelled: tuple[str, ...]
    left: tuple[LeftEffect, ...] = ()
    decisions: tuple[Decision, ...] = ()

    def __str__(self) -> str:
        left = [f"  left: {one.effect}: {one.why}" for one in self.left]
        return "\n".join([f"Cancelled {counted(len(self.cancelled), 'effect')}.", *left])


class RunAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what was done of what was due: how many were delivered, failed (and are tried again), or not let through.

    ``next_at`` is when the next one is due; ``left`` tells which are due that this process can't
    deliver, and why.
    """

    delivered: int = 0
    failed: int = 0
    stopped: int = 0
    next_at: str | None = None
    left: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = f"Delivered {self.delivered}, failed {self.failed}, not let through {self.stopped}."
        said = f"{said} The next one is due at {self.next_at}." if self.next_at else said
        return " ".join([said, *(f"{one}." for one in self.left)])
