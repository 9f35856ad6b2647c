"""Leasing: holding records and names for a time, as a handle that gives them back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from comity.errors import InvalidRequest, Refused
from comity.model.decisions import Decision
from comity.model.durations import parse_duration
from comity.operations import (
    BreakLease,
    LeaseAnswer,
    ReleaseLease,
    RenewLease,
    TakeLease,
)
from comity.workspace.intents import AsyncIntent, Intent
from comity.workspace.lines import outlast
from comity.workspace.outcomes import raise_unless_committed
from comity.workspace.session import Session


class Lease:
    """Hold records or names while a ``with`` block lasts: others write none of it meanwhile.

    Entering takes all or none, waiting in line as long as ``wait`` says; it raises Refused,
    telling who holds them, where they can't be had. Leaving gives them back, and raises
    Refused where the lease has lapsed before. What is written by :meth:`intent` carries the
    fencing token, so that it is refused once the lease is no longer this one's.
    """

    def __init__(self, session: Session, request: TakeLease) -> None:
        self._session = session
        self._request = replace(request, hold=request.hold or session.make_id())
        self._answer: LeaseAnswer | None = None
        self._is_held = False

    @property
    def subjects(self) -> tuple[str, ...]:
        """Return the records and names that it is about."""
        return self._request.subjects

    @property
    def hold(self) -> str:
        """Return the lease's id, by which it can be renewed and released elsewhere too."""
        return self._request.hold or ""

    @property
    def is_held(self) -> bool:
        """Tell whether it was taken and not given back. It may have lapsed; only a decision tells for sure."""
        return self._is_held

    @property
    def token(self) -> str:
        """Return the fencing token; raises InvalidRequest before the lease was taken."""
        if self._answer is None or self._answer.token is None:
            raise InvalidRequest("this lease was not taken yet: enter it with 'with', or call take()")
        return self._answer.token

    @property
    def tokens(self) -> dict[str, str]:
        """Return the fencing token by each of the subjects, as a proposal carries them."""
        return dict.fromkeys(self.subjects, self.token)

    @property
    def expires_at(self) -> str:
        """Return until when it is held unless it is renewed."""
        return "" if self._answer is None else self._answer.expires_at

    def __repr__(self) -> str:
        state = f"held until {self.expires_at}" if self._is_held else "not held"
        return f"<Lease {', '.join(self.subjects)}: {state}>"

    def take(self) -> LeaseAnswer:
        """Take it, waiting in line as long as was said; raises Refused."""
        return self._taken(self._session.call(self._request))

    def join(self) -> LeaseAnswer:
        """Take a place in line and return at once: the lease itself, where nobody is ahead. :meth:`take` goes on."""
        return self._taken(self._session.call(replace(self._request, place=True)))

    @property
    def wait_s(self) -> int | None:
        """Return how many seconds it waits in line; None where it doesn't wait, or where that is no span."""
        try:
            return None if self._request.wait is None else parse_duration(self._request.wait)
        except ValueError:
            return None

    def last_try(self) -> LeaseAnswer:
        """Return the lease, leaving the line if its turn hasn't come; raises Refused."""
        if self._is_held and self._answer is not None:
            return self._answer
        with suppress(Refused):
            self.release()
        return self._taken(self._session.call(replace(self._request, wait=None)))

    def _taken(self, answer: LeaseAnswer) -> LeaseAnswer:
        self._answer, self._is_held = answer, answer.state == "held"
        return answer

    def renew(self, ttl: str | int | None = None) -> LeaseAnswer:
        """Hold it longer: ``ttl`` from now, or as long as it was taken for; raises Refused where it has lapsed."""
        span = None if ttl is None else span_of("ttl", ttl)
        return self._taken(self._session.call(RenewLease(subjects=self.subjects, ttl=span, hold=self.hold)))

    def release(self, *, reason: str | None = None) -> Decision:
        """Give it back, or the place in line; raises Refused where it has lapsed before."""
        self._is_held = False
        request = ReleaseLease(subjects=self.subjects, hold=self.hold, reason=reason)
        return raise_unless_committed(self._session.call(request))

    def intent(self, action: str | None = None, **about: Any) -> Intent:
        """Open an intent whose proposals carry the fencing token."""
        return Intent(self._session, action, leases=self, **about)

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_held:
            try:
                self.release()
            except Refused:
                if error is None:
                    raise


class AsyncLease:
    """Be a :class:`Lease` for an event loop. Waiting in line blocks neither the loop nor a thread."""

    def __init__(self, session: Session, lease: Lease) -> None:
        self._session = session
        self.lease = lease

    @property
    def token(self) -> str:
        """Return the fencing token."""
        return self.lease.token

    @property
    def tokens(self) -> dict[str, str]:
        """Return the fencing token by each of the subjects."""
        return self.lease.tokens

    def __repr__(self) -> str:
        return repr(self.lease).replace("<Lease", "<AsyncLease")

    async def take(self) -> LeaseAnswer:
        """Take it, waiting in line as long as was said. Cancelled, it gives up the place, or what it just got."""
        try:
            seconds = self.lease.wait_s
            if seconds is not None:
                await outlast(self.lease.join, seconds)
            return await asyncio.to_thread(self.lease.take if seconds is None else self.lease.last_try)
        except asyncio.CancelledError:
            await asyncio.to_thread(self._give_up)
            raise

    def _give_up(self) -> None:
        try:
            self.lease.release()
        except Refused:
            return

    async def renew(self, ttl: str | int | None = None) -> LeaseAnswer:
        """Hold it longer; raises Refused where it has lapsed."""
        return await asyncio.to_thread(self.lease.renew, ttl)

    async def release(self, *, reason: str | None = None) -> Decision:
        """Give it back; raises Refused where it has lapsed before."""
        return await asyncio.to_thread(lambda: self.lease.release(reason=reason))

    def intent(self, action: str | None = None, **about: Any) -> AsyncIntent:
        """Open an intent whose proposals carry the fencing token."""
        return AsyncIntent(self._session, action, leases=self.lease, **about)

    async def __aenter__(self) -> Self:
        await self.take()
        return self

    async def __aexit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.lease.__exit__, error, value, traceback)


class Leasing:
    """Take leases, and end them."""

    _session: Session

    def lease(
        self,
        *subjects: str,
        ttl: str | int = "5m",
        wait: str | int | None = None,
        shared: bool = False,
        fields: str | Sequence[str] = (),
        priority: int = 0,
        breakable_by: str | Sequence[str] = (),
        reason: str | None = None,
        hold: str | None = None,
    ) -> Lease:
        """Return a lease to enter: ``with sales.lease("customer/acme", "name:printer", wait="30s") as lease:``.

        ``subjects`` are records, or names on which agents agree; they are taken together or
        not at all. ``ttl`` and ``wait`` are spans (``"10m"``) or seconds; without ``wait`` it is
        refused at once where others hold it. ``fields`` limits what it blocks of the records.
        Of those who wait the higher ``priority`` goes first. Humans may break it, and the agents
        and roles in ``breakable_by``. ``hold`` is the id of a place that one goes on with.
        """
        request = TakeLease(
            subjects=subjects,
            ttl=span_of("ttl", ttl),
            wait=None if wait is None else span_of("wait", wait),
            shared=shared,
            fields=(fields,) if isinstance(fields, str) else tuple(fields),
            priority=priority,
            breakable_by=(breakable_by,) if isinstance(breakable_by, str) else tuple(breakable_by),
            hold=hold,
            reason=reason,
        )
        return Lease(self._session, request)

    def renew_lease(self, *subjects: str, ttl: str | int | None = None, hold: str | None = None) -> LeaseAnswer:
        """Renew one's lease, however it was taken; raises Refused where it has lapsed."""
        span = None if ttl is None else span_of("ttl", ttl)
        return self._session.call(RenewLease(subjects=subjects, ttl=span, hold=hold))

    def release_lease(self, *subjects: str, hold: str | None = None, reason: str | None = None) -> Decision:
        """Release one's lease, or give up one's place in line, however it was taken; raises Refused without one."""
        request = ReleaseLease(subjects=subjects, hold=hold, reason=reason)
        return raise_unless_committed(self._session.call(request))

    def break_lease(self, subject: str, *, reason: str, hold: str | None = None) -> Decision:
        """Break the leases of others; raises Refused for who is neither a human with a key nor listed by the lease."""
        return raise_unless_committed(self._session.call(BreakLease(subject=subject, hold=hold, reason=reason)))


def span_of(name: str, span: object) -> str:
    """Return a span of time as requests take it: a text such as ``10m``, or whole seconds."""
    if isinstance(span, str):
        return span
    if type(span) is int:
        return f"{span}s"
    raise InvalidRequest(f"{name}: a span is a text such as '10m', or whole seconds, not {type(span).__name__}")
