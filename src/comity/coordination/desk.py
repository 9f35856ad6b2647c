"""Where somebody looks into their inbox."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from comity import limits
from comity.clock import SECOND_US
from comity.coordination.hiding import hide
from comity.deciding.readers import Withheld
from comity.deciding.view import View
from comity.model.definition import AgentDefinition
from comity.store.contract import Snapshot

T = TypeVar("T")

DAY_US: Final = 86_400 * SECOND_US


class Desk(msgspec.Struct, frozen=True):
    """Be where somebody looks into their inbox: who, on which snapshot, as the view of it shows it.

    ``withheld`` is what they may not see (S39).
    """

    agent: AgentDefinition
    snapshot: Snapshot
    view: View
    withheld: Withheld | None

    @property
    def now_us(self) -> int:
        """Return the moment."""
        return self.view.now_us

    @property
    def since_us(self) -> int:
        """Return from when on answers are looked for."""
        return self.now_us - limits.INBOX_DAYS * DAY_US

    def shown(self, answer: T) -> T:
        """Return something as they may see it."""
        return answer if self.withheld is None else hide(self.withheld, answer)

    def has(self, kind: str) -> bool:
        """Tell whether there ever was a record of a kind."""
        return kind in self.view.kind_revisions
