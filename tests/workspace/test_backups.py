"""Backups: whole while others write, put in place verified, as a new life, whole or up to a revision."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

import comity
from comity.errors import CursorLost, InvalidRequest, NotFound, StoreDamaged
from comity.model.proposals import Proposal, Set
from comity.testing.manual_clock import ManualClock

SOURCE = """\
[agents]
sales = { role = "sales" }
ops   = { role = "operations", kind = "human" }

[kinds.customer]
indexes = [["n"]]
[kinds.customer.fields]
n    = { type = "integer" }
plan = { type = "string" }

[effects.email]
kind = "customer"

[[rules]]
name = "gold is asked for"
when = "customer != null && after.plan == 'gold'"
then = "ask"
mode = "enforce"
"""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path, clock: ManualClock) -> Path:
    (tmp_path / "comity.toml").write_text(SOURCE, encoding="utf-8")
    with comity.open(tmp_path / "crm.db", definition=tmp_path / "comity.toml", clock=clock) as ws:
        ws.agent("sales").put("customer/acme", n=1)
        ws.agent("sales").effect("email", "customer/acme")
    return tmp_path / "crm.db"


def test_a_backup_is_restored_whole_verified_and_as_a_new_life(path: Path, tmp_path: Path, clock: ManualClock) -> None:
    made = comity.make_backup(path, tmp_path / "backup")
    with comity.open(path, clock=clock) as ws:
        before, cursor = ws.stats().incarnation, ws.feed().cursor
        sent: list[comity.Delivery] = []
        ws.handle("email", sent.append)
        assert ws.run_effects().delivered == 1
    restored = comity.restore_backup(tmp_path / "backup", tmp_path / "again.db", clock=clock)
    assert (restored.revision, restored.suspects) == (made.revision, 1)
    assert restored.incarnation != before
    with comity.open(tmp_path / "again.db", clock=clock) as ws:
        assert ws.verify(head=made.head).is_clean
        ws.handle("email", sent.append)
        assert ws.run_effects().delivered == 0
        assert len(sent) == 1
        assert ws.effects(state="suspect").effects[0].is_suspect
        with pytest.raises(CursorLost):
            next(iter(ws.feed(cursor, follow=False)))
        assert ws.stats().incarnation == restored.incarnation, "the new life goes on"


def test_a_backup_is_of_one_moment_while_others_write(path: Path, tmp_path: Path) -> None:
    with comity.open(path) as ws:
        is_stopped = threading.Event()

        def write() -> None:
            number = 0
            while not is_stopped.is_set():
                number += 1
                ws.agent("sales").put(f"customer/c{number}", n=number)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made = [comity.make_backup(path, tmp_path / f"backup{number}") for number in range(3)]
        finally:
            is_stopped.set()
            writer.join()
    for number, one in enumerate(made):
        restored = comity.restore_backup(one.file, tmp_path / f"again{number}.db")
        assert restored.revision == one.revision


def test_a_base_is_restored_as_it_was_at_a_revision(path: Path, tmp_path: Path, clock: ManualClock) -> None:
    with comity.open(path, clock=clock) as ws:
        sales, key = ws.agent("sales"), ws.issue_key("ops").key
        ops = ws.agent("ops", key=key)
        with pytest.raises(comity.NotCommitted):
            sales.set("customer/nobody", n=1)
        pending = sales.propose(Proposal(id="p1", changes=(Set("customer/acme", {"plan": "gold"}),)))
        assert pending.is_pending
        then = ws.revision
        clock.advance(seconds=5)
        ops.deny(pending, reason="not now")
        sales.put("customer/later", n=2)
        later = ops.issue_key("ops").key
    comity.make_backup(path, tmp_path / "backup")
    restored = comity.restore_backup(tmp_path / "backup", tmp_path / "cut.db", at=then, clock=clock)
    assert restored.revision == then
    with comity.open(tmp_path / "cut.db", clock=clock) as ws:
        assert ws.verify().is_clean
        assert ws.count("customer") == 1
        assert [one.proposal for one in ws.approvals().tickets] == ["p1"]
        with pytest.raises(comity.NotPermitted):
            ws.agent("ops", key=later)
        assert ws.agent("ops", key=key).approve(pending).is_committed
        assert ws.get("customer/acme").plan == "gold"
    with sqlite3.connect(tmp_path / "cut.db") as base:
        indexes = [name for (name,) in base.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'declared%'")]
    base.close()
    assert indexes == ["declared customer by n"]


def test_a_base_is_restored_as_it_was_at_a_time(path: Path, tmp_path: Path, clock: ManualClock) -> None:
    with comity.open(path, clock=clock) as ws:
        then = ws.agent("sales").put("customer/acme", n=2, was={"n": 1})
        clock.advance(seconds=60)
        ws.agent("sales").put("customer/acme", n=3, was={"n": 2})
        commit = ws.history("customer/acme").events[0]
    comity.make_backup(path, tmp_path / "backup")
    assert (
        comity.restore_backup(tmp_path / "backup", tmp_path / "cut.db", at=commit.at, clock=clock).revision
        >= then.revision
    )


def test_what_is_in_the_way_is_named_and_left_alone(path: Path, tmp_path: Path) -> None:
    comity.make_backup(path, tmp_path / "backup")
    with pytest.raises(InvalidRequest, match="is there already"):
        comity.make_backup(path, tmp_path / "backup")
    with pytest.raises(InvalidRequest, match="is there already"):
        comity.restore_backup(tmp_path / "backup", path)
    (tmp_path / "again.db-wal").write_bytes(b"x")
    with pytest.raises(InvalidRequest, match=r"again.db-wal is still there"):
        comity.restore_backup(tmp_path / "backup", tmp_path / "again.db")
    with pytest.raises(NotFound):
        comity.restore_backup(tmp_path / "nothing", tmp_path / "other.db")
    with pytest.raises(NotFound, match="no revision 99"):
        comity.restore_backup(tmp_path / "backup", tmp_path / "other.db", at=99)
    (tmp_path / "text").write_text("no base", encoding="utf-8")
    with pytest.raises(StoreDamaged, match="is no Comity base"):
        comity.restore_backup(tmp_path / "text", tmp_path / "other.db")
    with pytest.raises(InvalidRequest, match="No such file"):
        comity.make_backup(path, tmp_path / "no folder" / "backup")
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


def test_a_backup_that_was_changed_is_not_restored(path: Path, tmp_path: Path) -> None:
    comity.make_backup(path, tmp_path / "backup")
    with sqlite3.connect(tmp_path / "backup") as base:
        base.execute("""UPDATE records SET version = 7 WHERE kind = 'customer'""")
    base.close()
    with pytest.raises(StoreDamaged, match="doesn't verify: customer/acme is stored otherwise"):
        comity.restore_backup(tmp_path / "backup", tmp_path / "again.db")
    assert not (tmp_path / "again.db").exists()
