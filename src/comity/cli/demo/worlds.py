"""The two ways of working with the same records, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from comity.cli.demo import by_hand, coordinated
from comity.cli.demo.desk import Desk

Records = Mapping[str, Mapping[str, Any]]
"""Live records by address."""


class Player(Protocol):
    """Be an agent; each of its turns is a method."""

    def close(self) -> None:
        """Let go of the base."""
        ...


@dataclass(frozen=True)
class World:
    """Be one way: how its base is made, how it is read afterwards, who acts in it."""

    title: str
    base: str
    prepare: Callable[[Path], None]
    live_records: Callable[[Path], Records]
    cast: Mapping[str, Callable[[Desk], Player]]


WITHOUT: Final = "without"
WITH: Final = "with"

WORLDS: Final[Mapping[str, World]] = {
    WITHOUT: World(
        "Without Comity: plain SQL, the way people write it today",
        by_hand.BASE,
        by_hand.prepare,
        by_hand.live_records,
        by_hand.CAST,
    ),
    WITH: World(
        "With Comity: the same agents, the same turns",
        coordinated.BASE,
        coordinated.prepare,
        coordinated.live_records,
        coordinated.CAST,
    ),
}
