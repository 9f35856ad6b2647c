"""Lines: who holds what for a time, and who waits for it."""

from __future__ import annotations

from comity.operations import LeasesAnswer, ListLeases
from comity.workspace.session import Session


class Lines:
    """See who holds what."""

    _session: Session

    def leases(self, subject: str | None = None, *, agent: str | None = None, limit: int = 100) -> LeasesAnswer:
        """Return who holds what, until when, and who waits for it in which order."""
        return self._session.call(ListLeases(subject=subject, agent=agent, limit=limit))
