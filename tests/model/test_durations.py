"""Spans of time as people write them."""

from __future__ import annotations

import pytest

from comity.model.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("30s", 30), ("10m", 600), ("2h", 7_200), ("1d", 86_400), ("090s", 90)]
)
def test_a_span_is_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-5s", "1.5h", "1 h", "10M", "1h30m", "5s\n", "٣s", "1" * 20 + "s"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no span of time: write 30s, 10m, 2h or 1d"):
        parse_duration(text)


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 61, 3_600, 5_400, 86_400, 90_000])
def test_a_span_that_is_shown_can_be_read_again(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds
