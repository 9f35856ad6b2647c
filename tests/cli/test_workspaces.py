from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import comity
from comity.cli.workspaces import Access, opened
from comity.errors import InvalidRequest, NotFound


def test_only_a_workspace_is_taken_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    comity.open(tmp_path / "ours.db").close()
    with sqlite3.connect(tmp_path / "theirs.db") as base:
        base.execute("CREATE TABLE t (x)")
    base.close()
    (tmp_path / "short.db").write_bytes(b"SQLite format 3\0")
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "dangling.db").symlink_to(tmp_path / "absent")
    with opened(Access(), may_make=False) as speaker:
        assert speaker.stats().url == str(tmp_path / "ours.db")


def test_a_workspace_that_is_open_elsewhere_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with comity.open("a.db"), opened(Access(), may_make=False) as speaker:
        assert speaker.stats().revision == 0


def test_reading_makes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFound), opened(Access(db="a.db"), may_make=False):
        pass
    assert list(tmp_path.iterdir()) == []
    with opened(Access(db="a.db"), may_make=True) as speaker:
        assert speaker.stats().revision == 0


def test_the_variable_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMITY_DB", "a.db")
    with opened(Access(), may_make=True) as speaker:
        assert speaker.stats().url == "a.db"
    monkeypatch.setenv("COMITY_DB", "")
    with pytest.raises(InvalidRequest), opened(Access(key_file="a.db"), may_make=True):
        pass
