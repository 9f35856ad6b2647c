"""Comity: the layer that makes several AI agents work together correctly on shared records.

One source of truth, checks that are atomic with the write, optimistic locking on exactly
what was read, field ownership, an event log. The first success takes four words:

>>> import comity, tempfile
>>> ws = comity.open(tempfile.mkdtemp() + "/crm.db")
>>> sales, support = ws.agent("sales"), ws.agent("support")
>>> _ = sales.put("customer/acme", status="active", health="good")
>>> try:
...     with sales.edit("customer/acme", reason="upsell") as acme:
...         if acme.status == "active":
...             _ = support.put("customer/acme", status="at_risk", was={"status": "active"}, reason="escalation T-42")
...             acme.campaign = "q4"
... except comity.Conflict as conflict:
...     print(conflict.decision.findings[0].code)
freshness.changed
>>> ws.close()
"""

from importlib import import_module

TYPE_CHECKING = False
"""True to type checkers, as the one of ``typing`` is, which takes longer to import than all of this."""

if TYPE_CHECKING:
    from comity.coordination.deliveries import Delivery
    from comity.errors import (
        ComityError,
        Conflict,
        ConsumerTaken,
        CursorLost,
        DefinitionChanged,
        DefinitionDiffers,
        EffectUndeclared,
        InvalidDefinition,
        InvalidExpression,
        InvalidQuery,
        InvalidReference,
        InvalidRequest,
        InvalidSignature,
        LimitExceeded,
        NotCommitted,
        NotDone,
        NotFound,
        NotPermitted,
        OutcomeUnknown,
        Pending,
        ReadsLost,
        Refused,
        SecretMissing,
        StoreDamaged,
        StoreError,
        StoreFull,
        StoreUnavailable,
        StoreUnsupported,
        Undeliverable,
        UnknownAgent,
        UnproposedChanges,
        UnreadDecision,
    )
    from comity.model.decisions import Decision, Finding, Moved
    from comity.model.hidden import Hidden
    from comity.model.proposals import Proposal
    from comity.opening import RemoteWorkspace, open
    from comity.operations.feeding import FeedItem, Mark
    from comity.workspace import (
        Agent,
        AsyncAgent,
        AsyncIntent,
        Consumer,
        Feed,
        Intent,
        Page,
        Record,
        Subscription,
        Workflow,
        Workspace,
        copy,
        make_backup,
        restore_backup,
    )

__version__ = "0.1.0"

__all__ = [
    "Agent",
    "AsyncAgent",
    "AsyncIntent",
    "ComityError",
    "Conflict",
    "Consumer",
    "ConsumerTaken",
    "CursorLost",
    "Decision",
    "DefinitionChanged",
    "DefinitionDiffers",
    "Delivery",
    "EffectUndeclared",
    "Feed",
    "FeedItem",
    "Finding",
    "Hidden",
    "Intent",
    "InvalidDefinition",
    "InvalidExpression",
    "InvalidQuery",
    "InvalidReference",
    "InvalidRequest",
    "InvalidSignature",
    "LimitExceeded",
    "Mark",
    "Moved",
    "NotCommitted",
    "NotDone",
    "NotFound",
    "NotPermitted",
    "OutcomeUnknown",
    "Page",
    "Pending",
    "Proposal",
    "ReadsLost",
    "Record",
    "Refused",
    "RemoteWorkspace",
    "SecretMissing",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreUnavailable",
    "StoreUnsupported",
    "Subscription",
    "Undeliverable",
    "UnknownAgent",
    "UnproposedChanges",
    "UnreadDecision",
    "Workflow",
    "Workspace",
    "copy",
    "make_backup",
    "open",
    "restore_backup",
]

_HOMES = {
    "Agent": "workspace",
    "AsyncAgent": "workspace",
    "AsyncIntent": "workspace",
    "Consumer": "workspace",
    "Decision": "model.decisions",
    "Delivery": "coordination.deliveries",
    "Feed": "workspace",
    "FeedItem": "operations.feeding",
    "Finding": "model.decisions",
    "Hidden": "model.hidden",
    "Intent": "workspace",
    "Mark": "operations.feeding",
    "Moved": "model.decisions",
    "Page": "workspace",
    "Proposal": "model.proposals",
    "Record": "workspace",
    "RemoteWorkspace": "opening",
    "Subscription": "workspace",
    "Workflow": "workspace",
    "Workspace": "workspace",
    "copy": "workspace",
    "make_backup": "workspace",
    "open": "opening",
    "restore_backup": "workspace",
}
"""Where in this package a public name is from, unless it is an error."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name when it is first asked for (PEP 562): a command that needs little starts at once."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
