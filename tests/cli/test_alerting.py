"""Alerts and traces, as people see them."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run
from tests.cli.preparing import alarmed


def test_a_trace_is_drawn_as_a_tree(crm: Run) -> None:
    root: str = crm("put", "item/a", "n=1", "--as", "sales", "--json").json["events"][0]
    child: str = crm("put", "item/b", "n=1", "--cause", root, "--as", "support", "--reason", "so", "--json").json[
        "events"
    ][0]
    for name in ("c", "d"):
        assert crm("put", f"item/{name}", "n=1", "--cause", child, "--as", "sales").code == 0
    lines = crm("trace", child).out.splitlines()
    assert lines[0].startswith(f"{root} item/a by sales at ")
    assert lines[1].startswith(f"└── {child} item/b by support at ")
    assert lines[1].endswith('"so"')
    assert lines[2].startswith("    ├── ")
    assert lines[3].startswith("    └── ")
    assert lines[4] == f"1 commit led to {child}; 2 commits followed"


def test_a_trace_of_what_is_not_there(crm: Run) -> None:
    result = crm("trace", "99.0")
    assert (result.code, "there is no event 99.0" in result.err) == (3, True)


def test_an_alert_says_what_was_seen_and_who_takes_care_of_it(crm: Run) -> None:
    alert = alarmed(crm)
    shown = crm("alerts", "list").out
    assert "warning ping_pong on customer/acme.status" in shown
    assert f"{alert}, seen 4 times" in shown
    assert crm("alerts", "ack", alert, "--reason", "on it").code == 0
    assert '"on it"' in crm("alerts", "list").out
    assert crm("alerts", "resolve", alert).code == 0
    assert crm("alerts", "list").out.startswith("0 alerts")
    assert "resolved by os:" in crm("alerts", "list", "--over").out


@pytest.mark.parametrize("words", [("ack", "nothing"), ("resolve", "nothing")])
def test_an_alert_that_never_was(crm: Run, words: tuple[str, str]) -> None:
    alarmed(crm)
    assert crm("alerts", *words).code == 3
