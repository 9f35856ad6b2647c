"""Many proposals of one thread in the lane: they come together, in order, and nobody is kept from his turn."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

import comity
from comity import lane as lanes
from comity import limits
from comity.coordinator import Submission
from comity.errors import ComityError, InvalidRequest, LimitExceeded, OutcomeUnknown, StoreUnavailable
from comity.lane import Answer, Lane
from comity.model.decisions import Decision
from comity.model.proposals import Caller, Proposal, Put
from tests.lane_callers import WAIT_S, Deciding, WatchedLane, decision, enter, start, submission


@pytest.fixture(autouse=True)
def _no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks for himself: whoever is served was woken."""
    monkeypatch.setattr(lanes, "_LOOK_S", limits.LANE_TIMEOUT_S)


def submissions(names: str) -> list[Submission]:
    return [submission(name) for name in names]


def names_of(answers: Sequence[Answer]) -> str:
    return "".join(answer.id if isinstance(answer, Decision) else "!" for answer in answers)


def wait_for_entries(lane: WatchedLane, count: int) -> None:
    for _ in range(count):
        assert lane.entered.acquire(timeout=WAIT_S)


def test_a_lone_caller_decides_them_as_one_batch_in_its_own_thread() -> None:
    deciding = Deciding()
    lane = WatchedLane(deciding)
    assert names_of(lane.submit_many(submissions("abc"))) == "abc"
    assert lane.submit_many([]) == []
    assert deciding.batches == [["a", "b", "c"]]
    assert deciding.threads == [threading.current_thread()]
    assert lane.submit(submission("d")).id == "d"


def test_s4_they_stand_in_line_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BATCH_PROPOSALS", 3)
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("0")))
    deciding.await_batch()
    (before,) = enter(lane, "1")
    many = start(lambda: lane.submit_many(submissions("abcdef")))
    wait_for_entries(lane, 6)
    (behind,) = enter(lane, "2")
    deciding.gate.set()
    assert names_of(many.result(WAIT_S)) == "abcdef"
    assert [one.result(WAIT_S).id for one in (first, before, behind)] == ["0", "1", "2"]
    assert deciding.batches == [["0"], ["1", "a", "b"], ["c", "d", "e"], ["f", "2"]]


def test_a_single_follower_is_served_by_the_leader_of_many() -> None:
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    many = start(lambda: lane.submit_many(submissions("ab")))
    deciding.await_batch()
    (other,) = enter(lane, "c")
    deciding.gate.set()
    assert names_of(many.result(WAIT_S)) == "ab"
    assert other.result(WAIT_S).id == "c"


def test_what_fails_alone_is_among_the_answers() -> None:
    failed = StoreUnavailable("busy")

    def decide(batch: Sequence[Submission]) -> list[Decision | ComityError]:
        return [failed if one.proposal.id == "b" else decision(one.proposal.id) for one in batch]

    answers = Lane(decide).submit_many(submissions("abc"))
    assert names_of(answers) == "a!c"
    assert answers[1] is failed


def test_limit_lane_waiting_keeps_all_of_them_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LANE_WAITING", 3)
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("first")))
    deciding.await_batch()
    (waiting,) = enter(lane, "w")
    with pytest.raises(StoreUnavailable, match="1 proposals wait already"):
        lane.submit_many(submissions("abc"))
    deciding.gate.set()
    assert [first.result(WAIT_S).id, waiting.result(WAIT_S).id] == ["first", "w"]
    assert deciding.batches == [["first"], ["w"]]


def test_closed_lane_refuses_them() -> None:
    lane = Lane(Deciding())
    lane.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        lane.submit_many(submissions("ab"))


def test_no_answer_in_time_is_an_unknown_outcome_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("first")))
    deciding.await_batch()
    monkeypatch.setattr(limits, "LANE_TIMEOUT_S", 0.01)
    answers = lane.submit_many(submissions("ab"))
    assert [type(answer) for answer in answers] == [OutcomeUnknown] * 2
    assert [answer.proposal for answer in answers if isinstance(answer, OutcomeUnknown)] == ["a", "b"]
    assert not lane._waiting
    deciding.gate.set()
    assert first.result(WAIT_S).id == "first"
    assert deciding.batches == [["first"]]


@pytest.mark.parametrize("struck", [1, 2])
def test_s3_a_leader_of_many_struck_by_ctrl_c_hands_over(monkeypatch: pytest.MonkeyPatch, struck: int) -> None:
    """In whichever batch it is struck, what it had not been told is given up, and the others go on."""
    monkeypatch.setattr(limits, "BATCH_PROPOSALS", 2)
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)

    def interrupt() -> None:
        if len(deciding.batches) == struck:
            raise KeyboardInterrupt
        deciding.strike = interrupt

    deciding.strike = interrupt
    many = start(lambda: lane.submit_many(submissions("abcd")))
    deciding.await_batch()
    wait_for_entries(lane, 4)
    others = enter(lane, "x", "y")
    deciding.gate.set()
    with pytest.raises(KeyboardInterrupt):
        many.result(WAIT_S)
    assert [other.result(WAIT_S).id for other in others] == ["x", "y"]
    assert deciding.batches == [*[["a", "b"], ["c", "d"]][:struck], ["x", "y"]]
    assert not lane._lead.locked()


def test_many_threads_with_many_each_get_their_own_answers() -> None:
    lane = Lane(Deciding())
    futures = [
        start(lambda name=name: lane.submit_many([submission(f"{name}{number}") for number in range(50)]))
        for name in "abcdefgh"
    ]
    for name, future in zip("abcdefgh", futures, strict=True):
        answers = future.result(WAIT_S)
        assert [answer.id for answer in answers if isinstance(answer, Decision)] == [
            f"{name}{number}" for number in range(50)
        ]


def test_an_engine_decides_each_of_many_in_one_commit_round(tmp_path: Path) -> None:
    with comity.open(tmp_path / "base.db") as ws:
        proposals = [
            Proposal(id="a", changes=(Put("note/1", {"n": 1}),)),
            Proposal(id="b", changes=(Put("note/1", {"n": 2}),), accept=0),
            Proposal(id="c", changes=(Put("note/2", {"text": "x" * limits.PROPOSAL_BYTES}),)),
            Proposal(id="d", changes=(Put("note/3", {"n": object()}),)),
            Proposal(id="e", changes=(Put("note/4", {"n": 4}),)),
        ]
        a, b, c, d, e = ws._engine.propose_many(proposals, Caller("sales"))
        assert isinstance(a, Decision)
        assert isinstance(b, Decision)
        assert isinstance(e, Decision)
        assert (a.revision, b.outcome, e.revision) == (1, "refused", 2)
        assert isinstance(c, LimitExceeded)
        assert isinstance(d, InvalidRequest)
        assert ws._engine.propose_many([proposals[0], proposals[4]], Caller("sales")) == [a, e]
        (dry,) = ws._engine.propose_many([Proposal(id="f", changes=(Put("note/9", {"n": 9}),))], Caller("s"), dry=True)
        assert isinstance(dry, Decision)
        assert (dry.outcome, ws.revision) == ("allowed", 2)
