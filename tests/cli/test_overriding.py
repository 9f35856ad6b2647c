"""Overrides and reports on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

import comity
from tests.cli.conftest import Run

SOURCE = """
[agents]
sales = { role = "sales" }
ops   = { role = "operations", kind = "human" }

[kinds.customer.fields]
status = { type = "string" }
tier   = { type = "integer" }
"""
TERMS = ("--ttl", "2h", "--reason", "call running")
OPS = ("--as", "ops", "--key-file", "key")


@pytest.fixture
def held(run: Run, tmp_path: Path) -> Run:
    """Return what runs a command where there is a customer, and a human with a key."""
    (tmp_path / "comity.toml").write_text(SOURCE, encoding="utf-8")
    with comity.open(tmp_path / "crm.db", definition=tmp_path / "comity.toml") as ws:
        ws.agent("sales").put("customer/acme", status="active", tier=1, reason="signed")
        (tmp_path / "key").write_text(ws.issue_key("ops").key, encoding="utf-8")
    return run


def write(held: Run, *fields: str) -> int:
    """Return the exit code of writing fields as sales."""
    return held("put", "customer/acme", *fields, "--was", "status=active", "--was", "tier=1", "--as", "sales").code


def test_a_value_is_pinned_listed_met_and_lifted(held: Run) -> None:
    assert held("override", "pin", "customer/acme", "status", "--value", "at_risk", *TERMS, *OPS).code == 0
    listed = held("override", "list").out
    assert "customer/acme.status = at_risk" in listed
    assert '"call running"' in listed
    assert write(held, "status=churned") == 1
    (one,) = held("override", "list", "--json").json["overrides"]
    assert held("override", "lift", one["override"], *OPS).code == 0
    assert write(held, "status=churned") == 0
    assert "No override is in force." in held("override", "list").out
    assert "lifted by ops" in held("override", "list", "--over").out


@pytest.mark.parametrize(("value", "pinned"), [("2", 2), ("null", None), ('"2"', "2"), ("at_risk", "at_risk")])
def test_a_value_is_json_or_a_text(held: Run, value: str, pinned: object) -> None:
    field = "tier" if isinstance(pinned, int) else "status"
    held("override", "pin", "customer/acme", field, "--value", value, *TERMS, *OPS)
    (one,) = held("override", "list", "--json").json["overrides"]
    assert (one["holds"], one.get("value")) == ("value", pinned)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("override", "pin", "customer/acme"), "customer/acme"),
        (("override", "pin", "--action", "send"), "action send"),
        (("pause", "sales", "--yields", "queue"), "agent sales"),
        (("freeze",), "the workspace"),
    ],
)
def test_anything_can_be_held(held: Run, words: tuple[str, ...], shown: str) -> None:
    assert held(*words, *TERMS, *OPS).code == 0
    assert shown in held("override", "list").out
    assert ("wait in line" in held("override", "list").out) == ("queue" in words)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("freeze", "--reason", "x", *OPS), 2, "ttl"),
        (("freeze", "--ttl", "1h", *OPS), 2, "reason"),
        (("override", "pin", *TERMS, *OPS), 2, "one of them"),
        (("freeze", *TERMS), 1, "for a human with a key"),
        (("freeze", *TERMS, "--as", "sales"), 1, "for a human with a key"),
        (("pause", "slaes", *TERMS, *OPS), 1, "did you mean 'sales'?"),
    ],
)
def test_what_is_wrong_is_told(held: Run, words: tuple[str, ...], code: int, told: str) -> None:
    result = held(*words)
    assert result.code == code
    assert told in result.err


def test_a_report_tells_what_was_refused_and_writes_a_page(held: Run, tmp_path: Path) -> None:
    held("override", "pin", "customer/acme", "status", *TERMS, *OPS)
    write(held, "status=churned")
    result = held("report", "--record", "customer/acme", "--html", "incident.html")
    assert result.code == 0
    for part in (
        "override.pinned",
        "sales 1",
        "refused customer/acme by sales",
        '"signed"',
        "Written to incident.html",
    ):
        assert part in result.out
    assert "override.pinned" in (tmp_path / "incident.html").read_text(encoding="utf-8")
    document = held("report", "--json").json
    assert document["checks"][0]["code"] == "override.pinned"
    assert held("report", "--since", "1d", "--agent", "sales").code == 0


def test_a_report_of_nothing_says_so(run: Run) -> None:
    run("put", "memo/a", "text=x", "--db", "memo.db", "--as", "sales")
    run("put", "memo/b", "text=x", "--as", "sales")
    assert "No check found anything." in run("report", "--since", "1").out


def test_a_report_about_what_is_not_there_names_the_nearest(held: Run) -> None:
    assert "did you mean 'customer/acme'" in held("report", "--record", "customer/amce").err
