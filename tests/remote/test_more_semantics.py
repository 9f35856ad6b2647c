"""The rules of what else agents do together, run unchanged over a server."""

from __future__ import annotations

import pytest

from tests.remote.taking import taken

pytestmark = pytest.mark.slow

globals().update(
    taken(
        "test_awareness",
        "test_commuting",
        "test_grants",
        "test_handles",
        "test_handoffs",
        "test_leases",
        "test_log",
        "test_news",
        "test_notifying",
        "test_order",
        "test_queries",
        "test_queue",
        "test_recent_reads",
        "test_reverting",
        "test_time",
        "test_values",
        "test_waiting",
        "test_yielding",
    )
)


def test_many_are_taken() -> None:
    assert sum(name.startswith("test_s") for name in globals()) > 40
