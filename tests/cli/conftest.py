"""What tests of the command line share: a folder to stand in, and a way to run a command in it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from comity.cli import main


@dataclass(frozen=True)
class Result:
    """Be what a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return the one JSON document on the standard output."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """Return the error that was told as JSON."""
        assert self.out == ""
        return json.loads(self.err)["error"]


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs a command in an empty folder, in this process."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str, stdin: str = "") -> Result:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = main([*words])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def crm(run: Run) -> Run:
    """Return the same, with a workspace in the folder: three records, four commits, a refusal."""
    run("put", "customer/acme", "status=active", "tickets=2", "--db", "crm.db", "--as", "sales")
    run("put", "customer/beta", "status=lost", 'tags=["a"]', "--as", "sales")
    run("put", "ticket/t1", "title=It breaks", "--as", "support")
    run(
        "set",
        "customer/acme",
        "status=at_risk",
        "--was",
        "status=active",
        "--reason",
        "escalation T-42",
        "--as",
        "support",
    )
    assert run("set", "customer/acme", "status=lost", "--was", "status=active", "--as", "sales").code == 1
    return run
