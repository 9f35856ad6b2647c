"""``[alerts]`` and ``[cascades]``."""

from __future__ import annotations

import pytest

from comity import limits
from comity.errors import InvalidDefinition
from comity.model.alerting import DETECTORS, AlertsDefinition
from comity.model.reading import read_definition


def test_without_a_word_the_defaults_hold() -> None:
    definition = read_definition("")
    assert definition.alerts == AlertsDefinition()
    assert definition.alerts.detectors == DETECTORS
    assert definition.cascades.depth == limits.CASCADE_DEPTH
    assert limits.ALERT_WITHIN_S == 600


def test_thresholds_and_receivers_are_read() -> None:
    alerts = read_definition(
        """
        [webhooks.ops]
        url = "https://example.com/"
        secret_env = "HOOK"

        [mail]
        host = "localhost"
        sender = "comity@example.com"

        [alerts]
        to = { webhooks = ["ops"], mail = ["ops@example.com"] }
        from = "critical"
        per_hour = 5
        quiet = "2h"

        [alerts.ping_pong]
        times = 6
        within = "1h"
        severity = "critical"

        [alerts.hot_record]
        enabled = false

        [alerts.stuck_pending]
        share = 80
        """
    ).alerts
    assert (alerts.webhooks, alerts.mail, alerts.least, alerts.per_hour, alerts.quiet_s) == (
        ("ops",),
        ("ops@example.com",),
        "critical",
        5,
        7_200,
    )
    by_name = {detector.name: detector for detector in alerts.detectors}
    assert len(by_name) == len(DETECTORS)
    ping_pong = by_name["ping_pong"]
    assert (ping_pong.times, ping_pong.within_s, ping_pong.severity) == (6, 3_600, "critical")
    assert not by_name["hot_record"].enabled
    assert by_name["stuck_pending"].share == 80
    assert by_name["lost_update"].enabled
    assert alerts.is_told("critical")
    assert not alerts.is_told("warning")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("[alerts.ping_pnog]", 'did you mean "ping_pong"'),
        ("[alerts.ping_pong]\ntimes = 0", "1 to 10,000"),
        ("[alerts.ping_pong]\nshare = 3", "unknown key 'share'"),
        ("[alerts.ping_pong]\nwithin = '2d'", "longer than"),
        ("[alerts.ping_pong]\nseverity = 'bad'", "must be one of"),
        ("[alerts.stuck_pending]\nshare = 101", "1 to 100"),
        ("[alerts]\nfrom = 'loud'", "must be one of"),
        ("[alerts]\nquiet = '1s'", "at least a minute"),
        ("[alerts]\nquiet = '31d'", "longer than"),
        ("[alerts]\nto = { webhooks = 'ops' }", "no webhook of"),
        ("[alerts]\nto = { mail = 'ops@example.com' }", r"no \[mail\]"),
        ("[alerts]\nto = { mail = 'ops' }", "no mail address"),
        ("[cascades]\ndepth = 0", "1 to 100"),
        ("[cascades]\ndepth = 1000", "1 to 100"),
    ],
)
def test_what_is_wrong_is_named(source: str, problem: str) -> None:
    with pytest.raises(InvalidDefinition, match=problem):
        read_definition(source)


def test_limit_alert_receivers_times_and_spans() -> None:
    many = ", ".join(f'"a{number}@example.com"' for number in range(limits.ALERT_RECEIVERS + 1))
    with pytest.raises(InvalidDefinition, match="receivers"):
        read_definition(f'[mail]\nhost = "localhost"\nsender = "a@b.c"\n[alerts]\nto = {{ mail = [{many}] }}')
    assert limits.ALERT_TIMES == 10_000
    assert limits.ALERT_WITHIN_MOST_S == 86_400
    assert limits.ALERT_QUIET_DAYS == 30
    assert limits.ALERT_QUIET_S == 86_400
    assert AlertsDefinition().per_hour == limits.ALERTS_PER_HOUR
