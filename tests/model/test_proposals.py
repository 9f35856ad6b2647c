"""Proposals as data."""

from __future__ import annotations

from typing import get_args

import pytest

from comity.model import codec
from comity.model.proposals import AnyChange, AnyRead, Caller, Proposal


@pytest.mark.parametrize("change", get_args(AnyChange), ids=lambda change: change.__name__)
def test_every_change_has_a_wire_form_of_its_own(change: type) -> None:
    made = change("a/1", "Seen") if change.__name__ == "Emit" else change("a/1")
    proposal = Proposal(id="p", changes=(made,))
    encoded = codec.encode_proposal(proposal)
    assert f'"do":"{change.__name__.lower()}"'.encode() in encoded
    assert codec.decode_proposal(encoded) == proposal


def test_who_proposes_is_no_part_of_a_proposal() -> None:
    names = {name for kind in (Proposal, *get_args(AnyChange), *get_args(AnyRead)) for name in kind.__struct_fields__}
    assert not names & {"agent", "by", "role", "key", "known"}
    assert Caller("ann") == Caller("ann", "claimed", None)


def test_defaults_are_not_written() -> None:
    assert codec.encode_proposal(Proposal(id="p")) == b'{"id":"p"}'
