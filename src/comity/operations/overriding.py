"""Overrides: what humans hold still, while agents yield."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from comity.model.texts import counted, quote, show
from comity.operations.arguments import Answer, Limit, Reason, Request

Yields = Annotated[
    Literal["refuse", "queue"], Meta(description="whether agents are refused, or wait in line until it is over")
]
Until = Annotated[str | None, Meta(description="how long: a span such as 2h, or an RFC 3339 time; needed")]
Why = Annotated[str | None, Meta(description="why; those who yield see it, so it is needed")]
State = Literal["in force", "lifted", "expired"]


class Pin(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Pin a record, a field of it, the field's value, or an action: agents yield, for a time."""

    record: Annotated[str | None, Meta(description="the record, as kind/id")] = None
    field: Annotated[str | None, Meta(description="the field; nothing for the whole record")] = None
    value: Annotated[
        Any | UnsetType, Meta(description="the only value that agents may write to the field; 'null' for empty")
    ] = UNSET
    action: Annotated[str | None, Meta(description="an action that agents may not take")] = None
    yields: Yields = "refuse"
    ttl: Until = None
    reason: Why = None


class Pause(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Pause an agent, or all of a role, for a time: it may only let go of what it holds."""

    agent: Annotated[str, Meta(description="the agent, or the role")]
    yields: Yields = "refuse"
    ttl: Until = None
    reason: Why = None


class Freeze(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Freeze the workspace for a time: agents change nothing, humans may."""

    yields: Yields = "refuse"
    ttl: Until = None
    reason: Why = None


class Lift(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Lift an override before it expires."""

    override: Annotated[str, Meta(description="the override, as 'override list' shows it")]
    reason: Reason = None


class ListOverrides(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List the overrides in force, or also those that are over."""

    record: Annotated[str | None, Meta(description="pins of this record only")] = None
    agent: Annotated[str | None, Meta(description="those only that pause this agent or role")] = None
    over: Annotated[bool, Meta(description="also those that were lifted or have expired")] = False
    limit: Limit = 100


class OverrideAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one override. ``holds`` tells which of ``record``, ``field``, ``value``, ``action``, ``agent`` matter."""

    override: str
    holds: Literal["record", "field", "value", "action", "agent", "workspace"]
    state: State
    yields: Literal["refuse", "queue"]
    reason: str
    set_by: str
    set_at: str
    expires_at: str
    record: str | None = None
    field: str | None = None
    value: Any = None
    action: str | None = None
    agent: str | None = None
    lifted_by: str | None = None
    answer: str | None = None

    @property
    def subject(self) -> str:
        """Return what is held, in words."""
        field = f"{self.record}.{self.field}"
        named = {"record": self.record or "", "field": field, "value": f"{field} = {show(self.value)}"}
        others = {"action": f"action {self.action}", "agent": f"agent {self.agent}", "workspace": "the workspace"}
        return {**named, **others}[self.holds]

    def __str__(self) -> str:
        over = "" if self.state == "in force" else f", {self.state}{f' by {self.lifted_by}' if self.lifted_by else ''}"
        until = f"by {self.set_by} until {self.expires_at}{over}"
        return f"{self.override}: {self.subject} held {until}: {quote(self.reason)}"


class OverridesAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be overrides, the latest first. ``is_cut`` tells that there are more."""

    overrides: tuple[OverrideAnswer, ...]
    is_cut: bool = False

    def __str__(self) -> str:
        if not self.overrides:
            return "No override is in force."
        more = ["  and more"] if self.is_cut else []
        return "\n".join([counted(len(self.overrides), "override"), *(f"  {one}" for one in self.overrides), *more])
