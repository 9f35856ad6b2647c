"""Pinning, pausing, freezing, lifting: what requests say, and what they may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import comity
from comity import limits
from comity.errors import ComityError, InvalidRequest, LimitExceeded, NotFound
from comity.operations import Freeze, Lift, ListOverrides, Pause, Pin
from comity.testing.manual_clock import ManualClock
from tests.verbs.conftest import Open

SOURCE = """
[agents]
sales = { role = "sales" }
ops   = { role = "operations", kind = "human" }

[kinds.customer.fields]
status = { type = "string" }
"""
TERMS: dict[str, Any] = {"ttl": "1h", "reason": "incident"}


@pytest.fixture
def ops(open_base: Open) -> comity.Agent:
    ws = open_base(SOURCE)
    ws.agent("sales").put("customer/acme", status="active")
    return ws.agent("ops", key=ws.issue_key("ops").key)


def shown(who: comity.Agent, **chosen: Any) -> list[tuple[str, str]]:
    """Return what is held, and how it stands."""
    return [(one.subject, one.state) for one in who.overrides(**chosen).overrides]


SETTING: list[tuple[Any, str]] = [
    (Pin(record="customer/acme", **TERMS), "customer/acme"),
    (Pin(record="customer/acme", field="status", **TERMS), "customer/acme.status"),
    (Pin(record="customer/acme", field="status", value="at_risk", **TERMS), "customer/acme.status = at_risk"),
    (Pin(record="customer/acme", field="status", value=None, **TERMS), "customer/acme.status = empty"),
    (Pin(action="send", **TERMS), "action send"),
    (Pause(agent="sales", **TERMS), "agent sales"),
    (Freeze(**TERMS), "the workspace"),
]


@pytest.mark.parametrize(("request_", "subject"), SETTING, ids=[row[1] for row in SETTING])
def test_what_is_held_is_listed_until_it_is_over(
    ops: comity.Agent, clock: ManualClock, request_: Any, subject: str
) -> None:
    ops.answer(request_)
    assert shown(ops) == [(subject, "in force")]
    (one,) = ops.overrides().overrides
    assert (one.set_by, one.reason, one.yields) == ("ops", "incident", "refuse")
    assert (one.set_at, one.expires_at) == ("2023-11-14T22:13:20Z", "2023-11-14T23:13:20Z")
    clock.advance(seconds=3_600)
    assert shown(ops) == []
    assert shown(ops, over=True) == [(subject, "expired")]


def test_the_latest_comes_first_and_who_lifted_it_is_told(ops: comity.Agent, clock: ManualClock) -> None:
    held = ops.pin("customer/acme", **TERMS)
    clock.advance(seconds=1)
    ops.freeze(**TERMS)
    ops.lift(held, reason="call is over")
    assert shown(ops, over=True) == [("the workspace", "in force"), ("customer/acme", "lifted")]
    lifted = ops.overrides(over=True).overrides[1]
    assert (lifted.lifted_by, lifted.answer) == ("ops", "call is over")


def test_they_are_listed_by_record_and_by_agent(ops: comity.Agent) -> None:
    for one in (Pin(record="customer/acme", **TERMS), Pin(action="send", **TERMS), Pause(agent="sales", **TERMS)):
        ops.answer(one)
    assert shown(ops, record="customer/acme") == [("customer/acme", "in force")]
    assert shown(ops, agent="sales") == [("agent sales", "in force")]


def test_a_page_of_them_says_that_there_are_more(ops: comity.Agent) -> None:
    for _ in range(3):
        ops.freeze(**TERMS)
    assert ops.overrides(limit=2).is_cut
    assert not ops.overrides(limit=3).is_cut


@pytest.mark.parametrize("form", [str, lambda ref: ref.partition("/")[2]])
def test_one_is_lifted_by_its_address_or_its_id(ops: comity.Agent, form: Callable[[str], str]) -> None:
    ref = next(iter(ops.freeze(**TERMS).records))
    assert ops.answer(Lift(override=form(ref))).is_committed
    assert shown(ops) == []


WRONG: list[tuple[Any, type[ComityError], str]] = [
    (Pin(**TERMS), InvalidRequest, "one of them"),
    (Pin(record="customer/acme", action="send", **TERMS), InvalidRequest, "one of them"),
    (Pin(record="customer/acme", value=1, **TERMS), InvalidRequest, "name the field"),
    (Freeze(ttl="1h"), InvalidRequest, "reason"),
    (Freeze(ttl="1h", reason=" "), InvalidRequest, "reason"),
    (Freeze(reason="x"), InvalidRequest, "ttl"),
    (Freeze(reason="x", ttl="soon"), InvalidRequest, "neither a span"),
    (Lift(override="nothing"), NotFound, "there is no"),
    (Lift(override="customer/acme"), InvalidRequest, "no override"),
    (ListOverrides(limit=0), LimitExceeded, "limit"),
    (ListOverrides(limit=limits.OVERRIDES_LIVE + 1), LimitExceeded, "limit"),
]


@pytest.mark.parametrize(("request_", "error", "message"), WRONG)
def test_what_is_wrong_is_said(ops: comity.Agent, request_: Any, error: type[ComityError], message: str) -> None:
    ops.overrides()
    with pytest.raises(error, match=message):
        ops.answer(request_)


def test_it_lasts_until_a_moment(ops: comity.Agent) -> None:
    ops.freeze(ttl="2023-11-15T08:00:00+01:00", reason="night")
    assert ops.overrides().overrides[0].expires_at == "2023-11-15T07:00:00Z"


def test_one_that_is_over_is_not_lifted(ops: comity.Agent, clock: ManualClock) -> None:
    held = ops.freeze(**TERMS)
    clock.advance(seconds=3_600)
    with pytest.raises(comity.Refused, match="It has expired"):
        ops.lift(held)


def test_overrides_are_bounded_and_those_that_are_over_make_room(
    ops: comity.Agent, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "OVERRIDES_LIVE", 2)
    ops.freeze(ttl="1m", reason="one")
    ops.freeze(ttl="1h", reason="two")
    with pytest.raises(comity.Refused, match="2 overrides already"):
        ops.freeze(ttl="1h", reason="three")
    clock.advance(seconds=60)
    ops.freeze(ttl="1h", reason="three")
    assert [one.reason for one in ops.overrides(limit=2).overrides] == ["three", "two"]
