"""Connecting clients of models: what is printed, what is written, what stays."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import Run

OURS = ["--url", "crm.db", "--agent", "sales"]


@pytest.mark.parametrize(
    ("client", "part"),
    [("claude-desktop", "mcpServers"), ("claude-code", "mcpServers"), ("cursor", "mcpServers"), ("vscode", "servers")],
)
def test_what_a_client_needs_is_printed(run: Run, client: str, part: str) -> None:
    told = run("mcp", "install", client, *OURS, "--key-file", "sales.key", "--tools", "basic", "--json")
    entry = told.json[part]["comity"]
    assert os.path.isabs(entry["command"])
    arguments = entry["args"]
    assert arguments[arguments.index("mcp") :] == [
        *["mcp", "serve", "--url", str(Path.cwd() / "crm.db"), "--agent", "sales"],
        *["--key-file", str(Path.cwd() / "sales.key"), "--tools", "basic"],
    ]


def test_a_key_is_never_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMITY_KEY", "comity_secret")
    assert "secret" not in run("mcp", "install", "cursor", *OURS).out


def test_an_entry_is_written_beside_others(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text('{"theme": "dark", "mcpServers": {"other": {"command": "x"}}}', encoding="utf-8")
    file.chmod(0o600)
    assert run("mcp", "install", "cursor", *OURS, "--write", str(file)).code == 0
    assert run("mcp", "install", "cursor", *OURS, "--write", str(file)).code == 0
    document = msgspec.json.decode(file.read_bytes())
    assert document["theme"] == "dark"
    assert list(document["mcpServers"]) == ["other", "comity"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.glob(".mcp.json*")) == []


def test_another_entry_of_the_same_name_stays(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    run("mcp", "install", "cursor", *OURS, "--write", str(file))
    before = file.read_bytes()
    refused = run("mcp", "install", "cursor", "--url", "crm.db", "--agent", "support", "--write", str(file))
    assert "has another 'comity' already" in refused.err
    assert file.read_bytes() == before
    support = ["--url", "crm.db", "--agent", "support", "--write", str(file)]
    assert run("mcp", "install", "cursor", *support, "--name", "comity-support").code == 0
    assert run("mcp", "install", "cursor", *support, "--force").code == 0


@pytest.mark.parametrize("contents", ["{ // mine\n}", "[1]", '{"servers": []}', "\xff"])
def test_a_file_that_is_not_understood_is_left_alone(run: Run, tmp_path: Path, contents: str) -> None:
    file = tmp_path / "mcp.json"
    file.write_bytes(contents.encode("latin-1"))
    refused = run("mcp", "install", "vscode", *OURS, "--write", str(file))
    assert "put the entry in by hand" in refused.err
    assert file.read_bytes() == contents.encode("latin-1")


def test_what_is_missing_is_told(run: Run) -> None:
    assert "--agent NAME" in run("mcp", "install", "cursor", "--url", "crm.db").err
    assert "--url FILE" in run("mcp", "install", "cursor", "--agent", "sales").err
    assert "--agent NAME" in run("mcp", "serve", "--url", "crm.db").err


def test_what_has_to_be_installed_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "comity.server.mcp", None)
    told = run("mcp", "serve", *OURS)
    assert told.code != 0
    assert "pip install 'comity[mcp]'" in told.err
    assert not Path("crm.db").exists()
