"""Opening and closing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import comity
from comity.errors import DefinitionDiffers
from comity.workspace.opening import file_of

FIRST = "[kinds.task.fields]\nn = {}\n"
SECOND = FIRST + "m = {}\n"


def definition(folder: Path, source: str) -> Path:
    (folder / "comity.toml").write_text(source, encoding="utf-8")
    return folder / "comity.toml"


def test_s26_a_definition_is_applied_to_an_empty_workspace_only(tmp_path: Path) -> None:
    with comity.open(tmp_path / "base.db", definition=definition(tmp_path, FIRST)) as base:
        assert base.definition().source == FIRST
    with comity.open(tmp_path / "base.db", definition=definition(tmp_path, FIRST)) as base:
        assert base.definition().number == 1
    with pytest.warns(DefinitionDiffers, match="stays in force"):
        comity.open(tmp_path / "base.db", definition=definition(tmp_path, SECOND)).close()
    with pytest.raises(comity.DefinitionChanged, match="comity apply"):
        comity.open(tmp_path / "base.db", definition=definition(tmp_path, SECOND), require=True)
    with comity.open(tmp_path / "base.db") as base:
        assert base.definition().source == FIRST


def test_a_definition_with_problems_opens_nothing(tmp_path: Path) -> None:
    with pytest.raises(comity.InvalidDefinition, match=r"comity\.toml:2"):
        comity.open(tmp_path / "base.db", definition=definition(tmp_path, "[kinds.task.fields]\nn = { typ = 1 }\n"))
    assert list(tmp_path.iterdir()) == [tmp_path / "comity.toml"]


def test_an_invalid_definition_is_told_without_what_was_tried_before(tmp_path: Path) -> None:
    with comity.open(tmp_path / "base.db") as base, pytest.raises(comity.InvalidDefinition) as raised:
        base.apply(definition(tmp_path, "[kinds.task.fields]\nn = { typ = 1 }\n"))
    assert raised.value.__context__ is None


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("crm.db", "crm.db"),
        ("sqlite:///crm.db", "crm.db"),
        ("sqlite:////tmp/crm.db", "/tmp/crm.db"),
        ("/tmp/crm.db", "/tmp/crm.db"),
    ],
)
def test_urls(url: str, path: str) -> None:
    assert file_of(url) == Path(path)


def test_what_this_version_cannot_open() -> None:
    with pytest.raises(comity.InvalidRequest, match="can't be opened by this version"):
        comity.open("mysql://host/db")
    with pytest.raises(comity.InvalidRequest, match="isn't the address of a workspace"):
        comity.open("https://host")


def test_what_is_no_path_opens_and_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for wrong in (None, 5, b"crm.db", tmp_path.iterdir()):
        with pytest.raises(comity.InvalidRequest, match="url: a path is a text"):
            comity.open(wrong)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_any_path_like_opens(tmp_path: Path) -> None:
    class Named:
        def __fspath__(self) -> str:
            return str(tmp_path / "base.db")

    with comity.open(Named()) as base:
        assert base.url == str(tmp_path / "base.db")


def test_a_definition_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(comity.NotFound, match=r"there is no file .*nope\.toml"):
        comity.open(tmp_path / "base.db", definition=tmp_path / "nope.toml")
    with pytest.raises(comity.InvalidRequest, match="directory"):
        comity.open(tmp_path / "base.db", definition=tmp_path)


def test_s25_with_agents_declared_an_unknown_name_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with comity.open(tmp_path / "base.db", definition=definition(tmp_path, "[agents]\nsales = {}\n")) as base:
        with pytest.raises(comity.UnknownAgent, match="did you mean 'sales'"):
            base.agent("slaes")
        assert base.agent("sales").name == "sales"
    for name in ("", "a b", "a/b", "-a"):
        with comity.open(tmp_path / "other.db") as base, pytest.raises(comity.UnknownAgent, match="is no agent name"):
            base.agent(name)


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    base = comity.open(tmp_path / "base.db")
    ann = base.agent("ann")
    ann.put("task/a", n=1)
    base.close()
    base.close()
    with pytest.raises(comity.StoreError):
        ann.put("task/a", n=2)
    with pytest.raises(comity.StoreError):
        ann.get("task/a")


def test_s3_a_handle_used_after_a_fork_is_refused(tmp_path: Path) -> None:
    base = comity.open(tmp_path / "base.db")
    ann = base.agent("ann")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = b"nothing"
        try:
            ann.put("task/a", n=1)
        except comity.NotPermitted:
            told = b"refused"
        finally:
            os.write(writing, told)
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"refused"
    assert ann.put("task/a", n=1).revision == 1
    base.close()
