"""Leases: holding a record, or what is only a name, for a time; waiting for it in line."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from comity.model.texts import counted, listed
from comity.operations.arguments import Answer, Limit, Reason, Request

Subjects = Annotated[tuple[str, ...], Meta(description="records as kind/id, or names on which you agree: name:printer")]
Hold = Annotated[str | None, Meta(description="the lease's id, as taking it showed")]


class TakeLease(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Take a lease on records or names, all or none; or wait for it in line."""

    subjects: Subjects
    ttl: Annotated[str, Meta(description="for how long, such as 30s, 10m or 2h; it can be renewed")] = "5m"
    wait: Annotated[str | None, Meta(description="how long to wait in line; without it, not at all")] = None
    place: Annotated[bool, Meta(description="only take the place in line, and return")] = False
    shared: Annotated[bool, Meta(description="share it with others who do; nobody may write then")] = False
    fields: Annotated[tuple[str, ...], Meta(description="a field that it blocks; without any, all")] = ()
    priority: Annotated[int, Meta(description="the higher goes first")] = 0
    breakable_by: Annotated[
        tuple[str, ...], Meta(description="an agent or role that may break it, besides humans")
    ] = ()
    hold: Annotated[str | None, Meta(description="your own id for it, or the id of a place that you go on with")] = None
    reason: Reason = None


class RenewLease(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Renew a lease that has not lapsed yet; its fencing token stays."""

    subjects: Subjects
    ttl: Annotated[str | None, Meta(description="for how long from now; as it was taken for, if not said")] = None
    hold: Hold = None


class ReleaseLease(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Release a lease, or give up a place in line."""

    subjects: Subjects
    hold: Hold = None
    reason: Reason = None


class BreakLease(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Break the leases of others on a record or name, as a human, or where the lease lists you."""

    subject: Annotated[str, Meta(description="the record as kind/id, or name:NAME")]
    hold: Annotated[str | None, Meta(description="the lease's id, where several share; without it, all")] = None
    reason: Annotated[str | None, Meta(description="why; it is shown to those who lose it, so it is needed")] = None


class ListLeases(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List who holds what, until when, and who waits for it."""

    subject: Annotated[str | None, Meta(description="this record or name only")] = None
    agent: Annotated[str | None, Meta(description="the places of this agent only")] = None
    limit: Limit = 100


class LeaseAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be a lease, or a place in line.

    ``token`` is the fencing token of a lease that is ``held``, until ``expires_at`` unless it
    is renewed. One who is ``waiting`` keeps the place until then, with ``ahead`` before it.
    """

    hold: str
    subjects: tuple[str, ...]
    agent: str
    state: Literal["held", "waiting"]
    expires_at: str
    token: str | None = None
    ahead: int = 0

    def __str__(self) -> str:
        what = listed(list(self.subjects))
        if self.state == "held":
            return f"{self.agent} holds {what} until {self.expires_at} (lease {self.hold}, token {self.token})."
        return f"{self.agent} waits for {what} until {self.expires_at}, {self.ahead} ahead (lease {self.hold})."


class PlaceAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one place: of a holder, with its ``token``, or of one who waits, ``position`` 1 being the next."""

    subject: str
    agent: str
    hold: str
    state: Literal["held", "waiting"]
    since: str
    expires_at: str
    shared: bool = False
    fields: tuple[str, ...] = ()
    priority: int = 0
    token: str | None = None
    position: int = 0

    def __str__(self) -> str:
        fields = f" ({listed(list(self.fields))})" if self.fields else ""
        if self.state == "waiting":
            return f"{self.subject}{fields}: {self.agent} waits, number {self.position}, until {self.expires_at}"
        how = "shares" if self.shared else "holds"
        return f"{self.subject}{fields}: {self.agent} {how} it until {self.expires_at}"


class LeasesAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be places by their subjects, holders first. ``is_cut`` tells that there are more."""

    places: tuple[PlaceAnswer, ...]
    is_cut: bool = False

    def __str__(self) -> str:
        if not self.places:
            return "Nothing is leased."
        more = ["  and more"] if self.is_cut else []
        return "\n".join([counted(len(self.places), "place"), *(f"  {one}" for one in self.places), *more])
