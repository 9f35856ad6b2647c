"""Listing alerts, and looking for them in the past."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import comity
from comity import limits
from comity.coordination.alerts import Alert, telling
from comity.coordination.duties import SYSTEM, step_id
from comity.errors import InvalidDefinition, InvalidRequest, LimitExceeded, NotFound
from comity.model.proposals import Proposal
from comity.testing.manual_clock import ManualClock
from comity.workspace import Workspace


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def workspace(tmp_path: Path, clock: ManualClock) -> Iterator[Workspace]:
    with comity.open(tmp_path / "base.db", clock=clock) as opened:
        yield opened


def raise_alert(workspace: Workspace, detector: str, subject: str, seen_s: int = 0) -> str:
    at = workspace._engine.clock.wall_us() + seen_s * 1_000_000
    alert = Alert(f"{detector}-{seen_s}", detector, subject, "warning", "Look here.", ("1.0",), 2, at, at)
    change = telling(alert, is_new=True, quiet_s=86_400)
    assert workspace._engine.propose(Proposal(id=step_id(change, 0), changes=(change,)), SYSTEM).is_committed
    return alert.id


def test_alerts_are_listed_those_last_seen_first(workspace: Workspace) -> None:
    assert workspace.alerts().alerts == ()
    first = raise_alert(workspace, "ping_pong", "item/a.n")
    second = raise_alert(workspace, "lost_update", "item/a", 5)
    assert [one.alert for one in workspace.alerts().alerts] == [second, first]
    assert [one.alert for one in workspace.alerts(detector="ping_pong").alerts] == [first]
    assert [one.alert for one in workspace.alerts(subject="item/a").alerts] == [second]
    cut = workspace.alerts(limit=1)
    assert ([one.alert for one in cut.alerts], cut.is_cut) == ([second], True)
    assert "Look here." in str(workspace.alerts())


def test_names_of_what_can_have_no_alerts_are_told(workspace: Workspace) -> None:
    workspace.agent("sales").put("customer/acme", status="active")
    assert not workspace.alerts(detector="ping_pong", subject="customer/acme.status").alerts
    assert not workspace.alerts(subject="sales").alerts
    raise_alert(workspace, "clock_jump", "clock")
    assert not workspace.alerts(detector="ping_pong", subject="clock").alerts
    misspelt: list[tuple[dict[str, Any], str]] = [
        ({"detector": "pingpong"}, "no detector 'pingpong'; did you mean 'ping_pong'"),
        ({"subject": "custmer/acme"}, "did you mean 'customer'"),
        ({"subject": "customer/acne"}, "did you mean 'customer/acme'"),
        ({"subject": "slaes"}, "no alert was ever about 'slaes'; did you mean 'sales'"),
    ]
    for asked, nearest in misspelt:
        with pytest.raises(NotFound, match=nearest):
            workspace.alerts(**asked)


def test_limit_alerts_page(workspace: Workspace) -> None:
    for limit in (0, limits.ALERTS_PAGE + 1):
        with pytest.raises(LimitExceeded):
            workspace.alerts(limit=limit)


def test_an_alert_that_never_was_can_not_be_answered(workspace: Workspace) -> None:
    raise_alert(workspace, "ping_pong", "item/a.n")
    with pytest.raises(NotFound):
        workspace.resolve_alert("nothing")
    with pytest.raises(InvalidRequest, match="no alert"):
        workspace.resolve_alert("item/a")


def test_the_past_is_scanned_under_the_thresholds_of_a_file(
    workspace: Workspace, clock: ManualClock, tmp_path: Path
) -> None:
    agents = [workspace.agent(name) for name in ("sales", "support")]
    agents[0].put("item/a", n=0)
    for number in range(3):
        clock.advance(seconds=60)
        agents[number % 2].put("item/a", n=1 - number % 2, was={"n": number % 2})
    found = workspace.scan_alerts()
    assert (found.alerts, found.judged) == ((), 4)
    (tmp_path / "lower.toml").write_text("[alerts.ping_pong]\ntimes = 3\n")
    revision = workspace.revision
    [alert] = workspace.scan_alerts(tmp_path / "lower.toml").alerts
    assert (alert.detector, alert.subject, alert.state, alert.evidence) == (
        "ping_pong",
        "item/a.n",
        "raised",
        ("2.0", "3.0", "4.0"),
    )
    assert workspace.revision == revision
    assert workspace.scan_alerts(tmp_path / "lower.toml", since=revision).alerts == ()
    assert workspace.scan_alerts(tmp_path / "lower.toml", since="30s").since is not None


def test_a_scan_names_what_is_wrong_with_a_file(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("[alerts.ping_pnog]\ntimes = 3\n")
    with pytest.raises(InvalidDefinition, match="ping_pong"):
        workspace.scan_alerts(tmp_path / "wrong.toml")
