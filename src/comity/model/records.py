"""The state of a record, as folded from its events."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

Life = Literal["absent", "live", "archived", "deleted"]

LIFE: Final = "$life"
"""The name of existence as a field (S9): every read and every change but ``create`` reads it."""
ERASED: Final = "$erased"
"""The type of the event under which the log lets contents be emptied; in a tombstone's blame, when that was (S37)."""


class RecordState(msgspec.Struct, frozen=True, gc=False):
    """Be one record as of some revision.

    ``version`` counts the record's events: 1, 2, 3 …, never restarted, 0 where it has none.
    ``born`` is the version at which its present life began. ``values`` holds the fields
    that aren't null. ``blame`` holds, per field ever written and for ``$life``, the
    revision of its last change: what freshness is judged by. ``revision`` is that of the
    last change of all.

    Treat ``values`` and ``blame`` as immutable: states are shared between threads.
    """

    kind: str
    id: str
    version: int = 0
    life: Life = "absent"
    born: int = 0
    revision: int = 0
    values: dict[str, Any] = {}
    blame: dict[str, int] = {}

    @property
    def ref(self) -> str:
        """Return the record's address, ``kind/id``."""
        return f"{self.kind}/{self.id}"

    @property
    def is_live(self) -> bool:
        """Tell whether the record can be changed: neither absent, archived nor deleted."""
        return self.life == "live"

    @property
    def is_erased(self) -> bool:
        """Tell whether its values were erased: it is a tombstone, or the past of one, of which nothing is left."""
        return self.version > 0 and (ERASED in self.blame or not self.blame)

    @property
    def exists(self) -> bool:
        """Tell whether there is something to show: live or archived."""
        return self.life in ("live", "archived")
