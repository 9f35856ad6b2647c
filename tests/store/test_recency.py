"""The head of a moment ago."""

from __future__ import annotations

import subprocess
import sys
from time import monotonic_ns

import msgspec
import pytest

from comity.clock import StoreTime
from comity.store import recency
from comity.store.contract import Head
from comity.store.recency import RecentHead, recent_head_of

BASE = "a base"


def head(revision: int, chain: bytes = b"") -> Head:
    return Head("i", revision, chain or bytes([revision]), 0, StoreTime())


@pytest.fixture
def recent(monkeypatch: pytest.MonkeyPatch) -> RecentHead:
    """Return one that takes a head for recent however long the test takes."""
    monkeypatch.setattr(recency, "_AGE_NS", 10**12)
    return RecentHead()


def test_nothing_is_recalled_before_a_head_was_seen(recent: RecentHead) -> None:
    assert recent.recall() is None


def test_a_head_is_recalled_as_it_was_taken(recent: RecentHead) -> None:
    seen = head(1)
    recent.take(seen, monotonic_ns())
    assert recent.recall() is seen


def test_a_head_is_recalled_for_a_while_from_its_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recency, "_AGE_NS", 10**9)
    recent = RecentHead()
    recent.take(head(1), monotonic_ns() - 10**9)
    assert recent.recall() is None


def test_an_answer_that_was_overtaken_takes_nothing_back(recent: RecentHead) -> None:
    asked_ns = monotonic_ns()
    recent.take(head(2), monotonic_ns())
    recent.take(head(1), asked_ns)
    assert recent.recall() == head(2)


def test_a_newer_head_counts_whenever_it_was_asked_for(recent: RecentHead) -> None:
    asked_ns = monotonic_ns()
    recent.take(head(1), monotonic_ns())
    recent.take(head(2), asked_ns)
    assert recent.recall() == head(2)


def test_an_older_head_counts_if_it_was_asked_for_afterwards(recent: RecentHead) -> None:
    recent.take(head(2), monotonic_ns())
    recent.take(head(1), monotonic_ns())
    assert recent.recall() == head(1), "the base was put back"


def test_another_head_of_the_same_revision_is_another(recent: RecentHead) -> None:
    recent.take(head(1), monotonic_ns())
    recent.take(head(1, b"other"), monotonic_ns())
    assert recent.recall() == head(1, b"other")


def test_the_same_place_stays_the_same_value(recent: RecentHead) -> None:
    first = head(1)
    recent.take(first, monotonic_ns())
    recent.take(msgspec.structs.replace(first, judged=5), monotonic_ns())
    assert recent.recall() is first, "so that it is compared at a glance"


def test_who_has_the_same_base_open_shares_it() -> None:
    one = recent_head_of(BASE)
    assert recent_head_of(BASE) is one
    assert recent_head_of("another base") is not one


def test_a_fork_shares_nothing() -> None:
    code = f"""
import os
from comity.store.recency import recent_head_of
one = recent_head_of({BASE!r})
child = os.fork()
if not child:
    os._exit(recent_head_of({BASE!r}) is one)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
