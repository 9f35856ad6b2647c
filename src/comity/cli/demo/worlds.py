"""The ways of working with the same records: by hand, through Comity, under rules, and with an effect gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from comity.cli.demo import by_hand, coordinated, gated, yielding
from comity.cli.demo.desk import Desk
from comity.cli.demo.script import GATED_SCRIPT, SCRIPT, TOGETHER_SCRIPT, YIELDING_SCRIPT, Cue

Records = Mapping[str, Mapping[str, Any]]
"""Live records by address."""


class Player(Protocol):
    """Be an agent; each of its turns is a method."""

    def close(self) -> None:
        """Let go of the base."""
        ...


@dataclass(frozen=True)
class World:
    """Be one way: how its base is made, how it is read afterwards, who acts in it, and when."""

    title: str
    base: str
    prepare: Callable[[Path], None]
    live_records: Callable[[Path], Records]
    cast: Mapping[str, Callable[[Desk], Player]]
    script: Sequence[Cue]


WITHOUT: Final = "without"
WITH: Final = "with"
YIELDING: Final = "yielding"
GATED: Final = "gated"
ALL: Final = "together"

WORLDS: Final[Mapping[str, World]] = {
    WITHOUT: World(
        "Without Comity: plain SQL, the way people write it today",
        by_hand.BASE,
        by_hand.prepare,
        by_hand.live_records,
        by_hand.CAST,
        SCRIPT,
    ),
    WITH: World(
        "With Comity: the same agents, the same turns",
        coordinated.BASE,
        coordinated.prepare,
        coordinated.live_records,
        coordinated.CAST,
        SCRIPT,
    ),
    YIELDING: World(
        "With rules: agents learn of each other before they act, and yield",
        coordinated.BASE,
        yielding.prepare,
        coordinated.live_records,
        yielding.CAST,
        YIELDING_SCRIPT,
    ),
    GATED: World(
        "With an effect gate: the e-mail waits two seconds, and is judged again",
        coordinated.BASE,
        gated.prepare,
        coordinated.live_records,
        gated.CAST,
        GATED_SCRIPT,
    ),
    ALL: World(
        "All together",
        coordinated.BASE,
        gated.prepare_together,
        coordinated.live_records,
        gated.CAST,
        TOGETHER_SCRIPT,
    ),
}
