"""How well alerts do on logs whose thresholds weren't chosen by them, with floors; and what they cost."""

from __future__ import annotations

from bench.alerts import measure
from comity.coordination.detectors import DETECTORS

PRECISION = 0.85
RECALL = 0.8


def test_planted_patterns_are_found_on_logs_that_were_not_used_for_tuning() -> None:
    found = measure((13,))
    assert found.tuned == ()
    assert {one.detector for one in found.untouched} == set(DETECTORS)
    raised, right = sum(one.raised for one in found.untouched), sum(one.right for one in found.untouched)
    planted, seen = sum(one.planted for one in found.untouched), sum(one.found for one in found.untouched)
    assert right / raised >= PRECISION
    assert seen / planted >= RECALL
    assert all(one.found for one in found.untouched)
    assert set(found.cost.detectors) == set(DETECTORS)
    assert found.judged > 1_000
