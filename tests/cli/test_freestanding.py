from __future__ import annotations

import json
from pathlib import Path

import pytest

import comity
from comity import __version__
from tests.cli.conftest import Run


def test_version(run: Run) -> None:
    assert run("version").out.startswith(f"comity {__version__} (Python ")
    assert run("version", "--json").json["comity"] == __version__
    assert run("--version").out.strip() == __version__


def test_init_writes_a_definition_that_can_be_applied(run: Run) -> None:
    assert run("init").code == 0
    assert run("apply", "--db", "crm.db").code == 0
    again = run("init")
    assert (again.code, "--force" in again.err) == (2, True)
    Path("comity.toml").write_text("x")
    assert run("init", "--force").code == 0
    assert "[agents]" in Path("comity.toml").read_text()


@pytest.mark.parametrize("source", ["people.csv", "crm.db"])
def test_init_drafts_from_what_is_there(run: Run, source: str) -> None:
    Path("people.csv").write_text("id,name,age\n1,Ann,7\n2,Bob,8\n")
    comity.open("crm.db").close()
    assert run("import", "people.csv").code == 0
    result = run("init", "drafted.toml", "--from", source, "--json")
    assert result.json == {"file": "drafted.toml", "from": source}
    assert 'age  = { type = "integer" }' in Path("drafted.toml").read_text()
    assert run("apply", "drafted.toml").code == 0


def test_init_where_nothing_can_be_written_or_read(run: Run) -> None:
    assert run("init", "nowhere/comity.toml").code == 2
    assert run("init", "--from", "nowhere.csv").code == 3


def test_a_whole_journey(run: Run) -> None:
    Path("people.csv").write_text("id,name,age\n1,Ann,7\n2,Bob,x\n")
    run("init", "--from", "people.csv")
    Path("comity.toml").write_text('[kinds.person.fields]\nname = { type = "string" }\nage = { type = "integer" }\n')
    assert run("apply", "--db", "crm.db").code == 0
    imported = run("import", "people.csv", "--kind", "person")
    assert imported.code == 6
    assert "line 3: person/2: shape.invalid_value" in imported.out
    assert run("export", "copy.json").code == 0
    assert json.loads(Path("copy.json").read_text()) == {"person": [{"id": "1", "age": 7, "name": "Ann"}]}
    assert run("verify").code == 0


def test_copy_copies_once_and_tells_what_is_there(run: Run) -> None:
    with comity.open("crm.db") as workspace:
        workspace.agent("sales").put("customer/acme", status="active")
    copied = run("copy", "crm.db", "copy.db", "--json")
    assert (copied.code, copied.json["commits"], copied.json["copied"]) == (0, 1, 1)
    assert run("get", "customer/acme", "--db", "copy.db").code == 0
    again = run("copy", "crm.db", "copy.db")
    assert (again.code, "copy into an empty place" in again.err) == (2, True)
    assert run("copy", "nothing.db", "copy.db").code == 3
