"""The rules of reads, freshness and ids, run unchanged over a server."""

from __future__ import annotations

from tests.remote.taking import taken

globals().update(taken("test_freshness", "test_ids", "test_reads"))


def test_many_are_taken() -> None:
    assert sum(name.startswith("test_s") for name in globals()) > 20
