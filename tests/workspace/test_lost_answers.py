"""S7: an answer that was lost can be asked for again, and leaving the block never does the work twice."""

from __future__ import annotations

from typing import Any

import pytest

import comity
from comity.errors import OutcomeUnknown
from comity.model.proposals import Proposal


def lose_answers(intent: comity.Intent, monkeypatch: pytest.MonkeyPatch, times: int = 1) -> None:
    """Have the answers to the next proposals get lost after they were decided."""
    propose, left = intent._session.propose, [times]

    def losing(proposal: Proposal, **options: Any) -> comity.Decision:
        decision = propose(proposal, **options)
        if left[0]:
            left[0] -= 1
            raise OutcomeUnknown("the line went dead", proposal=proposal.id)
        return decision

    monkeypatch.setattr(intent._session, "propose", losing)


def test_s07_a_lost_answer_is_asked_for_with_the_same_id(
    base: comity.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    base.agent("ann").put("stock/bolt", count=1)
    with base.agent("ann").intent() as intent:
        intent.add("stock/bolt", count=1)
        lose_answers(intent, monkeypatch)
        with pytest.raises(OutcomeUnknown) as lost:
            intent.propose()
        decision = intent.propose(id=lost.value.proposal)
        assert decision.is_committed
    assert base.get("stock/bolt").count == 2


def test_s07_leaving_after_a_lost_answer_does_nothing_twice(
    base: comity.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    base.agent("ann").put("stock/bolt", count=1)
    with base.agent("ann").intent() as intent:
        intent.add("stock/bolt", count=1)
        lose_answers(intent, monkeypatch)
        with pytest.raises(OutcomeUnknown):
            intent.propose()
    assert base.get("stock/bolt").count == 2


def test_the_id_of_a_later_attempt_is_refused(base: comity.Workspace) -> None:
    with base.agent("ann").intent() as intent:
        intent.create("stock/nut", count=1)
        with pytest.raises(comity.InvalidRequest, match="leave it out"):
            intent.propose(id=f"{intent.id}.1")
