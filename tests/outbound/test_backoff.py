"""How long until the next try."""

from __future__ import annotations

from comity import limits
from comity.outbound import delay_s


def test_every_process_waits_as_long() -> None:
    assert [delay_s(attempt, "a") for attempt in range(1, 20)] == [delay_s(attempt, "a") for attempt in range(1, 20)]


def test_limit_retry_first_s_and_retry_most_s() -> None:
    for attempt in (1, 2, 5, 12, 13, 100, 10_000):
        most = min(limits.RETRY_FIRST_S * 2 ** min(attempt - 1, 60), limits.RETRY_MOST_S)
        drawn = [delay_s(attempt, f"key {number}") for number in range(500)]
        assert all(0 <= one < most for one in drawn)
        assert 0.4 * most < sum(drawn) / len(drawn) < 0.6 * most
