"""Overriding: how a human holds something still, and how everyone sees what is held."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from comity.errors import InvalidRequest
from comity.model.built_in import OVERRIDE
from comity.model.decisions import Decision
from comity.operations import Freeze, Lift, ListOverrides, OverrideAnswer, OverridesAnswer, Pause, Pin
from comity.workspace.outcomes import raise_unless_committed
from comity.workspace.session import Session

Yields = Literal["refuse", "queue"]


class Overseeing:
    """See what is held."""

    _session: Session

    def overrides(
        self, *, record: str | None = None, agent: str | None = None, over: bool = False, limit: int = 100
    ) -> OverridesAnswer:
        """Return the overrides in force, the latest first; with ``over`` also those that are over."""
        return self._session.call(ListOverrides(record=record, agent=agent, over=over, limit=limit))


class Overriding:
    """Hold something still. It takes a human with a key; agents yield until it is lifted or expires.

    ``ttl`` says how long (``"2h"``) or until when (RFC 3339). ``yields`` tells whether agents
    are refused, or wait in line. All raise Refused where the caller may not, or names what isn't there.
    """

    _session: Session

    def pin(
        self,
        record: str | None = None,
        field: str | None = None,
        *,
        value: Any | UnsetType = UNSET,
        action: str | None = None,
        reason: str,
        ttl: str,
        yields: Yields = "refuse",
    ) -> Decision:
        """Pin a record, a field of it, the field's value, or an action.

        ``ops.pin("customer/acme", "status", value="at_risk", reason="Call running", ttl="2h")``
        lets agents write ``at_risk`` and nothing else to the status. A pin changes no record itself.
        """
        request = Pin(record=record, field=field, value=value, action=action, yields=yields, ttl=ttl, reason=reason)
        return raise_unless_committed(self._session.call(request))

    def pause(self, agent: str, *, reason: str, ttl: str, yields: Yields = "refuse") -> Decision:
        """Pause an agent, or all of a role: until then it may only let go of what it holds."""
        request = Pause(agent=agent, yields=yields, ttl=ttl, reason=reason)
        return raise_unless_committed(self._session.call(request))

    def freeze(self, *, reason: str, ttl: str, yields: Yields = "refuse") -> Decision:
        """Freeze the workspace: agents change nothing, humans may."""
        return raise_unless_committed(self._session.call(Freeze(yields=yields, ttl=ttl, reason=reason)))

    def lift(self, override: str | Decision | OverrideAnswer, *, reason: str | None = None) -> Decision:
        """Lift an override: the decision that set it, what ``overrides()`` shows, or its address."""
        return raise_unless_committed(self._session.call(Lift(override=_address(override), reason=reason)))


def _address(override: object) -> str:
    if isinstance(override, str):
        return override
    if isinstance(override, OverrideAnswer):
        return override.override
    records = override.records if isinstance(override, Decision) else {}
    address = next((record for record in records if record.startswith(f"{OVERRIDE}/")), None)
    if address is None:
        raise InvalidRequest(f"{override!r:.60} is no override: give what pin, pause or freeze returned")
    return address
