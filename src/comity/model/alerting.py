"""Alerts as a definition declares them: which patterns of the log are looked for, and whom it is told."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from comity import limits

AlertLevel = Literal["info", "warning", "critical"]
LEVELS: Final[tuple[AlertLevel, ...]] = ("info", "warning", "critical")
"""From the least severe to the most."""


class DetectorDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare when a detector raises an alert: where what it looks for happens ``times`` times in ``within_s`` seconds.

    ``share`` is for what waits: the per cent of its life after which it has waited too long.
    """

    name: str
    severity: AlertLevel
    times: int = 1
    within_s: int = limits.ALERT_WITHIN_S
    share: int | None = None
    enabled: bool = True


def _detector(
    name: str, severity: AlertLevel, times: int = 1, within_s: int = limits.ALERT_WITHIN_S, share: int | None = None
) -> DetectorDefinition:
    return DetectorDefinition(name=name, severity=severity, times=times, within_s=within_s, share=share)


DETECTORS: Final[tuple[DetectorDefinition, ...]] = (
    _detector("lost_update", "warning", times=5),
    _detector("ping_pong", "warning", times=4, within_s=1_800),
    _detector("repeated_effect", "info", times=2, within_s=86_400),
    _detector("stuck_pending", "warning", share=50),
    _detector("blind_write", "info", times=5, within_s=3_600),
    _detector("hot_record", "info", times=60, within_s=60),
    _detector("starvation", "warning", times=8),
    _detector("plan_not_kept", "info"),
    _detector("silent_intent", "info", times=3, within_s=3_600),
    _detector("cascade_depth", "warning"),
    _detector("cascade_loop", "critical"),
    _detector("failing_expression", "critical", times=3, within_s=86_400),
    _detector("clock_jump", "critical", within_s=60),
)
"""All there are, with the thresholds that hold where a definition doesn't say otherwise."""


class AlertsDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare which patterns raise an alert, and whom alerts are sent to.

    Those at least as severe as ``least`` go to ``webhooks`` and to ``mail``, at most
    ``per_hour`` of them one by one; what is beyond comes as a digest. An alert that wasn't
    seen again for ``quiet_s`` seconds is over by itself. ``detectors`` are all there are.
    """

    detectors: tuple[DetectorDefinition, ...] = DETECTORS
    webhooks: tuple[str, ...] = ()
    mail: tuple[str, ...] = ()
    least: AlertLevel = "warning"
    per_hour: int = limits.ALERTS_PER_HOUR
    quiet_s: int = limits.ALERT_QUIET_S

    def is_told(self, severity: AlertLevel) -> bool:
        """Tell whether an alert is severe enough to be sent."""
        return LEVELS.index(severity) >= LEVELS.index(self.least)


class CascadesDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare how many commits may have led to one another, each caused by the one before."""

    depth: int = limits.CASCADE_DEPTH
