"""Watching, live and over history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest

import comity
from comity import limits
from comity.clock import format_time
from comity.coordination.alerts import Alert, alert_of, telling
from comity.coordination.detectors.blind_write import BlindWrite
from comity.coordination.duties import SYSTEM, step_id
from comity.coordination.waiting import watch
from comity.coordination.watching import scan
from comity.errors import Refused, StoreUnavailable
from comity.lane import Answer
from comity.model.alerting import AlertLevel
from comity.model.built_in import ALERT
from comity.model.proposals import Caller, Emit, Proposal, Set, Was
from comity.store.sqlite.indexes import SELECT_DECLARED
from comity.testing.manual_clock import ManualClock
from comity.testing.planted import DEFINITION, play
from comity.workspace import Workspace

SMALL = """
[kinds.item.fields]
n = { type = "integer" }

[alerts.lost_update]
times = 3
"""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


Opening = Callable[[], Workspace]


@pytest.fixture
def opening(tmp_path: Path, clock: ManualClock) -> Iterator[Opening]:
    """Return what opens the workspace, in as many handles as it is called."""
    (tmp_path / "small.toml").write_text(SMALL)
    opened: list[Workspace] = []

    def open_() -> Workspace:
        opened.append(comity.open(tmp_path / "base.db", definition=tmp_path / "small.toml", clock=clock))
        return opened[-1]

    yield open_
    for workspace in opened:
        workspace.close()


def look(workspace: Workspace, clock: ManualClock, seconds: float = 3) -> None:
    """Let the watch of a handle look at everything."""
    clock.advance(seconds=seconds)
    while workspace._engine.watch.run():
        clock.advance(seconds=1)


def stale(workspace: Workspace, many: int = 1, agent: str = "sales", record: str = "item/a") -> None:
    for _ in range(many):
        proposal = Proposal(
            id=workspace._engine.make_id(), changes=(Set(record, {"n": 5}),), reads=(Was(record, {"n": 99}),)
        )
        assert workspace.agent(agent).propose(proposal).outcome == "refused"


def records(workspace: Workspace) -> list[Any]:
    with workspace._engine.store.snapshot() as snapshot:
        return list(snapshot.all_records(ALERT))


def raised(workspace: Workspace) -> list[Alert]:
    return [alert_of(state) for state in records(workspace)]


def scanned(workspace: Workspace, since_us: int = 0) -> list[Alert]:
    engine = workspace._engine
    with engine.store.snapshot() as snapshot:
        now_us = engine.coordinator.time_at(snapshot.head).now_us
        return list(scan(snapshot, engine.definition().definition.alerts, since_us, now_us).alerts)


def test_an_alert_is_raised_once_and_repeated_as_it_is_seen_again(opening: Opening, clock: ManualClock) -> None:
    workspace = opening()
    workspace.agent("sales").put("item/a", n=0)
    look(workspace, clock)
    stale(workspace, 2)
    look(workspace, clock)
    assert raised(workspace) == []
    stale(workspace)
    look(workspace, clock)
    [alert] = raised(workspace)
    assert (alert.detector, alert.subject, alert.count, len(alert.evidence)) == ("lost_update", "item/a", 3, 3)
    revision = workspace.revision
    look(workspace, clock, 60)
    assert workspace.revision == revision
    stale(workspace)
    look(workspace, clock)
    [again] = raised(workspace)
    assert (again.id, again.count, workspace.revision) == (alert.id, 4, revision + 1)
    assert workspace.verify().is_clean


def test_what_lies_before_the_first_look_raises_nothing(opening: Opening, clock: ManualClock) -> None:
    workspace = opening()
    workspace.agent("sales").put("item/a", n=0)
    stale(workspace, 10)
    clock.advance(seconds=10)
    look(workspace, clock)
    assert raised(workspace) == []
    stale(workspace)
    look(workspace, clock)
    [alert] = raised(workspace)
    assert alert.count == 3
    assert [one.id for one in scanned(workspace)] != [alert.id]


@pytest.mark.parametrize("seed", [1])
def test_s38_live_and_history_come_to_the_same(tmp_path: Path, clock: ManualClock, seed: int) -> None:
    (tmp_path / "planted.toml").write_text(DEFINITION)
    with comity.open(tmp_path / "base.db", definition=tmp_path / "planted.toml", clock=clock) as workspace:
        engine = workspace._engine
        engine.watch.run()

        def due() -> None:
            engine.duties.run()
            engine.watch.run()

        play(workspace, clock, seed, due, hours=0.5)
        look(workspace, clock)
        live = raised(workspace)
        history = scanned(workspace)
        assert len(live) > 8
        assert sorted(live, key=lambda one: one.id) == sorted(history, key=lambda one: one.id)
        assert workspace.verify().is_clean


@pytest.mark.parametrize("seed", range(4))
def test_s38_any_number_of_watchers_that_come_and_go_raise_the_same(
    opening: Opening, clock: ManualClock, seed: int
) -> None:
    chance = Random(seed)
    writer = opening()
    writer.agent("sales").put("item/a", n=0)
    writer.agent("sales").put("item/b", n=0)
    watchers = [writer, opening(), opening()]
    for watcher in watchers:
        watcher._engine.watch.run()
    for _ in range(40):
        clock.advance(seconds=chance.choice((0, 1, 20, 200)))
        stale(writer, record=chance.choice(("item/a", "item/b")))
        if chance.random() < 0.2:
            watchers[chance.randrange(3)] = opening()
        for watcher in watchers:
            if chance.random() < 0.5:
                watcher._engine.watch.run()
    for watcher in watchers:
        look(watcher, clock)
    assert sorted(raised(writer), key=lambda one: one.id) == sorted(scanned(writer), key=lambda one: one.id)
    assert writer.verify().is_clean


def test_what_could_not_be_told_is_told_later(
    opening: Opening, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = opening()
    workspace.agent("sales").put("item/a", n=0)
    look(workspace, clock)
    stale(workspace, 3)

    def fail(proposals: list[Proposal], caller: Caller) -> list[Answer]:
        return [StoreUnavailable("busy")] * len(proposals)

    with monkeypatch.context() as patch:
        patch.setattr(workspace._engine, "propose_many", fail)
        clock.advance(seconds=3)
        workspace._engine.watch.run()
    assert raised(workspace) == []
    look(workspace, clock)
    assert [alert.count for alert in raised(workspace)] == [3]


def test_s7_a_watcher_that_dies_before_it_noted_how_far_it_came_raises_nothing_twice(
    opening: Opening, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = opening()
    workspace.agent("sales").put("item/a", n=0)
    look(workspace, clock)
    stale(workspace, 4)

    def die(topic: str, entries: dict[str, str | None]) -> None:
        raise StoreUnavailable("killed")

    with monkeypatch.context() as patch:
        patch.setattr(workspace._engine.store, "note", die)
        clock.advance(seconds=3)
        with pytest.raises(StoreUnavailable):
            workspace._engine.watch.run()
    [alert] = raised(workspace)
    revision = workspace.revision
    other = opening()
    look(other, clock)
    look(workspace, clock)
    assert (raised(workspace), workspace.revision) == ([alert], revision)
    stale(workspace)
    look(other, clock)
    look(workspace, clock)
    assert [one.count for one in raised(workspace)] == [alert.count + 1]


def test_a_detector_that_fails_keeps_no_other_from_looking(
    opening: Opening, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: object, judged: object) -> list[object]:
        raise ZeroDivisionError

    monkeypatch.setattr(BlindWrite, "take", fail)
    workspace = opening()
    workspace.agent("sales").put("item/a", n=0)
    look(workspace, clock)
    stale(workspace, 3)
    look(workspace, clock)
    assert [alert.detector for alert in raised(workspace)] == ["lost_update"]
    assert "blind_write failed on" in caplog.text


def test_limit_alert_bite_and_alert_settled_s(
    opening: Opening, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ALERT_BITE", 2)
    workspace = opening()
    workspace.agent("sales").put("item/a", n=0)
    workspace._engine.watch.run()
    for _ in range(5):
        clock.advance(seconds=1)
        stale(workspace)
    clock.advance(seconds=limits.ALERT_SETTLED_S + 1)
    bites = 0
    while workspace._engine.watch.run():
        bites += 1
    assert bites >= 3
    assert [alert.count for alert in raised(workspace)] == [5]


def test_limit_alert_look_back(opening: Opening, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ALERT_LOOK_BACK", 2)
    workspace = opening()
    for number in range(4):
        clock.advance(seconds=1)
        workspace.agent("sales").put(f"item/{number}", n=0)
        stale(workspace, record="item/0")
    clock.advance(seconds=5)
    look(workspace, clock)
    stale(workspace, record="item/0")
    look(workspace, clock)
    assert [alert.count for alert in raised(workspace)] == [3]
    workspace._engine.watch = watch = type(workspace._engine.watch)(workspace._engine)
    watch.run()
    assert watch._look.after_us > clock.wall_us() - 60_000_000


def test_limit_alert_scan(opening: Opening, clock: ManualClock) -> None:
    workspace = opening()
    workspace.agent("sales").put("item/a", n=0)
    for _ in range(6):
        clock.advance(seconds=1)
        stale(workspace)
    engine = workspace._engine
    with engine.store.snapshot() as snapshot:
        definition = engine.definition().definition.alerts
        found = scan(snapshot, definition, 0, clock.wall_us(), most=4)
        assert (found.judged, found.is_whole) == (4, False)
        assert scan(snapshot, definition, 0, clock.wall_us()).judged < limits.ALERT_SCAN


def test_new_thresholds_hold_from_their_commit_on(opening: Opening, clock: ManualClock, tmp_path: Path) -> None:
    workspace = opening()
    workspace.agent("sales").put("item/a", n=0)
    look(workspace, clock)
    (tmp_path / "small.toml").write_text(SMALL.replace("times = 3", "times = 2"))
    workspace.apply(tmp_path / "small.toml")
    stale(workspace, 2)
    look(workspace, clock)
    assert [alert.count for alert in raised(workspace)] == [2]


# -- how alerts end


def alarmed(workspace: Workspace, clock: ManualClock) -> Alert:
    workspace.agent("sales").put("item/a", n=0)
    look(workspace, clock)
    stale(workspace, 3)
    look(workspace, clock)
    [alert] = raised(workspace)
    return alert


def test_an_alert_that_is_resolved_opens_again_when_it_is_seen_again(opening: Opening, clock: ManualClock) -> None:
    workspace = opening()
    alert = alarmed(workspace, clock)
    assert workspace.acknowledge_alert(alert.id, reason="on it").is_committed
    with pytest.raises(Refused):
        workspace.acknowledge_alert(alert.id)
    assert workspace.resolve_alert(alert.id, reason="mended").is_committed
    assert workspace.alerts().alerts == ()
    [over] = workspace.alerts(over=True).alerts
    assert (over.state, over.closed_by, over.answer) == ("resolved", workspace._session.caller.agent, "mended")
    stale(workspace)
    look(workspace, clock)
    [again] = workspace.alerts().alerts
    assert (again.alert, again.state, again.count) == (alert.id, "raised", 4)


def test_an_alert_that_is_not_seen_again_is_over_by_itself(opening: Opening, clock: ManualClock) -> None:
    workspace = opening()
    alert = alarmed(workspace, clock)
    clock.advance(seconds=limits.ALERT_QUIET_S)
    assert workspace.alerts().alerts == ()
    [shown] = workspace.alerts(over=True).alerts
    assert shown.state == "resolved"
    workspace._engine.duties.run()
    [state] = records(workspace)
    assert (state.life, state.values["answer"]) == ("archived", "It was not seen again.")
    stale(workspace, 3)
    look(workspace, clock)
    [new] = workspace.alerts().alerts
    assert new.alert != alert.id


def test_an_alert_about_what_waits_is_over_when_it_is_answered(opening: Opening, clock: ManualClock) -> None:
    workspace = opening()
    workspace.agent("sales").put("item/a", n=0)
    look(workspace, clock)
    holder, waiter = workspace.agent("support"), workspace.agent("sales")
    lease = holder.lease("item/a", ttl="1h")
    lease.take()
    with pytest.raises(comity.Pending) as pending:
        waiter.put("item/a", n=1, was={"n": 0}, if_held="queue")
    look(workspace, clock, 1_900)
    [alert] = workspace.alerts().alerts
    assert (alert.detector, alert.subject) == ("stuck_pending", pending.value.decision.ticket)
    lease.release()
    waiter.release(pending.value.decision)
    look(workspace, clock)
    assert workspace.alerts().alerts == ()


# -- who may


@pytest.mark.parametrize("event", ["raised", "repeated", "settled", "taken", "sent", "failed"])
def test_s23_nobody_but_duties_tells_alerts(opening: Opening, clock: ManualClock, event: str) -> None:
    workspace = opening()
    alert = alarmed(workspace, clock)
    data = {
        "detector": "d",
        "subject": "s",
        "severity": "info",
        "message": "m",
        "count": 1,
        "first_at": format_time(0),
        "last_at": format_time(0),
        "seen": 2**60,
        "expires_at": format_time(0),
        "sender": "me",
        "sending_until": format_time(0),
        "sent_in": "x",
        "error": "e",
    }
    declared = workspace._engine.definition().kinds[ALERT].events[event]
    fields = {name: data[name] for name in declared.data if name in data}
    for session in (workspace._session, workspace.agent("sales")._session):
        id = workspace._engine.make_id()
        decision = session.propose(Proposal(id=id, changes=(Emit(alert.ref, event, fields),)))
        assert "identity.not_coordinator" in [finding.code for finding in decision.findings]
    assert [one.seen for one in raised(workspace)] == [alert.seen]


def test_agents_may_not_resolve_alerts(opening: Opening, clock: ManualClock) -> None:
    workspace = opening()
    alert = alarmed(workspace, clock)
    with pytest.raises(Refused, match="operator"):
        workspace.agent("sales").resolve_alert(alert.id)


def test_humans_find_open_alerts_in_their_inbox(opening: Opening, clock: ManualClock) -> None:
    workspace = opening()
    alert = alarmed(workspace, clock)
    key = workspace.issue_key("ops").key
    ops = workspace.agent("ops", key=key)
    [item] = [item for item in ops.inbox().items if item.kind == "alert"]
    assert (item.about, alert.id in item.next) == ("item/a", True)
    assert [item for item in workspace.agent("sales").inbox().items if item.kind == "alert"] == []
    ops.acknowledge_alert(alert.id)
    assert [item for item in ops.inbox().items if item.kind == "alert"] == []


def test_a_flood_of_alerts_hides_neither_what_else_is_new_nor_what_is_more_severe(
    opening: Opening, clock: ManualClock
) -> None:
    workspace = opening()
    ops = workspace.agent("ops", key=workspace.issue_key("ops").key)
    ops.watch("item/a")
    workspace.agent("sales").put("item/a", n=0)
    engine = workspace._engine
    for number in range(130):
        clock.advance(seconds=1)
        at = clock.wall_us()
        severity: AlertLevel = "critical" if number == 5 else "warning"
        alert = Alert(f"a{number}", "ping_pong", f"item/{number}", severity, "Look.", (), 1, at, at)
        change = telling(alert, is_new=True, quiet_s=10**6)
        assert engine.propose(Proposal(id=step_id(change, 0), changes=(change,)), SYSTEM).is_committed
    inbox = ops.inbox()
    assert [item.kind for item in inbox.items[:21]].count("changed") == 1
    assert "item/5" in [item.about for item in inbox.items[:21]]
    assert len(inbox.items) + inbox.more == 131


def test_s6_a_jump_of_the_clock_raises_an_alert_once(opening: Opening, clock: ManualClock) -> None:
    workspace = opening()
    workspace.agent("sales").put("item/a", n=0)
    look(workspace, clock)
    clock.jump(seconds=7_200)
    look(workspace, clock)
    look(opening(), clock)
    look(workspace, clock, 600)
    [alert] = workspace.alerts().alerts
    assert (alert.detector, alert.subject, alert.severity) == ("clock_jump", "clock", "critical")
    assert alert.message.startswith("The machine's clock is 1 h ahead of")


def test_the_indexes_of_alerts_are_there_once_there_are_alerts_and_stay_when_a_definition_is_applied(
    opening: Opening, clock: ManualClock, tmp_path: Path
) -> None:
    def declared() -> list[str]:
        with closing(apsw.Connection(str(tmp_path / "base.db"))) as base:
            return sorted(row[0] for row in base.execute(SELECT_DECLARED))

    workspace = opening()
    look(workspace, clock)
    assert declared() == []
    stale(workspace, 4)
    look(workspace, clock)
    assert workspace.alerts().alerts
    look(workspace, clock)
    of_alerts = ["declared $alert by expires_at", "declared $alert by sent_at"]
    assert declared() == of_alerts
    (tmp_path / "next.toml").write_text(f'{SMALL}\n[kinds.other]\nindexes = [["n"]]\n[kinds.other.fields]\nn = {{}}\n')
    assert workspace.apply(tmp_path / "next.toml").is_changed
    assert declared() == [*of_alerts, "declared other by n"]


def test_who_waits_looks_for_alerts_too(opening: Opening, clock: ManualClock) -> None:
    """So an embedded workspace in which nobody does duties raises them while somebody waits."""
    workspace = opening()
    looks: list[None] = []

    def look_on() -> bool:
        looks.append(None)
        clock.advance(seconds=2)
        return bool(workspace.alerts().alerts)

    watch(workspace._engine, look_on, bool, 1.0)
    stale(workspace, 4)
    assert watch(workspace._engine, look_on, bool, 100.0)
