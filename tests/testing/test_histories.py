"""The checker of histories: clean on a true one, and each sort of fault is seen where it is planted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import comity
from comity.clock import SystemClock
from comity.model import filters
from comity.model.decisions import Decision, Finding, Moved
from comity.model.events import Commit, Event, EventPayload
from comity.model.proposals import (
    Add,
    AnyChange,
    AnyRead,
    Append,
    Archive,
    Create,
    Delete,
    Emit,
    Exclude,
    Include,
    Proposal,
    Put,
    QueryRead,
    Read,
    Restore,
    Set,
    Was,
)
from comity.model.records import RecordState
from comity.store.sqlite import SqliteStore
from comity.testing.histories import Attempt, Journal, Log, check_history, read_journals, read_log
from comity.testing.histories.folding import expect

History = tuple[list[Attempt], Log]
replace = msgspec.structs.replace

DEFINITION = """
[kinds.item.fields]
a    = { type = "string" }
b    = { type = "string" }
n    = { type = "integer" }
tags = { type = "array" }
"""


class Script:
    """Record what clients do with a real base, one step after the other."""

    def __init__(self, folder: Path, workspace: comity.Workspace) -> None:
        self.workspace = workspace
        self.folder = folder
        self.journals: dict[str, Journal] = {}

    def journal(self, client: str) -> Journal:
        if client not in self.journals:
            self.journals[client] = Journal(self.folder / f"{client}.ndjson", client)
        return self.journals[client]

    def see(self, client: str, record: str, *fields: str) -> Read:
        seen = self.workspace.agent(client).get(record)
        self.journal(client).see(seen, *fields)
        return Read(record, seen.revision, fields, whole=False, touched=True)

    def propose(self, client: str, id: str, *changes: AnyChange, reads: tuple[AnyRead, ...] = (), **more: Any) -> None:
        proposal = Proposal(id=id, changes=changes, reads=reads, **more)
        agent = self.workspace.agent(client)
        self.journal(client).attempt(client, proposal, lambda: agent.propose(proposal))

    def close(self) -> None:
        for journal in self.journals.values():
            journal.close()
        self.journals.clear()


def act(script: Script) -> None:
    """Do a little of everything: commits, refusals of each judged sort, a repeat."""
    script.propose("ann", "p1", Create("item/1", {"a": "x", "b": "y", "n": 1}), Create("item/2", {"a": "z", "n": 5}))
    old = script.see("bob", "item/1", "a", "b")
    query = QueryRead(filters.query("item", "n > 0"), old.revision, ("1", "2"))
    script.propose("ann", "p2", Set("item/1", {"a": "x2"}), reads=(script.see("ann", "item/1", "a"),))
    script.propose("bob", "p3", Set("item/1", {"b": "y2"}), reads=(old,))
    script.propose("bob", "p4", Set("item/1", {"b": "y2"}), reads=(script.see("bob", "item/1", "a", "b"),))
    script.propose("bob", "p5", Set("item/1", {"a": "blind"}))
    script.propose("ann", "p6", Add("item/1", {"n": 2}), Add("item/2", {"n": -2}))
    script.propose("ann", "p6", Add("item/1", {"n": 2}), Add("item/2", {"n": -2}))
    script.propose("ann", "p7", Set("item/2", {"a": "z2"}), reads=(query, script.see("ann", "item/2", "a")))
    script.propose("ann", "p8", Set("item/2", {"a": "z3"}), reads=(Was("item/2", {"a": "wrong"}),))
    script.propose("ann", "p9", Create("item/1", {"a": "again"}))
    script.propose("bob", "p10", Delete("item/2"), reads=(Read("item/2", 3, None, touched=True),))
    script.propose("bob", "p11", Delete("item/2"), reads=(script.see("bob", "item/2", "a", "n"),), accept=4)
    script.propose("ann", "p12", Add("item/2", {"n": 1}))
    script.propose("ann", "p13", Add("item/9", {"n": 1}))
    script.propose("ann", "p14", Set("item/1", {"a": "x2"}), reads=(script.see("ann", "item/1", "a"),))
    script.propose("bob", "p15", Set("item/1", {"a": "x3"}), reads=(script.see("bob", "item/1", "a"),))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("history")
    (folder / "comity.toml").write_text(DEFINITION)
    with comity.open(folder / "base.db", definition=folder / "comity.toml") as workspace:
        script = Script(folder, workspace)
        act(script)
        script.close()
    store = SqliteStore.open(str(folder / "base.db"), clock=SystemClock())
    log = read_log(store)
    store.close()
    return read_journals(folder.glob("*.ndjson")), log


def codes(history: History) -> set[str]:
    attempts, log = history
    return {fault.code for fault in check_history(attempts, log, since=1).faults}


def test_a_true_history_is_clean(history: History) -> None:
    attempts, log = history
    verdict = check_history(attempts, log, since=1)
    assert verdict.is_clean, "\n".join(map(str, verdict.faults))
    assert verdict.outcomes == {"committed": 7, "refused": 8}
    assert verdict.refusals == {
        "freshness.changed": 3,
        "freshness.query_changed": 1,
        "freshness.blind_write": 1,
        "integrity.exists": 1,
        "integrity.deleted": 1,
        "integrity.missing": 1,
    }
    assert not verdict.unjudged


# -- planting


def attempt(history: History, id: str, **changes: Any) -> History:
    """Return the history with every attempt under an id changed."""
    attempts, log = history
    return [replace(one, **changes) if one.proposal.id == id else one for one in attempts], log


def proposal(history: History, id: str, **changes: Any) -> History:
    """Return the history with the proposal under an id changed, as if that had been asked."""
    attempts, log = history
    return [
        replace(one, proposal=replace(one.proposal, **changes)) if one.proposal.id == id else one for one in attempts
    ], log


def decision_of(history: History, id: str) -> Decision:
    found = next(one.decision for one in history[0] if one.proposal.id == id)
    assert found is not None
    return found


def answer(history: History, id: str, **changes: Any) -> History:
    """Return the history with the answer under an id changed."""
    return attempt(history, id, decision=replace(decision_of(history, id), **changes))


def moved(history: History, id: str, **changes: Any) -> History:
    """Return the history with what a refusal says of the first moved field changed."""
    (finding,) = decision_of(history, id).findings
    first, *others = finding.moved
    return answer(history, id, findings=(replace(finding, moved=(replace(first, **changes), *others)),))


def sight(history: History, id: str, **changes: Any) -> History:
    """Return the history with the last thing seen before an attempt changed."""
    seen = next(one.sights for one in history[0] if one.proposal.id == id)
    return attempt(history, id, sights=(*seen[:-1], replace(seen[-1], **changes)))


def entries(history: History, revision: int, change: Callable[[Commit, tuple[Event, ...]], Any]) -> History:
    """Return the history with one entry of the log changed, or dropped where ``change`` returns None."""
    attempts, log = history
    changed = [change(*entry) if entry[0].revision == revision else entry for entry in log.entries]
    return attempts, Log(tuple(entry for entry in changed if entry is not None), log.records)


def values(history: History, revision: int, ordinal: int, **changes: Any) -> History:
    """Return the history with another after-image in one event."""

    def change(commit: Commit, events: tuple[Event, ...]) -> tuple[Commit, tuple[Event, ...]]:
        payload = events[ordinal].payload or EventPayload()
        changed = msgspec.json.encode(replace(payload, values={**payload.values, **changes}))
        altered = replace(events[ordinal], payload_bytes=changed)
        return commit, (*events[:ordinal], altered, *events[ordinal + 1 :])

    return entries(history, revision, change)


def record(history: History, state: RecordState) -> History:
    """Return the history with another record in the store."""
    attempts, log = history
    return attempts, Log(log.entries, {**log.records, (state.kind, state.id): state})


def state_of(history: History, name: str) -> RecordState:
    return history[1].records["item", name]


def without_tail(history: History) -> History:
    """Return the history with its last commit gone, and the record as it was before."""
    cut = entries(history, 7, lambda commit, events: None)
    before = next(event.after() for _, events in reversed(cut[1].entries) for event in events if event.id == "1")
    return record(cut, before)


def with_stray_event(commit: Commit, events: tuple[Event, ...]) -> tuple[Commit, tuple[Event, ...]]:
    return commit, (*events, replace(events[0], ordinal=1, id="7", version=1))


def answered_before_asked(history: History) -> History:
    """Return the history in which commit 4 was acknowledged before commit 3 was asked for."""
    later = attempt(history, "p2", invoked_us=2_000, answered_us=3_000)
    return attempt(later, "p4", invoked_us=500, answered_us=1_000)


def repeated_otherwise(history: History) -> History:
    attempts, log = history
    last = max(place for place, one in enumerate(attempts) if one.proposal.id == "p6")
    other = replace(decision_of(history, "p6"), revision=6)
    return [replace(one, decision=other) if place == last else one for place, one in enumerate(attempts)], log


def without_attempts(history: History, id: str) -> History:
    return [one for one in history[0] if one.proposal.id != id], history[1]


OLD = Read("item/1", 2, ("a", "b"), whole=False, touched=True)
AT_HAND = Read("item/1", 2, (), whole=True, touched=True)
FOUND = QueryRead(filters.query("item", "n > 0"), 2, ("1", "2"))
SOME = (Finding("freshness.changed", "…"),)

PLANTED: list[tuple[str, str, Callable[[History], History]]] = [
    ("an acknowledged commit that isn't there", "lost_commit", without_tail),
    ("a revision left out", "revision_gap", lambda h: entries(h, 4, lambda commit, events: None)),
    ("a version left out", "version_gap", lambda h: entries(h, 4, lambda c, e: (c, (replace(e[0], version=9),)))),
    (
        "a record that its events didn't make",
        "record_differs",
        lambda h: record(h, replace(state_of(h, "1"), version=3)),
    ),
    ("a record without events", "record_differs", lambda h: record(h, RecordState("item", "8", 1, "live", 1, 2))),
    ("an increment that got lost", "lost_change", lambda h: values(h, 5, 1, n=5)),
    ("another's field brought back", "lost_change", lambda h: values(h, 5, 0, a="x")),
    (
        "a no-change that would change",
        "lost_change",
        lambda h: proposal(h, "p14", changes=(Set("item/1", {"a": "o"}),)),
    ),
    ("a change that nobody asked for", "stray_change", lambda h: entries(h, 4, with_stray_event)),
    ("one of two events missing", "half_done", lambda h: entries(h, 5, lambda c, e: (c, e[:1]))),
    ("another version acknowledged", "half_done", lambda h: answer(h, "p2", records={"item/1": 9})),
    ("a commit on a stale read", "stale_read", lambda h: proposal(h, "p4", reads=(OLD,))),
    ("a commit on a stale search", "stale_read", lambda h: proposal(h, "p15", reads=(FOUND,))),
    ("a commit on a wrong belief", "stale_read", lambda h: proposal(h, "p15", reads=(Was("item/1", {"a": "y"}),))),
    ("an update overwritten", "lost_update", lambda h: proposal(h, "p15", reads=(AT_HAND,))),
    ("a blind write let through", "blind_write", lambda h: proposal(h, "p15", reads=())),
    ("a commit that was refused", "refused_committed", lambda h: answer(h, "p2", outcome="refused", findings=SOME)),
    ("a commit of nobody", "ghost_commit", lambda h: without_attempts(h, "p2")),
    ("one id, two answers", "repeat_differs", repeated_otherwise),
    ("an order against the clock", "order_inverted", answered_before_asked),
    ("a refusal on what was asked later", "order_inverted", lambda h: attempt(h, "p3", invoked_us=1, answered_us=2)),
    ("a value that never was", "false_read", lambda h: sight(h, "p4", values={"a": "never"})),
    ("a version that never was", "false_read", lambda h: sight(h, "p4", version=7)),
    ("a world that goes backwards", "read_backwards", lambda h: sight(h, "p15", revision=3)),
    ("a refusal without a finding", "unjustified_refusal", lambda h: answer(h, "p3", findings=())),
    ("a refusal that names nothing", "unjustified_refusal", lambda h: answer(h, "p3", findings=SOME)),
    ("a value that nobody saw", "unjustified_refusal", lambda h: moved(h, "p3", was="never")),
    ("a value that isn't there", "unjustified_refusal", lambda h: moved(h, "p3", now="never")),
    ("a field that didn't move", "unjustified_refusal", lambda h: moved(h, "p3", field="b", was="y", now="y")),
    ("the wrong author", "unjustified_refusal", lambda h: moved(h, "p3", by="bob")),
    ("the wrong event", "unjustified_refusal", lambda h: moved(h, "p3", event="4.0")),
    ("a blind write that had read", "unjustified_refusal", lambda h: proposal(h, "p5", reads=(OLD,))),
    ("a search that finds the same", "unjustified_refusal", lambda h: answer(h, "p7", revision=4)),
    ("a missing record that is there", "unjustified_refusal", lambda h: subject(h, "p13", "item/1")),
    ("a deleted record that is there", "unjustified_refusal", lambda h: subject(h, "p12", "item/1")),
    ("an existing record that isn't", "unjustified_refusal", lambda h: subject(h, "p9", "item/9")),
]


def subject(history: History, id: str, name: str) -> History:
    """Return the history with a refusal about another record."""
    return answer(history, id, findings=tuple(replace(one, subject=name) for one in decision_of(history, id).findings))


@pytest.mark.parametrize(("code", "plant"), [one[1:] for one in PLANTED], ids=[one[0] for one in PLANTED])
def test_a_planted_fault_is_found(history: History, code: str, plant: Callable[[History], History]) -> None:
    assert code in codes(plant(history))


def test_an_answer_that_never_came_may_be_either(history: History) -> None:
    assert not codes(attempt(history, "p2", decision=None, answered_us=None))
    assert not codes(attempt(history, "p3", decision=None, answered_us=None))


def test_a_finding_that_history_cannot_judge_is_told(history: History) -> None:
    finding = Finding("ownership.other_domain", "…")
    attempts, log = answer(history, "p3", findings=(finding,))
    assert check_history(attempts, log, since=1).unjudged == {"ownership.other_domain": 1}


# -- what changes must make of a record

BEFORE = RecordState("item", "1", 3, "live", 1, 3, {"a": "x", "n": 1, "tags": ["v"]})

CHANGES: list[tuple[AnyChange, str, dict[str, Any]]] = [
    (Set("item/1", {"a": "y"}), "live", {"a": "y", "n": 1, "tags": ["v"]}),
    (Set("item/1", {"a": None}), "live", {"n": 1, "tags": ["v"]}),
    (Put("item/1", {"b": 2.0}), "live", {"a": "x", "n": 1, "tags": ["v"], "b": 2}),
    (Put("item/1", {"b": 2}, replace=True), "live", {"b": 2}),
    (Create("item/1", {"b": 2}), "live", {"b": 2}),
    (Add("item/1", {"n": 2, "m": 3}), "live", {"a": "x", "n": 3, "m": 3, "tags": ["v"]}),
    (Include("item/1", {"tags": ["v", "w", "w"]}), "live", {"a": "x", "n": 1, "tags": ["v", "w"]}),
    (Exclude("item/1", {"tags": ["v"], "others": ["v"]}), "live", {"a": "x", "n": 1, "tags": []}),
    (Append("item/1", {"tags": ["v"]}), "live", {"a": "x", "n": 1, "tags": ["v", "v"]}),
    (Archive("item/1"), "archived", BEFORE.values),
    (Delete("item/1"), "deleted", BEFORE.values),
    (Restore("item/1"), "live", BEFORE.values),
    (Emit("item/1", "Anything"), "live", {"whatever": 1}),
]


@pytest.mark.parametrize(("change", "life", "after"), CHANGES)
def test_what_a_change_makes_of_a_record(change: AnyChange, life: Any, after: dict[str, Any]) -> None:
    expected = expect(BEFORE, [change])
    assert not list(expected.differs_from(replace(BEFORE, life=life, values=after)))
    if not isinstance(change, Emit):
        assert list(expected.differs_from(replace(BEFORE, life="absent", values={**after, "n": 99})))


# -- journals


def test_a_journal_survives_a_line_cut_short_and_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "cut.ndjson"
    with comity.open(tmp_path / "base.db") as workspace:
        script = Script(tmp_path, workspace)
        script.propose("cut", "p1", Create("item/1", {"a": "x"}))
        script.propose("cut", "p2", Create("item/2", {"a": "x"}))
        script.close()
        path.write_bytes(path.read_bytes()[:-20])
        script.propose("cut", "p3", Create("item/3", {"a": "x"}))
        script.close()
    answers = {one.proposal.id: one.decision and one.decision.outcome for one in read_journals([path])}
    assert answers == {"p1": "committed", "p2": None, "p3": "committed"}


def test_a_journal_keeps_what_a_refusal_said(history: History) -> None:
    (finding,) = decision_of(history, "p3").findings
    assert [(one.field, one.was, one.now, one.by) for one in finding.moved] == [("a", "x", "x2", "ann")]
    assert isinstance(finding.moved[0], Moved)
