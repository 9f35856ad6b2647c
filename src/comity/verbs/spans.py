"""Spans of time that looking back begins with: "since when" as revision and as time."""

from __future__ import annotations

from typing import Final

import msgspec

from comity.clock import SECOND_US, format_time, parse_time
from comity.errors import InvalidRequest
from comity.model.durations import parse_duration
from comity.store.contract import Snapshot
from comity.verbs.history import since_of

_CHOICES: Final = "no span such as 7d, no RFC 3339 time such as 2026-11-24T10:00:00Z, and no revision"


class Span(msgspec.Struct, frozen=True):
    """Be what lies after a moment: ``after`` is a revision, ``since_us`` the same moment in store time."""

    after: int = 0
    since_us: int = 0


def span_since(snapshot: Snapshot, since: int | str | None, now_us: int) -> Span:
    """Return the span that begins with a revision, a time, or so long before now as a text such as ``7d`` says.

    Raises InvalidRequest for what is neither, NotFound for a revision that isn't there yet.
    """
    moment = _counted_back(since, now_us)
    _check(moment)
    after = since_of(snapshot, moment)
    if isinstance(moment, str) and not moment.isdecimal():
        return Span(after, parse_time(moment))
    commit = snapshot.commit(after)
    return Span(after, 0 if commit is None else commit.at)


def _check(moment: int | str | None) -> None:
    """Raise InvalidRequest for a text that is neither a revision nor a time."""
    if not isinstance(moment, str) or moment.isdecimal():
        return
    try:
        parse_time(moment)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"since: {moment[:40]!r} is {_CHOICES}") from None


def _counted_back(since: int | str | None, now_us: int) -> int | str | None:
    if not isinstance(since, str):
        return since
    try:
        return format_time(max(now_us - parse_duration(since) * SECOND_US, 0))
    except ValueError:
        return since
