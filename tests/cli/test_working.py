"""Workflows on the command line: who carries them on is told, and the process that does tells how far it came."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import comity
from tests.cli.conftest import Result, Run
from tests.cli.preparing import do_duties
from tests.semantics.working import AGENTS

ONWARD = "comity run"
WORKFLOW = """
[workflows.leave]
params = { c = { ref = "customer", required = true } }

[[workflows.leave.steps]]
name = "announce"
as   = "support"
set  = { "customer/{c}" = { status = "leaving" } }

[[workflows.leave.steps]]
name = "export"
task = { to = "product", text = "Export {c}." }

[[workflows.leave.steps]]
name = "go"
as   = "sales"
set  = { "customer/{c}" = { status = "left" } }
"""


def words(result: Result) -> str:
    """Return what was said, however it was broken into lines."""
    return " ".join((result.out + result.err).split())


@pytest.fixture
def leaving(run: Run) -> Run:
    """Return what runs a command in a folder with a workspace that has a workflow."""
    Path("comity.toml").write_text(AGENTS + WORKFLOW, encoding="utf-8")
    assert run("apply", "comity.toml", "--db", "crm.db").code == 0
    assert run("put", "customer/acme", "status=active", "--as", "sales").code == 0
    return run


def test_where_nobody_does_duties_that_is_told(leaving: Run) -> None:
    started = leaving("workflows", "start", "leave", "c=acme", "--key", "1", "--as", "sales")
    assert ONWARD in started.out
    [one] = leaving("workflows", "list", "--json").json["runs"]
    assert ONWARD in leaving("workflows", "show", one["run"]).out
    assert ONWARD in leaving("workflows", "start", "leave", "c=acme", "--key", "1", "--as", "sales").out
    assert ONWARD not in leaving("workflows", "show", one["run"], "--timeout", "1s").out
    do_duties()
    assert ONWARD not in leaving("workflows", "show", one["run"]).out
    [task] = leaving("tasks", "list", "--as", "product", "--json").json["tasks"]
    refused = leaving("tasks", "done", task["task"], "--as", "sales")
    assert refused.code == 1
    assert "It is for product; you are sales (sales)." in words(refused)
    assert ONWARD in leaving("tasks", "done", task["task"], "--as", "product", "--answer", "in s3").out
    assert ONWARD in leaving("workflows", "show", one["run"]).out
    again = leaving("tasks", "done", task["task"], "--as", "product")
    assert again.code == 1
    assert "was done by product at 20" in words(again)
    assert '"in s3"' in words(again)


def test_a_run_that_goes_backwards_is_carried_on_by_somebody(leaving: Run) -> None:
    name = leaving("workflows", "start", "leave", "c=acme", "--as", "sales", "--json").json["run"]
    cancelled = leaving("workflows", "cancel", name, "--as", "sales", "--reason", "a mistake")
    assert ONWARD in cancelled.out
    assert ONWARD in leaving("workflows", "show", name).out
    assert ONWARD not in leaving("workflows", "show", name, "--timeout", "60s").out
    over = leaving("workflows", "cancel", name, "--as", "sales")
    assert f"$workflow/{name} is over: it is cancelled since" in words(over)


def test_a_process_that_does_duties_says_nothing_of_others(leaving: Run) -> None:
    with comity.open("crm.db", duties=True) as crm:
        assert crm.agent("sales").start("leave", c="acme").show().next is None


def test_a_process_that_does_duties_tells_how_many_steps_it_did(leaving: Run) -> None:
    command = [sys.executable, "-m", "comity", "run", "--db", "crm.db", "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 60)
    assert ready
    with comity.open("crm.db") as crm:
        run = crm.agent("sales").start("leave", c="acme")
        until = time.monotonic() + 60
        while run.state != "waiting" and time.monotonic() < until:
            crm._engine.store.wait(crm.revision, 1)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(said.splitlines()[-1])["steps"] == 1
