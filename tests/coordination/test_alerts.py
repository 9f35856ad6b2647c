"""From signals to alerts: each pattern once, however often it shows."""

from __future__ import annotations

from typing import Any

from comity import limits
from comity.clock import SECOND_US
from comity.coordination.alerts import Ledger, alert_id, telling
from comity.coordination.detectors import Signal
from comity.model.alerting import AlertsDefinition

HOUR = 3_600
DEFINITION = AlertsDefinition(quiet_s=HOUR)


def signal(at_s: float, subject: str = "item/a", **terms: Any) -> Signal:
    fields: dict[str, Any] = {"message": f"at {at_s}", "evidence": (f"e{at_s}",), "times": 4, **terms}
    return Signal("ping_pong", subject, round(at_s * SECOND_US), **fields)


def test_signals_that_follow_each_other_are_one_alert() -> None:
    ledger = Ledger(DEFINITION)
    first, second = ledger.take(signal(0)), ledger.take(signal(HOUR))
    assert first is not None
    assert second is not None
    assert (first.id, first.count, first.severity) == (second.id, 4, "warning")
    assert (second.count, second.first_at, second.seen) == (5, 0, HOUR * SECOND_US)
    assert (second.message, second.evidence) == (f"at {HOUR}", ("e0", f"e{HOUR}"))


def test_after_the_quiet_time_it_is_another_alert() -> None:
    ledger = Ledger(DEFINITION)
    first, second = ledger.take(signal(0)), ledger.take(signal(HOUR + 1))
    assert first is not None
    assert second is not None
    assert first.id == alert_id("ping_pong", "item/a", 0)
    assert second.id == alert_id("ping_pong", "item/a", (HOUR + 1) * SECOND_US)
    assert second.count == 4


def test_subjects_have_alerts_of_their_own() -> None:
    ledger = Ledger(DEFINITION)
    alerts = [ledger.take(signal(0, subject)) for subject in ("item/a", "item/b")]
    assert len({alert.id for alert in alerts if alert is not None}) == 2


def test_what_was_told_already_is_not_told_again() -> None:
    known = Ledger(DEFINITION).take(signal(10))
    assert known is not None
    ledger = Ledger(DEFINITION, [known])
    assert ledger.take(signal(9)) is None
    assert ledger.take(signal(10)) is None
    again = ledger.take(signal(11))
    assert again is not None
    assert (again.id, again.count) == (known.id, 5)


def test_what_is_over_ends_its_alert_and_what_comes_back_opens_it_again() -> None:
    ledger = Ledger(DEFINITION)
    assert ledger.take(signal(0, is_over=True)) is None
    ledger.take(signal(1))
    over = ledger.take(signal(2, is_over=True))
    assert over is not None
    assert over.is_over
    assert telling(over, is_new=False, quiet_s=HOUR).event == "settled"
    assert ledger.take(signal(3, is_over=True)) is None
    again = ledger.take(signal(4))
    assert again is not None
    assert (again.id, again.is_over) == (over.id, False)


def test_limit_alert_message_chars_and_alert_evidence() -> None:
    ledger = Ledger(DEFINITION)
    alert = ledger.take(signal(0, message="x" * 1_000))
    assert alert is not None
    assert len(alert.message) == limits.ALERT_MESSAGE_CHARS
    for number in range(1, 2 * limits.ALERT_EVIDENCE):
        alert = ledger.take(signal(number))
    assert alert is not None
    assert len(alert.evidence) == limits.ALERT_EVIDENCE
    assert alert.evidence[-1] == f"e{2 * limits.ALERT_EVIDENCE - 1}"
