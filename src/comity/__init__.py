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

from comity.errors import (
    ComityError,
    Conflict,
    DefinitionChanged,
    DefinitionDiffers,
    InvalidDefinition,
    InvalidExpression,
    InvalidQuery,
    InvalidReference,
    InvalidRequest,
    LimitExceeded,
    NotCommitted,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    Pending,
    Refused,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreUnavailable,
    StoreUnsupported,
    UnknownAgent,
    UnproposedChanges,
    UnreadDecision,
)
from comity.model.decisions import Decision, Finding, Moved
from comity.model.proposals import Proposal
from comity.workspace import Agent, AsyncAgent, AsyncIntent, Intent, Page, Record, Workspace, open

__version__ = "0.1.0"

__all__ = [
    "Agent",
    "AsyncAgent",
    "AsyncIntent",
    "ComityError",
    "Conflict",
    "Decision",
    "DefinitionChanged",
    "DefinitionDiffers",
    "Finding",
    "Intent",
    "InvalidDefinition",
    "InvalidExpression",
    "InvalidQuery",
    "InvalidReference",
    "InvalidRequest",
    "LimitExceeded",
    "Moved",
    "NotCommitted",
    "NotFound",
    "NotPermitted",
    "OutcomeUnknown",
    "Page",
    "Pending",
    "Proposal",
    "Record",
    "Refused",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreUnavailable",
    "StoreUnsupported",
    "UnknownAgent",
    "UnproposedChanges",
    "UnreadDecision",
    "Workspace",
    "open",
]
