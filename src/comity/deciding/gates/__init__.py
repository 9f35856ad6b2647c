"""The checks that every proposal passes, in this order.

Each gate is a module with one pure function ``judge(case)`` that answers one question by
yielding findings; no gate knows another. All of them are asked, so that an agent learns
everything at once; only when ``shape`` finds a proposal malformed are those left out that
would have to look into its changes, and when ``reader`` finds that their answers would tell
an agent what is hidden from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from comity.deciding.case import Case
from comity.deciding.gates import (
    cascade,
    definition,
    effect,
    freshness,
    guard,
    identity,
    integrity,
    intent,
    lease,
    override,
    ownership,
    queue,
    reader,
    rule,
    shape,
    workflow,
)
from comity.model.decisions import Finding

Gate = Callable[[Case], Iterable[Finding]]

BEFORE_DRAFT: Final[tuple[Gate, ...]] = (shape.judge, identity.judge, reader.judge)
"""Gates that any proposal can be asked."""

AFTER_DRAFT: Final[tuple[Gate, ...]] = (
    override.judge,
    ownership.judge,
    lease.judge,
    intent.judge,
    freshness.judge,
    guard.judge,
    integrity.judge,
    cascade.judge,
    effect.judge,
    definition.judge,
    workflow.judge,
    rule.judge,
    queue.judge,
)
"""Gates that look at what a well-formed proposal would do."""

GATES: Final[tuple[Gate, ...]] = BEFORE_DRAFT + AFTER_DRAFT
"""All gates, in order."""
