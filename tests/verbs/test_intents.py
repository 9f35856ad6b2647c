"""Announcing as an operation, without a handle that keeps the intent."""

from __future__ import annotations

import pytest

import comity
from comity import limits
from comity.operations import Announce, ListIntents, Request, WithdrawIntent


def test_an_intent_is_announced_and_withdrawn_by_its_id(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    announced = ann.answer(Announce(about=("task/a",), plan="p"))
    assert announced.is_clear
    assert [one.intent for one in base.intents("task/a").intents] == [announced.intent]
    assert not base.agent("bob").answer(WithdrawIntent(intent=announced.intent)).is_committed
    assert ann.answer(WithdrawIntent(intent=announced.intent, reason="no need")).is_committed
    assert str(base.intents()) == "0 announced intents, as of revision 2"


def test_one_that_may_not_be_announced_says_why(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    announced = ann.answer(Announce(about=("task/a",)))
    with pytest.raises(comity.Refused, match="An announced intent is its agent's own"):
        bob.answer(Announce(about=("task/a",), intent=announced.intent, exclusive=True))
    assert base.leases().places == (), "its place in line is given up"


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (Announce(about=("task",)), "write kind/id"),
        (Announce(intent="a b"), "is no intent's id"),
        (Announce(), "say what is going to be done"),
        (WithdrawIntent(intent=""), "is no intent's id"),
        (ListIntents(limit=limits.INTENTS_PAGE + 1), "limit: between"),
        (ListIntents(record="task"), "write kind/id"),
    ],
)
def test_what_makes_no_sense_is_told(base: comity.Workspace, request_: Request, problem: str) -> None:
    with pytest.raises(comity.InvalidRequest, match=problem):
        base.answer(request_)


def test_s30_a_record_that_was_never_written_is_told_where_nobody_is_active(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    ann.put("bed/ward-4", n=1)
    assert "there is no record bed/ward-5; did you mean 'bed/ward-4'?" in str(base.intents("bed/ward-5"))
    assert base.intents("bed/ward-4").unknown is None
    with pytest.raises(comity.NotFound, match="there is no kind 'bedd'; did you mean 'bed'"):
        base.intents("bedd/ward-4")
    ann.answer(Announce(about=("bed/ward-5",)))
    assert base.intents("bed/ward-5").unknown is None


def test_limit_intent_most_s(base: comity.Workspace) -> None:
    with pytest.raises(comity.LimitExceeded, match=f"between 1 and {limits.INTENT_MOST_S}"):
        base.answer(Announce(ttl="2d"))
