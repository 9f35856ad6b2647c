"""The detectors that count: what counts for which subject, how often, within which time."""

from __future__ import annotations

import pytest

from comity.coordination.detectors import DETECTORS, made
from comity.coordination.judged import Judged
from comity.model import alerting
from comity.model.decisions import Finding
from tests.coordination.detectors.judging import (
    DEFAULTS,
    Judge,
    commit,
    event,
    every,
    found,
    refusal,
    signals,
    subjects,
)


def refused(code: str, subject: str | None = "item/a", agent: str = "sales", **data: object) -> Judge:
    return lambda at_s: refusal(agent, found(code, subject, **data), at_s=at_s)


def intent(type: str) -> Judge:
    return lambda at_s: commit("comity", event("$intent/i", {}, {"agent": "sales"}, type, live=False), at_s=at_s)


CASES: list[tuple[str, Judge, str]] = [
    ("lost_update", refused("freshness.changed"), "item/a"),
    ("lost_update", refused("freshness.changed", "item/a.status"), "item/a"),
    ("lost_update", refused("freshness.blind_write"), "item/a"),
    ("blind_write", refused("freshness.blind_write"), "sales"),
    ("repeated_effect", refused("effect.taken", "x", effect="$effect/k"), "$effect/k"),
    ("cascade_depth", refused("cascade.too_deep", None, cause="7.0"), "sales"),
    ("cascade_loop", refused("cascade.loop", cause="7.0"), "item/a"),
    ("silent_intent", intent("expired"), "sales"),
    ("failing_expression", refused("rule.r", problem="divide by zero"), "rule.r"),
    ("failing_expression", refused("guard.g", problem="divide by zero"), "item guard.g"),
]


@pytest.mark.parametrize(("name", "judge", "subject"), CASES)
def test_so_many_times_within_the_time(name: str, judge: Judge, subject: str) -> None:
    times, within_s = DEFAULTS[name].times, DEFAULTS[name].within_s
    assert subjects(name, every(1, times - 1, judge)) == []
    assert subjects(name, every(1, times, judge)) == [subject]
    assert subjects(name, every(1, times + 2, judge)) == [subject] * 3
    gap_s = within_s / max(times - 1, 1)
    assert subjects(name, every(gap_s, times, judge)) == [subject]
    if times > 1:
        assert subjects(name, every(gap_s + 1, 3 * times, judge)) == []


@pytest.mark.parametrize(
    ("name", "judge"),
    [
        ("lost_update", refused("guard.g")),
        ("lost_update", refused("freshness.changed", None)),
        ("blind_write", refused("freshness.changed")),
        ("repeated_effect", refused("effect.still")),
        ("silent_intent", intent("withdrawn")),
        ("failing_expression", refused("rule.r")),
        ("failing_expression", refused("guard.assumption", problem="x")),
    ],
)
def test_what_does_not_count(name: str, judge: Judge) -> None:
    assert subjects(name, every(1, 20, judge)) == []


def test_subjects_are_counted_each_for_itself() -> None:
    judged = [refusal("sales", found("freshness.changed", f"item/{n % 4}"), at_s=n) for n in range(19)]
    assert subjects("lost_update", judged) == ["item/0", "item/1", "item/2"]


def test_a_warning_counts_only_where_a_check_in_shadow_would_have_refused() -> None:
    def warned(**data: object) -> list[Judged]:
        finding = Finding("freshness.changed", "m", "item/a", severity="warn", data=dict(data))
        return every(1, 5, lambda at_s: refusal("sales", finding, at_s=at_s))

    assert subjects("lost_update", warned()) == []
    assert subjects("lost_update", warned(shadow="refuse")) == ["item/a"]


def test_a_signal_names_its_evidence_and_says_what_was_seen() -> None:
    [signal] = signals("lost_update", every(2, 5, refused("freshness.changed")))
    assert signal.evidence == ("refused-0", "refused-2", "refused-4", "refused-6", "refused-8")
    assert (signal.at, signal.times) == (8_000_000, 5)
    assert signal.message == (
        "5 times within 10 min somebody was about to write over what others had changed on item/a, last sales."
    )


def test_s26_a_row_of_failures_ends_when_the_expression_is_judged() -> None:
    failed, judged = refused("rule.r", problem="x"), refused("rule.r")
    assert subjects("failing_expression", [failed(0), failed(1), judged(2), failed(3), failed(4)]) == []
    assert subjects("failing_expression", [failed(0), failed(1), judged(2), failed(3), failed(4), failed(5)]) == [
        "rule.r"
    ]
    guard = refused("guard.g", problem="x")
    passed = commit("sales", event("item/b", {"f": 1}, {"f": 2}), at_s=2)
    other = commit("sales", event("task/b", {"f": 1}, {"f": 2}), at_s=2)
    assert subjects("failing_expression", [guard(0), guard(1), passed, guard(3)]) == []
    assert subjects("failing_expression", [guard(0), guard(1), other, guard(3)]) == ["item guard.g"]


def test_every_detector_is_declared_and_can_be_turned_off() -> None:
    assert {*DETECTORS, "clock_jump"} == {one.name for one in alerting.DETECTORS}
    assert len(made(alerting.DETECTORS)) == len(DETECTORS)
    assert made([alerting.DetectorDefinition(name="ping_pong", severity="info", enabled=False)]) == []


def test_erased_proposals_are_looked_at_without_their_contents() -> None:
    erased = Judged(0, 0, 1, "p", "sales", "committed", None, (), 1, (event("item/a", {}, {}),))
    for detector in made(alerting.DETECTORS):
        assert list(detector.take(erased)) == []
