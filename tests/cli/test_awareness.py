"""Awareness on the command line: intents, news, the inbox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import comity
from comity.cli.app import main

CRM = """\
[agents]
sales   = { role = "seller" }
support = { role = "support" }

[kinds.customer.fields]
status   = { type = "string", owner = "support" }
campaign = { type = "string", owner = "seller" }
"""


@pytest.fixture
def db(tmp_path: Path) -> str:
    (tmp_path / "comity.toml").write_text(CRM, encoding="utf-8")
    with comity.open(tmp_path / "crm.db", definition=tmp_path / "comity.toml") as ws:
        ws.agent("support").put("customer/acme", status="active", reason="a new\ncustomer")
    return str(tmp_path / "crm.db")


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 0
    return capsys.readouterr().out


def test_intents_are_announced_listed_and_withdrawn(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--db", db, "--as", "support")
    text = told(capsys, "intents", "announce", "customer/acme", "--plan", "call them", "--ttl", "5m", *words)
    assert text.startswith("Announced until ")
    assert "Nothing stands in the way of it now." in text
    listed = json.loads(told(capsys, "intents", "list", "customer/acme", "--db", db, "--json"))
    [intent] = listed["intents"]
    assert (intent["agent"], intent["plan"]) == ("support", "call them")
    assert '"call them"' in told(capsys, "intents", "list", "--db", db)
    seen = told(capsys, "intents", "announce", "customer/acme", "--db", db, "--as", "sales", "--exclusive")
    assert "sales holds customer/acme until" in seen
    assert "customer.created" in seen
    assert "call them" in seen
    told(capsys, "intents", "withdraw", intent["intent"], *words)
    assert "1 announced intent" in told(capsys, "intents", "list", "--db", db)


def test_one_that_may_not_be_announced_is_told(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "intents", "announce", "customer/acme", "--db", db, "--as", "sales", "--json")
    intent = json.loads(text)["intent"]
    assert main(["intents", "announce", "--intent", intent, "--db", db, "--as", "support"]) != 0


def test_news_of_records(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "news", "customer/acme", "--db", db, "--as", "sales")
    assert "status = active" in text
    assert '"a new⏎customer"' in text
    assert "No news up to revision 2." in told(capsys, "news", "customer/acme", "--since", "2", "--db", db)


def test_the_inbox_is_shown_and_acknowledged(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    with comity.open(db) as ws:
        ws.agent("sales").offer("customer/acme", status="at_risk", was={"status": "active"}, reason="they called")
    words = ("--db", db, "--as", "support")
    text = told(capsys, "inbox", "list", *words)
    assert 'sales offers put customer/acme (status): "they called"' in text
    assert "Next: Accept $handoff/" in text
    [item] = json.loads(told(capsys, "inbox", "list", *words, "--json"))["items"]
    assert told(capsys, "inbox", "ack", item["id"], *words).startswith("Acknowledged 1 item; 0 left.")
    assert "Nothing waits for you." in told(capsys, "inbox", "list", *words)
    assert main(["inbox", "ack", "none", *words]) != 0
