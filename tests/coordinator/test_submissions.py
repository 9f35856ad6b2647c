"""Proposals made ready for the lane."""

from __future__ import annotations

import pytest

from comity import limits
from comity.coordinator import submit
from comity.errors import InvalidRequest, LimitExceeded
from comity.model.proposals import Caller, Proposal, Put


def test_the_same_proposal_of_the_same_agent_has_the_same_content() -> None:
    proposal = Proposal(id="p", changes=(Put("task/a", {"n": 1}),))
    first = submit(proposal, Caller("ann"))
    assert first.content == submit(proposal, Caller("ann", "key", "k"), is_new=True).content
    assert first.content != submit(proposal, Caller("bob")).content
    assert submit(proposal, Caller("ann"), is_new=True).as_repeat() == first
    assert first.as_repeat() is first


def test_ids_of_duties_are_for_comity_alone() -> None:
    with pytest.raises(InvalidRequest, match="for Comity's own"):
        submit(Proposal(id="duty~1"), Caller("comity", "key", "k"))
    assert submit(Proposal(id="duty~1"), Caller("comity", "system")).proposal.id == "duty~1"


def test_what_is_too_large_to_be_looked_at_never_enters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROPOSAL_BYTES", 10)
    with pytest.raises(LimitExceeded):
        submit(Proposal(id="p" * 10), Caller("ann"))
    with pytest.raises(InvalidRequest):
        submit(Proposal(id="p", changes=(Put("task/a", {"n": object()}),)), Caller("ann"))
