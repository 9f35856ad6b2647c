"""A generated log with planted patterns: what detectors are to find, among much that they aren't.

A seed makes one history, step by step on a manual clock, through the one decision path. Amid
honest work (changes of what was just read, conflicts and their repair, forgotten intents,
offers that are answered) stand the patterns that alerts are for, each a little different, and
their harmless likenesses: values that are set back once, counters that many count, offers
answered late, chains of causes that end in time. What was planted is returned beside it, as
a person would label it. Forbidden here: knowing thresholds, or what detectors say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from comity.clock import SECOND_US
from comity.testing.manual_clock import ManualClock
from comity.testing.planted.honest import work
from comity.testing.planted.patterns import PATTERNS
from comity.testing.planted.world import DEFINITION, RECORDS, Planted, World
from comity.workspace import Workspace

__all__ = ["DEFINITION", "Planted", "Score", "play", "score"]

LATE_S = 300
"""How long after a pattern has ended an alert for it still counts as one."""


def play(
    workspace: Workspace,
    clock: ManualClock,
    seed: int,
    duties: Callable[[], object],
    *,
    hours: float = 1.0,
    per_minute: int = 20,
) -> list[Planted]:
    """Play a history in an empty workspace under ``DEFINITION``, and return what was planted in it.

    ``per_minute`` is how many honest proposals there are besides; ``duties`` does what is due.
    """
    world = World(workspace, clock, seed, duties)
    for number in range(RECORDS):
        world.make(f"customer/c{number}")
    work(world, hours, per_minute)
    for plant in PATTERNS:
        for _ in range(max(round(hours * 2), 1)):
            plant(world, world.chance.uniform(60.0, hours * 2_500))
    world.play()
    return world.planted


class Raised(Protocol):
    """Be an alert as it was raised."""

    @property
    def detector(self) -> str:
        """Return what saw it."""
        ...

    @property
    def subject(self) -> str:
        """Return what it is about."""
        ...

    @property
    def first_at(self) -> int:
        """Return when it was first seen, in microseconds."""
        ...

    @property
    def seen(self) -> int:
        """Return when it was last seen, in microseconds."""
        ...


class Score(msgspec.Struct, frozen=True):
    """Be how well one detector did: how many were planted, how many of these were found, how many were raised."""

    detector: str
    planted: int
    found: int
    raised: int
    right: int

    @property
    def precision(self) -> float:
        """Return the share of what was raised that was planted."""
        return self.right / self.raised if self.raised else 1.0

    @property
    def recall(self) -> float:
        """Return the share of what was planted that was found."""
        return self.found / self.planted if self.planted else 1.0


def score(planted: Sequence[Planted], raised: Iterable[Raised], aliases: dict[str, str]) -> list[Score]:
    """Return how well each detector did; ``aliases`` maps subjects of alerts to those that were planted."""
    alerts = [(one.detector, aliases.get(one.subject, one.subject), one.first_at, one.seen) for one in raised]
    planted_by, found, raised_by, right = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for plant in planted:
        planted_by[plant.detector] += 1
        found[plant.detector] += any(_fits(alert, plant) for alert in alerts)
    for alert in alerts:
        raised_by[alert[0]] += 1
        right[alert[0]] += any(_fits(alert, plant) for plant in planted)
    names = sorted(planted_by.keys() | raised_by.keys())
    return [Score(name, planted_by[name], found[name], raised_by[name], right[name]) for name in names]


def _fits(alert: tuple[str, str, int, int], plant: Planted) -> bool:
    detector, subject, first_us, seen_us = alert
    is_same = detector == plant.detector and subject == plant.subject
    return is_same and first_us <= plant.last_us + LATE_S * SECOND_US and seen_us >= plant.first_us
