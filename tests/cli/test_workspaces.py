from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import comity
from comity.cli.workspaces import MAKERS, Access, opened
from comity.errors import InvalidRequest, NotFound
from comity.operations import BY_NAME
from comity.store.migrations import Migration, read_migrations
from comity.store.places import workspace_of
from comity.store.postgres import opening as postgres_opening
from comity.store.sqlite import opening as sqlite_opening
from tests.cli.conftest import Run
from tests.server import Server


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


@pytest.mark.parametrize("db", ["typo.db", "sqlite:///typo.db", "./typo.db"])
@pytest.mark.parametrize(
    "words",
    [
        ("import", "c.csv"),
        ("revert", "1"),
        ("agents", "key", "ann"),
        ("agents", "revoke", "ann"),
        ("set", "c/1", "n=1"),
        ("delete", "c/1"),
        ("stats",),
        ("export", "out.ndjson"),
    ],
)
def test_a_mistyped_name_makes_no_workspace(run: Run, words: tuple[str, ...], db: str) -> None:
    Path("c.csv").write_text("id,n\n1,2\n")
    result = run(*words, "--db", db)
    assert result.code == 3
    assert "there is no file" in result.err
    assert "made by put, create, propose or apply" in result.err
    assert [path.name for path in Path.cwd().iterdir()] == ["c.csv"]


@pytest.mark.parametrize(
    "words", [("put", "c/1", "n=1"), ("create", "c/1", "n=1"), ("propose", "p.json"), ("apply", "c.toml")]
)
def test_some_commands_make_a_workspace(run: Run, words: tuple[str, ...]) -> None:
    Path("p.json").write_text('{"changes": [{"do": "create", "record": "c/1", "fields": {"n": 1}}]}')
    Path("c.toml").write_text('name = "crm"\n')
    assert run(*words, "--db", "sqlite:///new.db").code == 0
    assert run("stats", "--db", "new.db").code == 0


def test_what_makes_a_workspace_is_an_operation() -> None:
    assert [name for name in MAKERS if name not in BY_NAME] == []


def test_stats_say_which_workspace_of_a_database_it_is(run: Run, workspace_url: str) -> None:
    comity.open(workspace_url).close()
    told = run("stats", "--db", workspace_url).out
    assert workspace_of(workspace_url) in told
    assert "kept as" in told
    assert "file" not in told


@pytest.mark.parametrize("place", ["a file", "a database"])
def test_migrate_tells_what_is_left_and_does_it(
    run: Run, place: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "old.db" if place == "a file" else f"{server.url}&schema=old"
    comity.open(url).close()
    assert run("migrate", "--check", "--db", url).out.strip() == "The schema is up to date."
    opening = sqlite_opening if place == "a file" else postgres_opening
    known = read_migrations(opening.__name__.removesuffix(".opening"))
    later = Migration(len(known) + 1, "later", "CREATE TABLE later (x integer);")
    monkeypatch.setattr(opening, "read_migrations", lambda package: (*known, later))
    told = run("migrate", "--check", "--db", url)
    assert (told.code, told.out.strip()) == (6, f"1 step left: {later.number:04} later")
    assert run("migrate", "--check", "--db", url).code == 6, "looking changes nothing"
    assert run("migrate", "--db", url).out.strip() == f"1 step taken: {later.number:04} later"
    assert run("migrate", "--check", "--db", url, "--json").out == '{"left":[]}\n'
