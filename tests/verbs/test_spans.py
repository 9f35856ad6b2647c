"""Since when: a revision, a time, or a span back from now."""

from __future__ import annotations

import pytest

import comity
from comity.errors import InvalidRequest, NotFound
from comity.testing.manual_clock import START_US, ManualClock
from comity.verbs.spans import Span, span_since


@pytest.fixture
def grown(base: comity.Workspace, clock: ManualClock) -> comity.Workspace:
    """Return a workspace with a commit at its start, one an hour later, and an hour behind that."""
    for number in range(2):
        base.agent("ann").create(f"task/{number}")
        clock.advance(seconds=3_600)
    return base


HOUR_US = 3_600_000_000


@pytest.mark.parametrize(
    ("since", "span"),
    [
        (None, Span(0, 0)),
        (0, Span(0, 0)),
        (1, Span(1, START_US)),
        ("2", Span(2, START_US + HOUR_US)),
        ("90m", Span(1, START_US + HOUR_US // 2)),
        ("1h", Span(1, START_US + HOUR_US)),
        ("30d", Span(0, START_US + 2 * HOUR_US - 30 * 24 * HOUR_US)),
        ("2023-11-14T23:00:00Z", Span(1, 1_700_002_800_000_000)),
    ],
)
def test_since(grown: comity.Workspace, since: int | str | None, span: Span) -> None:
    with grown._engine.store.snapshot() as snapshot:
        assert span_since(snapshot, since, START_US + 2 * HOUR_US) == span


@pytest.mark.parametrize(("since", "error"), [(3, NotFound), ("lately", InvalidRequest), ("-1", InvalidRequest)])
def test_what_is_no_moment(grown: comity.Workspace, since: int | str, error: type[Exception]) -> None:
    with grown._engine.store.snapshot() as snapshot, pytest.raises(error):
        span_since(snapshot, since, START_US)


@pytest.mark.parametrize("since", ["1y", "yesterday", "-1", ""])
def test_what_is_no_beginning_is_told_what_would_be(grown: comity.Workspace, since: str) -> None:
    told = f"since: '{since}' is no span such as 7d, no RFC 3339 time such as .*, and no revision"
    with grown._engine.store.snapshot() as snapshot, pytest.raises(InvalidRequest, match=told):
        span_since(snapshot, since, START_US)
