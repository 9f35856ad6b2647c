"""The first success: four words, ten lines."""

from __future__ import annotations

from pathlib import Path

import comity
from comity import limits
from comity.model.texts import tokens
from comity.testing.manual_clock import ManualClock

EXPECTED = """\
customer/acme has changed since you read it.
status: you saw active, now at_risk, by support 0 s ago: "escalation T-42"
Next: Decide again with the values now; if it still stands, repeat it with accept=2."""

WHY = """\
customer/acme.status is at_risk
  because of customer.updated (event 2.0, status active → at_risk) by support (claimed)\
 at 2023-11-14T22:13:20Z: "escalation T-42"
  resting on customer/acme.status was active"""


def test_a_stale_fact_is_caught_with_ten_lines(tmp_path: Path) -> None:
    ws = comity.open(tmp_path / "crm.db", clock=ManualClock())
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("customer/acme", status="active", health="good")
    shown = ""
    try:
        with sales.edit("customer/acme", reason="upsell") as acme:
            if acme.status == "active":
                support.put("customer/acme", status="at_risk", was={"status": "active"}, reason="escalation T-42")
                acme.campaign = "q4"
    except comity.Conflict as conflict:
        shown = str(conflict)
    assert shown == EXPECTED
    assert tokens(shown) <= limits.ANSWER_TOKENS
    assert ws.get("customer/acme").get("campaign") is None
    assert str(ws.why("customer/acme", "status")) == WHY
    assert ws.verify().is_clean
    ws.close()


def test_without_the_clash_the_same_lines_commit(tmp_path: Path) -> None:
    with comity.open(tmp_path / "crm.db") as ws:
        sales, support = ws.agent("sales"), ws.agent("support")
        sales.put("customer/acme", status="active", health="good")
        with sales.edit("customer/acme", reason="upsell") as acme:
            if acme.status == "active":
                support.put("customer/acme", health="fair", was={"health": "good"})
                acme.campaign = "q4"
        assert dict(ws.get("customer/acme")) == {"status": "active", "health": "fair", "campaign": "q4"}
