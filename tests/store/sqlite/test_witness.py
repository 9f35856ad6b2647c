"""S1: a base that was put back from a copy is noticed, and begins a new life."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

import comity
from comity.store.contract import Snapshot
from comity.store.sqlite.witness import Seen, Witness
from comity.testing.manual_clock import ManualClock


def incarnation(path: Path) -> str:
    with comity.open(path) as ws:
        return ws.stats().incarnation


def filled(path: Path, count: int) -> None:
    with comity.open(path) as ws:
        for number in range(count):
            ws.agent("sales").put(f"customer/c{ws.revision}", n=number)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    filled(tmp_path / "crm.db", 3)
    shutil.copy(tmp_path / "crm.db", tmp_path / "backup")
    return tmp_path / "crm.db"


def _put_back(base: Path) -> None:
    (base.parent / "backup").replace(base)


def _written_over(base: Path) -> None:
    base.write_bytes((base.parent / "backup").read_bytes())


def _by_backup_api(base: Path) -> None:
    source, target = apsw.Connection(str(base.parent / "backup")), apsw.Connection(str(base))
    with closing(source), closing(target), target.backup("main", source, "main") as copying:
        copying.step(-1)


RESTORING = [_put_back, _written_over, _by_backup_api]


@pytest.mark.parametrize("restoring", RESTORING)
def test_s01_a_base_put_back_from_a_copy_begins_a_new_life(base: Path, restoring: Callable[[Path], None]) -> None:
    before = incarnation(base)
    filled(base, 2)
    restoring(base)
    after = incarnation(base)
    assert after != before
    assert incarnation(base) == after, "once"
    with comity.open(base) as ws:
        assert (ws.revision, ws.verify().is_clean) == (3, True)


def test_s01_another_tail_of_the_same_length_is_noticed(base: Path) -> None:
    filled(base.with_name("backup"), 2)
    before = incarnation(base)
    filled(base, 2)
    _written_over(base)
    assert incarnation(base) != before


def test_s01_a_commit_of_another_process_while_it_opens_is_no_other_life(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read of the witness first is durable, so the look at the base that follows must show it."""
    before, real = incarnation(base), Witness.seen

    def seen(self: Witness) -> Seen | None:
        monkeypatch.setattr(Witness, "seen", real)
        found = real(self)
        filled(base, 2)
        return found

    monkeypatch.setattr(Witness, "seen", seen)
    assert incarnation(base) == before
    contradicts = Witness.contradicts

    def late(self: Witness, found: Seen | None, snapshot: Snapshot) -> bool:
        monkeypatch.setattr(Witness, "contradicts", contradicts)
        filled(base, 2)
        return contradicts(self, found, snapshot)

    monkeypatch.setattr(Witness, "contradicts", late)
    assert incarnation(base) == before


def test_a_witness_that_cannot_be_opened_sees_nothing(base: Path) -> None:
    before = incarnation(base)
    witness = base.with_name("crm.db-witness")
    witness.unlink()
    witness.mkdir()
    filled(base, 1)
    assert incarnation(base) == before


def test_s01_a_copied_folder_is_another_life_and_the_first_goes_on(base: Path, tmp_path: Path) -> None:
    before = incarnation(base)
    shutil.copytree(base.parent, tmp_path / "copy")
    assert incarnation(tmp_path / "copy" / "crm.db") != before
    assert incarnation(base) == before


def test_s01_a_base_that_is_moved_with_its_witness_goes_on(base: Path, tmp_path: Path) -> None:
    before = incarnation(base)
    (tmp_path / "elsewhere").mkdir()
    for name in ("crm.db", "crm.db-witness"):
        (base.parent / name).rename(tmp_path / "elsewhere" / name)
    assert incarnation(tmp_path / "elsewhere" / "crm.db") == before


@pytest.mark.parametrize("told", [b"", b"\0" * 512, b"00000000 {}", b"no witness at all"])
def test_a_witness_that_is_not_whole_says_nothing(base: Path, told: bytes) -> None:
    before = incarnation(base)
    base.with_name("crm.db-witness").write_bytes(told)
    assert incarnation(base) == before


def test_s01_what_lies_between_a_crash_and_the_last_word_is_no_sign_of_a_restore(base: Path) -> None:
    """The witness is behind after a crash: it was written at most once a second."""
    witness = base.with_name("crm.db-witness")
    before, told = incarnation(base), witness.read_bytes()
    filled(base, 2)
    witness.write_bytes(told)
    assert incarnation(base) == before


def test_s01_a_process_that_runs_meanwhile_notices_it_and_sends_nothing(base: Path, clock: ManualClock) -> None:
    with comity.open(base, clock=clock) as ws:
        sent: list[comity.Delivery] = []
        ws.handle("email", sent.append)
        decision = ws.agent("sales").effect("email", "customer/c0")
        with closing(apsw.Connection(str(base))) as source:
            source.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        shutil.copy(base, base.with_name("backup"))
        ws.agent("sales").put("customer/c9", n=1)
        before = ws.stats().incarnation
        _by_backup_api(base)
        ws.run_effects()
        assert sent == []
        assert ws.stats().incarnation != before
        assert ws.effect(decision).is_suspect


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
