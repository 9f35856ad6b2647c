"""Copies of whole workspaces: everything is there, checked, and a copy that was broken off goes on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import comity
from comity.errors import InvalidRequest, NotFound, StoreDamaged, StoreUnsupported
from comity.model.proposals import Create, Delete, Proposal
from comity.store.sqlite import SqliteStore
from comity.testing.manual_clock import ManualClock
from comity.verbs.transfer import copying

NEW = Proposal(id="sales-1", changes=(Create("customer/new", {"score": 1}),))
DEFINITION = """
name = "crm"
[agents]
sales = { role = "sales" }
ops = { role = "operations", kind = "human" }
[kinds.customer]
indexes = [["status"]]
fields.status = { enum = ["active", "at_risk"], owner = "sales", event = "StatusChanged" }
fields.score = { type = "integer", minimum = 0 }
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a workspace with a definition, a history, a refusal, a key and a consumer."""
    (tmp_path / "comity.toml").write_text(DEFINITION, encoding="utf-8")
    file = tmp_path / "source.db"
    with comity.open(file, definition=tmp_path / "comity.toml") as ws:
        ws.issue_key("ops")
        sales = ws.agent("sales")
        for number in range(300):
            sales.create(f"customer/{number}", {"status": "active", "score": number})
        sales.put("customer/7", status="at_risk", was={"status": "active"})
        sales.delete("customer/8", reason="asked to", accept=ws.revision)
        with pytest.raises(comity.Refused):
            sales.put("customer/9", score=-1, was={"score": 9})
        with ws.consumer("mirror") as consumer:
            consumer.ack(next(consumer))
    return file


def test_all_is_in_a_copy(source: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    answer = comity.copy(source, tmp_path / "copy.db", progress=lambda done, total: told.append((done, total)))
    assert answer.copied == answer.commits == answer.revision > 300
    assert told[-1] == (answer.revision, answer.revision)
    with comity.open(source) as ours, comity.open(tmp_path / "copy.db") as theirs:
        assert theirs.verify(answer.head).is_clean
        assert theirs.verify() == ours.verify()
        assert theirs.get("customer/7").status == "at_risk"
        assert list(map(dict, theirs.at(5, "customer"))) == list(map(dict, ours.at(5, "customer")))
        assert theirs.refusals() == ours.refusals()
        assert len(theirs.refusals().refusals) == 1
        assert theirs.definition() == ours.definition()
        assert theirs.agents() == ours.agents()
        assert theirs.stats().incarnation != ours.stats().incarnation


def test_s1_a_consumer_goes_on_where_it_was(source: Path, tmp_path: Path) -> None:
    comity.copy(source, tmp_path / "copy.db")
    for file in (source, tmp_path / "copy.db"):
        with comity.open(file) as ws, ws.consumer("mirror") as consumer:
            assert next(consumer).revision == 2


def test_s7_a_repeat_gets_its_answer_from_the_copy(source: Path, tmp_path: Path) -> None:
    with comity.open(source) as ours:
        made = ours.agent("sales").propose(NEW)
    comity.copy(source, tmp_path / "copy.db")
    with comity.open(tmp_path / "copy.db") as theirs:
        assert theirs.agent("sales").propose(NEW).revision == made.revision


class Interrupted(Exception):
    pass


def stop_at(revision: int) -> copying.Progress:
    def told(done: int, total: int) -> None:
        if done >= revision:
            raise Interrupted

    return told


def test_a_copy_that_was_broken_off_goes_on(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    with pytest.raises(Interrupted):
        comity.copy(source, target, progress=stop_at(1))
    with pytest.raises(StoreUnsupported, match="broken off at revision 256: run the same 'comity copy' again"):
        comity.open(target)
    with comity.open(source) as ours:
        ours.agent("sales").put("customer/7", score=70, was={"score": 7})
    answer = comity.copy(source, target)
    assert answer.copied == answer.commits - 256
    with comity.open(target) as theirs:
        assert theirs.get("customer/7").score == 70


def test_a_target_with_commits_of_its_own_is_left_alone(source: Path, tmp_path: Path) -> None:
    with comity.open(tmp_path / "other.db") as other:
        other.agent("sales").put("customer/1", status="active")
    with pytest.raises(InvalidRequest, match="holds a workspace already, up to revision 1"):
        comity.copy(source, tmp_path / "other.db")
    with pytest.raises(Interrupted):
        comity.copy(source, tmp_path / "copy.db", progress=stop_at(1))
    with pytest.raises(InvalidRequest, match="beginning of a copy of another workspace"):
        comity.copy(tmp_path / "other.db", tmp_path / "copy.db")
    with comity.open(tmp_path / "other.db") as other:
        assert other.verify().is_clean
        assert other.revision == 1


def test_nothing_is_copied_onto_itself_or_from_nowhere(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="the same workspace"):
        comity.copy(source, source)
    with pytest.raises(NotFound, match="no workspace"):
        comity.copy(tmp_path / "nowhere.db", tmp_path / "copy.db")
    assert not (tmp_path / "nowhere.db").exists()


def test_s37_a_source_that_was_tampered_with_gives_no_copy(source: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(source, isolation_level=None)) as base:
        base.execute("UPDATE records SET \"values\" = replace(\"values\", '299', '300') WHERE id = '299'")
        for name in base.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            base.execute(f"DROP TRIGGER {name[0]}")
        base.execute("UPDATE events SET payload = replace(payload, '299', '300') WHERE id = '299'")
    with pytest.raises(StoreDamaged, match="the copy doesn't verify"):
        comity.copy(source, tmp_path / "copy.db")
    with pytest.raises(StoreUnsupported):
        comity.open(tmp_path / "copy.db")


def test_s7_answers_of_one_moment_are_all_copied(tmp_path: Path) -> None:
    """More proposals than fit into a page were refused at the same time."""
    clock, ids = ManualClock(), [f"sales-{number}" for number in range(copying.AT_ONCE + 20)]
    with comity.open(tmp_path / "source.db", clock=clock) as ws:
        for id in ids:
            assert not ws.agent("sales").propose(Proposal(id=id, changes=(Delete("customer/none"),))).is_committed
    comity.copy(tmp_path / "source.db", tmp_path / "copy.db", clock=clock)
    with closing(SqliteStore.open(str(tmp_path / "copy.db"), clock=clock)) as store, store.snapshot() as snapshot:
        assert set(snapshot.answers(ids)) == set(ids)
