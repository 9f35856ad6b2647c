"""What waits, and goes on in the batch that answers it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from comity.coordination.duties import SYSTEM
from comity.coordinator import Coordinator, Submission, submit
from comity.deciding import pipeline
from comity.deciding.case import Case
from comity.model.decisions import Decision, Finding, Severity
from comity.model.proposals import AnyChange, Caller, Emit, Proposal, Put, Set
from comity.store.sqlite import SqliteStore
from comity.testing.manual_clock import ManualClock

SALES, SUPPORT = Caller("sales"), Caller("support")


class Gate:
    """Find what it is told to, of proposals that write to an account."""

    def __init__(self) -> None:
        self.severity: Severity | None = "offer"
        self.data: dict[str, object] = {"to": "support"}
        self.code = "rule.x"
        self.since: int | None = None
        """From which revision on it finds nothing."""

    def __call__(self, case: Case) -> Iterator[Finding]:
        if self.since is not None and case.view.revision >= self.since:
            return
        if self.severity is not None and any(change.record.startswith("account/") for change in case.changes):
            yield Finding(self.code, "It isn't for you alone.", "account/a", self.severity, data=self.data)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    made = Gate()
    monkeypatch.setattr(pipeline, "AFTER_DRAFT", (*pipeline.AFTER_DRAFT, made))
    return made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore.open(str(tmp_path / "base.db"), clock=ManualClock())
    yield made
    made.close()


@pytest.fixture
def coordinator(store: SqliteStore) -> Coordinator:
    return Coordinator(store, ManualClock(), os.urandom)


def ask(id: str, *changes: AnyChange, caller: Caller = SALES) -> Submission:
    return submit(Proposal(id=id, changes=changes), caller)


def decide(coordinator: Coordinator, *asked: Submission) -> list[Decision]:
    answers = coordinator.decide(asked)
    assert all(isinstance(answer, Decision) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Decision)]


def codes(decision: Decision) -> list[str]:
    return [finding.code for finding in decision.refusals]


OFFER = ask("o", Put("account/a", {"n": 1}))
ACCEPT = ask("a", Emit("$handoff/o", "accepted"), caller=SUPPORT)


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_an_offer_and_its_acceptance_may_meet_in_one_batch(
    coordinator: Coordinator, store: SqliteStore, gate: Gate, is_one_batch: bool
) -> None:
    batches = [[OFFER, ACCEPT, OFFER]] if is_one_batch else [[OFFER], [ACCEPT], [OFFER]]
    offered, accepted, again = [answer for batch in batches for answer in decide(coordinator, *batch)]
    assert (offered.outcome, accepted.outcome) == ("pending", "committed")
    assert set(accepted.records) == {"account/a", "$handoff/o"}
    assert (again.outcome, again.revision, again.records) == ("committed", accepted.revision, accepted.records)
    with store.snapshot() as snapshot:
        assert [commit.agent for commit in snapshot.commits(0, 10)] == ["sales", "sales"]
        assert [commit.proposal for commit in snapshot.commits(0, 10)] == ["o~handoff1", "o"]
        assert snapshot.head.revision == 2


def test_what_goes_on_waiting_is_drafted_after_the_commit_of_its_answer(
    coordinator: Coordinator, store: SqliteStore, gate: Gate
) -> None:
    """Its blame names the revision at which it is committed."""
    decide(coordinator, OFFER)
    gate.severity, gate.code, gate.data = "ask", "rule.y", {}
    (accepted,) = decide(coordinator, ACCEPT)
    assert "goes on waiting" in accepted.next
    with store.snapshot() as snapshot:
        states = snapshot.records([("$handoff", "o"), ("$approval", "o")])
        assert {state.kind: state.revision for state in states.values()} == {"$handoff": 2, "$approval": 3}
        assert set(states["$approval", "o"].blame.values()) == {3}
        for commit, events in snapshot.log(0, 10):
            assert all(event.after().revision == commit.revision for event in events)


def test_an_offer_that_meets_a_refusal_by_now_stays_open(coordinator: Coordinator, gate: Gate) -> None:
    decide(coordinator, OFFER)
    gate.severity = "refuse"
    (answer,) = decide(coordinator, ACCEPT)
    assert codes(answer) == ["ticket.stale", "rule.x"]
    gate.severity = "offer"
    (again,) = decide(coordinator, ACCEPT)
    assert (again.outcome, again.findings) == ("refused", answer.findings), "one id is one attempt (S7)"
    (anew,) = decide(coordinator, ask("a2", Emit("$handoff/o", "accepted"), caller=SUPPORT))
    assert anew.is_committed


def test_an_offer_that_nothing_stands_in_the_way_of_any_more_needs_no_evidence(
    coordinator: Coordinator, gate: Gate
) -> None:
    decide(coordinator, OFFER)
    gate.severity = None
    (answer,) = decide(coordinator, ACCEPT)
    assert answer.is_committed


def test_what_answers_a_ticket_does_not_wait_itself(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch, gate: Gate
) -> None:
    decide(coordinator, OFFER)

    def frozen(case: Case) -> Iterator[Finding]:
        yield Finding("override.frozen", "All is frozen.", severity="queue")

    monkeypatch.setattr(pipeline, "AFTER_DRAFT", (frozen,))
    (answer,) = decide(coordinator, ACCEPT)
    assert (answer.outcome, answer.ticket) == ("refused", None)


def test_a_ticket_whose_proposal_is_not_kept_any_more_can_only_be_closed(
    coordinator: Coordinator, gate: Gate, tmp_path: Path
) -> None:
    decide(coordinator, OFFER)
    other = SqliteStore.open(str(tmp_path / "base.db"), clock=ManualClock())
    try:
        with other.batch() as batch:
            batch._connection.execute("DELETE FROM answers")
    finally:
        other.close()
    (answer,) = decide(coordinator, ACCEPT)
    assert codes(answer) == ["ticket.lost"]
    (closed,) = decide(coordinator, ask("w", Emit("$handoff/o", "withdrawn")))
    assert closed.is_committed


def test_a_batch_in_which_two_answer_one_ticket_takes_the_first(coordinator: Coordinator, gate: Gate) -> None:
    decide(coordinator, OFFER)
    second = ask("a2", Emit("$handoff/o", "declined", {"answer": "no"}), caller=SUPPORT)
    assert [answer.outcome for answer in decide(coordinator, ACCEPT, second)] == ["committed", "refused"]


def test_a_dry_answer_leaves_all_as_it_is(coordinator: Coordinator, store: SqliteStore, gate: Gate) -> None:
    decide(coordinator, OFFER)
    dry = submit(ACCEPT.proposal, SUPPORT, dry=True)
    (answer,) = decide(coordinator, dry)
    assert (answer.outcome, set(answer.records)) == ("allowed", {"account/a", "$handoff/o"})
    gate.severity = "refuse"
    assert codes(decide(coordinator, dry)[0]) == ["ticket.stale", "rule.x"]
    gate.severity, gate.code, gate.data = "ask", "rule.y", {}
    assert "goes on waiting" in decide(coordinator, dry)[0].next
    assert store.head().revision == 1


def test_others_write_on_while_it_waits(coordinator: Coordinator, gate: Gate) -> None:
    gate.severity = None
    decide(coordinator, ask("p", Put("account/a", {"n": 0, "m": 0})))
    gate.severity = "offer"
    decide(coordinator, OFFER)
    gate.severity = None
    decide(coordinator, ask("q", Set("account/a", {"m": 1}), caller=SUPPORT))
    (answer,) = decide(coordinator, ACCEPT)
    assert answer.records["account/a"] == 3


# -- repeats in the batch that answers


RELEASE = ask("r", Emit("$queue/o", "released"), caller=SUPPORT)
DECLINE = ask("d", Emit("$handoff/o", "declined", {"answer": "no"}), caller=SUPPORT)

FATES: list[tuple[str, Severity, Submission, Severity | None, str, str, str | None]] = [
    ("it is committed", "offer", ACCEPT, "offer", "rule.x", "committed", None),
    ("nothing is in its way any more", "queue", RELEASE, None, "rule.x", "committed", None),
    ("it goes on waiting for somebody else", "offer", ACCEPT, "ask", "rule.y", "pending", "$approval/o"),
    ("it goes on waiting in line", "queue", RELEASE, "queue", "rule.x", "pending", "$queue/o"),
    ("it is held up", "queue", RELEASE, "refuse", "override.frozen", "pending", "$queue/o"),
    ("it is declined", "offer", DECLINE, "offer", "rule.x", "refused", None),
    ("it goes back", "queue", RELEASE, "refuse", "rule.y", "refused", None),
]


@pytest.mark.parametrize(
    ("first", "answer", "then", "code", "outcome", "ticket"), [one[1:] for one in FATES], ids=[one[0] for one in FATES]
)
def test_s7_a_repeat_in_the_batch_that_answers_is_told_what_became_of_it(
    coordinator: Coordinator,
    gate: Gate,
    first: Severity,
    answer: Submission,
    then: Severity | None,
    code: str,
    outcome: str,
    ticket: str | None,
) -> None:
    gate.severity = first
    decide(coordinator, OFFER)
    gate.severity, gate.code = then, code
    _, again = decide(coordinator, answer, OFFER)
    (later,) = decide(coordinator, OFFER)
    assert (again.outcome, again.ticket) == (outcome, ticket)
    assert replace(again, revision=0) == replace(later, revision=0)


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_s7_the_repeat_of_an_acceptance_is_the_answer_that_was_given(
    coordinator: Coordinator, gate: Gate, is_one_batch: bool
) -> None:
    decide(coordinator, OFFER)
    batches = [[ACCEPT, ACCEPT]] if is_one_batch else [[ACCEPT], [ACCEPT]]
    accepted, again = [answer for batch in batches for answer in decide(coordinator, *batch)]
    assert again == accepted
    assert again.id == "a"
    assert len(again.events) == 2


# -- held up


def test_s24_what_is_held_up_keeps_its_place_and_is_released_later(
    coordinator: Coordinator, store: SqliteStore, gate: Gate
) -> None:
    gate.severity = "queue"
    decide(coordinator, OFFER)
    gate.severity, gate.code = "refuse", "override.frozen"
    own, theirs = ask("duty", Emit("$queue/o", "released"), caller=SYSTEM), RELEASE
    for early in decide(coordinator, own, theirs):
        assert (codes(early), store.head().revision) == (["ticket.halted"], 1)
    gate.severity = None
    assert codes(*decide(coordinator, theirs)) == ["ticket.halted"], "one id is one attempt"
    (released,) = decide(coordinator, own)
    assert released.is_committed, "every process gives the release of a ticket the same id, and may try again"


@pytest.mark.parametrize("code", ["identity.paused", "override.pinned", "override.frozen"])
@pytest.mark.parametrize("dry", [True, False])
def test_s24_an_offer_that_is_held_up_stays_open(coordinator: Coordinator, gate: Gate, code: str, dry: bool) -> None:
    decide(coordinator, OFFER)
    gate.severity, gate.code = "refuse", code
    (early,) = decide(coordinator, submit(ACCEPT.proposal, SUPPORT, dry=dry))
    assert codes(early) == ["ticket.halted", code]
    assert "stays open" in early.next
    gate.severity = "offer"
    gate.code = "rule.x"
    (accepted,) = decide(coordinator, ask("a2", Emit("$handoff/o", "accepted"), caller=SUPPORT))
    assert accepted.is_committed


def test_what_nothing_stands_in_the_way_of_after_its_answer_is_committed_next_to_it(
    coordinator: Coordinator, store: SqliteStore, gate: Gate
) -> None:
    decide(coordinator, OFFER)
    gate.severity, gate.code, gate.data, gate.since = "ask", "rule.y", {}, 2
    accepted, again = decide(coordinator, ACCEPT, OFFER)
    assert (accepted.outcome, accepted.revision, set(accepted.records)) == ("committed", 2, {"$handoff/o"})
    assert (again.outcome, again.revision, set(again.records)) == ("committed", 3, {"account/a"})
    assert (again.findings[-1].code, again.findings[-1].data) == ("ticket.accepted", {"by": ["support"]})
    (later,) = decide(coordinator, OFFER)
    assert later == again
    with store.snapshot() as snapshot:
        ordinals = [commit.ordinal for commit in snapshot.commits(0, 10)]
        assert len(set(ordinals)) == 3, "each has a place of its own (S38)"
