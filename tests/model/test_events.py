"""Events and commits, and what is left of them once erased."""

from __future__ import annotations

import msgspec

from comity.model.events import Commit, Event
from comity.model.proposals import Proposal
from comity.model.records import LIFE, RecordState
from comity.testing.samples import answered, commit, event, state


def test_an_event_carries_its_after_image() -> None:
    after = state("task/a", {"n": 1}, version=2, revision=7)
    made = event(after, 3)
    assert (made.event_id, made.ref, made.after()) == ("7.3", "task/a", after)


def test_an_erased_event_leaves_the_record_without_values() -> None:
    erased: Event = msgspec.structs.replace(event(state("task/a", {"n": 1})), salt=None, payload_bytes=None)
    assert erased.payload is None
    assert erased.after() == RecordState("task", "a", 1, "live", 1, 1)
    assert LIFE not in erased.after().blame


def test_a_commit_knows_its_reason_until_it_is_erased() -> None:
    made = commit(1, reason="because")
    assert made.payload is not None
    assert (made.reason, made.payload.proposal) == ("because", Proposal(id="p1", reason="because"))
    erased: Commit = msgspec.structs.replace(made, salt=None, payload_bytes=None)
    assert (erased.reason, erased.payload) == (None, None)


def test_an_answer_keeps_the_proposal_until_it_is_erased() -> None:
    made = answered("p1")
    assert made.payload is not None
    assert made.payload.proposal == Proposal(id="p1")
    assert msgspec.structs.replace(made, payload_bytes=None).payload is None
