"""Ids that sort by time."""

from __future__ import annotations

import os
import uuid

from comity.model import refs
from comity.model.ids import make_id
from comity.testing.manual_clock import START_US, ManualClock


def test_an_id_is_a_uuid_of_version_7() -> None:
    made = uuid.UUID(make_id(ManualClock(), os.urandom))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == START_US // 1000


def test_ids_sort_by_time_and_differ_within_it() -> None:
    clock = ManualClock()
    earlier = [make_id(clock, os.urandom) for _ in range(100)]
    clock.advance(seconds=1)
    later = [make_id(clock, os.urandom) for _ in range(100)]
    assert max(earlier) < min(later)
    assert len({*earlier, *later}) == 200


def test_an_id_is_made_of_the_entropy_given_and_is_a_proposal_s_id() -> None:
    made = make_id(ManualClock(), lambda size: b"\xff" * size)
    assert made == make_id(ManualClock(), lambda size: b"\xff" * size)
    assert made.endswith("-7fff-bfff-ffffffffffff")
    assert refs.PROPOSAL_ID.match(made)
