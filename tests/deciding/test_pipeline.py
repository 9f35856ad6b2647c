"""Asking every gate, and summing up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from comity import limits
from comity.deciding import pipeline
from comity.deciding.case import Case
from comity.deciding.pipeline import Judgement, judge, next_move
from comity.deciding.view import Missing
from comity.model.codec import encode
from comity.model.decisions import Finding, Moved
from comity.model.proposals import AnyChange, Create, Proposal, Put, Read, Set
from tests.deciding.cases import SALES, World, state


def judged(given: World, *changes: AnyChange, **proposal: Any) -> Judgement:
    return given.ask(lambda view: judge(Proposal(id="p", changes=changes, **proposal), SALES, view))


def gate(*findings: Finding) -> Callable[[Case], Iterator[Finding]]:
    return lambda case: iter(findings)


def finding(severity: Any = "refuse", code: str = "guard.x", remedy: str | None = "Do this.") -> Finding:
    return Finding(code, "m", severity=severity, remedy=remedy)


def test_what_is_let_through_comes_with_its_events_and_states() -> None:
    result = judged(World(state("task/a", n=1)), Put("task/b", {"n": 2}))
    assert (result.outcome, result.next) == ("committed", "Go on.")
    assert [event.type for event in result.events] == ["task.created"]
    assert result.states["task", "b"].values == {"n": 2}


def test_what_is_refused_comes_with_neither() -> None:
    result = judged(World(state("task/a", n=1)), Put("task/b", {"n": 2}), Create("task/a"))
    assert (result.outcome, result.events, result.states) == ("refused", (), {})
    assert result.next == "Read it and set its fields, or take another id."


def test_warnings_do_not_stand_in_the_way() -> None:
    result = judged(World(state("task/a", n=1)), Set("task/a", {"n": 2}))
    assert result.outcome == "committed"
    assert [one.code for one in result.findings] == ["freshness.blind_write"]


def test_an_agent_learns_everything_at_once() -> None:
    source = '[kinds.task.fields]\nn = { type = "integer", owner = "other", minimum = 0 }\n'
    source += "[agents]\nother = {}\nann = {}\n"
    result = judged(World(state("task/a", n=1), source=source), Set("task/a", {"n": -2}))
    assert [one.code for one in result.findings] == [
        "shape.invalid_value",
        "identity.unknown",
        "ownership.other_domain",
        "freshness.blind_write",
    ]


def test_nothing_is_drafted_of_what_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "AFTER_DRAFT", (gate(finding(code="rule.asked")),))
    result = judged(World(), Set("no record", {"n": 2}))
    assert [one.code for one in result.findings] == ["shape.invalid"]


def test_s3_a_gate_that_raises_refuses_this_proposal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(case: Case) -> Iterator[Finding]:
        raise ZeroDivisionError("oh" * 500)

    monkeypatch.setattr(pipeline, "AFTER_DRAFT", (broken,))
    result = judged(World(), Put("task/a"))
    assert (result.outcome, [one.code for one in result.findings]) == ("refused", ["shape.unjudgeable"])
    assert "ZeroDivisionError" in result.findings[0].message
    assert len(result.findings[0].message) < 300


def test_what_the_view_lacks_is_asked_for() -> None:
    with pytest.raises(Missing):
        judge(Proposal(id="p", changes=(Put("task/a"),)), SALES, World().view())


@pytest.mark.parametrize(
    ("severities", "outcome", "waits_for"),
    [
        (["warn"], "committed", None),
        (["warn", "defer"], "refused", None),
        (["defer", "queue"], "pending", "queue"),
        (["queue", "offer"], "pending", "owner"),
        (["offer", "ask"], "pending", "human"),
        (["ask", "refuse"], "refused", None),
    ],
)
def test_s20_the_strongest_finding_decides(
    severities: list[str], outcome: str, waits_for: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "AFTER_DRAFT", (gate(*map(finding, severities)),))
    judgement = judged(World(state("task/b")), Put("task/a"))
    assert (judgement.outcome, judgement.waiting and judgement.waiting.waits_for) == (outcome, waits_for)


def test_limit_findings_per_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = limits.FINDINGS_PER_DECISION
    monkeypatch.setattr(pipeline, "AFTER_DRAFT", (gate(*[finding("warn")] * (bound - 2), finding()),))
    assert len(judged(World(state("task/b")), Put("task/a")).findings) == bound - 1
    monkeypatch.setattr(pipeline, "AFTER_DRAFT", (gate(*[finding("warn")] * bound, finding()),))
    found = judged(World(state("task/b")), Put("task/a")).findings
    assert len(found) == bound
    assert found[0].severity == "refuse"
    assert (found[-1].code, found[-1].message) == ("shape.too_large", "There are 2 more findings.")


def test_limit_findings_lets_pass_what_is_only_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many warnings are cut, and are no reason to call a committed proposal refused."""
    monkeypatch.setattr(pipeline, "AFTER_DRAFT", (gate(*[finding("warn")] * 200),))
    result = judged(World(state("task/b")), Put("task/a"))
    assert result.outcome == "committed"
    assert all(one.severity == "warn" for one in result.findings)


def test_the_next_move_is_that_of_the_finding_that_can_be_mended_first() -> None:
    assert next_move(()) == "Go on."
    assert next_move([finding("warn")]) == "Go on."
    assert next_move([finding("warn", remedy="No."), finding()]) == "Do this."
    assert next_move([finding(remedy=None)]) == "Propose something else."


def test_the_next_move_joins_two_remedies_where_both_fit() -> None:
    same = [finding(remedy=remedy) for remedy in ("Do this.", "Do this.", "Do that.", "Do more.")]
    assert next_move(same) == "Do this. Do that."
    moved = Finding("x.y", "Moved.", remedy="Read again.", moved=(Moved("a/1", "n", 1, 2, "x", 0, "1.0", None),))
    assert next_move([moved, finding()]) == "Do this. Read again."
    assert next_move([finding(), finding(remedy="word " * 100)]) == "Do this."


def test_the_same_proposal_on_the_same_view_gives_the_same_judgement() -> None:
    given = World(state("task/a", n=1), state("task/b", n=2))
    changes = [Put(f"task/{name}", {"n": 5}) for name in "zyxwvab"]
    assert judged(given, *changes) == judged(given, *changes)
    assert list(judged(given, *changes).states) == [("task", name) for name in "zyxwvab"]


def test_limit_answer_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A conflict on large values tells which they are, and not all of each."""
    first: dict[str, Any] = {f"f{number}": "x" * 500 for number in range(20)}
    second: dict[str, Any] = {f"f{number}": "y" * 500 for number in range(20)}
    before = state("task/a", **first)
    after = state("task/a", at=dict.fromkeys(before.values, 2), **second)
    changes, reads = (Put("task/a", {"f0": "z"}),), (Read("task/a", 1),)
    (whole,) = judged(World(before, after), *changes, reads=reads).findings
    size = len(encode([whole]))
    monkeypatch.setattr(limits, "ANSWER_BYTES", size)
    assert judged(World(before, after), *changes, reads=reads).findings == (whole,)
    monkeypatch.setattr(limits, "ANSWER_BYTES", size - 1)
    (cut,) = judged(World(before, after), *changes, reads=reads).findings
    assert len(encode([cut])) < size // 3
    assert (cut.code, cut.remedy, len(cut.moved)) == (whole.code, whole.remedy, 10)
    assert "Values are cut" in cut.message
