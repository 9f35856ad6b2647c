"""Who yields to an override, and what it says to them.

Agents yield; humans who show their key are told, and pass. What only gives something back
still works (S24).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from comity import limits
from comity.clock import SECOND_US
from comity.deciding.case import Case
from comity.deciding.overrides import Override
from comity.model.built_in import AGENT, APPROVAL, DEFINITION, GRANT, HANDOFF, INTENT, LEASE, OVERRIDE, QUEUE
from comity.model.decisions import Finding
from comity.model.proposals import Emit

OPENING: Final = frozenset({"pinned", "paused", "frozen"})
"""The transitions with which an override begins."""

STILL_WORKING: Final[Mapping[str, frozenset[str]]] = {
    OVERRIDE: frozenset({"lifted", "expired"}),
    DEFINITION: frozenset({"applied"}),
    AGENT: frozenset({"key_issued", "key_revoked"}),
    INTENT: frozenset({"closed", "withdrawn", "expired"}),
    HANDOFF: frozenset({"declined", "withdrawn", "expired"}),
    APPROVAL: frozenset({"denied", "withdrawn", "expired"}),
    QUEUE: frozenset({"withdrawn", "expired"}),
    LEASE: frozenset({"released", "left", "expired"}),
    GRANT: frozenset({"revoked", "expired"}),
}
"""The transitions that no override holds up: repairs, and what gives back or lets go (S24)."""


def is_bound(case: Case) -> bool:
    """Tell whether the caller yields to overrides: everyone but a human with a key, and Comity itself."""
    return not is_human(case) and case.caller.known != "system"


def is_human(case: Case) -> bool:
    """Tell whether the caller is a human who shows a key."""
    return case.agent.kind == "human" and case.caller.key is not None


def still_works(case: Case) -> bool:
    """Tell whether no override holds up any of the changes; False where there are none.

    Under an action, or with effects, a proposal does something else as well, and is held up.
    """
    if case.proposal.action is not None or case.proposal.effects:
        return False
    works = [isinstance(change, Emit) and _is_let_go(change) for change in case.changes]
    return bool(works) and all(works)


def _is_let_go(change: Emit) -> bool:
    return change.event in STILL_WORKING.get(change.record.partition("/")[0], ())


def finding(code: str, override: Override, case: Case, subject: str | None = None) -> Finding:
    """Return what an override says to a caller: yield; or, to a human, that it is there."""
    data: dict[str, Any] = {"override": override.ref, "hash": override.ref, "to": [override.set_by]}
    message = override.told(case.compiled.readers)
    if is_human(case):
        remedy = f"It passes, as you are a human: agents yield to {override.ref}."
        return Finding(code, message, subject or override.subject, "warn", remedy, data=data)
    remedy = f"Leave it until then, or ask {override.set_by} to lift {override.ref}."
    if override.yields == "queue":
        remedy = f"It waits until {override.ref} is lifted or expires."
        data["expires_s"] = (override.expires - case.view.now_us) // SECOND_US + limits.WAIT_S
    return Finding(code, message, subject or override.subject, override.yields, remedy, data=data)
