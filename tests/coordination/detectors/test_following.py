"""The detectors that follow something: values, records, agents, plans, tickets."""

from __future__ import annotations

from typing import Any

import pytest

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.coordination.detectors.detector import Latest
from comity.coordination.detectors.stuck_pending import StuckPending
from comity.coordination.judged import Judged, Seen
from comity.model.proposals import Add
from comity.model.records import RecordState
from tests.coordination.detectors.judging import (
    DEFAULTS,
    changed,
    commit,
    event,
    found,
    refusal,
    signals,
    subjects,
)

# -- ping-pong


def rally(*turns: tuple[str, Any, Any], gap_s: float = 60) -> list[Judged]:
    return [changed(agent, "item/a", was, now, number * gap_s) for number, (agent, was, now) in enumerate(turns)]


BACK_AND_FORTH = [("sales", 1, 2), ("support", 2, 1), ("sales", 1, 2), ("support", 2, 1)]


def test_ping_pong_is_seen_when_two_set_a_field_back_and_forth() -> None:
    [signal] = signals("ping_pong", rally(*BACK_AND_FORTH))
    assert signal.subject == "item/a.f"
    assert signal.evidence == ("1.0", "601.0", "1201.0", "1801.0")
    assert "sales and support set item/a.f back and forth: 4 times" in signal.message


@pytest.mark.parametrize(
    "turns",
    [
        BACK_AND_FORTH[:3],
        [("sales", was, now) for _, was, now in BACK_AND_FORTH],
        [("sales", 1, 2), ("support", 2, 3), ("sales", 3, 4), ("support", 4, 5)],
        [("sales", 1, 2), ("support", 2, 1), ("sales", 1, 3), ("support", 3, 1)],
        [("sales", 1, 2), ("support", 2, True), ("sales", True, 2), ("support", 2, 1)],
    ],
)
def test_what_is_no_ping_pong(turns: list[tuple[str, Any, Any]]) -> None:
    assert signals("ping_pong", rally(*turns)) == []


def test_slow_ping_pong_is_none() -> None:
    assert signals("ping_pong", rally(*BACK_AND_FORTH, gap_s=601)) == []
    assert len(signals("ping_pong", rally(*BACK_AND_FORTH, gap_s=600))) == 1


def test_what_commutes_and_what_is_derived_is_no_ping_pong() -> None:
    up_and_down = [
        commit(
            agent,
            event("item/a", {"f": was}, {"f": now}),
            at_s=at_s,
            changes=(Add("item/a", {"f": now - was}),),
        )
        for at_s, (agent, was, now) in enumerate(BACK_AND_FORTH)
    ]
    assert signals("ping_pong", up_and_down) == []
    derived = [
        commit(agent, Seen("1.0", "item/a", "item", "t", True, True, {"f": was}, {"f": now}), at_s=at_s)
        for at_s, (agent, was, now) in enumerate(BACK_AND_FORTH)
    ]
    assert signals("ping_pong", derived) == []


# -- hot record, starvation


def test_a_hot_record_is_one_that_several_agents_want() -> None:
    many = DEFAULTS["hot_record"].times
    assert subjects("hot_record", [changed(f"a{n % 3}", "item/a", n, n + 1, n * 0.5) for n in range(many)]) == [
        "item/a"
    ]
    assert subjects("hot_record", [changed(f"a{n % 2}", "item/a", n, n + 1, n * 0.5) for n in range(many)]) == []
    assert subjects("hot_record", [changed(f"a{n % 3}", "item/a", n, n + 1, n * 1.1) for n in range(many)]) == []
    assert subjects("hot_record", [refusal(f"a{n % 3}", at_s=n * 0.5) for n in range(many)]) == ["item/a"]


def struggle(*, own: int | None = None, passing: bool = True) -> list[Judged]:
    """Return eight refusals of one agent, between which another one commits."""
    judged: list[Judged] = []
    for number in range(8):
        judged.append(refusal("slow", found("freshness.changed"), at_s=10 * number))
        if number == own:
            judged.append(changed("slow", "item/a", 0, 1, 10 * number + 1))
        if passing:
            judged.append(changed("quick", "item/a", number, number + 1, 10 * number + 2))
    return judged


def test_starvation_is_being_refused_in_a_row_while_others_get_through() -> None:
    assert subjects("starvation", struggle()) == ["slow on item/a"]
    assert subjects("starvation", struggle(own=4)) == []
    assert subjects("starvation", struggle(passing=False)) == []


# -- plans


def closing(announced: dict[str, Any], *records: str, action: str | None = "care") -> list[Judged]:
    closed = event("$intent/i", {}, {"agent": "sales", **announced}, "closed", live=False)
    events = [event(record, {"f": 1}, {"f": 2}) for record in records]
    return [commit("sales", *events, closed, action=action)]


@pytest.mark.parametrize(
    ("announced", "records", "action", "expected"),
    [
        ({"action": "care", "about": ["item/a"]}, ("item/a",), "care", ""),
        ({"action": "care"}, ("item/b",), "care", ""),
        ({"about": ["item/a"]}, ("item/a",), "sell", ""),
        ({"action": "care", "about": ["item/a"]}, ("item/a",), "sell", "sell instead of care"),
        ({"action": "care", "about": ["item/a"]}, ("item/a",), None, "no action instead of care"),
        (
            {"action": "care", "about": ["item/a"]},
            ("item/a", "item/b"),
            "care",
            "it changed item/b, and spoke of item/a",
        ),
        ({"action": "care", "about": ["item/a"]}, (), "care", ""),
    ],
)
def test_a_plan_is_kept_or_not(
    announced: dict[str, Any], records: tuple[str, ...], action: str | None, expected: str
) -> None:
    said = signals("plan_not_kept", closing(announced, *records, action=action))
    assert [expected in signal.message for signal in said] == ([True] if expected else [])


# -- tickets


def ticket(at_s: int, state: str = "waiting", *, live: bool = True, kind: str = "$handoff") -> Judged:
    values = {"state": state, "opened_at": format_time(0), "expires_at": format_time(100 * SECOND_US)}
    return commit("sales", event(f"{kind}/t", {}, values, live=live), at_s=at_s)


def other(at_s: int) -> Judged:
    return commit("sales", at_s=at_s)


def test_what_waits_for_too_much_of_its_life_is_stuck() -> None:
    assert subjects("stuck_pending", [ticket(0), other(49)]) == []
    [signal] = signals("stuck_pending", [ticket(0), other(90), other(95)])
    assert (signal.subject, signal.at) == ("$handoff/t", 50 * SECOND_US)
    assert signal.message == "$handoff/t has waited 50 s, 50 % of its time."
    assert subjects("stuck_pending", [ticket(0), other(81)], share=80) == ["$handoff/t"]


def test_what_was_answered_in_time_is_not_stuck_and_what_is_answered_late_is_over() -> None:
    assert subjects("stuck_pending", [ticket(0), ticket(30, "accepted", live=False), other(90)]) == []
    said = signals("stuck_pending", [ticket(0), ticket(60, "accepted", live=False), other(90)])
    assert [(signal.at // SECOND_US, signal.is_over) for signal in said] == [(50, False), (60, True)]


def test_what_was_waiting_before_is_followed_too() -> None:
    values = {"opened_at": format_time(0), "expires_at": format_time(100 * SECOND_US)}
    detector = StuckPending(DEFAULTS["stuck_pending"])
    detector.begin([RecordState("$approval", "t", values=values)], 10 * SECOND_US)
    assert [signal.subject for signal in detector.pass_time(50 * SECOND_US)] == ["$approval/t"]
    assert list(detector.pass_time(60 * SECOND_US)) == []


def test_an_effect_is_stuck_when_it_is_held_up_or_put_aside() -> None:
    held = {"state": "held", "release_at": format_time(0), "expires_at": format_time(100 * SECOND_US)}
    wanted = commit("sales", event("$effect/e", {}, held))
    assert subjects("stuck_pending", [wanted, other(50)]) == ["$effect/e"]
    aside = commit("comity", event("$effect/e", {}, {"state": "aside", "error": "410 gone"}), at_s=5)
    [signal] = signals("stuck_pending", [wanted, aside])
    assert signal.message == "$effect/e was put aside after its last try: 410 gone."


def run(at_s: float, state: str, *, live: bool = True, **more: Any) -> Judged:
    """Return a run of a workflow whose step is next since 0 s, and which has 100 s, as it is at a moment."""
    values = {"state": state, "step_at": format_time(0), "deadline": format_time(100 * SECOND_US), **more}
    return commit("comity", event("$workflow/w", {}, values, live=live), at_s=at_s)


def test_a_run_is_stuck_when_it_can_not_be_undone_or_waits_for_too_long() -> None:
    [stuck, over] = signals("stuck_pending", [run(0, "stuck", why="Somebody changed it."), run(5, "compensating")])
    assert stuck.message == "$workflow/w is stuck going backwards: Somebody changed it."
    assert over.is_over
    assert subjects("stuck_pending", [run(0, "waiting", task="$task/t"), other(50)]) == ["$workflow/w"]
    assert subjects("stuck_pending", [run(0, "waiting", tries=2, next_at="soon"), other(50)]) == ["$workflow/w"]


@pytest.mark.parametrize("state", ["running", "paused", "compensating"])
def test_a_run_that_goes_on_or_is_held_by_a_human_is_not_stuck(state: str) -> None:
    assert subjects("stuck_pending", [run(0, "waiting"), run(40, state), other(90)]) == []
    said = signals("stuck_pending", [run(0, "waiting"), run(60, state), other(90)])
    assert [signal.is_over for signal in said] == [False, True]


def test_a_run_that_rests_as_declared_is_not_stuck() -> None:
    assert subjects("stuck_pending", [run(0, "waiting", next_at=format_time(99 * SECOND_US)), other(99)]) == []


def test_a_run_that_was_stuck_before_is_over_once_it_goes_on() -> None:
    detector = StuckPending(DEFAULTS["stuck_pending"])
    detector.begin([RecordState("$workflow", "w", values={"state": "stuck"})], 0)
    assert list(detector.pass_time(50 * SECOND_US)) == []
    assert [signal.is_over for signal in detector.take(run(60, "compensating"))] == [True]


def test_what_came_and_went_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ALERT_SUBJECTS", 10)
    detector = StuckPending(DEFAULTS["stuck_pending"])
    values = {"state": "waiting", "opened_at": format_time(0), "expires_at": format_time(100 * SECOND_US)}
    for number in range(100):
        for live in (True, number == 50):
            list(detector.take(commit("sales", event(f"$handoff/{number}", {}, values, live=live))))
    assert len(detector._due) < 20
    assert [signal.subject for signal in detector.pass_time(60 * SECOND_US)] == ["$handoff/50"]


def test_limit_alert_subjects() -> None:
    latest: Latest[int] = Latest(2)
    for number in range(limits.ALERT_SUBJECTS + 1):
        latest.of(f"s{number}").extend([1, 2, 3])
    assert list(latest.of(f"s{limits.ALERT_SUBJECTS}")) == [2, 3]
    assert not latest.of("s0")
