"""What duties are done on: an open workspace, as far as each of them needs one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from comity.clock import Clock
from comity.coordinator import Coordinator
from comity.lane import Answer
from comity.model.proposals import Caller, Proposal
from comity.store.contract import Store


class Host(Protocol):
    """Be an open workspace that is read, and to which is proposed."""

    store: Store
    clock: Clock
    coordinator: Coordinator

    def propose_many(self, proposals: Sequence[Proposal], caller: Caller) -> list[Answer]:
        """Return the decisions on proposals that share commits, in order."""
        ...
