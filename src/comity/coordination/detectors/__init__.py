"""Detectors: each looks for one suspicious pattern in what was judged, and names its evidence.

One small module each, pure: no store, no clock, no threads. They take what was judged one
by one in its order (:mod:`comity.coordination.judged`), and say the same live and over
history (S38). ``DETECTORS`` is the table of contents; thresholds come from the definition.
That the machine's clock jumped is no pattern of the log: who watches sees it (S6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from comity.coordination.detectors.blind_write import BlindWrite
from comity.coordination.detectors.cascade import CascadeDepth, CascadeLoop
from comity.coordination.detectors.detector import Detector, Signal
from comity.coordination.detectors.failing_expression import FailingExpression
from comity.coordination.detectors.hot_record import HotRecord
from comity.coordination.detectors.lost_update import LostUpdate
from comity.coordination.detectors.ping_pong import PingPong
from comity.coordination.detectors.plan_not_kept import PlanNotKept
from comity.coordination.detectors.repeated_effect import RepeatedEffect
from comity.coordination.detectors.silent_intent import SilentIntent
from comity.coordination.detectors.starvation import Starvation
from comity.coordination.detectors.stuck_pending import WAITING, StuckPending
from comity.model.alerting import DetectorDefinition

__all__ = ["DETECTORS", "WAITING", "Detector", "Signal", "made"]

DETECTORS: Final[Mapping[str, Callable[[DetectorDefinition], Detector]]] = {
    "lost_update": LostUpdate,
    "ping_pong": PingPong,
    "repeated_effect": RepeatedEffect,
    "stuck_pending": StuckPending,
    "blind_write": BlindWrite,
    "hot_record": HotRecord,
    "starvation": Starvation,
    "plan_not_kept": PlanNotKept,
    "silent_intent": SilentIntent,
    "cascade_depth": CascadeDepth,
    "cascade_loop": CascadeLoop,
    "failing_expression": FailingExpression,
}


def made(definitions: Iterable[DetectorDefinition]) -> list[Detector]:
    """Return the detectors that are turned on."""
    return [DETECTORS[one.name](one) for one in definitions if one.enabled and one.name in DETECTORS]
