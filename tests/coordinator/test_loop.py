"""The coordinator on a real store that fails when it is told to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comity import limits
from comity.coordinator import Coordinator, Submission, submit
from comity.coordinator.round import Round
from comity.deciding.gates.definition import digest_of
from comity.errors import ComityError, OutcomeUnknown, StoreError, StoreUnavailable
from comity.model.decisions import Decision
from comity.model.filters import Query
from comity.model.proposals import AnyChange, Caller, Emit, Proposal, Put, QueryRead, Set, Was
from comity.store.contract import BatchLost
from comity.store.sqlite import SqliteStore
from comity.testing.faulty_store import Call, Fault, FaultyStore, Side
from comity.testing.manual_clock import ManualClock

USER = Caller("root", "os_user")


class Bench:
    """Hold two coordinators on one file: one through a store that may fail, and another's own."""

    def __init__(self, path: Path) -> None:
        self.clock = ManualClock()
        self.real = SqliteStore.open(str(path), clock=self.clock)
        self.faulty = FaultyStore(self.real)
        self.coordinator = Coordinator(self.faulty, self.clock, os.urandom)
        self.other_store = SqliteStore.open(str(path), clock=self.clock)
        self.other = Coordinator(self.other_store, self.clock, os.urandom)

    def decide(self, *submissions: Submission) -> list[Decision | ComityError]:
        return self.coordinator.decide(submissions)

    def values(self, ref: str) -> dict[str, Any] | None:
        kind, _, name = ref.partition("/")
        with self.real.snapshot() as snapshot:
            state = snapshot.records([(kind, name)]).get((kind, name))
            return None if state is None else dict(state.values)

    @property
    def revision(self) -> int:
        with self.real.snapshot() as snapshot:
            return snapshot.head.revision


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "base.db")
    yield made
    made.real.close()
    made.other_store.close()


def put(
    name: str, ref: str = "task/a", *, is_new: bool = True, dry: bool = False, was: Any = None, **fields: Any
) -> Submission:
    reads = (Was(ref, was),) if was is not None else ()
    return submit(Proposal(id=name, changes=(Put(ref, fields),), reads=reads), Caller("sales"), is_new=is_new, dry=dry)


def of(name: str, *changes: AnyChange, caller: Caller = USER, **proposal: Any) -> Submission:
    return submit(Proposal(id=name, changes=changes, **proposal), caller)


def applying(source: str, *, scanned: int = 0) -> Emit:
    data = {"source": source, "digest": digest_of(source), "replaces": 0, "scanned": scanned}
    return Emit("$definition/current", "applied", data)


def outcomes(answers: list[Decision | ComityError]) -> list[str]:
    return [answer.outcome if isinstance(answer, Decision) else type(answer).__name__ for answer in answers]


def test_a_batch_is_one_transaction_and_each_sees_those_before_it(bench: Bench) -> None:
    answers = bench.decide(put("p1", n=1), put("p2", n=2, was={"n": 1}), put("p3", n=3, was={"n": 1}))
    assert outcomes(answers) == ["committed", "committed", "refused"]
    assert [answer.revision for answer in answers if isinstance(answer, Decision)] == [1, 2, 2]
    assert bench.values("task/a") == {"n": 2}
    assert bench.revision == 2


def test_a_conflict_with_a_sibling_names_the_sibling_s_event(bench: Bench) -> None:
    _, second = bench.decide(
        of("p1", Put("task/x", {"n": 1}), Put("task/a", {"n": 1}), Set("task/a", {"m": 1})),
        put("p2", n=3, was={"n": 0}),
    )
    assert isinstance(second, Decision)
    (moved,) = second.findings[0].moved
    assert (moved.event, moved.by) == ("1.1", "root")


def test_s7_one_id_is_one_attempt_in_a_batch_across_batches_and_processes(bench: Bench) -> None:
    first, again = bench.decide(put("p1", n=1), put("p1", n=1))
    assert first == again
    (later,) = bench.decide(put("p1", is_new=False, n=1))
    (elsewhere,) = bench.other.decide([put("p1", is_new=False, n=1)])
    assert later == elsewhere == first
    for coordinator in (bench.coordinator, bench.other):
        (reused,) = coordinator.decide([put("p1", is_new=False, n=2)])
        assert isinstance(reused, Decision)
        assert [finding.code for finding in reused.findings] == ["shape.id_reused"]
    assert bench.revision == 1


def test_s7_a_refusal_is_repeated_word_for_word(bench: Bench) -> None:
    bench.decide(put("p1", n=1))
    refusals = [
        put("p2", is_new=False, n=2, was={"n": 5}),
        of("p3", Set("task/none", {"n": 1}), reads=(Was("task/a", {"n": 7}),)),
        of("p4", Set("no record", {})),
        put("p5", "task/a", is_new=False, n=1),
    ]
    first = bench.decide(*refusals)
    assert bench.decide(*refusals) == first
    assert bench.other.decide(refusals) == first


def test_an_id_said_to_be_new_that_is_not_makes_no_second_commit(bench: Bench) -> None:
    bench.decide(put("p1", n=1))
    for others in ((), (put("p2", m=1), put("p3", m=2))):
        reused, *answers = bench.decide(put("p1", n=2), *others)
        assert isinstance(reused, Decision)
        assert [finding.code for finding in reused.findings] == ["shape.id_reused"]
        assert outcomes(answers) == ["committed"] * len(others)
    assert bench.values("task/a") == {"n": 1, "m": 2}


def test_what_is_asked_dry_is_judged_and_not_committed(bench: Bench) -> None:
    (answer,) = bench.decide(put("p1", dry=True, n=1))
    assert isinstance(answer, Decision)
    assert (answer.outcome, answer.records) == ("allowed", {"task/a": 1})
    assert bench.revision == 0
    assert outcomes(bench.decide(put("p1", n=2))) == ["committed"]


# -- a store that fails


FAILING: tuple[tuple[Call, Side], ...] = (
    ("batch", "before"),
    ("batch", "after"),
    ("append", "before"),
    ("append", "after"),
    ("commit", "before"),
    ("commit", "after"),
)
FAULTS = [Fault(call, side, nth) for call, side in FAILING for nth in (1, 2)]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.call}-{fault.side}-{fault.nth}")
def test_s3_a_batch_that_fails_is_retried_one_by_one_and_nothing_is_done_twice(bench: Bench, fault: Fault) -> None:
    bench.decide(put("p0", n=0))
    bench.faulty.plan(Fault(fault.call, fault.side, fault.nth))
    submissions = [of(f"p{number}", Put("task/a", {f"f{number}": 1})) for number in range(1, 4)]
    answers = bench.decide(*submissions)
    bench.faulty.plan()
    repeated = bench.decide(*submissions)
    assert outcomes(repeated) == ["committed"] * 3
    for answer, repeat in zip(answers, repeated, strict=True):
        assert answer == repeat or isinstance(answer, (StoreUnavailable, OutcomeUnknown))
    assert sum(not isinstance(answer, Decision) for answer in answers) <= 1
    assert bench.values("task/a") == {"n": 0, "f1": 1, "f2": 1, "f3": 1}
    assert bench.revision == 4


def lose() -> None:
    raise BatchLost("others were faster")


LOST = ("batch", "append", "commit")


@pytest.mark.parametrize("call", LOST)
def test_s1_a_batch_that_is_lost_to_others_is_decided_again(bench: Bench, call: Call) -> None:
    bench.decide(put("p0", n=0))
    bench.faulty.plan(*(Fault(call, "before", nth, lose) for nth in range(1, limits.BATCH_TRIES)))
    answers = bench.decide(*(of(f"p{number}", Put("task/a", {f"f{number}": 1})) for number in (1, 2)))
    assert outcomes(answers) == ["committed"] * 2
    assert bench.revision == 3
    assert bench.values("task/a") == {"n": 0, "f1": 1, "f2": 1}


@pytest.mark.parametrize("call", LOST)
def test_limit_batch_tries(bench: Bench, call: Call) -> None:
    bench.decide(put("p0", n=0))
    bench.faulty.plan(*(Fault(call, "before", nth, lose) for nth in range(1, 3 * limits.BATCH_TRIES)))
    (answer,) = bench.decide(put("p1", n=1, was={"n": 0}))
    assert isinstance(answer, (StoreUnavailable, OutcomeUnknown))
    bench.faulty.plan()
    (repeated,) = bench.decide(put("p1", n=1, was={"n": 0}, is_new=False))
    assert isinstance(repeated, Decision)
    assert (repeated.outcome, bench.revision) == ("committed", 2)


@pytest.mark.parametrize("fault", FAULTS[::2], ids=lambda fault: f"{fault.call}-{fault.side}")
def test_a_lone_proposal_that_fails_is_there_or_not_and_the_answer_is_true(bench: Bench, fault: Fault) -> None:
    bench.faulty.plan(Fault(fault.call, fault.side))
    (answer,) = bench.decide(put("p1", n=1))
    bench.faulty.plan()
    if isinstance(answer, Decision):
        assert answer.is_committed
        assert bench.revision == 1
    else:
        assert isinstance(answer, StoreUnavailable)
        assert bench.revision == 0
    assert outcomes(bench.decide(put("p1", is_new=False, n=1))) == ["committed"]
    assert bench.revision == 1


def test_a_commit_that_may_be_there_and_cannot_be_looked_up_is_an_unknown_outcome(bench: Bench) -> None:
    bench.faulty.plan(Fault("commit", "after", 1), Fault("batch", "before", 2))
    (answer,) = bench.decide(put("p1", n=1))
    assert isinstance(answer, OutcomeUnknown)
    assert (answer.proposal, bench.revision) == ("p1", 1)
    assert outcomes(bench.decide(put("p1", is_new=False, n=1))) == ["committed"]
    assert bench.revision == 1


def test_a_refusal_judged_on_a_sibling_that_then_fails_to_commit_is_judged_again(bench: Bench) -> None:
    bench.decide(put("p0", n=0))
    bench.faulty.plan(Fault("commit", "before", 1), Fault("append", "before", 2))
    answers = bench.decide(put("p1", n=1, was={"n": 0}), put("p2", n=2, was={"n": 0}))
    assert outcomes(answers) == ["OutcomeUnknown", "committed"]
    assert bench.values("task/a") == {"n": 2}


def test_refusals_that_cannot_be_kept_are_not_answered(bench: Bench) -> None:
    bench.decide(put("p0", n=0))
    bench.faulty.plan(Fault("keep", "before", 1))
    refused = of("p1", Set("task/none", {"n": 1}))
    (answer,) = bench.decide(refused)
    assert isinstance(answer, StoreUnavailable)
    assert outcomes(bench.decide(refused)) == ["refused"]


def test_s3_a_fault_of_our_own_in_one_proposal_sinks_no_other(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    decide = Round.decide

    def faulty(round: Round, submission: Submission) -> Decision:
        if submission.proposal.id == "bad":
            raise RuntimeError("a fault")
        return decide(round, submission)

    monkeypatch.setattr(Round, "decide", faulty)
    answers = bench.decide(put("p1", n=1), put("bad", n=2), put("p3", m=3))
    assert outcomes(answers) == ["committed", "OutcomeUnknown", "committed"]
    assert bench.values("task/a") == {"n": 1, "m": 3}


def test_s3_a_search_that_nobody_could_have_made_sinks_no_other(bench: Bench) -> None:
    bench.decide(put("p0", n=0))
    crooked = of("bad", Put("memo/a"), reads=(QueryRead(Query("task", after="zzz"), 0, ()),))
    assert outcomes(bench.decide(put("p1", m=1), crooked, put("p2", o=1))) == ["committed", "refused", "committed"]


# -- the memory


def test_s1_what_another_process_committed_is_seen(bench: Bench) -> None:
    bench.decide(put("p1", n=1))
    bench.other.decide([put("p2", n=2, was={"n": 1})])
    assert outcomes(bench.decide(put("p3", n=3, was={"n": 1}))) == ["refused"]
    assert outcomes(bench.decide(put("p4", n=3, was={"n": 2}))) == ["committed"]


def test_s1_a_definition_that_another_process_applied_judges_at_once(bench: Bench) -> None:
    bench.decide(put("p1", "task/a", title="t"))
    source = '[kinds.task.fields]\ntitle = { type = "string" }\n'
    assert outcomes(bench.other.decide([of("p2", applying(source, scanned=1))])) == ["committed"]
    assert outcomes(bench.decide(put("p3", "task/a", titel="u", was={"titel": None}))) == ["refused"]


def test_a_definition_judges_what_comes_behind_it_in_the_batch(bench: Bench) -> None:
    answers = bench.decide(put("p1", x=1), of("p2", applying("[kinds.task.fields]\nn = {}\n")))
    assert outcomes(answers) == ["committed", "refused"]
    empty = of("p3", applying("[kinds.task.fields]\nx = {}\n"))
    assert outcomes(bench.decide(empty, put("p4", "task/b", y=1), put("p5", "task/b", x=1))) == [
        "committed",
        "refused",
        "committed",
    ]


def test_limit_catch_up_events(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CATCH_UP_EVENTS", 2)
    bench.decide(put("p0", "task/0", n=0), put("p1", "task/1", n=0), put("p2", "task/2", n=0))
    bench.other.decide([put(f"q{number}", f"task/{number}", n=1, was={"n": 0}) for number in range(3)])
    stale = [put(f"r{number}", f"task/{number}", n=2, was={"n": 0}) for number in range(3)]
    assert outcomes(bench.decide(*stale)) == ["refused"] * 3


REFERRING = '[kinds.task.fields]\nparent = { ref = "task" }\ntext = { type = "string" }\n'


def test_limit_cache_bytes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory stays within its bound, whichever way a record came into it."""
    bench.coordinator._cache._most_bytes = 5_000
    assert outcomes(bench.decide(of("d", applying(REFERRING)))) == ["committed"]
    for number in range(40):
        bench.other.decide([put(f"p{number}", f"task/{number}", text="x" * 100)])
    for number in range(40):
        answers = bench.decide(put(f"q{number}", f"task/q{number}", parent=str(number)))
        assert outcomes(answers) == ["committed"]
        assert bench.coordinator._cache.bytes <= 5_000
    assert len(bench.coordinator._cache) < 15
    assert outcomes(bench.decide(put("last", "task/q0", parent="39", was={"parent": "0"}))) == ["committed"]


def test_the_store_s_time_is_that_of_the_decision(bench: Bench) -> None:
    (first,) = bench.decide(put("p1", n=1))
    bench.clock.advance(seconds=5)
    (second,) = bench.decide(put("p2", m=1))
    assert isinstance(first, Decision)
    assert isinstance(second, Decision)
    assert second.at - first.at == 5_000_000


def test_a_store_that_is_closed_says_so(bench: Bench) -> None:
    bench.real.close()
    with pytest.raises(StoreError, match="closed"):
        bench.decide(put("p1", n=1))
