"""The answer to a proposal: what was decided, why, and what to do next."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from comity.errors import Retry
from comity.model.news import News
from comity.model.texts import explain_decision

Severity = Literal["warn", "defer", "queue", "offer", "ask", "refuse"]
Outcome = Literal["committed", "refused", "pending", "allowed"]
"""``allowed`` is what ``check`` says of a proposal that would commit now."""

WaitsFor = Literal["queue", "owner", "human"]

NOTHING_NEXT: Final = "Go on."
"""What an answer says where there is nothing to do about it."""

CONFLICTS: Final = frozenset({"freshness.changed", "freshness.query_changed"})
"""The codes that say: what you read has moved; look again, then decide again."""

_REREAD: Final = CONFLICTS | {
    "definition.replaced",
    "freshness.blind_write",
    "guard.assumption",
    "lease.lapsed",
    "ticket.changed",
    "ticket.stale",
}
_LATER: Final = frozenset(
    {
        "definition.scan_outdated",
        "identity.paused",
        "intent.too_many",
        "lease.held",
        "override.frozen",
        "override.pinned",
        "queue.behind",
        "queue.full",
        "ticket.too_many",
        "ticket.waiting",
    }
)
"""The codes of what passes by itself: the very same call may succeed later."""


class Moved(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Be one field that moved under a reader: what it saw, what is there now, whose doing it was."""

    record: str
    field: str
    was: Any
    now: Any
    by: str
    at: int
    event: str
    reason: str | None = None


class Finding(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Be what a check has to say: a stable ``code``, about what, and how to mend it.

    ``subject`` is a record (``customer/acme``) or a field of one (``customer/acme.status``).
    ``remedy`` is one sentence that says what to do. ``moved`` holds the fields that moved
    and ``unchanged`` the fields read that did not, where freshness refused.
    """

    code: str
    message: str
    subject: str | None = None
    severity: Severity = "refuse"
    remedy: str | None = None
    moved: tuple[Moved, ...] = ()
    unchanged: tuple[str, ...] = ()
    data: dict[str, Any] = {}

    @property
    def gate(self) -> str:
        """Return the name of the check: the part of the code before its dot."""
        return self.code.partition(".")[0]


class Decision(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """Be the answer to a proposal. It is a value to match on.

    ``revision`` is that of the commit, or the one at which it was judged. ``records`` maps
    each record changed to its version now, ``events`` lists the events made. ``at`` is
    store time in microseconds; ``definition`` the version of the definition that judged it.
    ``next`` says in one sentence what to do.

    A pending one ``waits_for`` its turn in the ``queue``, for an ``owner`` or for a
    ``human``, under ``ticket`` (the record to wait for or to withdraw) until ``expires``
    (microseconds, store time). A deferral is refused, with ``retry_when``. ``news`` is what
    others did meanwhile; stored answers hold none (S7).
    """

    id: str
    outcome: Outcome
    revision: int
    at: int
    definition: int
    next: str
    records: dict[str, int] = {}
    events: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    waits_for: WaitsFor | None = None
    ticket: str | None = None
    expires: int | None = None
    retry_when: str | None = None
    news: News | None = None

    @property
    def is_committed(self) -> bool:
        """Tell whether the changes are in the base."""
        return self.outcome == "committed"

    @property
    def is_pending(self) -> bool:
        """Tell whether it waits: see ``waits_for`` and ``ticket``."""
        return self.outcome == "pending"

    @property
    def is_allowed(self) -> bool:
        """Tell whether nothing stood in the way: committed, or allowed by ``check``."""
        return self.outcome in ("committed", "allowed")

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """Return the findings that stood in the way."""
        return tuple(finding for finding in self.findings if finding.severity != "warn")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Return the findings that didn't stand in the way."""
        return tuple(finding for finding in self.findings if finding.severity == "warn")

    @property
    def is_conflict(self) -> bool:
        """Tell whether something that the proposal relied on had moved."""
        return any(finding.code in CONFLICTS for finding in self.refusals)

    @property
    def retry(self) -> Retry:
        """Return what a repeat can bring where it was refused: ``never`` as long as a finding must be mended first."""
        needs = {_retry_of(finding) for finding in self.findings if finding.severity in ("defer", "refuse")}
        return "never" if "never" in needs or not needs else "reread" if "reread" in needs else "same"

    def __str__(self) -> str:
        return self.explain()

    def explain(self) -> str:
        """Return the decision as a short text, fit for a prompt."""
        return explain_decision(self)


def _retry_of(finding: Finding) -> Retry:
    if finding.code in _REREAD:
        return "reread"
    return "same" if finding.severity == "defer" or finding.code in _LATER else "never"
