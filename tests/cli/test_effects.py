"""Effects on the command line: listed, shown, cancelled, retried, and done by a process that only does duties."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.cli import exits
from comity.cli.output import Output
from comity.cli.workspaces import Access, kept
from tests.cli.conftest import Run
from tests.cli.preparing import aside


def test_a_dead_letter_is_listed_shown_and_retried(crm: Run) -> None:
    effect = aside(crm)
    listed = crm("effects", "list").out
    for word in (effect.partition("/")[2], "customer/acme", "sales", "aside", "1 of 8"):
        assert word in listed
    assert "no such" in listed
    shown = crm("effects", "show", effect.partition("/")[2][:10]).out
    for word in ("email to customer/acme", "put aside", '"Q4"', "subject", "Hi"):
        assert word in shown
    assert crm("effects", "retry", effect, "--reason", "moved").code == 0
    assert crm("effects", "list", "--state", "aside").out == "No such effect is there.\n"
    cancelled = crm("effects", "cancel", effect, "--reason", "enough", "--json").json
    assert cancelled["cancelled"] == [effect]
    assert "cancelled" in crm("effects", "list", "--state", "all").out


def test_cancelling_needs_to_be_told_what_and_why(crm: Run) -> None:
    effect = aside(crm)
    assert "name either" in crm("effects", "cancel", "--reason", "so").err
    assert "say why" in crm("effects", "cancel", effect).err
    assert "goes with an agent" in crm("effects", "cancel", effect, "--since", "1", "--reason", "so").err
    assert "there is no" in crm("effects", "show", "$effect/email~none").err
    assert "is no effect" in crm("effects", "show", "customer/acme").err


def test_a_process_that_does_duties_ends_cleanly(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    comity.open(path).agent("sales").put("customer/acme", status="active")
    words = [sys.executable, "-m", "comity", "run", "--db", str(path), "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 60)
    assert ready
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b'{"delivered":0,"failed":0,"stopped":0,"steps":0}' in said


def test_cancelling_what_one_may_not_fails_and_says_who_may(crm: Run) -> None:
    effect = aside(crm)
    told = crm("effects", "cancel", effect, "--reason", "so", "--as", "support")
    assert told.code == exits.NOT_COMMITTED
    assert "is wanted by sales" in told.out
    assert "--as NAME" in told.out
    assert crm("effects", "cancel", "--agent", "sales", "--reason", "so", "--as", "support", "--json").code == 1
    assert crm("effects", "cancel", "--agent", "sales", "--reason", "so", "--as", "sales").code == exits.OK
    assert crm("effects", "cancel", "--agent", "sales", "--reason", "so", "--as", "sales").code == exits.OK


def test_a_report_shows_of_an_effect_what_was_to_be_sent_and_what_became_of_it(crm: Run) -> None:
    aside(crm)
    told = crm("report", "--agent", "sales").out
    for word in ("effect:", "target:", "state:", "subject"):
        assert word in told
    assert "incarnation" not in told
    assert "patience_s" not in told
    assert crm("report", "--agent", "sales", "--html", "page.html").code == exits.OK
    page = Path("page.html").read_text("utf-8")
    assert "target" in page
    assert "incarnation" not in page
    (step,) = [one for one in crm("report", "--agent", "sales", "--json").json["timeline"] if one.get("reason") == "Q4"]
    assert "incarnation" in step["events"][0]["now"]


def test_a_process_without_a_secret_is_told(crm: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK", raising=False)
    source = '[webhooks.crm]\nurl = "https://x.y"\nsecret_env = "HOOK"\n[effects.email]\nwebhook = "crm"\n'
    Path("comity.toml").write_text(source)
    assert crm("apply", "comity.toml").code == exits.OK
    said: list[str] = []
    with kept(Access("crm.db"), said.append):
        assert said == ["webhook crm: HOOK is empty or missing, so this process sends nothing there"]
    crm("effects", "list")
    Output(as_json=True).warn(said[0])


def test_what_nobody_sends_is_listed_as_overdue(crm: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with comity.open("crm.db") as base:
        base.agent("sales").effect("email", "customer/acme")
    assert "1 effect email due, and this process has no handler" in crm("effects", "run").out
    monkeypatch.setattr(limits, "EFFECT_OVERDUE_S", 0)
    monkeypatch.setenv("COLUMNS", "300")
    listed = crm("effects", "list").out
    assert "overdue" in listed
    assert "no process that does duties delivers it" in listed
    assert "no process has sent it" in crm("effects", "show", "email~").out
    assert "no process has sent it" in crm("inbox", "list", "--as", "sales").out
