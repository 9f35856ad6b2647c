"""Proposals made ready for the lane."""

from __future__ import annotations

import msgspec

from comity.errors import InvalidRequest
from comity.model import codec, refs
from comity.model.proposals import Caller, Proposal


class Submission(msgspec.Struct, frozen=True, gc=False):
    """Be a proposal on its way to the head, with who proposes it.

    ``encoded`` is its wire form and ``content`` the digest by which a repeat is known.
    ``is_new`` tells that the id was made for this very call, so that nobody can have used
    it before. A ``dry`` one is judged and not committed, and its id isn't used up.
    """

    proposal: Proposal
    caller: Caller
    encoded: bytes
    content: bytes
    is_new: bool = False
    dry: bool = False

    def as_repeat(self) -> Submission:
        """Return the same attempt, to be looked up before it is judged."""
        return msgspec.structs.replace(self, is_new=False) if self.is_new else self


def submit(proposal: Proposal, caller: Caller, *, is_new: bool = False, dry: bool = False) -> Submission:
    """Return a proposal made ready for the lane.

    Raises LimitExceeded if it is too large to be looked at, InvalidRequest if its parts aren't of
    the types declared, as what is kept of it must be readable for ever, or if its id is one of
    Comity's own, as a refusal alone would use that up.
    """
    if not is_new and refs.is_system_id(proposal.id) and caller.known not in ("system", "workflow"):
        raise InvalidRequest(f"{proposal.id[:80]!r}: ids with a '~' are for Comity's own proposals")
    encoded = codec.encode_proposal(proposal)
    codec.decode_proposal(encoded)
    return Submission(proposal, caller, encoded, codec.content_digest(caller.agent, encoded), is_new, dry)
