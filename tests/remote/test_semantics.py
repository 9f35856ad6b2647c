"""The behaviours of the embedded library, run unchanged over a server: every test that opens its base by a fixture."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

MODULES = (
    "test_awareness",
    "test_commuting",
    "test_failures",
    "test_freshness",
    "test_grants",
    "test_handles",
    "test_handoffs",
    "test_ids",
    "test_leases",
    "test_log",
    "test_news",
    "test_notifying",
    "test_order",
    "test_overrides",
    "test_queries",
    "test_queue",
    "test_reads",
    "test_recent_reads",
    "test_reverting",
    "test_rules",
    "test_values",
    "test_waiting",
    "test_yielding",
    "test_time",
    "test_evidence",
    "test_cascades",
    "test_definition",
    "test_effects",
    "test_workflows",
    "test_shadow",
    "test_built_in_kinds",
)
OURS = {"ws", "crm", "open_again", "define"}


def embedded_ones() -> Iterator[tuple[str, Any]]:
    for module in MODULES:
        for name, test in vars(import_module(f"tests.semantics.{module}")).items():
            if name.startswith("test_") and inspect.isfunction(test):
                wanted = set(inspect.signature(test).parameters)
                if wanted & OURS and wanted <= OURS:
                    yield f"{name}__{module}", test


globals().update(embedded_ones())
